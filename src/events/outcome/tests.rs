use serde_json::Value;

use super::*;
use crate::events::decode::Rule;

fn record(partition: i32, offset: i64) -> Record {
    Record {
        kind: RequestKind::FeedbackRequested,
        at: Coordinates { topic: "FeedbackRequested".into(), partition, offset },
        time: None,
        key: None,
        value: None,
        headers: vec![],
    }
}

fn saved(outcome: Outcome, record: &Record, member: i64, id: &str) -> SavedOutcome {
    let (digest, member) = (record.digest(), MemberId::new(member).unwrap());
    let origin = Origin { record, digest, member, request_id: id, context: None };
    outcome.into_saved(&origin, OffsetDateTime::UNIX_EPOCH).unwrap()
}

fn data(outcome: Outcome) -> Value {
    serde_json::from_str(saved(outcome, &record(0, 1), 7, "id").json().get()).unwrap()
}

fn failed(code: FailureCode) -> Outcome {
    Outcome::Failed { problem_id: Some(42), failure: Failure::new(code, "why") }
}

#[test]
fn the_same_request_gives_the_same_id_wherever_it_stands() {
    let feedback = || Outcome::Feedback { problem_id: None, feedback: "좋아요.".to_owned() };
    let one = saved(feedback(), &record(0, 1), 7, "id");
    assert_eq!(one.id, saved(feedback(), &record(3, 9), 7, "id").id);
    assert_eq!(one.id.get_version_num(), 5);
    assert_ne!(one.id, saved(feedback(), &record(0, 1), 8, "id").id);
    assert_ne!(one.id, saved(feedback(), &record(0, 1), 7, "other").id);
    assert_eq!(one.json().get(), r#"{"memberId":7,"feedback":"좋아요."}"#);
}

#[test]
fn a_retryable_failure_has_an_id_of_its_record() {
    let unavailable = |record| saved(failed(FailureCode::LlmUnavailable), &record, 7, "id").id;
    assert_eq!(unavailable(record(0, 1)), unavailable(record(0, 1)));
    assert_ne!(unavailable(record(0, 1)), unavailable(record(0, 2)));
    let stale = |record| saved(failed(FailureCode::StaleAnswer), &record, 7, "id").id;
    assert_eq!(stale(record(0, 1)), stale(record(0, 2)));
}

#[test]
fn a_failure_says_what_the_contract_lists() {
    let failed = data(failed(FailureCode::LlmUnavailable));
    assert_eq!(failed["eventName"], "PROBLEM_FEEDBACK");
    assert_eq!(failed["code"], "LLM_UNAVAILABLE");
    assert_eq!(failed["retryable"], true);
    assert_eq!(failed["requestTopic"], "FeedbackRequested");
    assert_eq!(failed["requestId"], "id");
    assert_eq!(failed["problemId"], 42);
    assert!(failed.get("field").is_none());
    let invalid = Invalid { field: "inputs.email", rule: Rule::Email };
    let failure = Outcome::Failed { problem_id: None, failure: invalid.into() };
    let failed = data(failure);
    assert_eq!((&failed["field"], &failed["code"]), (&"inputs.email".into(), &"INVALID_REQUEST".into()));
}

#[test]
fn names_on_the_wire_are_those_that_serde_writes() {
    for code in FailureCode::ALL {
        assert_eq!(serde_json::to_value(code).unwrap(), code.name());
    }
    for kind in OutcomeKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    for kind in RequestKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.event_name());
    }
}

#[test]
fn times_are_utc_to_the_millisecond() {
    let time = time::macros::datetime!(2026-11-22 19:00:00.123_456 +9);
    assert_eq!(timestamp(time), "2026-11-22T10:00:00.123Z");
}

#[test]
fn no_outcome_is_saved_with_a_link() {
    let done = Outcome::Completed { session_id: Uuid::nil(), object_key: "k".to_owned(), degraded: false };
    let done = data(done);
    assert_eq!(done["resumeObjectKey"], "k");
    assert!(done.get("resumeUrl").is_none() && done.get("resumeUrlExpiresAt").is_none());
}

#[test]
fn each_outcome_echoes_the_context_to_the_digit() {
    let text = r#"{ "b":9007199254740993.10, "a": [1e999], "b":"\ud800" }"#;
    let context = serde_json::from_str(text).unwrap();
    let (record, member) = (record(0, 1), MemberId::new(7).unwrap());
    let origin = Origin { record: &record, digest: record.digest(), member, request_id: "id", context: Some(&context) };
    let (session_id, question_id) = (Uuid::nil(), Uuid::nil());
    for outcome in [
        Outcome::Feedback { problem_id: None, feedback: ".".to_owned() },
        Outcome::Question { session_id, question_id, number: 1, max: 3, question: "?".to_owned() },
        Outcome::Completed { session_id, object_key: "k".to_owned(), degraded: false },
        failed(FailureCode::LlmUnavailable),
        failed(FailureCode::InvalidRequest),
    ] {
        let saved = outcome.into_saved(&origin, OffsetDateTime::UNIX_EPOCH).unwrap();
        assert!(saved.json().get().contains(&format!(r#""context":{text}"#)), "{:?}", saved.data());
        let stored = serde_json::to_vec(&saved).unwrap();
        assert_eq!(serde_json::from_slice::<SavedOutcome>(&stored).unwrap(), saved);
    }
}

/// What is stored for a failure, with this code and event name, and fields that are none of ours.
fn stored_by_a_newer_worker(code: &str, event_name: &str) -> String {
    let data = format!(
        r#"{{"memberId":7, "eventName":"{event_name}","code":"{code}","message":"m","retryable":true,"hint":{{"n":1.50}},
            "requestTopic":"FeedbackRequested","requestId":"r","context":{{"a":1e999}}}}"#
    );
    format!(r#"{{"id":"{}","time":"2026-11-22T10:00:00Z","type":"RequestFailed","mood":1,"data":{data}}}"#, Uuid::nil())
}

#[test]
fn what_a_newer_worker_saved_is_read_as_far_as_it_is_known_and_passed_on_to_the_byte() {
    for (code, known) in [("INTERNAL", Some(FailureCode::Internal)), ("A_NEW_ONE", None)] {
        for (event_name, kind) in [("PROBLEM_FEEDBACK", Some(RequestKind::FeedbackRequested)), ("A_NEW_ONE", None)] {
            let stored = stored_by_a_newer_worker(code, event_name);
            let saved: SavedOutcome = serde_json::from_str(&stored).unwrap();
            let OutcomeData::Failed(failed) = saved.data() else { panic!("a failure") };
            assert_eq!((failed.code.known(), failed.event_name.known(), failed.code.name()), (known, kind, code));
            assert!(stored.ends_with(&format!(r#""data":{}}}"#, saved.json().get())));
            let again = serde_json::to_string(&saved).unwrap();
            assert_eq!(serde_json::from_str::<SavedOutcome>(&again).unwrap(), saved);
        }
    }
}

#[test]
fn a_resume_of_a_newer_worker_keeps_what_is_new_when_its_link_is_added() {
    let data = r#"{"memberId":7,"isComplete":true,"sessionId":"00000000-0000-0000-0000-000000000000","pages":2,
        "resumeObjectKey":"k","degraded":false}"#;
    let stored = format!(r#"{{"id":"{}","time":"","type":"ResumeCompleted","data":{data}}}"#, Uuid::nil());
    let saved: SavedOutcome = serde_json::from_str(&stored).unwrap();
    let link = DownloadLink { resume_url: "u".to_owned(), resume_url_expires_at: "t".to_owned() };
    let sent = saved.json().with(&link).unwrap();
    let expected = data.replace("false}", r#"false,"resumeUrl":"u","resumeUrlExpiresAt":"t"}"#);
    assert_eq!(sent.get(), expected);
}

#[test]
fn what_is_no_outcome_of_its_type_is_not_read() {
    for (kind, data) in [
        (OutcomeKind::FeedbackGenerated, "{}"),
        (OutcomeKind::FeedbackGenerated, "no json"),
        (OutcomeKind::ResumeQuestionGenerated, r#"{"memberId":7,"feedback":"."}"#),
    ] {
        assert_eq!(OutcomeData::read(kind, data.as_bytes()), None, "{data}");
    }
    let stored = format!(r#"{{"id":"{}","time":"","type":"Unheard","data":{{}}}}"#, Uuid::nil());
    assert!(serde_json::from_str::<SavedOutcome>(&stored).is_err());
}

#[test]
fn nothing_that_a_member_reads_is_shown_with_an_entry_of_the_journal() {
    let feedback = Outcome::Feedback { problem_id: None, feedback: "secret".to_owned() };
    assert!(!format!("{:?}", saved(feedback, &record(0, 1), 7, "id")).contains("secret"));
}
