//! What a model is asked: a preamble that is the same for everyone, and the text of one request behind it.

use std::sync::Arc;

use super::budget;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a chat, as the API's JSON.
pub(super) fn message(role: Role, text: &str) -> String {
    // Texts can always be written as JSON.
    let content = serde_json::to_string(text).unwrap_or_default();
    [r#"{"role":""#, role.name(), r#"","content":"#, &content, "}"].concat()
}

/// The messages that prompts of a kind begin with. They are the same bytes every time, so that the server's prefix cache
/// has them ready; here they are written and measured once.
#[derive(Debug, PartialEq, Eq)]
pub struct Preamble {
    /// The messages as JSON, each with a comma behind it.
    json: String,
    byte_bound: u32,
    estimate: u32,
}

impl Preamble {
    /// A preamble of these messages.
    pub fn new<'a>(messages: impl IntoIterator<Item = (Role, &'a str)>) -> Self {
        let nothing = Self { json: String::new(), byte_bound: budget::PER_PROMPT, estimate: budget::PER_PROMPT };
        messages.into_iter().fold(nothing, |preamble, (role, text)| Self {
            json: preamble.json + &message(role, text) + ",",
            byte_bound: preamble.byte_bound.saturating_add(budget::message_bound(text)),
            estimate: preamble.estimate.saturating_add(budget::message_estimate(text)),
        })
    }

    /// One that stays, as prompts want it: tests make theirs as they need them.
    #[cfg(test)]
    pub fn kept<'a>(messages: impl IntoIterator<Item = (Role, &'a str)>) -> &'static Self {
        Box::leak(Box::new(Self::new(messages)))
    }

    /// The messages as they are sent: JSON objects, each with a comma behind it.
    pub fn json(&self) -> &str {
        &self.json
    }
}

/// A whole prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub preamble: &'static Preamble,
    /// What the user says last, shared by all prompts that differ in their preamble alone.
    pub text: Arc<str>,
}

impl Prompt {
    /// The last message as JSON.
    pub fn last_json(&self) -> String {
        message(Role::User, &self.text)
    }

    /// A bound of its tokens that costs no call: a byte-level tokenizer makes at most one token of a byte.
    pub fn byte_bound(&self) -> u32 {
        self.preamble.byte_bound.saturating_add(budget::message_bound(&self.text))
    }

    /// An estimate for servers that cannot count, meant to be too high rather than too low.
    pub fn estimate(&self) -> u32 {
        self.preamble.estimate.saturating_add(budget::message_estimate(&self.text))
    }
}
