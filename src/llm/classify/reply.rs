//! What a model said, in the forms that servers give it.

use serde_json::Value;

use super::{Cause, Completion, Usage};
use crate::llm::content::text_of;

/// Reads a completion; `None` where the answer is none.
pub fn read(answer: &Value) -> Option<Result<Completion, Cause>> {
    let choices = answer.get("choices").filter(|choices| !choices.is_null())?;
    let usage = answer.get("usage").and_then(usage);
    Some(choices.get(0).ok_or(Cause::Garbage).and_then(said).map(|(text, truncated)| Completion {
        text,
        truncated,
        usage,
    }))
}

/// What the model said, and whether its end may be missing.
fn said(choice: &Value) -> Result<(String, bool), Cause> {
    let message = ["message", "delta"].iter().find_map(|name| choice.get(name)).unwrap_or(choice);
    let bare = Some(message).filter(|message| !message.is_object());
    let content = bare.or_else(|| ["content", "text"].iter().find_map(|name| message.get(name)));
    let text = content.map_or(Some(String::new()), text_of).ok_or(Cause::Garbage)?;
    let is_empty = text.trim().is_empty();
    let truncated = match ending(choice.get("finish_reason").unwrap_or(&Value::Null)) {
        Ending::Whole => false,
        Ending::Cut => true,
        // Whoever was offered no tool and calls none has said something, whatever its server takes that for.
        Ending::Failed(Cause::ToolCall) if !is_empty && !calls_a_tool(message) => true,
        Ending::Failed(cause) => return Err(cause),
    };
    let refuses = message.get("refusal").and_then(Value::as_str).is_some_and(|refusal| !refusal.is_empty());
    match (is_empty, refuses) {
        (false, _) => Ok((text, truncated)),
        (true, true) => Err(Cause::Filtered),
        (true, false) => Err(Cause::Empty),
    }
}

fn calls_a_tool(message: &Value) -> bool {
    let has_calls = message.get("tool_calls").and_then(Value::as_array).is_some_and(|calls| !calls.is_empty());
    has_calls || message.get("function_call").is_some_and(Value::is_object)
}

/// What a finish reason says about the end of a text.
enum Ending {
    Whole,
    /// There was no room for more, or nobody says that it is whole.
    Cut,
    Failed(Cause),
}

/// Servers say the same in words of their own (`eos_token`, `MAX_TOKENS`, `endTurn`): the words within them count, and those
/// of a failure more than those of an end.
const WORDS: [(&[&str], Ending); 6] = [
    (
        &[
            "filter",
            "filtered",
            "safety",
            "blocked",
            "blocklist",
            "prohibited",
            "recitation",
            "refusal",
            "refused",
            "spii",
            "guardrail",
            "moderation",
            "sensitive",
            "policy",
            "toxic",
        ],
        Ending::Failed(Cause::Filtered),
    ),
    (&["repetition", "repetitive", "loop"], Ending::Failed(Cause::Repetitive)),
    (&["tool", "tools", "function"], Ending::Failed(Cause::ToolCall)),
    (
        &[
            "abort",
            "aborted",
            "error",
            "cancel",
            "cancelled",
            "canceled",
            "fail",
            "failed",
            "failure",
            "timeout",
            "interrupted",
            "preempted",
            "insufficient",
            "network",
            "exception",
        ],
        Ending::Failed(Cause::Aborted),
    ),
    (
        &["length", "max", "limit", "budget", "truncated", "incomplete", "context", "window", "overflow", "pause"],
        Ending::Cut,
    ),
    (&["stop", "stopped", "eos", "eot", "end", "ended", "complete", "completed", "done", "finished"], Ending::Whole),
];

fn ending(reason: &Value) -> Ending {
    // A few have an object, whose type it is.
    let reason = reason.as_str().or_else(|| reason.get("type")?.as_str()).unwrap_or_default();
    let words = words(reason);
    let told = WORDS.into_iter().find(|(known, _)| words.iter().any(|word| known.contains(&word.as_str())));
    // A server that does not say, or says it in no known word: the text counts, its end does not.
    told.map_or(Ending::Cut, |(_, ending)| ending)
}

/// `MAX_TOKENS`, `max-tokens` and `maxTokens` as the words that they are made of.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars().take(64) {
        let begins = !before.is_alphanumeric() || before.is_lowercase() && c.is_uppercase();
        if c.is_alphanumeric() {
            match words.last_mut() {
                Some(word) if !begins => word.extend(c.to_lowercase()),
                _ => words.push(c.to_lowercase().collect()),
            }
        }
        before = c;
    }
    words
}

fn usage(usage: &Value) -> Option<Usage> {
    let tokens = |name: &str| usage.get(name).and_then(Value::as_u64);
    Some(Usage { prompt: tokens("prompt_tokens")?, completion: tokens("completion_tokens")? })
}
