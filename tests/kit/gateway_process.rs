//! The program's own gateway as a process, and what browsers and callers do with it.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::wait::PATIENCE;
use crate::kit::worker_process::{Log, WorkerProcess};

/// The old HTTP API's paths.
pub const FEEDBACK_PATH: &str = "/api/v1/feedback/create";
pub const INIT_PATH: &str = "/api/v1/resume/agent/init";
pub const UPDATE_PATH: &str = "/api/v1/resume/agent/update";

/// A gateway that runs.
pub struct GatewayProcess {
    pub process: WorkerProcess,
    pub address: String,
    client: reqwest::Client,
}

impl GatewayProcess {
    pub fn start(group: i32, arguments: &[&str], settings: &Settings, log: Log) -> Self {
        let address = match settings.get("GATEWAY_ADDR") {
            Some(address) => address.to_owned(),
            None => format!("127.0.0.1:{}", free_port()),
        };
        let settings = settings.clone().with("GATEWAY_ADDR", &address);
        let process = WorkerProcess::start_command(group, arguments, &address, &settings, log);
        Self { process, address, client: reqwest::Client::new() }
    }

    /// Begins a request.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address)).timeout(PATIENCE * 2)
    }

    /// Begins a JSON request.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.ask(Method::POST, path).header("content-type", "application/json").body(body.to_string())
    }

    /// Sends a JSON request: status and JSON of the reply.
    pub async fn call(&self, path: &str, body: &Value) -> (u16, Value) {
        reply(self.post(path, body)).await
    }

    /// Opens an event stream with this query and, where it is not empty, this last event id.
    pub async fn events(&self, query: &str, last: &str) -> Events {
        let headers = [("last-event-id", last)];
        self.events_with(query, if last.is_empty() { &[] } else { &headers }).await
    }

    /// Opens an event stream with this query and these headers.
    pub async fn events_with(&self, query: &str, headers: &[(&str, &str)]) -> Events {
        let url = format!("http://{}/api/v1/sse/subscribe?{query}", self.address);
        let request = headers.iter().fold(self.client.get(url), |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.expect("the gateway answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events::of(response).await
    }
}

/// Status and JSON of a reply.
pub async fn reply(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("the gateway answers");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a whole reply");
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} is no JSON: {text}"));
    (status, body)
}

/// A server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("the event's data is JSON")
    }
}

/// An open event stream.
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The events of a stream that has just been opened.
    pub async fn of(response: Response) -> Self {
        let mut events = Self { response, buffer: Vec::new() };
        // The first block is no event: it says that the stream is open.
        assert!(events.block().await.expect("the stream begins").contains("retry: 2000"));
        events
    }

    /// The next event that is no keep-alive; `None` when the stream has ended.
    pub async fn maybe_next(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| {
                let lines: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix(name)).collect();
                lines.join("\n")
            };
            let name = field("event: ");
            if !name.is_empty() && name != "ping" {
                return Some(Event { id: field("id: "), name, data: field("data: ") });
            }
        }
    }

    /// The next event that is no keep-alive.
    pub async fn next(&mut self) -> Event {
        self.maybe_next().await.expect("the stream stays open")
    }

    /// The next event, which must have this name.
    pub async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await;
        assert_eq!(event.name, name, "another event came: {event:?}");
        event
    }

    /// The lines up to the next empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let block = std::mem::replace(&mut self.buffer, rest);
                return Some(String::from_utf8(block).expect("events are UTF-8"));
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            match chunk.expect("something comes in time") {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                // A gateway that is killed breaks its streams off.
                Ok(None) | Err(_) => return None,
            }
        }
    }
}

/// How long a process may take to end although streams and callers are there.
pub const SOON: Duration = Duration::from_secs(10);
