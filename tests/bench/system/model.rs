//! A model server that costs little: vLLM's API, every call answered alike after a fixed time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

/// Where the model tells what it has seen, and begins anew.
pub const SEEN: &str = "/seen";

/// Bodies that it keeps.
const KEPT: usize = 2;

/// Settings of the process.
pub const PORT: &str = "MODEL_PORT";
pub const LATENCY_MS: &str = "MODEL_LATENCY_MS";

/// Connections that may come at the same moment.
const LISTEN_BACKLOG: u32 = 4096;

const FEEDBACK: &str = "질문의 핵심을 대체로 파악하고 있는 답변입니다. 다만 왜 그렇게 동작하는지에 대한 근거가 부족합니다. \
    연결 설정과 재전송, 흐름 제어를 예로 들어 두 방식의 차이를 설명하면 더 설득력 있는 답변이 됩니다. \
    직접 겪은 사례를 하나 덧붙이면 더 좋습니다.";

/// An ordinary résumé.
pub const RESUME: &str = include_str!("resume.md");

/// What the model was asked since somebody last looked.
#[derive(Default, Deserialize, Serialize)]
pub struct Seen {
    pub completions: u64,
    /// How often tokens were to be counted.
    pub counts: u64,
    /// The first bodies of completions, as they were sent.
    pub bodies: Vec<String>,
}

/// The answers, made once.
struct Answers {
    models: Bytes,
    count: Bytes,
    feedback: Bytes,
    resume: Bytes,
    latency: Duration,
    /// How many questions were asked: no two may be alike.
    questions: AtomicU64,
    seen: Mutex<Seen>,
}

impl Answers {
    fn new(latency: Duration) -> Self {
        let bytes = |value: Value| Bytes::from(value.to_string());
        Self {
            models: bytes(json!({"object": "list", "data": [{"id": "/model", "object": "model", "owned_by": "vllm",
                "root": "/model", "parent": null, "max_model_len": 4096}]})),
            // What a Korean tokenizer makes of the longest prompt that is the same for everyone, about.
            count: bytes(json!({"count": 1200, "max_model_len": 4096, "tokens": []})),
            feedback: bytes(completion(FEEDBACK)),
            resume: bytes(completion(RESUME)),
            latency,
            questions: AtomicU64::new(1),
            seen: Mutex::default(),
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let answer = match head.uri.path() {
            "/v1/chat/completions" => {
                self.note(&body);
                if !self.latency.is_zero() {
                    tokio::time::sleep(self.latency).await;
                }
                self.completion(&body)
            }
            "/tokenize" => {
                self.seen(|seen| seen.counts += 1);
                self.count.clone()
            }
            SEEN => serde_json::to_vec(&self.seen(std::mem::take)).unwrap_or_default().into(),
            _ => self.models.clone(),
        };
        let mut response = Response::new(Full::new(answer));
        let json = hyper::header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
        Ok(response)
    }

    fn seen<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, body: &[u8]) {
        self.seen(|seen| {
            seen.completions += 1;
            if seen.bodies.len() < KEPT {
                seen.bodies.push(String::from_utf8_lossy(body).into_owned());
            }
        });
    }

    /// Questions are asked for with a schema; a résumé and a feedback differ by the one word that says which.
    fn completion(&self, body: &[u8]) -> Bytes {
        let text = std::str::from_utf8(body).unwrap_or_default();
        if text.contains(r#""json_schema""#) {
            let number = self.questions.fetch_add(1, Ordering::Relaxed);
            let question = format!("{number}번째로 묻습니다. 그 프로젝트에서 직접 맡은 부분은 무엇이었나요?");
            completion(&json!({"enough": false, "question": question}).to_string()).to_string().into()
        } else if text.contains("이력서") {
            self.resume.clone()
        } else {
            self.feedback.clone()
        }
    }
}

/// A whole chat completion, as vLLM writes it.
fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_763_800_000, "model": "/model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "reasoning_content": null,
            "tool_calls": []}, "logprobs": null, "finish_reason": "stop", "stop_reason": null}],
        "usage": {"prompt_tokens": 1300, "completion_tokens": 90, "total_tokens": 1390, "prompt_tokens_details": null},
    })
}

/// Serves until the process is killed.
pub fn serve() -> anyhow::Result<()> {
    let port: u16 = std::env::var(PORT)?.parse()?;
    let latency = Duration::from_millis(std::env::var(LATENCY_MS)?.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(port, Arc::new(Answers::new(latency))))
}

async fn accept(port: u16, answers: Arc<Answers>) -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener = socket.listen(LISTEN_BACKLOG)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answers.answer(request));
            // A client that goes away ends its connection with an error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
