//! What a model server's answer means: one total table from status, body and finish reason to a [`Cause`], and from
//! there to what to do next. Pure, and without an arm that hides a case.

use std::fmt;
use std::time::Duration;

use super::body;
use super::content::is_told;

mod reply;
mod told;

pub use told::Told;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
}

/// Why a call brought no usable reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No connection: refused, unknown host.
    Unreachable,
    /// No connection that is safe.
    Insecure(Insecure),
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
    /// It sends requests to another server, or in a circle.
    Redirected,
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

/// Why no safe connection (TLS) came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Insecure {
    UnknownIssuer,
    OtherName,
    Expired,
    BadCertificate,
    /// What answers does not speak TLS.
    NoTls,
    /// The two did not agree.
    Refused,
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
            Self::Unreachable
            | Self::Insecure(_)
            | Self::Dropped
            | Self::Cut
            | Self::Busy
            | Self::Broken
            | Self::Aborted => Action::TryAgain,
            Self::Silent | Self::Denied | Self::UnknownModel | Self::NotAnApi | Self::Redirected => Action::TryOther,
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
            | Self::Insecure(_)
            | Self::Dropped
            | Self::Silent
            | Self::Busy
            | Self::Broken
            | Self::Denied
            | Self::UnknownModel
            | Self::NotAnApi
            | Self::Redirected => Health::Down,
            Self::Cut | Self::Aborted | Self::Garbage => Health::Unclear,
            Self::Overflow | Self::Rejected | Self::Empty | Self::Filtered | Self::Repetitive | Self::ToolCall => {
                Health::Up
            }
        }
    }

    /// Whether only a person can mend it: trying again soon is in vain.
    pub fn is_misconfiguration(self) -> bool {
        matches!(self, Self::Denied | Self::UnknownModel | Self::NotAnApi | Self::Redirected)
    }

    /// Its name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreachable | Self::Insecure(_) => "unreachable",
            Self::Dropped => "dropped",
            Self::Silent => "silent",
            Self::Cut => "cut",
            Self::Busy => "busy",
            Self::Broken => "broken",
            Self::Aborted => "aborted",
            Self::Denied => "denied",
            Self::UnknownModel => "unknown_model",
            Self::NotAnApi => "not_an_api",
            Self::Redirected => "redirected",
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
            Self::Insecure(insecure) => insecure.sentence(),
            Self::Dropped => "the server closed the connection before it answered",
            Self::Silent => "the server did not answer in time",
            Self::Cut => "the server's answer broke off",
            Self::Busy => "the server has no room right now",
            Self::Broken => "the server failed",
            Self::Aborted => "the server gave the request up",
            Self::Denied => "the server does not accept the API key",
            Self::UnknownModel => "the server does not serve the model",
            Self::NotAnApi => "this address is not an OpenAI-compatible API",
            Self::Redirected => "the server redirects to another one, which gets neither prompts nor the key",
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

impl Insecure {
    fn sentence(self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "no connection to the server: nobody who is trusted has signed its certificate (UnknownIssuer; SSL_CERT_FILE \
                 names whom to trust)"
            }
            Self::OtherName => "no connection to the server: its certificate is for another name (NotValidForName)",
            Self::Expired => "no connection to the server: its certificate has expired",
            Self::BadCertificate => "no connection to the server: its certificate is not valid",
            Self::NoTls => "no connection to the server: it does not speak TLS (https) there",
            Self::Refused => "no connection to the server: TLS could not be agreed on",
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
        None => success(body),
    };
    read.map_err(|cause| Fault { cause, status: Some(status), retry_after })
}

/// What a status and its error body mean; `None` for success.
pub fn refusal(status: u16, body: &[u8]) -> Option<Cause> {
    refused(status, || Told::read(body))
}

fn refused(status: u16, told: impl Fn() -> Told) -> Option<Cause> {
    Some(match status {
        200..=299 => return None,
        400 | 422 => told().cause().unwrap_or(Cause::Rejected),
        403 if told().is_filtered() => Cause::Filtered,
        401..=403 | 407 => Cause::Denied,
        // A path that does not exist answers in its framework's own form, or says so; an unknown model in the API's form.
        404 => match told() {
            told if told.is_unknown_path() => Cause::NotAnApi,
            told if told.structured || told.cause() == Some(Cause::UnknownModel) => Cause::UnknownModel,
            _ => Cause::NotAnApi,
        },
        301 | 302 | 303 | 307 | 308 => Cause::Redirected,
        300..=399 | 405 | 406 | 410 | 415 | 421 | 426 | 501 | 505 => Cause::NotAnApi,
        413 => Cause::Overflow,
        429 if told().is_quota() => Cause::Denied,
        408 | 409 | 423 | 425 | 429 | 499 | 502 | 503 | 504 | 520..=524 | 529 => Cause::Busy,
        411 | 412 | 414 | 416..=420 | 424 | 427 | 428 | 430..=498 => Cause::Rejected,
        500 if told().cause() == Some(Cause::Overflow) => Cause::Overflow,
        500 | 506..=519 | 525..=528 | 530..=599 => Cause::Broken,
        0..=199 | 600.. => Cause::Garbage,
    })
}

/// Whether nothing is at the path that was asked, as far as can be told.
pub fn is_unknown_path(status: u16, body: &[u8]) -> bool {
    match status {
        404 | 405 => refusal(status, body) == Some(Cause::NotAnApi),
        // LM Studio answers so with a success.
        200..=299 => body.starts_with(b"{\"error\"") && Told::read(body).is_unknown_path(),
        _ => false,
    }
}

/// What a success means. One that is an error is judged as if it had come with the status that it names; a page, or nothing
/// at all, is what stands before a server that is away.
fn success(body: &[u8]) -> Result<Completion, Cause> {
    let Some(json) = body::json(body) else { return Err(Cause::Broken) };
    let read = reply::read(&json);
    if let Some(Ok(completion)) = read {
        return Ok(completion);
    }
    let is_error = |place: &str| json.pointer(place).is_some_and(is_told);
    let told = match ["/error", "/0/error", "/choices/0/error"].into_iter().find(|place| is_error(place)) {
        Some("/choices/0/error") => json.pointer("/choices/0").map(Told::of),
        Some(_) => Some(Told::of(&json)),
        None if json.get("object").is_some_and(|object| object == "error") || read.is_none() => Some(Told::of(&json)),
        None => None,
    };
    let cause = told.map(|told| match told.status() {
        Some(status) => refused(status, || told.clone()).unwrap_or(Cause::Broken),
        None => told.cause().unwrap_or(Cause::Broken),
    });
    Err(match (cause, read) {
        (Some(cause), _) | (None, Some(Err(cause))) => cause,
        (None, _) => Cause::Broken,
    })
}

#[cfg(test)]
mod tests;
