//! Which prompt is sent, and with how much room for the reply. Pure: who counts tokens is the caller's business.
//!
//! The examples in a prompt give way before the reply does: the first prompt that leaves the whole
//! [`max_tokens`](super::Ask::max_tokens) is sent. Only the leanest one is sent with less room, and never with less
//! than [`min_tokens`](super::Ask::min_tokens).

/// Tokens that a chat template puts around a message (turn markers, role, line breaks): a generous guess.
const PER_MESSAGE: u32 = 16;
/// Tokens that a chat template puts around the whole: start marker, the reply's own head, a default system text.
pub(super) const PER_PROMPT: u32 = 64;

/// What is known of a prompt's length in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A bound that came without asking anybody.
    AtMost(u32),
    /// As good as it gets: counted by the server, or estimated where it cannot count.
    Settled(u32),
}

impl Count {
    fn tokens(self) -> u32 {
        match self {
            Self::AtMost(tokens) | Self::Settled(tokens) => tokens,
        }
    }
}

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Index into [`Ask::prompts`](super::Ask::prompts).
    pub prompt: usize,
    /// Tokens for the reply.
    pub max_tokens: u32,
}

/// The next step towards a [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Send(Plan),
    /// The bound of this prompt is too high to be of use: count it.
    Count(usize),
    /// Not even the leanest prompt fits.
    TooLong,
}

/// Room for a prompt and its reply, all in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// What prompt and reply share.
    pub context: u32,
    pub max_reply: u32,
    pub min_reply: u32,
}

/// Decides what to send. `counts` goes from the richest prompt to the leanest; `overflowed` is the plan that the
/// server has just refused as too long, after which only a briefer one makes sense.
pub fn next_step(room: Room, counts: &[Count], overflowed: Option<Plan>) -> Step {
    let Some((leanest, leanest_count)) = counts.iter().enumerate().next_back() else { return Step::TooLong };
    let untried = overflowed.map_or(0, |plan| plan.prompt.saturating_add(1));
    for (prompt, count) in counts.iter().enumerate().skip(untried) {
        if count.tokens().saturating_add(room.max_reply) <= room.context {
            return Step::Send(Plan { prompt, max_tokens: room.max_reply });
        }
        if matches!(count, Count::AtMost(_)) {
            return Step::Count(prompt);
        }
    }
    // No prompt leaves the whole room for the reply.
    let max_tokens = match overflowed {
        Some(plan) if plan.prompt >= leanest && plan.max_tokens <= room.min_reply => return Step::TooLong,
        Some(plan) if plan.prompt >= leanest => room.min_reply,
        _ => room.context.saturating_sub(leanest_count.tokens()).min(room.max_reply),
    };
    if max_tokens < room.min_reply { Step::TooLong } else { Step::Send(Plan { prompt: leanest, max_tokens }) }
}

/// A bound of a message's tokens: a byte-level tokenizer makes at most one token of a byte.
pub(super) fn message_bound(text: &str) -> u32 {
    saturated(text.len()).saturating_add(PER_MESSAGE)
}

/// An estimate of a message's tokens, meant to be too high rather than too low.
pub(super) fn message_estimate(text: &str) -> u32 {
    estimate_text(text).saturating_add(PER_MESSAGE)
}

/// Estimated tokens of a text, on the safe side of what tokenizers with a Korean vocabulary make of it: a Hangul
/// syllable is one (they make 0.6 to 1), two Latin letters or spaces are one (about four in English prose), a digit
/// or a sign is one, and anything else as many as it has bytes.
pub fn estimate_text(text: &str) -> u32 {
    let half_tokens = text.chars().fold(0_usize, |sum, char| {
        sum.saturating_add(match char {
            'a'..='z' | 'A'..='Z' | ' ' => 1,
            '\0'..='\x7f' | '가'..='힣' => 2,
            _ => char.len_utf8().saturating_mul(2),
        })
    });
    saturated(half_tokens.div_ceil(2))
}

/// A bound of a prompt's tokens, once the same prompt with `"."` for its text is known to make `frame` tokens.
pub fn bound_from_frame(frame: u32, text: &str) -> u32 {
    frame.saturating_add(message_bound(text))
}

fn saturated(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { context: 4096, max_reply: 512, min_reply: 128 };

    fn send(prompt: usize, max_tokens: u32) -> Step {
        Step::Send(Plan { prompt, max_tokens })
    }

    #[test]
    fn a_bound_that_fits_settles_it_without_counting() {
        assert_eq!(next_step(ROOM, &[Count::AtMost(3584), Count::AtMost(10)], None), send(0, 512));
    }

    #[test]
    fn a_bound_that_does_not_fit_asks_for_a_count() {
        assert_eq!(next_step(ROOM, &[Count::AtMost(3585), Count::AtMost(10)], None), Step::Count(0));
        assert_eq!(next_step(ROOM, &[Count::Settled(3585), Count::AtMost(9000)], None), Step::Count(1));
    }

    #[test]
    fn examples_give_way_before_the_reply_does() {
        assert_eq!(next_step(ROOM, &[Count::Settled(3585), Count::AtMost(3584)], None), send(1, 512));
    }

    #[test]
    fn only_the_leanest_prompt_is_sent_with_less_room_for_the_reply() {
        let counts = [Count::Settled(3700), Count::Settled(3600)];
        assert_eq!(next_step(ROOM, &counts, None), send(1, 496));
        assert_eq!(next_step(ROOM, &[Count::Settled(3968)], None), send(0, 128));
    }

    #[test]
    fn with_less_room_than_a_reply_is_worth_nothing_fits() {
        assert_eq!(next_step(ROOM, &[Count::Settled(3969)], None), Step::TooLong);
        assert_eq!(next_step(ROOM, &[Count::Settled(u32::MAX)], None), Step::TooLong);
        assert_eq!(next_step(ROOM, &[], None), Step::TooLong);
    }

    #[test]
    fn after_a_refusal_each_step_is_briefer_and_they_end() {
        let counts = [Count::Settled(10), Count::Settled(9), Count::Settled(8)];
        let mut plan = None;
        let mut sent = Vec::new();
        while let Step::Send(next) = next_step(ROOM, &counts, plan) {
            sent.push((next.prompt, next.max_tokens));
            plan = Some(next);
        }
        assert_eq!(sent, [(0, 512), (1, 512), (2, 512), (2, 128)]);
        assert_eq!(next_step(ROOM, &counts, plan), Step::TooLong);
    }

    #[test]
    fn a_small_context_still_gets_the_least_reply() {
        let room = Room { context: 300, max_reply: 512, min_reply: 128 };
        assert_eq!(next_step(room, &[Count::Settled(200), Count::Settled(100)], None), send(1, 200));
        let refused = Some(Plan { prompt: 1, max_tokens: 200 });
        assert_eq!(next_step(room, &[Count::Settled(200), Count::Settled(100)], refused), send(1, 128));
    }

    #[test]
    fn the_byte_bound_counts_every_byte_and_the_template() {
        assert_eq!(message_bound(""), PER_MESSAGE);
        assert_eq!(message_bound("가a"), PER_MESSAGE + 4);
    }

    #[test]
    fn the_estimate_knows_scripts_apart() {
        for (text, tokens) in
            [("", 0), ("안녕하세요", 5), ("hello world!", 7), ("2026", 4), ("漢字", 6), ("😀", 4), ("a", 1)]
        {
            assert_eq!(estimate_text(text), tokens, "{text}");
        }
        assert!(message_estimate("안녕하세요") < message_bound("안녕하세요"));
    }

    #[test]
    fn a_known_frame_leaves_only_the_text_to_be_bounded_by_its_bytes() {
        assert_eq!(bound_from_frame(1200, "답변"), 1200 + 6 + PER_MESSAGE);
        assert_eq!(bound_from_frame(u32::MAX, "답변"), u32::MAX);
    }
}
