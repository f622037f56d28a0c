//! The JSON in an answer's body, whatever servers and the proxies before them put around it: blank lines and comments that
//! keep the connection open, a byte order mark, the events of a stream that nobody asked for, halves of characters. Pure.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::events::json::whole_characters;

/// What a body says; `None` where it is no JSON.
pub fn json(body: &[u8]) -> Option<Value> {
    let mut text: &str = &String::from_utf8_lossy(body);
    text = text.trim_start_matches('\u{FEFF}').trim_start();
    // Comments of an event stream come before an answer that is none, too.
    while let Some(comment) = text.strip_prefix(':') {
        text = comment.split_once('\n').map_or("", |(_, rest)| rest.trim_start());
    }
    if text.starts_with("data:") || text.starts_with("event:") {
        return streamed(text);
    }
    first_value(text).or_else(|| first_value(&whole_characters(text, "")))
}

/// Whether a body that begins so may go on to say nothing for as long as the model thinks.
pub fn is_keep_alive(beginning: &[u8]) -> bool {
    match beginning.trim_ascii_start() {
        [] | [b':' | b'd' | b'e', ..] => true,
        [..] => false,
    }
}

/// The JSON that `text` begins with. What comes behind it is no part of the answer.
fn first_value(text: &str) -> Option<Value> {
    Value::deserialize(&mut serde_json::Deserializer::from_str(text)).ok()
}

/// A stream's events as the one answer that they make.
fn streamed(text: &str) -> Option<Value> {
    let events = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let (mut content, mut finish, mut usage, mut is_answer) = (String::new(), Value::Null, Value::Null, false);
    for event in events.filter(|event| *event != "[DONE]") {
        let event = first_value(event).or_else(|| first_value(&whole_characters(event, "")))?;
        let choice = event.pointer("/choices/0").unwrap_or(&Value::Null);
        // An error, or all of it at once.
        if event.get("error").is_some_and(|error| !error.is_null()) || choice.get("message").is_some() {
            return Some(event);
        }
        is_answer |= choice.is_object();
        content.push_str(choice.pointer("/delta/content").and_then(Value::as_str).unwrap_or_default());
        let told = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
        finish = told(choice.get("finish_reason")).unwrap_or(finish);
        usage = told(event.get("usage")).unwrap_or(usage);
    }
    is_answer.then(|| json!({"choices": [{"message": {"content": content}, "finish_reason": finish}], "usage": usage}))
}

#[cfg(test)]
mod tests {
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
    fn a_stream_is_the_one_answer_that_its_events_make() {
        let event = |json: Value| format!("data: {json}\n\n");
        let delta = |text: &str| event(json!({"choices": [{"delta": {"content": text}, "finish_reason": null}]}));
        let end = event(json!({"choices": [{"delta": {}, "finish_reason": "stop"}]}));
        let usage = event(json!({"choices": [], "usage": {"prompt_tokens": 1}}));
        let stream =
            [": wait\n\n", &delta("좋은 "), ": wait\n\n", &delta("답변"), &end, &usage, "data: [DONE]\n\n"].concat();
        let whole = json!({"choices": [{"message": {"content": "좋은 답변"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1}});
        assert_eq!(read(&stream), Some(whole));
        let error = json!({"error": {"code": 502}});
        assert_eq!(read(&(delta("좋은 ") + &event(error.clone()))), Some(error));
    }

    #[test]
    fn a_stream_that_breaks_off_has_no_sure_end() {
        let stream = format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "좋은"}}]}));
        assert_eq!(read(&stream).unwrap()["choices"][0]["finish_reason"], Value::Null);
        assert_eq!(read(&(stream + "data: {\"choi")), None);
    }

    #[test]
    fn a_server_may_say_nothing_while_the_model_thinks_but_not_within_its_answer() {
        for beginning in ["", "\n\n", "  : wait\n", "data: {", "event: ping"] {
            assert!(is_keep_alive(beginning.as_bytes()), "{beginning}");
        }
        for beginning in ["{", "\n[", "<html>"] {
            assert!(!is_keep_alive(beginning.as_bytes()), "{beginning}");
        }
    }
}
