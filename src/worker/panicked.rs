//! The end of a record whose work panicked where no turn could tell its member.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::outcome::{Failure, FailureCode, Origin, Outcome};
use crate::events::record::request_id;
use crate::flow_control::place::{LeftToTheNext, Place};
use crate::state::retrying::StateFault;
use crate::state::{Change, Saved};
use crate::worker::work::{Job, LOCK_BACKOFF, PANICKED, Worker, claim, reach};

impl Worker {
    /// A panic outside of a turn is told as one within, saved like any outcome where the store takes it; what was saved
    /// before it is the answer. Whoever panics at that, too, leaves a dead letter alone.
    pub(super) async fn tell_of_panic(&self, job: &Job, place: &Place, token: Uuid) -> Result<(), LeftToTheNext> {
        let record = &job.record;
        let Ok(decoded) = &job.decoded else {
            self.dead_letter(record, FailureCode::Internal.name(), PANICKED).await;
            return Ok(());
        };
        let id = request_id(record, decoded.request_id.as_deref());
        let origin = Origin::new(record, decoded, &id);
        let failure = Failure::new(FailureCode::Internal, PANICKED);
        let outcome = Outcome::Failed { problem_id: decoded.problem_id, failure };
        let scope = outcome.scope();
        let Ok(failed) = outcome.into_saved(&origin, OffsetDateTime::now_utc()) else {
            self.dead_letter(record, FailureCode::Internal.name(), PANICKED).await;
            return Ok(());
        };
        let claim = claim(&origin, decoded, token);
        let change = Change { session: None, outcome: Some((scope, failed.clone())) };
        for waits in 0.. {
            let saving = reach(place, || self.state.save(&claim, &change));
            let saved = match AssertUnwindSafe(saving).catch_unwind().await {
                // Whoever has the member's lock goes first, and may answer this very request.
                Ok(Ok(Ok(Saved::Conflict))) => {
                    place.wait(tokio::time::sleep(LOCK_BACKOFF.jittered(waits))).await?;
                    continue;
                }
                Ok(Ok(Ok(Saved::Answered(standing)))) => standing,
                Ok(Err(left)) => return Err(left),
                Ok(Ok(Err(fault @ StateFault::AnsweredUnreadably(_)))) => {
                    self.dead_letter(record, FailureCode::Internal.name(), &fault.to_string()).await;
                    return Ok(());
                }
                Ok(Ok(Ok(Saved::Done) | Err(StateFault::Refused(_)))) | Err(_) => failed,
            };
            return self.settle(&origin, &saved, Some(PANICKED), place).await;
        }
        Ok(())
    }
}
