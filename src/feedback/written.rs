//! A feedback that is being written: what of it can be shown already.

use super::reply;

/// Bytes behind the end of a sentence that tell that it is one.
const LOOK_AHEAD: usize = 12;
/// Bytes after which one is looked for again that was not settled.
const PATIENCE: usize = 48;

/// A reply as it comes, and what of it was shown.
#[derive(Debug, Default)]
pub struct Written {
    reply: String,
    /// Up to where it was looked for ends of sentences.
    seen: usize,
    /// How much of it there was when one was found that was not settled yet.
    waits: Option<usize>,
    shown: String,
    /// What came later disagreed with what was shown.
    lost: bool,
}

impl Written {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// More of the reply; nothing is read of it yet.
    pub fn push(&mut self, more: &str) {
        self.reply.push_str(more);
    }

    /// All whole sentences so far that stay, as [`reply::read`] will have them, when there are more than at the last time.
    pub fn more(&mut self) -> Option<&str> {
        if self.lost || !self.may_have_more() {
            return None;
        }
        let settled = reply::settled(&self.reply).unwrap_or_default();
        let more = settled.strip_prefix(&self.shown);
        self.lost = more.is_none() && !self.shown.starts_with(&settled);
        self.waits = more.is_none_or(str::is_empty).then_some(self.reply.len());
        if self.waits.is_some() {
            return None;
        }
        self.shown = settled;
        Some(&self.shown)
    }

    /// Whether something that may end a sentence, and what tells that it does, came since this was asked before.
    fn may_have_more(&mut self) -> bool {
        let known = (0..=self.reply.len().saturating_sub(LOOK_AHEAD)).rev().find(|at| self.reply.is_char_boundary(*at));
        let known = known.unwrap_or_default().max(self.seen);
        let unseen = self.reply.get(self.seen..known).unwrap_or_default();
        self.seen = known;
        let again = self.waits.is_some_and(|then| then + PATIENCE <= self.reply.len());
        again || unseen.contains(['.', '!', '?', '…', '。', '！', '？', '\n'])
    }
}

#[cfg(test)]
mod tests;
