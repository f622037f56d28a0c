//! Bytes of others on an operator's terminal.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::llm::text::is_invisible;

/// Text as it is, except that what nobody sees is escaped: control characters could drive the terminal, and others turn
/// around or hide what stands beside them. Bytes that are no text come as base64.
pub fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
            if is_hidden(character) {
                shown.extend(character.escape_default());
            } else {
                shown.push(character);
            }
            shown
        }),
        Err(_) => format!("base64:{}", BASE64_STANDARD.encode(bytes)),
    }
}

fn is_hidden(character: char) -> bool {
    // Joiners show something between emoji alone, and the two separators end a line for some.
    let joins_or_ends = matches!(character, '\u{200c}' | '\u{200d}' | '\u{2028}' | '\u{2029}');
    character.is_control() || joins_or_ends || is_invisible(character)
}

/// The same, of text in lines.
pub fn printable_lines(text: &str) -> String {
    text.lines().fold(String::with_capacity(text.len()), |mut shown, line| {
        let between = if shown.is_empty() { "" } else { "\n" };
        // Writing to a text cannot fail.
        let _ = write!(shown, "{between}{}", printable(line.as_bytes()));
        shown
    })
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
        assert_eq!(
            printable("나\u{202e}가\u{200b}\u{e0041}\u{3164}".as_bytes()),
            "나\\u{202e}가\\u{200b}\\u{e0041}\\u{3164}"
        );
        assert_eq!(printable_lines("{\n  \"a\": \"\u{9b}31m\"\r\n}"), "{\n  \"a\": \"\\u{9b}31m\"\n}");
    }

    #[test]
    fn a_time_beyond_all_calendars_is_a_dash() {
        assert_eq!(instant(Some(1_000)), "1970-01-01T00:00:01Z");
        assert_eq!(instant(Some(i64::MAX)), "-");
        assert_eq!(instant(None), "-");
    }
}
