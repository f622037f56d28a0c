//! Puts back what was hidden while a reply is being written: the beginning of what may become a placeholder is kept until
//! it is known.

use std::sync::Arc;

use super::{Kind, LONGEST, Masks};

/// A reply as it comes.
#[derive(Debug)]
pub(crate) struct Restoring {
    masks: Arc<Masks>,
    held: String,
}

impl Restoring {
    pub fn new(masks: Arc<Masks>) -> Self {
        Self { masks, held: String::new() }
    }

    /// More of the reply; what can be told of it.
    pub fn push(&mut self, more: &str) -> String {
        self.held.push_str(more);
        let known = self.held.len() - unknown(&self.held).len();
        let rest = self.held.split_off(known);
        self.masks.put_back(&std::mem::replace(&mut self.held, rest))
    }

    /// The reply begins anew.
    pub fn begins(&mut self) {
        self.held.clear();
    }

    /// What was kept until the end.
    pub fn rest(&self) -> String {
        without_half(&self.held).to_owned()
    }
}

/// The end of `text` that may be the beginning of a placeholder.
fn unknown(text: &str) -> &str {
    let open = text.rfind(['[', '［']).filter(|open| {
        let inner = text.get(*open..).unwrap_or_default();
        !inner.contains([']', '］']) && inner.chars().nth(LONGEST).is_none()
    });
    let before = text.get(..open.unwrap_or(text.len())).unwrap_or_default();
    text.get(before.trim_end_matches('\\').len()..).unwrap_or_default()
}

/// A reply without the half of a placeholder at its end, where it broke off.
pub(super) fn without_half(text: &str) -> &str {
    let half = unknown(text);
    let inner = half.trim_start_matches('\\').trim_start_matches(['[', '［']).trim();
    let is_half = half.contains(['[', '［'])
        && !inner.is_empty()
        && Kind::ALL.iter().any(|kind| {
            kind.word().starts_with(inner)
                || inner
                    .strip_prefix(kind.word())
                    .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == ' '))
        });
    if is_half { text.strip_suffix(half).unwrap_or(text) } else { text }
}
