//! A model that costs little: the kit's server, every call answered alike after a fixed time, with answers made once.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use hyper::http::HeaderValue;
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::kit::model::answer::{assistant, completion, models};
use crate::kit::model::http::{self, Body};
use crate::kit::model::stream;

/// Where the model tells what it has seen, and begins anew.
pub const SEEN: &str = "/seen";

/// Bodies that it keeps.
const KEPT: usize = 2;

/// Settings of the process.
pub const PORT: &str = "MODEL_PORT";
pub const LATENCY_MS: &str = "MODEL_LATENCY_MS";

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
struct Steady {
    models: Bytes,
    count: Bytes,
    feedback: Said,
    resume: Said,
    latency: Duration,
    /// How many questions were asked: no two may be alike.
    questions: AtomicU64,
    seen: Mutex<Seen>,
}

const ONE_TOKEN: &[u8] = br#""max_tokens":1,"#;
const STREAM: &[u8] = br#""stream":true"#;
/// In how many steps a reply is streamed: a token each would cost this process more than all of the worker does.
const STEPS: usize = 10;

impl Steady {
    fn new(latency: Duration) -> Self {
        let bytes = |value: Value| Bytes::from(value.to_string());
        Self {
            models: bytes(models("/model", 4096)),
            // What a Korean tokenizer makes of the longest prompt that is the same for everyone, about.
            count: bytes(json!({"count": 1200, "max_model_len": 4096, "tokens": []})),
            feedback: Said::new(FEEDBACK),
            resume: Said::new(RESUME),
            latency,
            questions: AtomicU64::new(1),
            seen: Mutex::default(),
        }
    }

    fn seen<T>(&self, act: impl FnOnce(&mut Seen) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, body: &[u8]) {
        // What warms the server is no request's.
        if is_in(body, ONE_TOKEN) {
            return;
        }
        self.seen(|seen| {
            seen.completions += 1;
            if seen.bodies.len() < KEPT {
                seen.bodies.push(String::from_utf8_lossy(body).into_owned());
            }
        });
    }

    /// Questions are asked for with a schema; a résumé and a feedback differ by the one word that says which.
    fn completion(&self, body: &[u8]) -> Said {
        let text = std::str::from_utf8(body).unwrap_or_default();
        if text.contains(r#""json_schema""#) {
            let number = self.questions.fetch_add(1, Ordering::Relaxed);
            let question = format!("{number}번째로 묻습니다. 그 프로젝트에서 직접 맡은 부분은 무엇이었나요?");
            Said::new(&json!({"enough": false, "question": question}).to_string())
        } else if text.contains("이력서") {
            self.resume.clone()
        } else {
            self.feedback.clone()
        }
    }
}

impl http::Answers for Steady {
    async fn answer(&self, head: Parts, body: Bytes) -> io::Result<Response<Body>> {
        let answer = match head.uri.path() {
            "/v1/chat/completions" => {
                self.note(&body);
                let said = self.completion(&body);
                if is_in(&body, STREAM) {
                    return Ok(streamed(said.steps, self.latency));
                }
                if !self.latency.is_zero() {
                    tokio::time::sleep(self.latency).await;
                }
                said.whole
            }
            "/tokenize" => {
                self.seen(|seen| seen.counts += 1);
                self.count.clone()
            }
            SEEN => serde_json::to_vec(&self.seen(std::mem::take)).unwrap_or_default().into(),
            _ => self.models.clone(),
        };
        Ok(http::json(200, answer))
    }
}

/// A reply, whole and as a stream.
#[derive(Clone)]
struct Said {
    whole: Bytes,
    /// What is sent together.
    steps: Arc<[Bytes]>,
}

impl Said {
    fn new(text: &str) -> Self {
        let completion = completion("stop", &assistant(text));
        let events = stream::events(&completion);
        let steps = events.chunks(events.len().div_ceil(STEPS)).map(|step| Bytes::from(step.concat()));
        Self { whole: completion.to_string().into(), steps: steps.collect() }
    }
}

/// Written evenly over the time that a whole answer takes.
fn streamed(steps: Arc<[Bytes]>, latency: Duration) -> Response<Body> {
    let (started, count) = (Instant::now(), u32::try_from(steps.len()).unwrap_or(u32::MAX));
    let frames = futures_util::stream::unfold(0, move |step| {
        let bytes = usize::try_from(step).ok().and_then(|step| steps.get(step)).cloned();
        async move {
            let bytes = bytes?;
            if !latency.is_zero() {
                tokio::time::sleep_until(started + latency * (step + 1) / count).await;
            }
            Some((Ok::<_, io::Error>(Frame::data(bytes)), step + 1))
        }
    });
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

/// Whether this stands in the end of a body, most likely.
fn is_in(body: &[u8], piece: &[u8]) -> bool {
    body.windows(piece.len()).rev().any(|window| window == piece)
}

/// Serves until the process is killed.
pub fn serve() -> anyhow::Result<Infallible> {
    let port: u16 = std::env::var(PORT)?.parse()?;
    let latency = Duration::from_millis(std::env::var(LATENCY_MS)?.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(http::serve(http::listen(port)?, Arc::new(Steady::new(latency))).await) })
}
