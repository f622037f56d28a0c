//! Until when a request is worth being worked (contract, sections 4 and 7).

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::events::header_names::CE_EXPIRYTIME;
use crate::events::outcome::{Failure, FailureCode};
use crate::events::record::{Record, first_sent, replay_count};

/// When a request is too late to be worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// When the request was first sent, where that is known.
    sent_at: Option<OffsetDateTime>,
    /// Age beyond which nobody works it. Of a replay there is none: a person wants it done.
    max_age: Duration,
    /// When whoever asked has gone, as the request itself says.
    expires_at: Option<OffsetDateTime>,
}

impl Expiry {
    /// Reads a request's; what is no time in `ce_expirytime` is none.
    pub fn of(record: &Record, max_age: Duration) -> Self {
        let sent = first_sent(record).map(|millis| i128::from(millis) * 1_000_000);
        Self {
            sent_at: sent.and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()),
            max_age: if replay_count(record) > 0 { Duration::MAX } else { max_age },
            expires_at: record.text_header(CE_EXPIRYTIME).and_then(read),
        }
    }

    /// When the request was first sent, where that is known.
    pub fn sent_at(&self) -> Option<OffsetDateTime> {
        self.sent_at
    }

    /// Whether the request may still be worked.
    ///
    /// # Errors
    /// `DEADLINE_EXCEEDED`.
    pub fn check(&self, now: OffsetDateTime) -> Result<(), Failure> {
        if self.sent_at.is_some_and(|sent| now - sent > self.max_age) {
            return Err(too_late(format!("the request waited longer than {:?}", self.max_age)));
        }
        self.check_caller(now)
    }

    /// Whether whoever asked is still there, however old the request has become since its turn came.
    ///
    /// # Errors
    /// `DEADLINE_EXCEEDED`.
    pub fn check_caller(&self, now: OffsetDateTime) -> Result<(), Failure> {
        match self.expires_at {
            Some(at) if now > at => Err(too_late("it expired before its turn came".to_owned())),
            Some(_) | None => Ok(()),
        }
    }

    /// Waits for what a request needs before it can be worked; `None` as soon as it has expired: who asked has gone.
    pub async fn wait_for<T>(&self, needed: impl Future<Output = T>) -> Option<T> {
        let Some(at) = self.expires_at else { return Some(needed.await) };
        let left = Duration::try_from(at - OffsetDateTime::now_utc()).unwrap_or_default();
        tokio::time::timeout(left, needed).await.ok()
    }
}

/// The time in a `ce_expirytime` header.
pub fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text.trim(), &Rfc3339).ok()
}

fn too_late(reason: String) -> Failure {
    Failure::new(FailureCode::DeadlineExceeded, reason)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::events::header_names::{REPLAY_COUNT, REPLAY_ORIGINAL_TIMESTAMP};
    use crate::events::record::{Coordinates, Header, RecordTime, RequestKind};

    const SENT: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const MAX_AGE: Duration = Duration::from_secs(600);

    fn expiry(headers: Vec<Header>) -> Expiry {
        let millis = i64::try_from(SENT.unix_timestamp_nanos() / 1_000_000).unwrap();
        let record = Record {
            kind: RequestKind::ResumeAnswer,
            at: Coordinates { topic: "ResumeAnswer".into(), partition: 0, offset: 1 },
            time: Some(RecordTime::Create(millis)),
            key: None,
            value: None,
            headers,
        };
        Expiry::of(&record, MAX_AGE)
    }

    fn code(result: Result<(), Failure>) -> Option<FailureCode> {
        result.err().map(|failure| failure.code)
    }

    #[test]
    fn a_request_may_be_worked_until_it_is_too_old() {
        let plain = expiry(vec![]);
        assert_eq!(code(plain.check(SENT + MAX_AGE)), None);
        assert_eq!(code(plain.check(SENT + MAX_AGE + Duration::from_millis(1))), Some(FailureCode::DeadlineExceeded));
    }

    #[test]
    fn a_replay_is_never_too_old_and_as_old_as_the_request() {
        let earlier = SENT - 100 * MAX_AGE;
        let millis = (earlier.unix_timestamp_nanos() / 1_000_000).to_string();
        let headers = vec![Header::new(REPLAY_COUNT, "1"), Header::new(REPLAY_ORIGINAL_TIMESTAMP, millis)];
        let replay = expiry(headers.clone());
        assert_eq!((replay.sent_at(), code(replay.check(SENT + 100 * MAX_AGE))), (Some(earlier), None));
        let expiring = expiry([headers, vec![Header::new(CE_EXPIRYTIME, "2026-11-22T10:01:30Z")]].concat());
        assert_eq!(code(expiring.check(SENT + MAX_AGE)), Some(FailureCode::DeadlineExceeded));
    }

    #[test]
    fn it_may_not_be_worked_once_its_caller_has_gone() {
        for text in ["2026-11-22T10:01:30Z", " 2026-11-22T19:01:30+09:00", "2026-11-22T10:01:30.000Z"] {
            let brief = expiry(vec![Header::new(CE_EXPIRYTIME, text)]);
            assert_eq!(code(brief.check(SENT + Duration::from_secs(90))), None, "{text}");
            let late = brief.check(SENT + Duration::from_millis(90_001));
            assert_eq!(code(late), Some(FailureCode::DeadlineExceeded), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_no_expiry() {
        for text in ["", "soon", "2026-11-22", "1763805690", "2026-13-40T00:00:00Z"] {
            assert_eq!(expiry(vec![Header::new(CE_EXPIRYTIME, text)]), expiry(vec![]), "{text}");
        }
    }

    #[tokio::test]
    async fn who_waits_is_told_as_soon_as_it_has_expired() {
        let past = expiry(vec![Header::new(CE_EXPIRYTIME, "2026-11-22T10:01:30Z")]);
        assert_eq!(past.wait_for(std::future::pending::<()>()).await, None);
        assert_eq!(code(past.check_caller(OffsetDateTime::now_utc())), Some(FailureCode::DeadlineExceeded));
        assert_eq!(expiry(vec![]).wait_for(async { 7 }).await, Some(7));
        assert_eq!(code(expiry(vec![]).check_caller(SENT + 9 * MAX_AGE)), None);
    }
}
