//! The checked-in schemas are those of the types, and the contract's examples are valid.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use ssammu_worker::events::schema;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.schema.json"))
}

fn validator(name: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&fs::read_to_string(file(name)).unwrap()).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn problems(name: &str, value: &Value) -> Vec<String> {
    validator(name).iter_errors(value).map(|error| error.to_string()).collect()
}

#[test]
fn the_files_are_what_the_types_say() {
    for (name, schema) in schema::all() {
        let written = fs::read_to_string(file(name)).unwrap();
        assert_eq!(written, schema::text(&schema).unwrap(), "{name}: run `ssammu-worker schemas`");
    }
    let files = fs::read_dir(file("x").parent().unwrap()).unwrap().count();
    assert_eq!(files, schema::all().len(), "a schema that no type has");
}

/// Section 2 and 3 of the wire contract, with the dots filled in where a rule asks for more than dots.
#[test]
fn the_contracts_examples_are_valid() {
    let session = "7d0f6a52-8e1c-4b0e-9d3a-5a6f2c41b7e9";
    let examples = [
        (
            "FeedbackRequested",
            json!({"memberId": 7, "problemId": 42, "question": "TCP와 UDP의 차이점은?",
            "answer": "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다."}),
        ),
        (
            "ResumeInit",
            json!({"memberId": 7, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND",
            "certification_count": 2, "project_count": 3, "major_type": "MAJOR", "company_name": null,
            "work_period": 0, "position": null, "additional_experiences": null}}),
        ),
        (
            "ResumeAnswer",
            json!({"memberId": 7, "inputs": {"answer": "Kafka로 주문 이벤트를 처리했습니다."},
            "questionId": "..."}),
        ),
        ("ResumeAnswer", json!({"memberId": 7, "answer": "Kafka로 주문 이벤트를 처리했습니다."})),
        ("FeedbackGenerated", json!({"memberId": 7, "problemId": 42, "feedback": "..."})),
        (
            "ResumeQuestionGenerated",
            json!({"memberId": 7, "isComplete": false, "sessionId": session,
            "questionId": session, "questionNumber": 1, "maxQuestions": 3, "question": "..."}),
        ),
        (
            "ResumeCompleted",
            json!({"memberId": 7, "isComplete": true, "sessionId": session,
            "resumeObjectKey": "resume/7/....docx", "resumeUrl": "https://...",
            "resumeUrlExpiresAt": "2026-11-22T10:00:00Z", "degraded": false}),
        ),
        (
            "RequestFailed",
            json!({"memberId": 7, "eventName": "PROBLEM_FEEDBACK", "code": "LLM_UNAVAILABLE",
            "message": "...", "retryable": true, "requestTopic": "FeedbackRequested", "requestId": "...",
            "problemId": 42}),
        ),
    ];
    for (name, example) in examples {
        assert_eq!(problems(name, &example), [""; 0], "{name}");
    }
}

#[test]
fn what_breaks_the_contract_is_invalid() {
    for (name, broken) in [
        ("FeedbackRequested", json!({"memberId": 0, "question": "Q", "answer": "A"})),
        ("FeedbackRequested", json!({"memberId": 7, "question": "가".repeat(1_001), "answer": "A"})),
        ("FeedbackGenerated", json!({"memberId": 7, "problemId": null, "feedback": "..."})),
        ("FeedbackGenerated", json!({"memberId": 7, "feedback": ""})),
        ("ResumeInit", json!({"memberId": 7, "inputs": {"email": "no address"}})),
        ("ResumeCompleted", json!({"memberId": 7, "isComplete": false})),
        (
            "RequestFailed",
            json!({"memberId": 7, "eventName": "OTHER", "code": "OTHER", "message": "",
            "retryable": true, "requestTopic": "T", "requestId": "i"}),
        ),
    ] {
        assert!(!problems(name, &broken).is_empty(), "{name} {broken}");
    }
}
