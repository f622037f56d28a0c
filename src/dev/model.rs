//! A scripted model server: vLLM's API over real HTTP, with a script where the model would be.
//!
//! The same request always gets the same reply. It tells the worker's three kinds of request apart loosely: one with a
//! JSON schema wants a question, one whose system message speaks of an `이력서` wants a résumé, any other wants feedback.
//! It can misbehave as real models do. It counts tokens by the worker's own estimate, and refuses what vLLM refuses in vLLM's words.

mod misbehaviour;
mod reply;
mod written;

use std::future::Future;
use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::misbehaviour::Asked;
pub use self::misbehaviour::Misbehaviour;
use self::written::{Pace, written};
use crate::llm::budget::estimate_text;

/// The name under which the script is served.
pub const MODEL: &str = "scripted";
/// Tokens that prompt and reply share, as deployed.
const CONTEXT: u32 = 4096;
/// Tokens that a chat template puts around a message.
const PER_MESSAGE: u32 = 5;

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// How long each reply takes, or its first token where the speed of the others is set.
    pub latency: Duration,
    /// How fast it writes.
    pub tokens_per_second: Option<NonZeroU32>,
    /// How it misbehaves, if it does.
    pub misbehaviour: Option<Misbehaviour>,
}

/// Serves on `listener` until `shutdown` is done, and lets running requests end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    script: Script,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = Router::new()
        .route("/health", get(|| async {}))
        .route("/v1/models", get(models))
        .route("/tokenize", post(tokenize))
        .route("/v1/chat/completions", post(chat))
        .fallback(async || (StatusCode::NOT_FOUND, Json(json!({"detail": "Not Found"}))))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, Json(json!({"detail": "Method Not Allowed"})))
        })
        .with_state(script);
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

/// The fields that count here; any other is ignored, as vLLM does.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(default)]
    model: Option<String>,
    messages: Vec<Message>,
    #[serde(default, alias = "max_completion_tokens")]
    max_tokens: Option<u32>,
    #[serde(default)]
    response_format: Option<ResponseFormat>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: String,
}

#[derive(Debug, Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    json_schema: Value,
}

impl ResponseFormat {
    /// Whether the reply may say that there is enough.
    fn may_end(&self) -> bool {
        self.json_schema.pointer("/schema/properties/enough").is_some()
    }
}

impl Request {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|_| Refusal::bad_request("1 validation error: not a chat request", Some("body.messages")))?;
        match request.model.as_deref() {
            None | Some(MODEL) if request.stream != Some(true) && request.stream_options.is_some() => Err(
                Refusal::bad_request("Stream options can only be defined when `stream=True`.", Some("stream_options")),
            ),
            None | Some(MODEL) => Ok(request),
            Some(_) => Err(Refusal {
                status: StatusCode::NOT_FOUND,
                kind: "NotFoundError",
                param: Some("model"),
                message: format!("The model does not exist. Valid aliases: {MODEL}."),
            }),
        }
    }

    fn tokens(&self) -> u32 {
        self.messages.iter().fold(PER_MESSAGE, |sum, message| {
            sum.saturating_add(PER_MESSAGE).saturating_add(estimate_text(&message.content))
        })
    }

    /// Room for the reply. As vLLM has it, only a prompt or a reply that alone is too long is refused.
    fn room(&self) -> Result<u32, Refusal> {
        let tokens = self.tokens();
        let room = CONTEXT.checked_sub(tokens).filter(|room| *room > 0).ok_or_else(|| {
            let message = format!(
                "This model's maximum context length is {CONTEXT} tokens. However, your prompt contains at least \
                 {tokens} input tokens. Please reduce the length of the input prompt."
            );
            Refusal::bad_request(message, Some("input_tokens"))
        })?;
        match self.max_tokens {
            Some(wanted) if wanted > CONTEXT => {
                let message = format!("max_tokens={wanted} cannot be greater than max_model_len={CONTEXT}.");
                Err(Refusal::bad_request(message, Some("max_tokens")))
            }
            Some(wanted) => Ok(wanted.min(room)),
            None => Ok(room),
        }
    }

    /// What the model says, and whether it came to its end.
    fn reply(&self, misbehaviour: Option<Misbehaviour>) -> (String, bool) {
        let last = self.messages.iter().rfind(|message| message.role == "user");
        let asked = last.map_or("", |message| message.content.as_str());
        let kind = self.kind();
        let good = match kind {
            Asked::Question { may_end } => reply::question(asked, may_end),
            Asked::Resume => reply::resume(asked),
            Asked::Feedback => reply::feedback(asked),
        };
        match misbehaviour {
            Some(misbehaviour) => misbehaviour.instead_of(good, kind, asked),
            None => (good, true),
        }
    }

    fn kind(&self) -> Asked {
        let is_about_resumes =
            || self.messages.iter().any(|message| message.role == "system" && message.content.contains("이력서"));
        if let Some(format) = self.response_format.as_ref().filter(|format| format.kind == "json_schema") {
            Asked::Question { may_end: format.may_end() }
        } else if is_about_resumes() {
            Asked::Resume
        } else {
            Asked::Feedback
        }
    }
}

/// An error in vLLM's form.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    param: Option<&'static str>,
    message: String,
}

impl Refusal {
    fn bad_request(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: "BadRequestError", param, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, kind, param, message } = self;
        let error = json!({"message": message, "type": kind, "param": param, "code": status.as_u16()});
        (status, Json(json!({"error": error}))).into_response()
    }
}

async fn models() -> Json<Value> {
    let model = json!({"id": MODEL, "object": "model", "owned_by": "ssammu-worker", "max_model_len": CONTEXT});
    Json(json!({"object": "list", "data": [model]}))
}

async fn tokenize(body: Bytes) -> Result<Json<Value>, Refusal> {
    let request = Request::read(&body)?;
    Ok(Json(json!({"count": request.tokens(), "max_model_len": CONTEXT})))
}

async fn chat(State(script): State<Script>, body: Bytes) -> Result<Response, Refusal> {
    let request = Request::read(&body)?;
    let room = request.room()?;
    let (text, is_finished) = request.reply(script.misbehaviour);
    let (text, whole) = cut(text, room);
    let (prompt, completion) = (request.tokens(), estimate_text(&text));
    let usage = json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
    });
    let finish = if whole && is_finished { "stop" } else { "length" };
    let pace = Pace { latency: script.latency, tokens_per_second: script.tokens_per_second };
    if request.stream == Some(true) {
        let wants_usage = request.stream_options.and_then(|options| options.include_usage) == Some(true);
        return Ok(written(&text, finish, Some(usage).filter(|_| wants_usage), pace));
    }
    tokio::time::sleep(pace.whole(&text)).await;
    Ok(Json(json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": finish,
        }],
        "usage": usage,
    }))
    .into_response())
}

/// As much of the text as `room` tokens hold, and whether that is all of it.
fn cut(text: String, room: u32) -> (String, bool) {
    let mut tokens = 0_u32;
    let end = text.char_indices().find(|(_, char)| {
        tokens = tokens.saturating_add(estimate_text(char.encode_utf8(&mut [0; 4])));
        tokens > room
    });
    match end.and_then(|(end, _)| text.get(..end)) {
        Some(start) => (start.to_owned(), false),
        None => (text, true),
    }
}

#[cfg(test)]
mod tests;
