//! A replayed `ResumeInit` is history: it begins an interview for a member who has none since, and never ends a newer one.

use time::OffsetDateTime;

use crate::events::outcome::{Failure, FailureCode};
use crate::events::record::{Record, first_sent, replay_count};
use crate::state::session::{Ended, Session};

/// Whether the interview may begin. What ended counts by its end, which is all that is remembered of it: a member who came
/// to an end since needs no older beginning.
///
/// # Errors
/// `STALE_ANSWER`, where the member has begun a newer interview since the request was first sent.
pub fn check(record: &Record, session: Option<&Session>, ended: Option<&Ended>) -> Result<(), Failure> {
    let Some(first_sent) = first_sent(record).filter(|_| replay_count(record) > 0) else { return Ok(()) };
    let begun = session.map(|session| session.started_at);
    if begun.max(ended.map(|ended| ended.ended_at)).is_some_and(|latest| millis(latest) > i128::from(first_sent)) {
        return Err(Failure::new(FailureCode::StaleAnswer, "the member has begun a newer interview since"));
    }
    Ok(())
}

fn millis(time: OffsetDateTime) -> i128 {
    time.unix_timestamp_nanos().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::events::record::{Coordinates, Header, RecordTime, RequestKind};
    use crate::state::session::tests::{NOW, asked};

    const MINUTE: Duration = Duration::from_secs(60);

    /// Whether a request that was first sent at [`NOW`], and comes again an hour later, may begin an interview.
    fn may_begin(session: Option<Session>, ended: Option<Ended>, count: &str) -> bool {
        let sent = millis(NOW).to_string();
        let later = RecordTime::Create(i64::try_from(millis(NOW + 60 * MINUTE)).unwrap());
        let record = Record {
            kind: RequestKind::ResumeInit,
            at: Coordinates { topic: "ResumeInit".into(), partition: 0, offset: 1 },
            time: Some(later),
            key: None,
            value: None,
            headers: vec![Header::new("replay-count", count), Header::new("replay-original-timestamp", sent)],
        };
        let checked = check(&record, session.as_ref(), ended.as_ref());
        checked.map_err(|failure| assert_eq!(failure.code, FailureCode::StaleAnswer)).is_ok()
    }

    fn begun(at: OffsetDateTime) -> Option<Session> {
        Some(Session { started_at: at, ..asked(2) })
    }

    fn ended(at: OffsetDateTime) -> Option<Ended> {
        Some(Ended::of(Vec::new(), at))
    }

    #[test]
    fn a_replayed_beginning_leaves_a_newer_interview_alone() {
        assert!(!may_begin(begun(NOW + MINUTE), None, "1"));
        assert!(!may_begin(None, ended(NOW + MINUTE), "1"));
        assert!(!may_begin(begun(NOW - MINUTE), ended(NOW + MINUTE), "1"));
    }

    #[test]
    fn it_is_worked_where_there_is_none_or_only_an_older_one() {
        assert!(may_begin(None, None, "1"));
        assert!(may_begin(begun(NOW - MINUTE), ended(NOW - MINUTE), "1"));
    }

    #[test]
    fn one_that_is_no_replay_begins_whatever_there_is() {
        assert!(may_begin(begun(NOW + 9 * MINUTE), ended(NOW + 9 * MINUTE), "0"));
    }
}
