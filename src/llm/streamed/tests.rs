use proptest::prelude::*;
use serde_json::json;

use super::*;

fn event(json: &Value) -> String {
    format!("data: {json}\n\n")
}

fn delta(text: &str) -> String {
    event(&json!({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
}

fn end(reason: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

/// What the events make, and what was said on the way.
fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Option<Value>, String, u32) {
    let mut streamed = Streamed::default();
    let (mut said, mut tokens) = (String::new(), 0);
    for piece in pieces {
        streamed.hears(Bytes::copy_from_slice(piece));
        let (more, events) = streamed.news();
        said.push_str(more);
        tokens += events;
    }
    (streamed.ends(), said, tokens)
}

fn read(stream: &str) -> Option<Value> {
    heard([stream.as_bytes()]).0
}

fn text(stream: &str) -> Option<String> {
    read(stream)?.pointer("/choices/0/message/content")?.as_str().map(str::to_owned)
}

#[test]
fn a_stream_is_the_one_answer_that_its_events_make() {
    let usage = event(&json!({"choices": [], "usage": {"prompt_tokens": 1}}));
    let stream =
        [": wait\n\n", &delta("좋은 "), ": wait\n\n", &delta("답변"), &end("stop"), &usage, "data: [DONE]\n\n"]
            .concat();
    let whole = json!({"choices": [{"message": {"content": "좋은 답변"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1}});
    assert_eq!(heard([stream.as_bytes()]), (Some(whole), "좋은 답변".to_owned(), 2));
    let error = json!({"error": {"code": 502}});
    assert_eq!(read(&(delta("좋은 ") + &event(&error))), Some(error));
}

#[test]
fn a_stream_that_breaks_off_has_no_sure_end() {
    assert_eq!(read(&delta("좋은")).unwrap()["choices"][0]["finish_reason"], Value::Null);
    assert_eq!(read(&(delta("좋은") + "data: {\"choi")), None);
    let whole = delta("좋은") + &end("stop");
    for rest in ["data: {\"choi", "data: {\"choices\":[],\"usage\":{\"prompt_tok\n\n"] {
        assert_eq!(text(&(whole.clone() + rest)), Some("좋은".to_owned()), "it was whole before: {rest}");
    }
}

#[test]
fn what_servers_put_into_a_stream_beside_the_text_is_read() {
    let first = event(&json!({"choices": [{"delta": {"role": "assistant", "content": ""}, "finish_reason": ""}]}));
    let last = event(&json!({"choices": [{"delta": {"content": "변"}, "finish_reason": "stop"}], "usage": {}}));
    for stream in [
        // Without ends of events, by CR alone, with names and ids, with a time to come again.
        first.clone() + &delta("답").replace("\n\n", "\n") + &last.replace("\n\n", "\n") + "data: [DONE]",
        (first.clone() + &delta("답") + &last).replace('\n', "\r"),
        (first.clone() + &delta("답") + &last).replace('\n', "\r\n"),
        "retry: 100\nid: 1\nevent: message\n".to_owned() + &first + "id: 2\n" + &delta("답") + &last,
        first.clone() + "event: ping\ndata: {\"type\": \"ping\"}\n\n" + "data: ping\n\n" + &delta("답") + &last,
        // Parts instead of a text, a completion's text, a whole message beside each part, one that tells what it cost so far.
        event(&json!({"choices": [{"delta": {"content": [{"type": "text", "text": "답"}]}}]})) + &last,
        event(&json!({"choices": [{"text": "답"}]})) + &last,
        event(&json!({"choices": [{"delta": {"content": "답"}, "message": {"content": "답"}}]})) + &last,
        event(&json!({"choices": [{"delta": {"content": "답"}}], "usage": {"completion_tokens": 1}})) + &last,
        // A value over several lines.
        "data: {\"choices\":\ndata: [{\"delta\": {\"content\": \"답\"}}]}\n\n".to_owned() + &last,
        event(&json!({"choices": [{"message": {"content": "답변"}, "finish_reason": "stop"}]})),
        first
            + &delta("아니")
            + &event(&json!({"choices": [{"message": {"content": "답변"}, "finish_reason": "stop"}]})),
    ] {
        assert_eq!(text(&stream), Some("답변".to_owned()), "{stream}");
    }
}

#[test]
fn thoughts_are_signs_of_life_and_no_text() {
    let thought = |name: &str| event(&json!({"choices": [{"delta": {name: "음"}, "finish_reason": null}]}));
    let stream = thought("reasoning") + &thought("reasoning_content") + &delta("") + &delta("답변") + &end("stop");
    let (answer, said, tokens) = heard([stream.as_bytes()]);
    assert_eq!((said.as_str(), tokens), ("답변", 3));
    assert_eq!(answer.unwrap()["choices"][0]["message"], json!({"content": "답변"}));
}

#[test]
fn an_error_in_a_stream_is_its_answer_whatever_came_before() {
    for error in [
        json!({"error": {"message": "x", "code": 500}}),
        json!({"object": "error", "message": "x", "code": 400}),
        json!([{"error": {"code": 429}}]),
        json!({"error": "x"}),
        json!({"choices": [{"error": {"code": 502}, "delta": {"content": ""}, "finish_reason": "error"}]}),
    ] {
        assert_eq!(read(&(delta("좋은 ") + &event(&error) + &delta("답변") + "data: [DONE]\n\n")), Some(error));
    }
    let named = json!({"message": "x", "code": 503});
    assert_eq!(read(&(delta("좋은 ") + "event: error\n" + &event(&named))), Some(named));
    assert_eq!(read("event: error\ndata: overloaded\n\n"), Some(json!({"error": {"message": "overloaded"}})));
    assert_eq!(
        read(&event(&json!({"detail": "Not Found"}))),
        Some(json!({"detail": "Not Found"})),
        "nothing else came"
    );
    let empty = event(&json!({"error": null, "choices": [{"delta": {"content": "답변"}, "error": {}}]}));
    assert_eq!(text(&empty), Some("답변".to_owned()), "an empty one is none");
}

#[test]
fn a_refusal_and_a_tool_call_are_those_of_a_message() {
    let refusal = |text: &str| event(&json!({"choices": [{"delta": {"refusal": text}, "finish_reason": null}]}));
    let message = read(&(refusal("도울 수 ") + &refusal("없습니다."))).unwrap()["choices"][0]["message"].clone();
    assert_eq!(message, json!({"content": "", "refusal": "도울 수 없습니다."}));
    let call = event(&json!({"choices": [{"delta": {"tool_calls": [{"index": 0}]}, "finish_reason": null}]}));
    let message = read(&(call + &end("tool_calls"))).unwrap()["choices"][0]["message"].clone();
    assert_eq!(message, json!({"content": "", "tool_calls": [{"index": 0}]}));
}

#[test]
fn half_a_character_costs_that_character_alone() {
    let escaped = r#"data: {"choices":[{"delta":{"content":"좋\ud83d은"}}]}"#.to_owned() + "\n\n";
    assert_eq!(text(&escaped), Some("좋은".to_owned()));
    let mut raw = delta("좋@은").into_bytes();
    let at = raw.iter().position(|byte| *byte == b'@').unwrap();
    raw[at] = 0xF0;
    assert_eq!(heard([raw.as_slice()]).1, "좋\u{FFFD}은");
}

#[test]
fn it_is_whole_when_its_end_is_told_and_not_before() {
    let mut streamed = Streamed::default();
    for (piece, is_whole) in [(delta("답변"), false), (end("stop"), true), ("data: [DONE]\n\n".to_owned(), true)] {
        streamed.hears(piece.into());
        assert_eq!((streamed.is_whole(), streamed.is_error()), (is_whole, false));
    }
}

/// A stream with all that a stream may have.
fn any_stream() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[가-힣a-z .\\\\\"\n😀]{0,4}".prop_map(|text| delta(&text)),
        1 => Just(": wait\n\n".to_owned()),
        1 => Just("event: ping\ndata: {}\n\n".to_owned()),
        1 => "[가-힣]{1,2}".prop_map(|text| event(&json!({"choices": [{"delta": {"reasoning": text}}]}))),
        1 => Just(end("stop")),
        1 => Just(event(&json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}))),
        1 => Just(r#"data: {"choices":[{"delta":{"content":"\ud83d"}}]}"#.to_owned() + "\n\n"),
        1 => Just("data: [DONE]\n\n".to_owned()),
    ];
    let line_end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    (prop::collection::vec(piece, 0..12), line_end, any::<bool>()).prop_map(|(pieces, line_end, has_mark)| {
        let stream = pieces.concat().replace('\n', line_end);
        if has_mark { format!("\u{FEFF}{stream}") } else { stream }
    })
}

proptest! {
    #[test]
    fn however_a_stream_is_cut_it_says_the_same(stream in any_stream(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([bytes.len()]);
        let pieces = std::iter::once(0).chain(cuts.iter().copied()).zip(ends).map(|(from, to)| &bytes[from..to]);
        let (whole, cut) = (heard([bytes]), heard(pieces));
        prop_assert_eq!(&whole, &cut);
        let (answer, said, _) = cut;
        let text = answer.as_ref().and_then(|answer| answer.pointer("/choices/0/message/content")?.as_str());
        prop_assert_eq!(said, text.unwrap_or_default());
        prop_assert_eq!(crate::llm::body::json(bytes), answer);
    }
}
