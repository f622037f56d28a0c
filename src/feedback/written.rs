//! A feedback that is being written: what of it can be shown already.
//!
//! There is one grammar: [`reply::settled`] is [`reply::read`] of the beginning of a reply, which keeps back whatever the
//! rest may change. A sentence counts when so much is behind it as its readers look ahead. One in a bracket, a quote, a pair of
//! marks or a tag that is open waits for the other half, and all of a reply waits that begins with what may enclose it (a
//! quote, a list, a block of code) or with what may be no reply (an error, a refusal, thoughts).
//!
//! What nobody can know from the beginning, since it makes something else of all that stood before it:
//!
//! - a thought that ends and was not begun, as its beginning was in the prompt (`…</think>`): [`Habit`] remembers servers whose
//!   replies have such. Of others what looks like a thought is kept back: English, plain speech, and how models begin to think;
//! - a mark behind which the reply proper begins (`<answer>` on a new line, `<|START_RESPONSE|>`, `assistantfinal`);
//! - the end of our own prompt, repeated (`</답변>`): what stands before it was an echo;
//! - JSON with the feedback in it, behind sentences that stood before it.
//!
//! When such comes, what was shown was wrong: nothing more is shown, and the outcome says it right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reply;
use crate::llm::text::turn;

/// Bytes behind the end of a sentence that tell that it is one.
const LOOK_AHEAD: usize = 12;
/// Bytes after which one is looked for again that was not settled.
const PATIENCE: usize = 48;

/// Whether replies of late ended thoughts that they had not begun. Then nothing is shown before that.
#[derive(Debug, Default)]
pub struct Habit(AtomicBool);

/// A reply as it comes, and what of it was shown.
#[derive(Debug, Default)]
pub struct Written {
    reply: String,
    habit: Arc<Habit>,
    /// Up to where it was looked for ends of sentences.
    seen: usize,
    /// How much of it there was when one was found that was not settled yet.
    waits: Option<usize>,
    shown: String,
    /// What came later disagreed with what was shown.
    lost: bool,
    /// Times that it was read.
    #[cfg(test)]
    readings: usize,
}

impl Written {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One of a model whose earlier replies are known.
    #[must_use]
    pub fn by(habit: Arc<Habit>) -> Self {
        Self { habit, ..Self::default() }
    }

    /// The reply is whole: the next one by the same model may be like it. One that came whole was not heard, and says nothing.
    pub fn ends(&self) {
        if !self.reply.is_empty() {
            self.habit.0.store(turn::ends_thought(&self.reply), Ordering::Relaxed);
        }
    }

    /// More of the reply; nothing is read of it yet.
    pub fn push(&mut self, more: &str) {
        self.reply.push_str(more);
    }

    /// All whole sentences so far that stay, as [`reply::read`] will have them, when there are more than at the last time.
    pub fn more(&mut self) -> Option<&str> {
        if self.lost || !self.may_have_more() || self.may_be_thought() {
            return None;
        }
        #[cfg(test)]
        {
            self.readings += 1;
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

    fn may_be_thought(&self) -> bool {
        self.habit.0.load(Ordering::Relaxed) && !turn::ends_thought(&self.reply)
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
