//! What a program can see of what a member would read. Pure: text in, findings out.

pub mod feedback;
pub mod given;
pub mod question;
pub mod resume;
mod text;

use crate::eval::check::{Check, Finding};
use crate::eval::recording::Call;

/// What the calls of a request show: whether its first reply was enough, and whether it was as a member reads it.
fn of_calls(calls: &[Call], raw: &str, read: &str) -> [Finding; 2] {
    let prompts = calls.iter().map(|call| call.prompt).max().unwrap_or_default();
    let again = (prompts > 1).then(|| "응답을 쓸 수 없어 다시 물음".to_owned());
    let truncated = calls.last().is_some_and(|call| call.truncated);
    // How a text is laid out changes no word of it.
    let squeezed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let mended = if truncated {
        Some("응답이 잘림".to_owned())
    } else {
        (squeezed(raw) != squeezed(read)).then(|| "덜어 내거나 고친 것이 있음".to_owned())
    };
    [Finding::of(Check::FirstTry, again), Finding::of(Check::AsItCame, mended)]
}

/// Behind what a model thinks before it replies.
const THOUGHT: [&str; 3] = ["</think>", "</thought>", "<|message|>"];

/// A reply without the thoughts before it, which nobody reads.
fn spoken(reply: &str) -> &str {
    THOUGHT.into_iter().fold(reply, |reply, end| reply.rsplit_once(end).map_or(reply, |(_, spoken)| spoken)).trim()
}

/// The reply that was read.
fn raw(calls: &[Call]) -> &str {
    calls.iter().rev().find_map(|call| call.raw.as_deref()).unwrap_or_default()
}
