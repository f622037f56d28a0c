//! What the connections of the model server share with the test: its script, and the calls so far.

use std::io;
use std::sync::Mutex;
use std::time::Instant;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::model::http::{self, Answers, Body};
use crate::kit::model::script::{Script, count_tokens, is_probe, kind};
use crate::kit::model::stream::Written;
use crate::kit::model::{Call, Load};

pub struct Desk {
    pub script: Mutex<Script>,
    pub calls: Mutex<Vec<Call>>,
    pub load: watch::Sender<Load>,
    pub probes: watch::Sender<usize>,
}

impl Answers for Desk {
    async fn answer(&self, head: Parts, body: Bytes) -> io::Result<Response<Body>> {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/v1/models") => {
                let list = self.script.lock().expect("the script").models();
                http::respond(list.how).await
            }
            (&Method::GET, "/health") => Ok(Response::new(http::full(""))),
            (&Method::POST, "/tokenize") => {
                let script = self.script.lock().expect("the script");
                if script.tokenizes {
                    let answer = json!({"count": count_tokens(&body), "max_model_len": script.context, "tokens": []});
                    Ok(http::json(200, answer.to_string()))
                } else {
                    Ok(not_found())
                }
            }
            (&Method::POST, "/v1/chat/completions") if is_probe(&body) => {
                let answer = self.script.lock().expect("the script").answer_to_probe(&body);
                // A server that has come is warmed with what prompts begin with; a probe has one message.
                let is_warming = body["messages"].as_array().is_some_and(|messages| messages.len() > 1);
                self.probes.send_modify(|probes| *probes += usize::from(!is_warming));
                tokio::time::sleep(answer.delay).await;
                http::respond(answer.how).await
            }
            (&Method::POST, "/v1/chat/completions") => {
                let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
                let authorization = authorization.map(str::to_owned);
                self.complete(Call { kind: kind(&body), body, authorization, at: Instant::now() }).await
            }
            _ => Ok(not_found()),
        }
    }
}

fn not_found() -> Response<Body> {
    http::json(404, r#"{"detail":"Not Found"}"#)
}

impl Desk {
    async fn complete(&self, call: Call) -> io::Result<Response<Body>> {
        let answer = self.script.lock().expect("the script").answer(&call.body);
        let wants_stream = call.body["stream"] == true;
        let wants_usage = call.body["stream_options"]["include_usage"] == true;
        self.calls.lock().expect("the calls").push(call);
        let mut work = AtWork::begin(&self.load);
        tokio::time::sleep(answer.delay).await;
        if let Some(written) = Written::of(&answer, wants_usage).filter(|_| wants_stream) {
            return Ok(written.response(work));
        }
        let response = http::respond(answer.how).await;
        work.done = true;
        response
    }
}

/// Counts a call for as long as it is at work; one that is dropped before it is done was abandoned.
pub struct AtWork {
    load: watch::Sender<Load>,
    pub done: bool,
}

impl AtWork {
    fn begin(load: &watch::Sender<Load>) -> Self {
        load.send_modify(|load| {
            load.calls += 1;
            load.at_work += 1;
            load.peak = load.peak.max(load.at_work);
        });
        Self { load: load.clone(), done: false }
    }

    /// All of it is written.
    pub fn ends(mut self) {
        self.done = true;
    }

    /// A token is written.
    pub fn token(&self) {
        self.load.send_modify(|load| load.tokens += 1);
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let abandoned = usize::from(!self.done);
        self.load.send_modify(|load| {
            load.at_work -= 1;
            load.abandoned += abandoned;
        });
    }
}
