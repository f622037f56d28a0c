//! An answer as vLLM streams it: the role with the first token, each token in an event of its own, the end, what it cost.

use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use crate::kit::model::answer::{Answer, How, Turn};
use crate::kit::model::desk::AtWork;
use crate::kit::model::http::{Body, broken};

/// Characters of a token: two for three of a Korean's, roughly.
const CHARS_PER_TOKEN: usize = 2;

/// One thing that the server does.
#[derive(Debug)]
enum Step {
    Says(String),
    /// The same, and it is a token.
    Token(String),
    Waits(Duration),
    Stalls,
    Breaks,
}

/// A stream, as far as it will go.
#[derive(Debug)]
pub struct Written(Vec<Step>);

impl Written {
    /// What `answer` is as a stream; `None` where it is no completion, or would not be one.
    pub fn of(answer: &Answer, wants_usage: bool) -> Option<Self> {
        let (body, half) = match &answer.how {
            How::Http { status: 200, body, .. } => (body, None),
            How::Truncated(body) => (body, Some(Turn::Cut)),
            How::StallInBody(body) => (body, Some(Turn::Stall)),
            How::Http { .. } | How::Reset | How::Stall => return None,
        };
        let completion: Value = serde_json::from_str(body).ok()?;
        let text = completion.pointer("/choices/0/message/content")?.as_str()?;
        let mut steps = steps(&completion, text, wants_usage);
        let turn = answer.writing.turn.clone().or_else(|| half.map(|turn| (tokens(text).count() / 2, turn)));
        if let Some((after, turn)) = turn {
            let is_token = |step: &Step| matches!(step, Step::Token(_));
            let at = steps.iter().enumerate().filter(|(_, step)| is_token(step)).nth(after);
            let at = at.map_or(steps.len(), |(at, _)| at);
            match turn {
                Turn::Pause(pause) => steps.insert(at, Step::Waits(pause)),
                Turn::Stall => steps.splice(at.., [Step::Stalls]).for_each(drop),
                Turn::Cut => steps.splice(at.., [Step::Breaks]).for_each(drop),
                Turn::Error(error) => {
                    steps
                        .splice(at.., [Step::Says(event(&error)), Step::Says("data: [DONE]\n\n".to_owned())])
                        .for_each(drop);
                }
            }
        }
        let pause = answer.writing.pause;
        let paced = steps.into_iter().flat_map(|step| {
            let waits = (matches!(step, Step::Token(_)) && !pause.is_zero()).then_some(Step::Waits(pause));
            waits.into_iter().chain([step])
        });
        (!answer.writing.is_plain).then(|| Self(paced.collect()))
    }

    /// Writes it for as long as somebody reads it.
    pub fn response(self, work: AtWork) -> Response<Body> {
        let steps = self.0.into_iter();
        let frames = futures_util::stream::unfold((steps, work), |(mut steps, mut work)| async move {
            loop {
                let said = match steps.next() {
                    Some(Step::Says(said)) => said,
                    Some(Step::Token(said)) => {
                        work.token();
                        said
                    }
                    Some(Step::Waits(pause)) => {
                        tokio::time::sleep(pause).await;
                        continue;
                    }
                    Some(Step::Stalls) => std::future::pending().await,
                    Some(Step::Breaks) => {
                        work.done = true;
                        return Some((Err(broken()), (steps, work)));
                    }
                    None => {
                        work.ends();
                        return None;
                    }
                };
                return Some((Ok::<_, io::Error>(Frame::data(Bytes::from(said))), (steps, work)));
            }
        });
        let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
        response.body(BodyExt::boxed_unsync(StreamBody::new(frames))).expect("a response")
    }
}

fn steps(completion: &Value, text: &str, wants_usage: bool) -> Vec<Step> {
    let chunk = |delta: Value, finish: &Value| {
        event(&json!({"id": completion["id"], "object": "chat.completion.chunk", "created": completion["created"],
            "model": completion["model"],
            "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]}))
    };
    let mut steps = Vec::new();
    for token in tokens(text) {
        if steps.is_empty() {
            steps.push(Step::Says(chunk(json!({"role": "assistant", "content": ""}), &Value::Null)));
        }
        steps.push(Step::Token(chunk(json!({"content": token}), &Value::Null)));
    }
    steps.push(Step::Says(chunk(json!({}), &completion["choices"][0]["finish_reason"])));
    if wants_usage {
        let usage = json!({"id": completion["id"], "object": "chat.completion.chunk", "created": completion["created"],
            "model": completion["model"], "choices": [], "usage": completion["usage"]});
        steps.push(Step::Says(event(&usage)));
    }
    steps.push(Step::Says("data: [DONE]\n\n".to_owned()));
    steps
}

/// What the model writes one behind the other.
pub fn tokens(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let tokens: Vec<String> = chars.chunks(CHARS_PER_TOKEN).map(|token| token.iter().collect()).collect();
    tokens.into_iter()
}

fn event(json: &Value) -> String {
    format!("data: {json}\n\n")
}

/// All of a completion's stream at once.
#[allow(dead_code, reason = "the bench sends it as it likes")]
pub fn events(completion: &Value) -> Vec<String> {
    let text = completion["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    let said = steps(completion, text, true).into_iter().filter_map(|step| match step {
        Step::Says(said) | Step::Token(said) => Some(said),
        Step::Waits(_) | Step::Stalls | Step::Breaks => None,
    });
    said.collect()
}
