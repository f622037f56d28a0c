//! Bytes of others on an operator's terminal.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Text as it is, except that control characters are escaped so that it cannot drive the terminal; bytes that are no
/// text as base64.
pub fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
            if character.is_control() {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
            shown
        }),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(bytes)),
    }
}

/// Milliseconds since 1970 as RFC 3339; `-` for what is no time.
pub fn instant(millis: Option<i64>) -> String {
    millis
        .and_then(|millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok())
        .map_or_else(|| "-".to_owned(), moment)
}

/// RFC 3339; `-` for years that it cannot write.
pub fn moment(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_can_drive_the_terminal() {
        assert_eq!(printable("한글 \"a\"".as_bytes()), "한글 \"a\"");
        assert_eq!(printable(b"\x1b[2J\r\n\0"), "\\u{1b}[2J\\r\\n\\u{0}");
        assert_eq!(printable("\u{9b}31m".as_bytes()), "\\u{9b}31m");
        assert_eq!(printable(b"\xff\x00"), "base64:/wA=");
    }

    #[test]
    fn a_time_beyond_all_calendars_is_a_dash() {
        assert_eq!(instant(Some(1_000)), "1970-01-01T00:00:01Z");
        assert_eq!(instant(Some(i64::MAX)), "-");
        assert_eq!(instant(None), "-");
    }
}
