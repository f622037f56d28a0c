//! A model server that answers as a case says: `tests/cases/`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What the model says: with another `finish_reason` than `stop`, where it says one.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Said {
    Text(String),
    Finished { text: String, finish: Value },
}

/// How the server answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    models: Option<Answer>,
    tokenize: Option<Answer>,
    chat: Vec<Rule>,
    /// The API's path where it is not `/v1`.
    base: Option<String>,
    /// Where all of it has moved.
    moved: Option<Moved>,
}

#[derive(Clone, Debug, Deserialize)]
struct Moved {
    status: u16,
    to: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Rule {
    #[serde(default)]
    when: When,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct When {
    first: Option<usize>,
    fields: Vec<String>,
    /// Fields and what they must be.
    with: serde_json::Map<String, Value>,
    /// A message is of this role.
    role: Option<String>,
    as_long_as_the_first: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    raw: Option<String>,
    /// Compressed, whether or not anybody asked for it.
    gzip: bool,
    close: bool,
    drip: Option<Drip>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Drip {
    times: u32,
    every_s: f64,
}

/// A chat call.
#[derive(Clone, Debug)]
pub struct Chat {
    pub body: Value,
    pub bytes: usize,
}

impl Chat {
    fn is_probe(&self) -> bool {
        ["max_tokens", "max_completion_tokens"].iter().any(|field| self.body[field] == 1)
    }

    fn has_message_of(&self, role: &str) -> bool {
        self.body["messages"].as_array().is_some_and(|messages| messages.iter().any(|message| message["role"] == role))
    }
}

/// A running server; it ends on drop.
pub struct ModelServer {
    pub url: Url,
    desk: Arc<Desk>,
    task: JoinHandle<()>,
}

struct Desk {
    server: Server,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    replies: Vec<Said>,
    /// How many of them were said.
    said: usize,
    chats: Vec<Chat>,
}

impl ModelServer {
    pub async fn start(server: Server, replies: Vec<Said>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let desk = Arc::new(Desk { server, log: Mutex::new(Log { replies, ..Log::default() }) });
        let at_work = Arc::clone(&desk);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&at_work)));
            }
        });
        Self { url, desk, task }
    }

    /// What the model says from now on.
    pub fn says(&self, replies: Vec<Said>) {
        let mut log = self.desk.log.lock().unwrap();
        (log.replies, log.said) = (replies, 0);
    }

    /// The chat calls so far, but for probes.
    pub fn chats(&self) -> Vec<Chat> {
        self.desk.log.lock().unwrap().chats.clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, desk: Arc<Desk>) {
    while let Some((method, path, body)) = read_request(&mut stream).await {
        let answer = desk.answer(&method, &path, &body);
        if desk.write(&mut stream, answer).await.is_none() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |it| it.parse().unwrap());
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let mut first = head.split(' ');
    Some((first.next()?.to_owned(), first.next()?.to_owned(), bytes.split_off(end + 4)))
}

impl Desk {
    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut base = self.server.base.as_deref().unwrap_or("/v1");
        let path = path.split('?').next().unwrap();
        if let Some(Moved { status, to }) = &self.server.moved {
            if let Some(rest) = path.strip_prefix(base) {
                let headers = BTreeMap::from([("location".to_owned(), format!("{to}{rest}"))]);
                return Answer { status: Some(*status), headers, ..Answer::default() };
            }
            base = to;
        }
        match (method, path.strip_prefix(base)) {
            ("get", Some("/models")) => self.server.models.clone().unwrap_or_else(|| {
                Answer::json(json!({"object": "list", "data": [{"id": "aya", "max_model_len": 8192}]}))
            }),
            ("post", Some("/chat/completions")) => {
                self.chat(Chat { body: serde_json::from_slice(body).unwrap(), bytes: body.len() })
            }
            ("post", _) if path.ends_with("/tokenize") && self.server.tokenize.is_some() => {
                self.server.tokenize.clone().unwrap()
            }
            _ => Answer { status: Some(404), ..Answer::json(json!({"detail": "Not Found"})) },
        }
    }

    fn chat(&self, chat: Chat) -> Answer {
        let mut log = self.log.lock().unwrap();
        let is_probe = chat.is_probe();
        let before = log.chats.len();
        let first = log.chats.first().map_or(chat.bytes, |first| first.bytes);
        if !is_probe {
            log.chats.push(chat.clone());
        }
        let applies = |when: &When| {
            when.first.is_none_or(|first| before < first && !is_probe)
                && when.fields.iter().all(|field| chat.body.get(field).is_some())
                && when.with.iter().all(|(field, value)| chat.body.get(field) == Some(value))
                && when.role.as_ref().is_none_or(|role| chat.has_message_of(role))
                && (!when.as_long_as_the_first || (chat.bytes * 10 > first * 9 && !is_probe))
        };
        match self.server.chat.iter().find(|rule| applies(&rule.when)) {
            Some(rule) if rule.answer.drip.is_none() => rule.answer.clone(),
            rule => {
                let said = log.replies.get(log.said).or(log.replies.last()).cloned();
                log.said += usize::from(!is_probe);
                let (text, finish) = match said.unwrap_or_else(|| Said::Text("네.".to_owned())) {
                    Said::Text(text) => (text, json!("stop")),
                    Said::Finished { text, finish } => (text, finish),
                };
                let message = json!({"role": "assistant", "content": text});
                let body = json!({
                    "id": "chatcmpl-1", "object": "chat.completion",
                    "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                    "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
                });
                let drip = rule.and_then(|rule| rule.answer.drip);
                let gzip = rule.is_some_and(|rule| rule.answer.gzip);
                if chat.body["stream"] == true && !is_probe {
                    return Answer { drip, gzip, ..Answer::stream(&body) };
                }
                Answer { drip, gzip, ..Answer::json(body) }
            }
        }
    }

    /// `None` where the connection does not go on.
    async fn write(&self, stream: &mut TcpStream, answer: Answer) -> Option<()> {
        let mut body = match (answer.raw, answer.body) {
            (Some(raw), _) => raw.into_bytes(),
            (None, Some(json)) => json.to_string().into_bytes(),
            (None, None) => Vec::new(),
        };
        let mut headers = answer.headers;
        if answer.gzip {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(&body).unwrap();
            body = gzip.finish().unwrap();
            headers.insert("content-encoding".to_owned(), "gzip".to_owned());
        }
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let drip = answer.drip.unwrap_or(Drip { times: 0, every_s: 0.0 });
        let length = body.len() + drip.times as usize + usize::from(answer.close);
        let status = answer.status.unwrap_or(200);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        if answer.close {
            return None;
        }
        for _ in 0..drip.times {
            stream.write_all(b"\n").await.ok()?;
            tokio::time::sleep(Duration::from_secs_f64(drip.every_s)).await;
        }
        stream.write_all(&body).await.ok()
    }
}

impl Answer {
    /// The same, character by character.
    fn stream(completion: &Value) -> Self {
        let choice = &completion["choices"][0];
        let event = |delta: Value, finish: &Value| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
        let text = choice["message"]["content"].as_str().unwrap_or_default();
        let mut events = vec![event(json!({"role": "assistant", "content": ""}), &Value::Null)];
        events.extend(text.chars().map(|char| event(json!({"content": char}), &Value::Null)));
        events.push(event(json!({}), &choice["finish_reason"]));
        events.push(json!({"choices": [], "usage": completion["usage"]}));
        let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        Self { raw: Some(events + "data: [DONE]\n\n"), ..Self::default() }
    }

    fn json(body: Value) -> Self {
        Self { body: Some(body), ..Self::default() }
    }
}
