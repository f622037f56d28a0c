//! What the model server can say: replies, refusals with the bodies that real servers send, and broken connections.

use std::time::Duration;

use serde_json::{Value, json};

/// An answer to one call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How long the model thinks first.
    pub delay: Duration,
    pub how: How,
    /// How it is written where it was asked for as a stream.
    pub writing: Writing,
}

/// How a reply is written.
#[derive(Clone, Debug, Default)]
pub struct Writing {
    /// Between two tokens.
    pub pause: Duration,
    /// What happens after so many tokens.
    pub turn: Option<(usize, Turn)>,
    /// All of it comes at once, though it should have been a stream.
    pub is_plain: bool,
}

/// What happens in the middle of a stream.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Nothing for so long, and then it goes on.
    Pause(Duration),
    /// Nothing more, and the connection stays.
    Stall,
    /// The connection breaks.
    Cut,
    /// This event, and then the end.
    Error(Value),
}

/// What happens on the wire.
#[derive(Clone, Debug)]
pub enum How {
    Http {
        status: u16,
        content_type: &'static str,
        retry_after: Option<String>,
        body: String,
    },
    /// The connection breaks before a byte of the answer.
    Reset,
    /// Nothing comes, and the connection stays.
    Stall,
    /// Half of the body comes, and then the connection breaks.
    Truncated(String),
    /// Half of the body comes, and then nothing more.
    StallInBody(String),
}

impl Answer {
    fn of(how: How) -> Self {
        Self { delay: Duration::ZERO, how, writing: Writing::default() }
    }

    fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", body.to_string())
    }

    /// Any status with any body.
    pub fn body(status: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        Self::of(How::Http { status, content_type, retry_after: None, body: body.into() })
    }

    /// The same, after a while.
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The same, written at this pace.
    pub fn paced(mut self, pause: Duration) -> Self {
        self.writing.pause = pause;
        self
    }

    /// The same, with something in the middle.
    pub fn turns(mut self, after_tokens: usize, turn: Turn) -> Self {
        self.writing.turn = Some((after_tokens, turn));
        self
    }

    /// The same at once, to whoever wants a stream, too.
    pub fn plain(mut self) -> Self {
        self.writing.is_plain = true;
        self
    }

    /// The same, with a `Retry-After`.
    pub fn retry_after(mut self, value: &str) -> Self {
        if let How::Http { retry_after, .. } = &mut self.how {
            *retry_after = Some(value.to_owned());
        }
        self
    }

    /// vLLM's list of the one model that it serves.
    pub fn models(id: &str, context: u64) -> Self {
        Self::json(200, &models(id, context))
    }

    /// A complete reply.
    pub fn text(text: &str) -> Self {
        Self::finished("stop", text)
    }

    /// A reply that ends for another reason: `length`, `abort`, `content_filter`...
    pub fn finished(reason: &str, text: &str) -> Self {
        Self::json(200, &completion(reason, &assistant(text)))
    }

    /// A reply whose message is none that has text.
    pub fn message(message: Value) -> Self {
        Self::json(200, &completion("stop", &message))
    }

    /// The model wants to ask this.
    pub fn question(question: &str) -> Self {
        Self::text(&json!({"enough": false, "question": question}).to_string())
    }

    /// The model knows enough.
    pub fn enough() -> Self {
        Self::text(&json!({"enough": true, "question": ""}).to_string())
    }

    /// vLLM's queue is full.
    pub fn busy() -> Self {
        Self::json(
            503,
            &json!({"error": {"message": "The engine is currently busy and cannot accept new requests. Please try again later or \
                on a different instance.", "type": "Service Unavailable", "param": null, "code": 503}}),
        )
    }

    /// OpenAI's rate limit.
    pub fn rate_limited() -> Self {
        Self::json(
            429,
            &json!({"error": {"message": "Rate limit reached for requests", "type": "requests", "param": null,
                "code": "rate_limit_exceeded"}}),
        )
    }

    /// A server's fault without JSON, as llama.cpp's server has it.
    pub fn internal_error() -> Self {
        Self::body(500, "text/plain; charset=utf-8", "Internal Server Error")
    }

    /// A proxy's page.
    pub fn bad_gateway() -> Self {
        Self::body(502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
    }

    /// The prompt alone is too long, as vLLM says it today.
    pub fn prompt_too_long(context: u64, prompt: u64) -> Self {
        Self::bad_request(
            "BadRequestError",
            &format!(
                "This model's maximum context length is {context} tokens. However, your prompt contains at least {prompt} input \
                 tokens, which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. \
                 (parameter=input_tokens, value={prompt})"
            ),
        )
    }

    /// The reply asks for more tokens than the context has, as vLLM says it today.
    pub fn max_tokens_too_large(context: u64, wanted: u64) -> Self {
        Self::bad_request(
            "BadRequestError",
            &format!(
                "max_tokens={wanted} cannot be greater than max_model_len={context}. Please request fewer output tokens. \
                 (parameter=max_tokens, value={wanted})"
            ),
        )
    }

    /// A context error as OpenAI and llama.cpp have it: the code is text.
    pub fn context_length_exceeded() -> Self {
        Self::json(
            400,
            &json!({"error": {"message": "This model's maximum context length is 4096 tokens. However, you requested 4321 tokens \
                (4065 in the messages, 256 in the completion). Please reduce the length of the messages or completion.",
                "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}),
        )
    }

    /// A context error in the flat form of older vLLM servers.
    pub fn context_error_of_old_vllm() -> Self {
        Self::json(
            400,
            &json!({"object": "error", "message": "max_tokens must be at least 1, got -186.", "type": "BadRequestError",
                "param": null, "code": 400}),
        )
    }

    /// vLLM's 400 with any message.
    pub fn bad_request(kind: &str, message: &str) -> Self {
        Self::json(400, &json!({"error": {"message": message, "type": kind, "param": null, "code": 400}}))
    }

    pub fn unauthorized() -> Self {
        Self::json(401, &json!({"error": "Unauthorized"}))
    }

    /// The server has no model of that name.
    pub fn no_such_model() -> Self {
        Self::json(
            404,
            &json!({"error": {"message": "The model `/model` does not exist.", "type": "NotFoundError", "param": "model",
                "code": 404}}),
        )
    }

    /// The server has no such path.
    pub fn no_such_path() -> Self {
        Self::json(404, &json!({"detail": "Not Found"}))
    }

    pub fn reset() -> Self {
        Self::of(How::Reset)
    }

    pub fn stall() -> Self {
        Self::of(How::Stall)
    }

    pub fn truncated(text: &str) -> Self {
        Self::of(How::Truncated(completion("stop", &assistant(text)).to_string()))
    }

    pub fn stall_in_body(text: &str) -> Self {
        Self::of(How::StallInBody(completion("stop", &assistant(text)).to_string()))
    }
}

/// vLLM's list of the one model that it serves.
pub fn models(id: &str, context: u64) -> Value {
    json!({"object": "list", "data": [{"id": id, "object": "model", "owned_by": "vllm", "root": id, "parent": null,
        "max_model_len": context}]})
}

/// The message that a model answers with.
pub fn assistant(text: &str) -> Value {
    json!({"role": "assistant", "content": text, "reasoning_content": null, "tool_calls": []})
}

/// A whole chat completion, as vLLM writes it.
pub fn completion(reason: &str, message: &Value) -> Value {
    json!({
        "id": "chatcmpl-test", "object": "chat.completion", "created": 1_763_800_000, "model": "/model",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason, "stop_reason": null}],
        "usage": {"prompt_tokens": 1300, "completion_tokens": 90, "total_tokens": 1390, "prompt_tokens_details": null}
    })
}
