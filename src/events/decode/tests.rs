use super::*;
use proptest::prelude::*;

const INIT: RequestKind = RequestKind::ResumeInit;
const FEEDBACK: RequestKind = RequestKind::FeedbackRequested;
const ANSWER: RequestKind = RequestKind::ResumeAnswer;

fn read(kind: RequestKind, json: &str) -> Decoded {
    decode(kind, Some(json.as_bytes())).unwrap()
}

fn invalid(kind: RequestKind, json: &str) -> Invalid {
    read(kind, json).request.unwrap_err()
}

fn member(number: &str) -> Option<i64> {
    decode(FEEDBACK, Some(format!("{{\"memberId\":{number}}}").as_bytes())).ok().map(|decoded| decoded.member.get())
}

#[test]
fn whole_numbers_come_in_three_spellings() {
    for spelling in ["2", "2.0", "\"2\"", "2.000", "2e0", "20e-1", "0.2E1", "\"2.0\""] {
        assert_eq!(member(spelling), Some(2), "{spelling}");
    }
    assert_eq!(member("9223372036854775807"), Some(i64::MAX));
    assert_eq!(member("9007199254740993.0"), Some(9_007_199_254_740_993));
    for wrong in
        ["0", "-1", "2.5", "\"\"", "\"a\"", "9223372036854775808", "1e400", "true", "[2]", "\"-\"", "\"+2\"", "\"2.\""]
    {
        assert_eq!(member(wrong), None, "{wrong}");
    }
}

#[test]
fn what_names_no_member_is_undecodable() {
    assert_eq!(decode(FEEDBACK, None), Err(Undecodable::Empty));
    assert_eq!(decode(FEEDBACK, Some(b"")), Err(Undecodable::Empty));
    for not_an_object in ["nope", "[]", "7", "null", "\"x\"", "{\"memberId\":7", "{\"memberId\":7} x"] {
        assert_eq!(decode(FEEDBACK, Some(not_an_object.as_bytes())), Err(Undecodable::NotAnObject));
    }
    assert_eq!(decode(FEEDBACK, Some(b"\xff\xfe{}")), Err(Undecodable::NotAnObject));
    assert_eq!(decode(FEEDBACK, Some(b"{\"memberId\":null}")), Err(Undecodable::NoMember));
}

#[test]
fn nesting_counts_up_to_128_levels() {
    let nested = |levels: usize| {
        // The object itself is the first level.
        format!("{{\"memberId\":7,\"x\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1))
    };
    assert!(decode(FEEDBACK, Some(nested(128).as_bytes())).is_ok());
    assert_eq!(decode(FEEDBACK, Some(nested(129).as_bytes())), Err(Undecodable::TooDeep));
    assert_eq!(decode(FEEDBACK, Some("[".repeat(1_000_000).as_bytes())), Err(Undecodable::TooDeep));
    assert!(decode(FEEDBACK, Some(format!("{{\"memberId\":7,\"x\":\"{}\"}}", "[".repeat(500)).as_bytes())).is_ok());
}

#[test]
fn both_casings_are_read_and_null_is_absent() {
    let decoded = read(FEEDBACK, r#"{"memberId":null,"member_id":7,"problem_id":"42","question":"Q","answer":"A"}"#);
    assert_eq!((decoded.member.get(), decoded.problem_id), (7, Some(42)));
    let both = read(FEEDBACK, r#"{"member_id":8,"memberId":7,"question":"Q","answer":"A"}"#);
    assert_eq!(both.member.get(), 7);
}

#[test]
fn a_byte_order_mark_and_unknown_fields_are_ignored() {
    assert!(decode(FEEDBACK, Some("\u{feff}{\"memberId\":7,\"x\":1e999}".as_bytes())).is_ok());
}

#[test]
fn feedback_texts_are_required_and_bounded_in_code_points() {
    let json = |question: &str, answer: &str| {
        serde_json::json!({"memberId": 7, "question": question, "answer": answer}).to_string()
    };
    assert!(read(FEEDBACK, &json(&"가".repeat(1_000), &"😀".repeat(4_000))).request.is_ok());
    let too_long = invalid(FEEDBACK, &json(&"가".repeat(1_001), "A"));
    assert_eq!((too_long.field, too_long.rule), ("question", Rule::TooLong(1_000)));
    assert_eq!(invalid(FEEDBACK, &json("Q", &"가".repeat(4_001))).field, "answer");
    assert_eq!(invalid(FEEDBACK, &json("Q", " \n\u{3000}")).rule, Rule::Required);
    assert_eq!(invalid(FEEDBACK, r#"{"memberId":7,"question":"Q"}"#).field, "answer");
    assert_eq!(invalid(FEEDBACK, r#"{"memberId":7,"question":1,"answer":"A"}"#).rule, Rule::Text);
    let problem = invalid(FEEDBACK, r#"{"memberId":7,"question":"Q","answer":"A","problemId":"x"}"#);
    assert_eq!((problem.field, problem.rule), ("problemId", Rule::WholeNumber));
}

#[test]
fn half_a_character_is_replaced_and_a_whole_one_stays() {
    for (written, means) in [
        (r"좋다 \ud83d", "좋다 \u{FFFD}"),
        (r"\ude00 좋다", "\u{FFFD} 좋다"),
        (r"\ud83d\ude00\ud83d", "😀\u{FFFD}"),
        (r"\ud83d\ud83d\ude00", "\u{FFFD}😀"),
        (r"\\ud83d \n\u00e9", "\\ud83d \n\u{e9}"),
    ] {
        let json = format!(r#"{{"memberId":7,"question":"Q","answer":"{written}"}}"#);
        let Ok(Request::Feedback(request)) = read(FEEDBACK, &json).request else { panic!("{written}") };
        assert_eq!(request.answer, means);
    }
}

#[test]
fn an_init_needs_an_email_and_takes_nulls_for_the_rest() {
    let json = r#"{"memberId":7,"inputs":{"email":"a@b.kr","preferred_job":null,"certification_count":null,
        "major_type":null,"company_name":null,"work_period":"3","project_count":2.0,"position":" "}}"#;
    let Ok(Request::ResumeInit(inputs)) = read(INIT, json).request else { panic!("an init") };
    assert_eq!((inputs.certification_count, inputs.project_count, inputs.work_period), (0, 2, 3));
    assert_eq!((inputs.preferred_job, inputs.position), (None, None));
    for without in [r#"{"memberId":7}"#, r#"{"memberId":7,"inputs":null}"#, r#"{"memberId":7,"inputs":{}}"#] {
        assert_eq!(invalid(INIT, without), Invalid { field: "inputs.email", rule: Rule::Required });
    }
    assert_eq!(invalid(INIT, r#"{"memberId":7,"inputs":"x"}"#).field, "inputs");
    assert_eq!(invalid(INIT, r#"{"memberId":7,"inputs":{"email":"ab"}}"#).rule, Rule::Email);
}

#[test]
fn each_input_has_its_rule() {
    for (field, value, rule) in [
        ("major_type", "\"major\"", Rule::MajorType),
        ("major_type", "1", Rule::MajorType),
        ("major_type", "\"\"", Rule::MajorType),
        ("certification_count", "-1", Rule::NotNegative),
        ("project_count", "1.5", Rule::WholeNumber),
        ("work_period", "true", Rule::WholeNumber),
        ("preferred_job", "[]", Rule::Text),
        ("company_name", &format!("\"{}\"", "가".repeat(201)), Rule::TooLong(200)),
        ("position", &format!("\"{}\"", "가".repeat(201)), Rule::TooLong(200)),
        ("additional_experiences", &format!("\"{}\"", "가".repeat(2_001)), Rule::TooLong(2_000)),
    ] {
        let json = format!(r#"{{"memberId":7,"inputs":{{"email":"a@b","{field}":{value}}}}}"#);
        let broken = invalid(INIT, &json);
        assert_eq!(broken, Invalid { field, rule }, "{json}");
        assert!(broken.message().contains(field));
    }
}

#[test]
fn an_answer_stands_in_the_inputs_or_beside_them() {
    let answer = |json| match read(ANSWER, json).request {
        Ok(Request::ResumeAnswer(answer)) => answer,
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(r#"{"memberId":7,"inputs":{"answer":"A"}}"#).answer.as_deref(), Some("A"));
    assert_eq!(answer(r#"{"memberId":7,"answer":"A","inputs":{"answer":null}}"#).answer.as_deref(), Some("A"));
    assert_eq!(answer(r#"{"memberId":7}"#), ResumeAnswer { answer: None, question_id: None });
    assert_eq!(answer(r#"{"memberId":7,"answer":"  ","question_id":"q"}"#).question_id.as_deref(), Some("q"));
    assert_eq!(answer(r#"{"memberId":7,"answer":"  "}"#).answer, None);
}

#[test]
fn the_value_may_carry_an_id() {
    assert_eq!(read(ANSWER, r#"{"memberId":7,"eventId":"e"}"#).request_id.as_deref(), Some("e"));
    assert_eq!(read(ANSWER, r#"{"memberId":7,"eventId":"e","requestId":12}"#).request_id.as_deref(), Some("12"));
    assert_eq!(read(ANSWER, r#"{"memberId":7,"requestId":{}}"#).request_id, None);
}

#[test]
fn a_context_is_an_object_that_is_kept_as_it_came() {
    let with = |context: &str| format!("{{\"memberId\":7,\"question\":\"Q\",\"answer\":\"A\",\"context\":{context}}}");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(126), "]".repeat(126));
    for context in ["{}", r#"{ "b": 1.50, "a" : 9007199254740993.0, "a":1e999 }"#, r#"{"s":"\ud800 }"}"#, &deep] {
        let decoded = read(FEEDBACK, &format!("\u{feff}{}", with(&format!(" {context}\n"))));
        assert!(decoded.request.is_ok());
        assert_eq!(decoded.context.unwrap().get(), context);
    }
    let none = read(FEEDBACK, &with("null"));
    assert!(none.request.is_ok() && none.context.is_none());
}

#[test]
fn a_context_counts_in_bytes_as_it_came() {
    let json = |spaces: usize| format!(r#"{{"memberId":7,"context":{{"가":{}1}}}}"#, " ".repeat(spaces));
    let longest = read(ANSWER, &json(CONTEXT_MAX_BYTES - 9));
    assert_eq!(longest.context.unwrap().get().len(), CONTEXT_MAX_BYTES);
    let too_long = read(ANSWER, &json(CONTEXT_MAX_BYTES - 8));
    let rule = Rule::TooManyBytes(CONTEXT_MAX_BYTES);
    assert_eq!((too_long.context, too_long.request), (None, Err(Invalid { field: "context", rule })));
}

#[test]
fn what_is_no_object_is_no_context_and_another_fault_loses_none() {
    for wrong in ["\"text\"", "[{}]", "7", "true", "\"{}\""] {
        let decoded = read(INIT, &format!(r#"{{"memberId":7,"inputs":{{}},"context":{wrong}}}"#));
        let invalid = Invalid { field: "context", rule: Rule::Object };
        assert_eq!((decoded.context, decoded.request), (None, Err(invalid)), "{wrong}");
    }
    let decoded = read(INIT, r#"{"memberId":7,"inputs":{"email":"a"},"context":{"n":1.0}}"#);
    assert_eq!(decoded.request.unwrap_err().field, "inputs.email");
    assert_eq!(decoded.context.unwrap().get(), r#"{"n":1.0}"#);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for kind in [FEEDBACK, INIT, ANSWER] {
            let _ = decode(kind, Some(&bytes));
        }
    }

    #[test]
    fn json_like_text_does_not_panic(text in r#"[\[\]{}":,0-9eE+\-.a-z\\u]{0,80}"#) {
        let _ = decode(INIT, Some(format!("{{\"memberId\":{text},\"inputs\":{text}}}").as_bytes()));
    }

    #[test]
    fn every_long_is_read_exactly(number in 1..=i64::MAX) {
        prop_assert_eq!(member(&number.to_string()), Some(number));
        prop_assert_eq!(member(&format!("{number}.0")), Some(number));
        prop_assert_eq!(member(&format!("\"{number}\"")), Some(number));
    }
}
