//! Each rule for the fields of a request (contract, section 2), as a table, through Kafka.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::test_env::TestEnv;

crate::case::cases![
    each_rule_of_feedback_holds,
    each_rule_of_the_inputs_holds,
    each_rule_of_an_answer_holds,
    inputs_are_read_in_both_spellings,
    the_member_is_taken_from_the_value_whatever_the_key,
];

/// What a row expects: the outcome's kind, or the field that breaks a rule.
#[derive(Clone, Copy)]
enum Expected {
    Outcome(&'static str),
    Failure(&'static str),
    Invalid(&'static str),
}
use Expected::{Failure, Invalid, Outcome};

/// `"가"` that often: one code point of three bytes.
fn text(characters: usize) -> String {
    "가".repeat(characters)
}

/// A character outside the basic plane: one code point, two UTF-16 units, four bytes.
fn emoji(characters: usize) -> String {
    "🙂".repeat(characters)
}

/// `base` with some fields set otherwise.
fn with(base: &Value, changes: Value) -> Value {
    let mut value = base.clone();
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

/// `base` without a field.
fn without(base: &Value, field: &str) -> Value {
    let mut value = base.clone();
    value.as_object_mut().unwrap().remove(field);
    value
}

/// What every kind of request may carry, each with the field that it breaks.
fn contexts(base: &Value, good: Expected) -> Vec<(Value, Expected)> {
    let sized = |bytes: usize| json!({"context": {"가": "a".repeat(bytes - r#"{"가":""}"#.len())}});
    let mut rows = vec![
        (with(base, json!({"context": {}})), good),
        (with(base, json!({"context": null})), good),
        (with(base, json!({"context": {"problem": {"type": "DAILY", "isFree": true, "n": [1, null, -2.5]}}})), good),
        (with(base, sized(1024)), good),
        (with(base, sized(1025)), Invalid("context")),
    ];
    for wrong in [json!("{}"), json!([{}]), json!(7), json!(true)] {
        rows.push((with(base, json!({"context": wrong})), Invalid("context")));
    }
    rows
}

/// Sends every row as a member of its own and compares what comes. A row without a context gets one, which must come back.
async fn check(env: &TestEnv, outcomes: &OutcomeReader, topic: &str, event_name: &str, rows: Vec<(Value, Expected)>) {
    let mut sent = Vec::new();
    for (value, expected) in rows {
        let member = env.member();
        // Rows that bring a member of their own say how it is written; "@" stands for the number.
        let member_id = match &value["memberId"] {
            Value::Null => json!(member),
            Value::String(form) => serde_json::from_str(&form.replace('@', &member.to_string())).unwrap(),
            other => other.clone(),
        };
        let mut value = with(&value, json!({"memberId": member_id}));
        if value.get("context").is_none() {
            value["context"] = json!({"row": member});
        }
        let place = env.requests.ask(topic, &value).key(member.to_string()).send().await;
        sent.push((member, value, place, expected));
    }
    for (member, value, place, expected) in sent {
        let outcome = outcomes.next(member).await;
        let shown: String = value.to_string().chars().take(300).collect();
        let echoed = value.get("context").filter(|context| context.is_object());
        let echoed = echoed.filter(|_| !matches!(expected, Invalid("context")));
        assert_eq!(outcome.json().get("context"), echoed, "{shown}\n{}", outcome.json());
        match expected {
            Outcome(kind) => assert_eq!(outcome.kind, kind, "{shown}\n{}", outcome.json()),
            Failure(code) => assert_eq!(outcome.json()["code"], code, "{shown}\n{}", outcome.json()),
            Invalid(field) => {
                let failed = outcome.json();
                assert_eq!(
                    (&failed["code"], &failed["field"]),
                    (&json!("INVALID_REQUEST"), &json!(field)),
                    "{shown}\n{failed}"
                );
                assert_eq!(failed["retryable"], false);
                assert_eq!(failed["eventName"], event_name);
                assert_eq!(failed["requestTopic"], topic);
                assert_eq!(failed["requestId"], place.to_string());
                assert!(failed["message"].as_str().unwrap().contains(field), "the message names the field: {failed}");
                assert_eq!(outcome.header("ce_type"), Some("RequestFailed"));
            }
        }
    }
    let dead: Vec<Record> = outcomes.records().into_iter().filter(Record::is_dead_letter).collect();
    assert!(dead.is_empty(), "a broken rule is no dead letter: {dead:?}");
}

async fn each_rule_of_feedback_holds(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let base = json!({"question": "TCP와 UDP?", "answer": "TCP는 연결 지향입니다.", "problemId": 42});
    let ok = Outcome("FeedbackGenerated");
    let rows = vec![
        (base.clone(), ok),
        (with(&base, json!({"memberId": "\"@\""})), ok),
        (with(&base, json!({"memberId": "@.0"})), ok),
        (with(&base, json!({"question": text(1000)})), ok),
        (with(&base, json!({"question": emoji(1000)})), ok),
        (with(&base, json!({"question": text(1001)})), Invalid("question")),
        (with(&base, json!({"question": emoji(1001)})), Invalid("question")),
        (with(&base, json!({"question": " \n\t\u{3000}"})), Invalid("question")),
        (with(&base, json!({"question": ""})), Invalid("question")),
        (with(&base, json!({"question": null})), Invalid("question")),
        (with(&base, json!({"question": 7})), Invalid("question")),
        (with(&base, json!({"question": ["TCP"]})), Invalid("question")),
        (without(&base, "question"), Invalid("question")),
        (with(&base, json!({"answer": text(4001)})), Invalid("answer")),
        (with(&base, json!({"answer": "   "})), Invalid("answer")),
        (with(&base, json!({"answer": null})), Invalid("answer")),
        (with(&base, json!({"answer": {"text": "TCP"}})), Invalid("answer")),
        (without(&base, "answer"), Invalid("answer")),
        (with(&base, json!({"problemId": "42"})), ok),
        (with(&base, json!({"problemId": 42.0})), ok),
        (with(&without(&base, "problemId"), json!({"problem_id": 42})), ok),
        (with(&base, json!({"problemId": null, "problem_id": 42})), ok),
        (with(&base, json!({"problemId": "x"})), Invalid("problemId")),
        (with(&base, json!({"problemId": 4.2})), Invalid("problemId")),
        (with(&base, json!({"problemId": [1]})), Invalid("problemId")),
    ];
    let rows = [rows, contexts(&base, ok)].concat();
    check(&env, &outcomes, &env.topics.feedback_requested, "PROBLEM_FEEDBACK", rows).await;
    let echoed = outcomes.records();
    let echoed = echoed.iter().filter(|record| record.kind == "FeedbackGenerated").map(Record::json);
    assert!(echoed.into_iter().all(|event| event["problemId"] == 42), "problemId is echoed as the number that it is");
}

async fn each_rule_of_the_inputs_holds(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let full = json!({"email": "a@b.kr", "preferred_job": "BACKEND", "certification_count": 2, "project_count": 3,
        "major_type": "MAJOR", "company_name": "카카오", "work_period": 12, "position": "백엔드",
        "additional_experiences": "동아리 운영"});
    let ok = Outcome("ResumeQuestionGenerated");
    let mut rows: Vec<(Value, Expected)> = [
        (full.clone(), ok),
        (json!({"email": "a@b.kr"}), ok),
        (
            json!({"email": "a@b.kr", "preferred_job": null, "certification_count": null, "project_count": null,
            "major_type": null, "company_name": null, "work_period": null, "position": null, "additional_experiences": null}),
            ok,
        ),
        (without(&full, "email"), Invalid("inputs.email")),
        (with(&full, json!({"email": null})), Invalid("inputs.email")),
        (with(&full, json!({"email": ""})), Invalid("inputs.email")),
        (with(&full, json!({"email": "nobody"})), Invalid("inputs.email")),
        (with(&full, json!({"email": 5})), Invalid("inputs.email")),
        (with(&full, json!({"email": format!("{}@b.kr", "a".repeat(249))})), ok),
        (with(&full, json!({"email": format!("{}@b.kr", "a".repeat(250))})), Invalid("inputs.email")),
        (with(&full, json!({"preferred_job": "게임 서버"})), ok),
        (with(&full, json!({"preferred_job": 3})), Invalid("preferred_job")),
        (with(&full, json!({"major_type": "NON_MAJOR"})), ok),
        (with(&full, json!({"major_type": "MINOR"})), Invalid("major_type")),
        (with(&full, json!({"major_type": true})), Invalid("major_type")),
        (with(&full, json!({"company_name": text(200)})), ok),
        (with(&full, json!({"company_name": text(201)})), Invalid("company_name")),
        (with(&full, json!({"company_name": ["카카오"]})), Invalid("company_name")),
        (with(&full, json!({"position": emoji(200)})), ok),
        (with(&full, json!({"position": emoji(201)})), Invalid("position")),
        (with(&full, json!({"position": 1})), Invalid("position")),
        (with(&full, json!({"additional_experiences": text(2001)})), Invalid("additional_experiences")),
        (with(&full, json!({"additional_experiences": {}})), Invalid("additional_experiences")),
    ]
    .into();
    for field in ["certification_count", "project_count", "work_period"] {
        for good in [json!(0), json!(2), json!(2.0), json!("2")] {
            rows.push((with(&full, json!({field: good})), ok));
        }
        for wrong in
            [json!(-1), json!("-1"), json!(2.5), json!("2.5"), json!("many"), json!(""), json!([2]), json!(true)]
        {
            rows.push((with(&full, json!({field: wrong})), Invalid(field)));
        }
    }
    let mut rows: Vec<(Value, Expected)> =
        rows.into_iter().map(|(inputs, expected)| (json!({"inputs": inputs}), expected)).collect();
    rows.extend([
        (json!({}), Invalid("inputs.email")),
        (json!({"inputs": null}), Invalid("inputs.email")),
        (json!({"inputs": "a@b.kr"}), Invalid("inputs")),
        (json!({"inputs": [1, 2]}), Invalid("inputs")),
    ]);
    rows.extend(contexts(&json!({"inputs": full}), ok));
    check(&env, &outcomes, &env.topics.resume_init, "ADVANCED_RESUME_INIT", rows).await;
}

/// Without a session a good answer ends in `NO_ACTIVE_SESSION`, which is checked after the field rules.
async fn each_rule_of_an_answer_holds(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let good = Failure("NO_ACTIVE_SESSION");
    let rows = vec![
        (json!({"answer": "Kafka를 썼습니다."}), good),
        (json!({"inputs": {"answer": "Kafka를 썼습니다."}, "questionId": "q"}), good),
        (json!({"inputs": {"answer": null}, "answer": null, "question_id": null}), good),
        (json!({}), good),
        (json!({"answer": "  "}), good),
        (json!({"answer": text(4000)}), good),
        (json!({"answer": text(4001)}), Invalid("answer")),
        (json!({"inputs": {"answer": emoji(4001)}}), Invalid("answer")),
        (json!({"answer": 42}), Invalid("answer")),
        (json!({"inputs": {"answer": ["a"]}}), Invalid("answer")),
        (json!({"inputs": "a", "answer": "b"}), Invalid("inputs")),
        (json!({"answer": "a", "questionId": 7}), Invalid("questionId")),
    ];
    let rows = [rows, contexts(&json!({"answer": "Kafka를 썼습니다."}), good)].concat();
    check(&env, &outcomes, &env.topics.resume_answer, "ADVANCED_RESUME_UPDATE", rows).await;
}

async fn inputs_are_read_in_both_spellings(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let rows = [
        json!({"companyName": "낙타전자", "additionalExperiences": "낙타모임"}),
        json!({"company_name": "뱀물산", "additional_experiences": "뱀모임"}),
        json!({"companyName": null, "company_name": "둘째상사", "additionalExperiences": "첫째모임", "additional_experiences": "버려진모임"}),
    ];
    for inputs in rows {
        let member = env.member();
        let value = json!({"member_id": member, "inputs": with(&inputs, json!({"email": "a@b.kr"}))});
        env.requests.ask(&env.topics.resume_init, &value).send().await;
        outcomes.expect(member, "ResumeQuestionGenerated").await;
    }
    for known in ["낙타전자", "낙타모임", "뱀물산", "뱀모임", "둘째상사", "첫째모임"] {
        assert_eq!(env.model.calls_with(known).len(), 1, "{known} reaches the model");
    }
    assert!(env.model.calls_with("버려진모임").is_empty(), "camelCase comes first");
}

async fn the_member_is_taken_from_the_value_whatever_the_key(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    for key in [b"999".as_slice(), b"not a number", &7_i64.to_be_bytes(), b"\xff\xfe"] {
        let member = env.member();
        let value = json!({"memberId": member, "question": "큐란?", "answer": "먼저 온 것이 먼저 나갑니다."});
        env.requests.ask(&env.topics.feedback_requested, &value).key(key).send().await;
        let event = outcomes.expect(member, "FeedbackGenerated").await;
        assert_eq!(event.key.as_deref(), Some(member.to_string().as_bytes()));
    }
}
