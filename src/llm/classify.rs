//! What a model server's answer means: one total table from status, body and finish reason to a [`Cause`], and from
//! there to what to do next. Pure, and without an arm that hides a case.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A reply that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    pub text: String,
    /// The model stopped for want of room, or did not say why it stopped: the end may be missing.
    pub truncated: bool,
    /// What the call cost, where the server says so.
    pub usage: Option<Usage>,
}

/// Tokens of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Usage {
    #[serde(rename = "prompt_tokens")]
    pub prompt: u64,
    #[serde(rename = "completion_tokens")]
    pub completion: u64,
}

/// Why a call brought no usable reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No connection: refused, unknown host, no TLS.
    Unreachable,
    /// The connection ended before the answer began.
    Dropped,
    /// No answer within the attempt's time, or one that began and stood still.
    Silent,
    /// The connection ended before the answer did.
    Cut,
    /// The server, or a proxy before it, has no room right now.
    Busy,
    /// The server failed, or what answers in its place, whatever the status says.
    Broken,
    /// The engine gave the request up half-way.
    Aborted,
    /// The key is missing, wrong or out of credit.
    Denied,
    /// The server does not serve this model.
    UnknownModel,
    /// Something else than a model server listens there.
    NotAnApi,
    /// Prompt and reply do not fit the model's context.
    Overflow,
    /// The server refuses this request for good.
    Rejected,
    /// A success that is meant to be a chat completion, and is none.
    Garbage,
    /// A completion without text.
    Empty,
    /// The model or its provider refused to say it.
    Filtered,
    /// The engine cut an endless repetition.
    Repetitive,
    /// The model called a tool; it was offered none.
    ToolCall,
}

/// What to do after a call without a usable reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same model can succeed on another try.
    TryAgain,
    /// The other model, where there is one; this one only slowly.
    TryOther,
    /// The next leaner prompt, or less room for the reply.
    AskBriefly,
    /// This request brings nothing usable, however often it is sent.
    GiveUp,
}

/// What a call says about the server's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Up,
    Down,
    /// It answered, and yet nobody can tell.
    Unclear,
}

impl Cause {
    /// What to do about it.
    pub fn action(self) -> Action {
        match self {
            Self::Unreachable | Self::Dropped | Self::Cut | Self::Busy | Self::Broken | Self::Aborted => {
                Action::TryAgain
            }
            Self::Silent | Self::Denied | Self::UnknownModel | Self::NotAnApi => Action::TryOther,
            Self::Overflow => Action::AskBriefly,
            Self::Rejected | Self::Garbage | Self::Empty | Self::Filtered | Self::Repetitive | Self::ToolCall => {
                Action::GiveUp
            }
        }
    }

    /// What it says about the server.
    pub fn health(self) -> Health {
        match self {
            Self::Unreachable
            | Self::Dropped
            | Self::Silent
            | Self::Busy
            | Self::Broken
            | Self::Denied
            | Self::UnknownModel
            | Self::NotAnApi => Health::Down,
            Self::Cut | Self::Aborted | Self::Garbage => Health::Unclear,
            Self::Overflow | Self::Rejected | Self::Empty | Self::Filtered | Self::Repetitive | Self::ToolCall => {
                Health::Up
            }
        }
    }

    /// Whether only a person can mend it: trying again soon is in vain.
    pub fn is_misconfiguration(self) -> bool {
        matches!(self, Self::Denied | Self::UnknownModel | Self::NotAnApi)
    }

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Dropped => "dropped",
            Self::Silent => "silent",
            Self::Cut => "cut",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Aborted => "aborted",
            Self::Denied => "denied",
            Self::UnknownModel => "unknown_model",
            Self::NotAnApi => "not_an_api",
            Self::Overflow => "overflow",
            Self::Rejected => "rejected",
            Self::Garbage => "garbage",
            Self::Empty => "empty",
            Self::Filtered => "filtered",
            Self::Repetitive => "repetitive",
            Self::ToolCall => "tool_call",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Unreachable => "no connection to the server",
            Self::Dropped => "the server closed the connection before it answered",
            Self::Silent => "the server did not answer in time",
            Self::Cut => "the server's answer broke off",
            Self::Busy => "the server has no room right now",
            Self::Broken => "the server failed",
            Self::Aborted => "the server gave the request up",
            Self::Denied => "the server does not accept the API key",
            Self::UnknownModel => "the server does not serve the model",
            Self::NotAnApi => "this address is not an OpenAI-compatible API",
            Self::Overflow => "prompt and reply do not fit the context",
            Self::Rejected => "the server refuses the request",
            Self::Garbage => "the answer is not a chat completion",
            Self::Empty => "the reply has no text",
            Self::Filtered => "the reply was withheld",
            Self::Repetitive => "the reply repeats itself",
            Self::ToolCall => "the reply is a tool call",
        }
    }
}

/// A call without a usable reply. Its text names status and cause only: bodies may quote the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault of the connection: there is no status.
    pub fn transport(cause: Cause) -> Self {
        Self { cause, status: None, retry_after: None }
    }

    /// Whether it may lie in the request as well as in the server: an engine that breaks at one prompt answers others.
    pub fn may_be_the_requests(&self) -> bool {
        self.cause == Cause::Broken && self.status == Some(500)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.sentence())?;
        match self.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => Ok(()),
        }
    }
}

/// Reads the answer to a chat request.
pub fn completion(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Result<Completion, Fault> {
    let read = match refusal(status, body) {
        Some(cause) => Err(cause),
        None => read_completion(body),
    };
    read.map_err(|cause| Fault { cause, status: Some(status), retry_after })
}

/// What a status and its error body mean; `None` for success.
pub fn refusal(status: u16, body: &[u8]) -> Option<Cause> {
    Some(match status {
        200..=299 => return None,
        400 | 422 => {
            let error = ErrorBody::read(body);
            if error.is_overflow() {
                Cause::Overflow
            } else if error.is_unknown_model() {
                Cause::UnknownModel
            } else {
                Cause::Rejected
            }
        }
        401..=403 | 407 => Cause::Denied,
        // A path that does not exist answers in its framework's own form, an unknown model in the API's, or in words.
        404 => {
            let error = ErrorBody::read(body);
            if error.structured || error.is_unknown_model() { Cause::UnknownModel } else { Cause::NotAnApi }
        }
        300..=399 | 405 | 406 | 410 | 415 | 421 | 426 | 501 | 505 => Cause::NotAnApi,
        413 => Cause::Overflow,
        429 if ErrorBody::read(body).is_quota() => Cause::Denied,
        408 | 409 | 423 | 425 | 429 | 499 | 502 | 503 | 504 | 520..=524 | 529 => Cause::Busy,
        411 | 412 | 414 | 416..=420 | 424 | 427 | 428 | 430..=498 => Cause::Rejected,
        500 | 506..=519 | 525..=528 | 530..=599 => Cause::Broken,
        0..=199 | 600.. => Cause::Garbage,
    })
}

#[derive(Deserialize)]
struct Completions<'a> {
    choices: Vec<Choice>,
    /// Whatever a server writes here, the reply counts.
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice {
    message: Said,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

fn read_completion(body: &[u8]) -> Result<Completion, Cause> {
    let no_completion = || success_without_completion(body);
    let completions: Completions<'_> = serde_json::from_slice(body).map_err(|_| no_completion())?;
    let choice = completions.choices.into_iter().next().ok_or_else(no_completion)?;
    let truncated = match choice.finish_reason.as_deref() {
        Some("stop") => false,
        Some("length") => true,
        Some("abort" | "error") => return Err(Cause::Aborted),
        Some("content_filter") => return Err(Cause::Filtered),
        Some("repetition") => return Err(Cause::Repetitive),
        Some("tool_calls" | "function_call") => return Err(Cause::ToolCall),
        // A server that does not say, or says it in its own words: the text counts, its end does not.
        Some(_) | None => true,
    };
    match (choice.message.content, choice.message.refusal) {
        (Some(text), _) if !text.trim().is_empty() => {
            let usage = completions.usage.and_then(|usage| serde_json::from_str(usage.get()).ok());
            Ok(Completion { text, truncated, usage })
        }
        (_, Some(_)) => Err(Cause::Filtered),
        (_, None) => Err(Cause::Empty),
    }
}

/// What a success means that is no completion. A page, or nothing at all, is what stands before a server that is away; an
/// error is judged as if it had come with the status that it names.
fn success_without_completion(body: &[u8]) -> Cause {
    let Ok(Value::Object(json)) = serde_json::from_slice(body) else { return Cause::Broken };
    let told = json.get("error").filter(|error| !error.is_null());
    if told.is_some() || json.get("object").is_some_and(|object| object == "error") {
        let flat = Value::Object(json.clone());
        return refusal(status_of(told.unwrap_or(&flat)), body).unwrap_or(Cause::Broken);
    }
    if json.get("choices").is_some_and(|choices| !choices.is_null()) { Cause::Garbage } else { Cause::Broken }
}

/// The status that an error names, or that its code stands for.
fn status_of(error: &Value) -> u16 {
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| error.get(name).and_then(Value::as_u64).or_else(|| text(name).parse().ok());
    let named = ["code", "status"].into_iter().find_map(number).and_then(|status| u16::try_from(status).ok());
    named.filter(|status| (400..600).contains(status)).unwrap_or_else(|| match (text("code"), text("type")) {
        ("context_length_exceeded", _) => 400,
        ("invalid_api_key", _) | (_, "authentication_error") => 401,
        ("model_not_found", _) => 404,
        ("insufficient_quota" | "rate_limit_exceeded", _) | (_, "insufficient_quota" | "rate_limit_error") => 429,
        (_, "overloaded_error") => 503,
        (_, "invalid_request_error" | "BadRequestError") => 400,
        _ => 500,
    })
}

/// An error body in any of the forms that servers use: OpenAI's and vLLM's nested object (string or integer code),
/// old vLLM's flat one, FastAPI's `detail`, a bare string, or a proxy's page.
#[derive(Default)]
struct ErrorBody {
    /// The API itself speaks, not a framework or a proxy.
    structured: bool,
    code: String,
    kind: String,
    param: String,
    /// Lower case.
    message: String,
}

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let Ok(json) = serde_json::from_slice::<Value>(body) else {
            return Self { message: String::from_utf8_lossy(body).to_lowercase(), ..Self::default() };
        };
        let nested = json.get("error").filter(|error| error.is_object());
        let flat = nested.is_none() && json.get("message").is_some();
        let error = nested.unwrap_or(&json);
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let message = if error.get("message").is_some() { text("message") } else { text("error") };
        Self {
            structured: nested.is_some() || flat,
            code: text("code"),
            kind: text("type"),
            param: text("param"),
            message: message.to_lowercase(),
        }
    }

    /// vLLM names the parameter and OpenAI the code, in whatever language the message is; the wording, which has
    /// changed between versions, only has to tell old servers.
    fn is_overflow(&self) -> bool {
        const WORDINGS: [&str; 6] = [
            "maximum context length",
            "context length is only",
            "max_tokens must be at least 1",
            "max_model_len",
            "maximum model length",
            "available context size",
        ];
        self.code == "context_length_exceeded"
            || self.param == "input_tokens"
            || (self.param == "max_tokens" && self.kind == "BadRequestError")
            || WORDINGS.iter().any(|wording| self.message.contains(wording))
    }

    /// Most servers have a status or a code for it; the wordings are those of OpenRouter, LiteLLM, DeepSeek and Ollama. A
    /// long message is none of these, and may quote a member who says such a thing.
    fn is_unknown_model(&self) -> bool {
        const WORDINGS: [&str; 3] = ["not a valid model", "invalid model name", "model not exist"];
        const LONGEST: usize = 200;
        let in_words = WORDINGS.iter().any(|wording| self.message.contains(wording))
            || self.message.starts_with("model ") && self.message.contains(" not found");
        self.code == "model_not_found" || in_words && self.message.len() <= LONGEST
    }

    fn is_quota(&self) -> bool {
        self.code == "insufficient_quota" || self.kind == "insufficient_quota"
    }
}

#[cfg(test)]
mod tests;
