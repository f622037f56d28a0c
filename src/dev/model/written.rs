//! A reply while it is written: token by token, in the events that vLLM sends.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::MODEL;

/// Characters of a token, roughly, in Korean.
const CHARS_PER_TOKEN: usize = 2;

/// How fast a reply is written.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub latency: Duration,
    /// Without one the whole reply takes `latency`; with one only its first token does.
    pub tokens_per_second: Option<NonZeroU32>,
}

impl Pace {
    /// When, from the beginning on, each of `tokens` is there.
    fn due(self, token: usize, tokens: usize) -> Duration {
        let share = |whole: Duration, of: usize| whole.mul_f64(token as f64 / of.max(1) as f64);
        match self.tokens_per_second {
            Some(speed) => self.latency + share(Duration::from_secs(1), speed.get() as usize),
            None => share(self.latency, tokens.saturating_sub(1)),
        }
    }

    /// How long the whole of `text` takes.
    pub fn whole(self, text: &str) -> Duration {
        let tokens = tokens(text).len();
        self.due(tokens.saturating_sub(1), tokens).max(self.latency)
    }
}

/// What the model writes one behind the other.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(CHARS_PER_TOKEN).map(|token| token.iter().collect()).collect()
}

/// The answer to a request for a stream. It is written as long as somebody reads it.
pub fn written(text: &str, finish: &'static str, usage: Option<Value>, pace: Pace) -> Response {
    let tokens = tokens(text);
    let (all, started) = (tokens.len(), Instant::now());
    let role = event(json!({"role": "assistant", "content": ""}), None);
    let mut events: Vec<(Duration, String)> = tokens
        .into_iter()
        .enumerate()
        .map(|(number, token)| (pace.due(number, all), event(json!({"content": token}), None)))
        .collect();
    // With the first token, as vLLM has it.
    match events.first_mut() {
        Some((_, first)) => first.insert_str(0, &role),
        None => events.push((pace.latency, role)),
    }
    let mut end = event(json!({}), Some(finish));
    if let Some(usage) = usage {
        end += &line(&json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": MODEL,
            "choices": [], "usage": usage}));
    }
    end += "data: [DONE]\n\n";
    events.push((Duration::ZERO, end));
    let written = stream::unfold(events.into_iter(), move |mut events| async move {
        let (due, event) = events.next()?;
        sleep_until(started + due).await;
        Some((Ok::<_, Infallible>(Bytes::from(event)), events))
    });
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(written)).into_response()
}

fn event(delta: Value, finish: Option<&str>) -> String {
    line(&json!({"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "model": MODEL,
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]}))
}

fn line(event: &Value) -> String {
    format!("data: {event}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_takes_its_latency_or_that_and_its_tokens() {
        let (latency, text) = (Duration::from_millis(900), "가".repeat(20));
        let even = Pace { latency, tokens_per_second: None };
        assert_eq!((even.due(0, 10), even.due(9, 10), even.whole(&text)), (Duration::ZERO, latency, latency));
        let slow = Pace { tokens_per_second: NonZeroU32::new(10), ..even };
        assert_eq!((slow.due(0, 10), slow.whole(&text)), (latency, latency * 2));
        assert_eq!((even.whole(""), slow.whole("")), (latency, latency));
    }
}
