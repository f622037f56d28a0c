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
    let again = (prompts > 1).then(|| "the reply could not be used; it was asked for again".to_owned());
    let truncated = calls.last().is_some_and(|call| call.truncated);
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mended = if truncated {
        Some("it broke off".to_owned())
    } else {
        (squeezed(raw) != squeezed(read)).then(|| "something was taken off or put right".to_owned())
    };
    [Finding::of(Check::FirstTry, again), Finding::of(Check::AsItCame, mended)]
}

/// The reply that was read.
fn raw(calls: &[Call]) -> &str {
    calls.iter().rev().find_map(|call| call.raw.as_deref()).unwrap_or_default()
}
