//! A request from before its member was erased: nothing is done for it, and nothing stored.

use time::OffsetDateTime;

use super::{Answered, Course, Unanswered};
use crate::events::outcome::FailureCode;

/// For logs alone.
const ERASED: &str = "its member was erased (session delete) after it was sent";

impl Course<'_> {
    /// What becomes of it. Its outcome is made of the record alone, and so the same each time that the record is read: it
    /// needs no journal.
    pub(super) fn erased(&self, was_answered: bool) -> Result<Answered, Unanswered> {
        if was_answered {
            tracing::info!(record = %self.origin.record.at, "{ERASED} and answered: nothing is sent again");
            return Err(Unanswered::Settled);
        }
        let outcome = self.failed(FailureCode::DeadlineExceeded, ERASED);
        Ok((outcome.into_saved(self.origin, OffsetDateTime::now_utc())?, Some(ERASED.to_owned())))
    }
}
