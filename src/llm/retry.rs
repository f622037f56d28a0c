//! When to try again. Pure: randomness and the time of day are arguments.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Exponential backoff with full jitter: each pause is drawn evenly between nothing and a limit that doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Limit of the first pause.
    pub base: Duration,
    /// Limit of any pause.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(200), cap: Duration::from_secs(5) }
    }
}

impl Backoff {
    /// The pause after `attempt` failures (from 0), where `random` is drawn evenly from all of `u32`.
    pub fn pause(&self, attempt: u32, random: u32) -> Duration {
        let limit = self.base.saturating_mul(2_u32.saturating_pow(attempt)).min(self.cap);
        let nanos = (limit.as_nanos() * u128::from(random)) >> u32::BITS;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Reads a `Retry-After` header, seconds or an HTTP date; a date that is over means at once. `None` when it is neither.
pub fn retry_after(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = OffsetDateTime::parse(value, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_limit_doubles_up_to_the_cap() {
        let backoff = Backoff::default();
        let limit = |attempt| backoff.pause(attempt, u32::MAX).as_secs_f64();
        for (attempt, seconds) in
            [(0, 0.2), (1, 0.4), (2, 0.8), (3, 1.6), (4, 3.2), (5, 5.0), (60, 5.0), (u32::MAX, 5.0)]
        {
            assert!((limit(attempt) - seconds).abs() < 0.001, "{attempt}: {}", limit(attempt));
        }
    }

    #[test]
    fn the_pause_is_anywhere_below_the_limit() {
        let backoff = Backoff { base: Duration::from_secs(4), cap: Duration::from_secs(4) };
        assert_eq!(backoff.pause(0, 0), Duration::ZERO);
        assert_eq!(backoff.pause(0, 1 << 31), Duration::from_secs(2));
        assert_eq!(backoff.pause(3, 1 << 30), Duration::from_secs(1));
    }

    #[test]
    fn a_huge_cap_does_not_overflow() {
        let backoff = Backoff { base: Duration::MAX, cap: Duration::MAX };
        assert!(backoff.pause(9, u32::MAX) > Duration::from_secs(1));
    }

    #[test]
    fn retry_after_is_read_as_seconds() {
        let now = datetime!(2026-11-22 10:00:00 UTC);
        assert_eq!(retry_after("0", now), Some(Duration::ZERO));
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn retry_after_is_read_as_an_http_date() {
        let now = datetime!(2026-11-22 10:00:00 UTC);
        assert_eq!(retry_after("Sun, 22 Nov 2026 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_no_retry_after() {
        for value in ["", "soon", "-1", "1.5", "10s", "2026-11-22T10:00:00Z"] {
            assert_eq!(retry_after(value, datetime!(2026-11-22 10:00:00 UTC)), None, "{value}");
        }
    }
}
