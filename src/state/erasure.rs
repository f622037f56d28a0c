//! Erasure: a member's data is removed, and does not come back.
//!
//! What was sent before stays in Kafka, and may be read again: it waited there, offsets were reset, a partition moved. So a
//! mark says when the member was erased, and of what was sent until then nothing is begun, saved or remembered any more.

use std::time::Duration;

use async_trait::async_trait;

use super::StateError;
use crate::events::request::MemberId;

/// How long the mark stays: longer than anybody keeps requests and dead letters.
pub const MARKED_FOR: Duration = Duration::from_secs(366 * 24 * 3_600);

/// How much is stored of a member, in both flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub sessions: usize,
    pub drafts: usize,
    /// Lists of questions of ended sessions.
    pub ended: usize,
    /// Outcomes in the journal.
    pub outcomes: usize,
    /// Locks: a worker works for the member now, or died a moment ago.
    pub locks: usize,
}

/// Removing a member. Doing it again goes on where it was interrupted.
#[async_trait]
pub trait Erasure: Send + Sync {
    /// Marks a member as erased at this moment, in milliseconds since 1970. It comes before anything is removed.
    async fn mark_erased(&self, member: MemberId, at: i64) -> Result<(), StateError>;

    /// When a member was erased last, in milliseconds since 1970.
    async fn erased_at(&self, member: MemberId) -> Result<Option<i64>, StateError>;

    /// Removes everything that is stored of a member except locks and the mark, and says how much it was. Which requests had
    /// been answered, by their names alone, is known for as long as their outcomes would have been: nobody gets two.
    /// Whoever calls it should hold the member's locks: a worker could write anew what has just been removed.
    async fn forget(&self, member: MemberId) -> Result<Holdings, StateError>;
}

/// Whether nothing of what was sent then may come back. What has no time may be older than the mark.
pub fn is_erased(erased_at: Option<i64>, sent_at: Option<i64>) -> bool {
    erased_at.is_some_and(|erased| sent_at.is_none_or(|sent| sent <= erased))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_until_the_mark_is_erased_and_so_is_what_has_no_time() {
        for (erased_at, sent_at, expected) in [
            (None, Some(1), false),
            (None, None, false),
            (Some(5), Some(4), true),
            (Some(5), Some(5), true),
            (Some(5), Some(6), false),
            (Some(5), None, true),
        ] {
            assert_eq!(is_erased(erased_at, sent_at), expected, "{erased_at:?} {sent_at:?}");
        }
    }
}
