//! The JSON in an answer's body, whatever servers and the proxies before them put around it: blank lines and comments that
//! keep the connection open, a byte order mark, the events of a stream that nobody asked for, halves of characters. Pure.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::streamed::Streamed;
use crate::events::json::whole_characters;

/// What the lines of an event stream begin with, but for comments.
const FIELDS: [&[u8]; 4] = [b"data:", b"event:", b"id:", b"retry:"];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing has come yet but what keeps a connection open.
    Unclear,
    /// A stream of events.
    Events,
    /// JSON, or something that nobody asked for.
    Whole,
}

impl Form {
    /// What a body is that begins so.
    pub fn of(beginning: &[u8]) -> Self {
        if BYTE_ORDER_MARK.starts_with(beginning) {
            return Self::Unclear;
        }
        let text = without_comments(beginning);
        if FIELDS.iter().any(|field| text.starts_with(field)) {
            Self::Events
        } else if text.first() == Some(&b':') || FIELDS.iter().any(|field| field.starts_with(text)) {
            Self::Unclear
        } else {
            Self::Whole
        }
    }
}

/// What a body says; `None` where it is no JSON.
pub fn json(body: &[u8]) -> Option<Value> {
    let body = without_comments(body);
    if Form::of(body) == Form::Events {
        let mut streamed = Streamed::default();
        streamed.hears(Bytes::copy_from_slice(body));
        return streamed.ends();
    }
    let text = String::from_utf8_lossy(body);
    first_value(&text).or_else(|| first_value(&whole_characters(&text, "")))
}

/// A body without what keeps a connection open: comments of an event stream come before an answer that is none, too.
pub fn without_comments(body: &[u8]) -> &[u8] {
    let mut text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body).trim_ascii_start();
    while text.first() == Some(&b':') {
        let Some((_, rest)) =
            text.iter().position(|byte| matches!(byte, b'\n' | b'\r')).and_then(|end| text.split_at_checked(end))
        else {
            break;
        };
        text = rest.trim_ascii_start();
    }
    text
}

/// The JSON that `text` begins with. What comes behind it is no part of the answer.
fn first_value(text: &str) -> Option<Value> {
    Value::deserialize(&mut serde_json::Deserializer::from_str(text)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Option<Value> {
        json(body.as_bytes())
    }

    #[test]
    fn what_keeps_a_connection_open_is_no_part_of_the_answer() {
        for body in
            [r#"{"a":1}"#, "\n\n \r\n{\"a\":1}", "\u{FEFF}{\"a\":1}", ": wait\n\n: wait\n{\"a\":1}", "{\"a\":1}\n: end"]
        {
            assert_eq!(read(body), Some(json!({"a": 1})), "{body}");
        }
        for body in ["", " \n", ": wait", ": wait\n", "<html>", "{\"a\":", "data:", "event: ping\ndata: {}\n"] {
            assert_eq!(read(body), None, "{body}");
        }
        assert_eq!(json(&[0xff, 0xfe]), None);
    }

    #[test]
    fn half_a_character_costs_that_character_alone() {
        for (text, whole) in [
            (r"a\ud83d", "a"),
            (r"a\ude00b", "ab"),
            (r"\ud83d\ud83d\ude00", "😀"),
            (r"\ud83d\n\ude00", "\n"),
            (r"\\ud83d\ud83d", "\\ud83d"),
            (r"\u00e9\ud83d", "é"),
        ] {
            assert_eq!(read(&format!(r#"{{"a":"{text}"}}"#)), Some(json!({"a": whole})), "{text}");
        }
        assert_eq!(json(b"{\"a\":\"\xf0\x9f\"}"), Some(json!({"a": "\u{FFFD}"})));
    }

    #[test]
    fn what_a_body_is_shows_as_soon_as_there_is_more_than_keeps_a_connection_open() {
        for (beginning, form) in [
            ("", Form::Unclear),
            ("\u{FEFF}", Form::Unclear),
            (" \r\n", Form::Unclear),
            (": wait", Form::Unclear),
            (": wait\n\nda", Form::Unclear),
            ("retr", Form::Unclear),
            (": wait\n\ndata:", Form::Events),
            ("\u{FEFF}event: x", Form::Events),
            ("id: 1\ndata: {}", Form::Events),
            ("retry: 3000", Form::Events),
            (": wait\r{", Form::Whole),
            ("{\"data:", Form::Whole),
            ("<html>", Form::Whole),
            ("denied", Form::Whole),
        ] {
            assert_eq!(Form::of(beginning.as_bytes()), form, "{beginning:?}");
        }
        assert_eq!(Form::of(b"\xEF\xBB"), Form::Unclear);
    }
}
