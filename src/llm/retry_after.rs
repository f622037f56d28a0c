//! When a server asks to come again. Pure: the time of day is an argument.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Reads a `Retry-After` header, seconds or an HTTP date; a date that is over means at once. `None` when it is neither.
/// Some servers write parts of a second, which the standard does not know.
pub fn read(value: &str, now: OffsetDateTime) -> Option<Duration> {
    let value = value.trim();
    if let Some((seconds, parts)) = value.split_once('.') {
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = value.parse().ok().filter(|_| is_number(seconds) && is_number(parts))?;
        return Duration::try_from_secs_f64(seconds).ok();
    }
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
    fn retry_after_is_read_as_seconds() {
        let now = datetime!(2026-11-22 10:00:00 UTC);
        assert_eq!(read("0", now), Some(Duration::ZERO));
        assert_eq!(read(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(read("1.5", now), Some(Duration::from_millis(1_500)));
        assert_eq!(read("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn retry_after_is_read_as_an_http_date() {
        let now = datetime!(2026-11-22 10:00:00 UTC);
        assert_eq!(read("Sun, 22 Nov 2026 10:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 22 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_no_retry_after() {
        for value in ["", "soon", "-1", "-1.5", ".5", "1.", "10s", "2026-11-22T10:00:00Z"] {
            assert_eq!(read(value, datetime!(2026-11-22 10:00:00 UTC)), None, "{value}");
        }
    }
}
