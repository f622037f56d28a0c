//! The events of a stream, and the one answer that they make. Pure: bytes go in, in whatever pieces, and what the model
//! has said so far is there at once.

use std::borrow::Cow;
use std::fmt;
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value, json};
use sse_stream::{Sse, SseByteStream};

use super::content::{is_told, text_of};
use crate::events::json::whole_characters;

/// What OpenAI ends a stream with, and whoever speaks its API.
const DONE: &str = "[DONE]";

/// A stream that is being read.
pub(super) struct Streamed {
    /// Whole lines go in here, and events come out there.
    lines: Sender<Bytes>,
    events: BoxStream<'static, Result<Sse, sse_stream::Error>>,
    /// What has come of a line that is not at its end.
    line: Vec<u8>,
    said: String,
    /// How much of that was taken as news.
    taken: usize,
    tokens: u32,
    taken_tokens: u32,
    finish: Value,
    usage: Value,
    /// What a message may have beside its text.
    refusal: String,
    calls: serde_json::Map<String, Value>,
    is_answer: bool,
    /// An event that says all there is: an error, or a whole answer.
    all: Option<Value>,
    /// One that is no part of an answer.
    other: Option<Value>,
    is_done: bool,
    is_garbled: bool,
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the model says is in no log.
        f.debug_struct("Streamed").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

impl Default for Streamed {
    fn default() -> Self {
        let (lines, waiting) = channel::<Bytes>();
        // The parser reads what is there and is asked again when there is more: it needs nobody to wake it.
        let waiting = stream::poll_fn(move |_| match waiting.try_recv() {
            Ok(lines) => Poll::Ready(Some(Ok::<_, std::io::Error>(lines))),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => Poll::Ready(None),
        });
        Self {
            lines,
            events: SseByteStream::new(waiting).boxed(),
            line: Vec::new(),
            said: String::new(),
            taken: 0,
            tokens: 0,
            taken_tokens: 0,
            finish: Value::Null,
            usage: Value::Null,
            refusal: String::new(),
            calls: serde_json::Map::new(),
            is_answer: false,
            all: None,
            other: None,
            is_done: false,
            is_garbled: false,
        }
    }
}

/// What nearly every event of a stream is: a few characters more, and nothing else that matters. What does not look
/// exactly so is read as a tree of values.
#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    choices: (Choice<'a>,),
    usage: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Delta<'a>,
    finish_reason: Option<IgnoredAny>,
    message: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    refusal: Option<IgnoredAny>,
    tool_calls: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
}

/// Borrowed where it can be, which serde does not do for an `Option<Cow<str>>`.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Piece<'_> {
    /// The text that it adds, and whether it adds anything, be it a thought; `None` where it says more than that.
    fn plain(&self) -> Option<(&str, bool)> {
        let Self { choices: (choice,), usage: None, error: None } = self else { return None };
        let Choice { delta, finish_reason: None, message: None, error: None } = choice else { return None };
        let Delta { content, reasoning, reasoning_content, refusal: None, tool_calls: None, function_call: None } =
            delta
        else {
            return None;
        };
        let text = |text: &'_ Option<Text<'_>>| text.as_ref().is_some_and(|text| !text.0.is_empty());
        let adds = text(content) || text(reasoning) || text(reasoning_content);
        Some((content.as_ref().map_or("", |text| &text.0), adds))
    }
}

impl Streamed {
    /// More of the stream.
    pub fn hears(&mut self, mut more: Bytes) {
        let Some(end) = more.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.line.extend_from_slice(&more);
            return;
        };
        // A line is read when it is whole: so is every character in it.
        let rest = more.split_off(end + 1);
        let lines = if self.line.is_empty() {
            more
        } else {
            self.line.extend_from_slice(&more);
            std::mem::take(&mut self.line).into()
        };
        self.line.extend_from_slice(&rest);
        self.read(lines);
    }

    fn read(&mut self, lines: Bytes) {
        let lines = match String::from_utf8_lossy(&lines) {
            Cow::Borrowed(_) => lines,
            Cow::Owned(mended) => mended.into(),
        };
        // The other end lives as long as this.
        let _ = self.lines.send(lines);
        while let Some(Some(event)) = self.events.next().now_or_never() {
            match event {
                Ok(Sse { data: Some(data), event, .. }) => self.event(event.as_deref(), &data),
                Ok(_) => {}
                Err(_) => self.is_garbled = true,
            }
        }
    }

    fn event(&mut self, name: Option<&str>, data: &str) {
        if self.all.is_some() {
            return;
        }
        if let Ok(piece) = serde_json::from_str::<Piece<'_>>(data)
            && let Some((text, adds)) = piece.plain()
            && name.is_none_or(|name| name != "error")
        {
            self.is_answer = true;
            self.said.push_str(text);
            self.tokens += u32::from(adds);
            return;
        }
        let mut data = data.trim();
        if let Some(before) = data.strip_suffix(DONE) {
            self.is_done = true;
            data = before;
        }
        match values(data).or_else(|| values(&whole_characters(data, ""))) {
            Some(values) => values.into_iter().for_each(|value| self.value(name, value)),
            None if name == Some("error") => self.all = Some(json!({"error": {"message": data}})),
            // A word that keeps the connection open; or what was to come behind a reply that is whole.
            None => self.is_garbled |= data.starts_with(['{', '[']) && !self.is_whole(),
        }
    }

    /// An event as the tree that it is.
    fn value(&mut self, name: Option<&str>, event: Value) {
        if self.all.is_some() {
            return;
        }
        let choice = event.pointer("/choices/0").unwrap_or(&Value::Null);
        let has_error = |value: &Value| value.get("error").is_some_and(is_told);
        let is_error = name == Some("error")
            || has_error(&event)
            || has_error(choice)
            || event.get(0).is_some_and(has_error)
            || event.get("object").is_some_and(|object| object == "error");
        let delta = choice.get("delta");
        if is_error || choice.get("message").is_some() && delta.is_none() {
            self.all = Some(event);
            return;
        }
        let told = |value: Option<&Value>| value.filter(|value| is_told(value)).cloned();
        self.usage = told(event.get("usage")).unwrap_or(std::mem::take(&mut self.usage));
        if !choice.is_object() {
            let is_usage = event.get("usage").is_some_and(is_told);
            self.other = Some(event).filter(|event| !is_usage && is_told(event)).or(self.other.take());
            return;
        }
        self.is_answer = true;
        self.finish = told(choice.get("finish_reason")).unwrap_or(std::mem::take(&mut self.finish));
        let delta = delta.unwrap_or(choice);
        let adds = ["content", "text", "reasoning", "reasoning_content", "refusal", "tool_calls", "function_call"];
        self.tokens += u32::from(adds.into_iter().any(|name| delta.get(name).is_some_and(is_told)));
        let content = ["content", "text"].iter().find_map(|name| delta.get(name));
        self.said.push_str(&content.and_then(text_of).unwrap_or_default());
        self.refusal.push_str(delta.get("refusal").and_then(Value::as_str).unwrap_or_default());
        for name in ["tool_calls", "function_call"] {
            if let Some(calls) = told(delta.get(name)) {
                self.calls.insert(name.to_owned(), calls);
            }
        }
    }

    /// What the model has said since this was asked last, and how many events said something, be it a thought.
    pub fn news(&mut self) -> (&str, u32) {
        let (from, tokens) = (self.taken, self.tokens - self.taken_tokens);
        (self.taken, self.taken_tokens) = (self.said.len(), self.tokens);
        (self.said.get(from..).unwrap_or_default(), tokens)
    }

    /// How many bytes it holds.
    pub fn size(&self) -> usize {
        self.said.len() + self.line.len()
    }

    /// Whether the answer is whole, though the stream may go on: with what it cost, or with nothing.
    pub fn is_whole(&self) -> bool {
        self.is_done || self.is_error() || !self.finish.is_null()
    }

    /// Whether the server has said in one event what became of it all.
    pub fn is_error(&self) -> bool {
        self.all.is_some()
    }

    /// The one answer that the events make, at the stream's end; `None` where they make none.
    pub fn ends(mut self) -> Option<Value> {
        let mut line = std::mem::take(&mut self.line);
        // Not everybody ends the last event.
        line.extend_from_slice(b"\n\n");
        self.read(line.into());
        if let Some(all) = self.all {
            return Some(all);
        }
        if self.is_garbled {
            return None;
        }
        if !self.is_answer {
            return self.other;
        }
        let mut message = self.calls;
        message.insert("content".to_owned(), self.said.into());
        if !self.refusal.is_empty() {
            message.insert("refusal".to_owned(), self.refusal.into());
        }
        Some(json!({"choices": [{"message": message, "finish_reason": self.finish}], "usage": self.usage}))
    }
}

/// The values that stand in an event one behind the other: some servers leave out what ends an event.
fn values(data: &str) -> Option<Vec<Value>> {
    Deserializer::from_str(data).into_iter::<Value>().collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests;
