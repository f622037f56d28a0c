//! The résumé dialogue (contract, section 3).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::kit::docx;
use crate::kit::model::{Answer, Kind};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::redis::Redis;
use crate::kit::test_env::TestEnv;

crate::case::cases![
    a_whole_dialogue_ends_with_a_document,
    the_same_init_again_brings_the_same_question,
    every_outcome_of_a_dialogue_gives_its_own_requests_context_back,
    an_init_with_other_inputs_begins_anew,
    a_second_click_is_stale_and_leaves_the_session_alone,
    an_answer_to_another_question_is_stale_and_one_to_none_is_told,
    a_second_click_on_the_last_question_is_stale_after_the_end,
    an_answer_without_a_session_is_told_so,
    an_answer_after_the_end_has_no_session,
    a_skipped_question_is_remembered_as_unanswered,
    without_the_model_the_document_is_laid_out_from_the_answers,
    a_completed_request_that_comes_again_gets_a_fresh_link,
    the_lock_is_held_while_the_model_works,
    two_answers_of_a_member_are_never_worked_at_once,
];

const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

fn inputs() -> Value {
    json!({"email": "hong@example.kr", "preferred_job": "BACKEND", "certification_count": 2, "project_count": 3,
        "major_type": "MAJOR", "company_name": null, "work_period": 0, "position": null, "additional_experiences": null})
}

pub async fn init(env: &TestEnv, member: i64) {
    init_with(env, member, inputs()).await;
}

async fn init_with(env: &TestEnv, member: i64, inputs: Value) {
    env.requests.ask(&env.topics.resume_init, &json!({"memberId": member, "inputs": inputs})).send().await;
}

/// Answers the question that an event asked.
pub async fn answer(env: &TestEnv, question: &Record, text: &str) {
    let question = question.json();
    let value =
        json!({"memberId": question["memberId"], "inputs": {"answer": text}, "questionId": question["questionId"]});
    env.requests.ask(&env.topics.resume_answer, &value).send().await;
}

pub async fn question(outcomes: &OutcomeReader, member: i64, number: u64) -> Record {
    let event = outcomes.expect(member, "ResumeQuestionGenerated").await;
    assert_eq!(event.json()["questionNumber"], number);
    event
}

/// Milliseconds since 1970.
fn now() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap()
}

async fn a_whole_dialogue_ends_with_a_document(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    init(&env, member).await;
    let mut session_id = Value::Null;
    for number in 1..=3 {
        let event = question(&outcomes, member, number).await;
        let fields = event.json();
        let mut names: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["isComplete", "maxQuestions", "memberId", "question", "questionId", "questionNumber", "sessionId"]
        );
        assert_eq!((&fields["isComplete"], &fields["maxQuestions"]), (&json!(false), &json!(3)));
        assert!(Uuid::parse_str(fields["questionId"].as_str().unwrap()).is_ok());
        assert!(number == 1 || fields["sessionId"] == session_id, "one session");
        session_id = fields["sessionId"].clone();
        assert_eq!(event.key.as_deref(), Some(member.to_string().as_bytes()));

        let session = redis.session(member).await.expect("the session is in Redis");
        assert_eq!(session["sessionId"], session_id);
        let ttl: i64 = redis.run("PTTL", &[&format!("resume:{{{member}}}")]).await;
        assert!((86_000_000..=86_400_000).contains(&ttl), "it expires a day after its last change, not in {ttl} ms");
        answer(&env, &event, &format!("{number}번째 답변: 주문 이벤트를 Kafka로 처리했습니다.")).await;
    }
    let completed = outcomes.expect(member, "ResumeCompleted").await;
    let fields = completed.json();
    let mut names: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["degraded", "isComplete", "memberId", "resumeObjectKey", "resumeUrl", "resumeUrlExpiresAt", "sessionId"]
    );
    assert_eq!((&fields["isComplete"], &fields["degraded"]), (&json!(true), &json!(false)));
    assert_eq!(fields["sessionId"], session_id);
    assert_eq!(completed.header("ce_type"), Some("ResumeCompleted"));
    assert!(redis.session(member).await.is_none(), "the session is deleted");
    assert_eq!(env.model.count(Kind::Question), 3);
    assert_eq!(env.model.count(Kind::Resume), 1);
    assert!(env.model.calls_with("hong@example.kr").is_empty(), "the model has no use for an address");
    assert_document(&env, member, &fields).await;
    assert_eq!(env.bucket().keys(&env.prefix()).await, [fields["resumeObjectKey"].as_str().unwrap()]);
}

/// The key, the headers, the link, and what another program reads in the document.
async fn assert_document(env: &TestEnv, member: i64, completed: &Value) {
    let key = completed["resumeObjectKey"].as_str().unwrap();
    let name = key.strip_prefix(&format!("{}{member}/resume_agent_", env.prefix())).expect("prefix, member, name");
    let (stamp, rest) = name.split_at(15);
    let shape: String =
        stamp.chars().map(|character| if character.is_ascii_digit() { '9' } else { character }).collect();
    assert_eq!(shape, "99999999_999999");
    let session = completed["sessionId"].as_str().unwrap();
    assert_eq!(rest, format!("_{}.docx", session.split('-').next().unwrap()));

    let (object, bytes) = env.bucket().get(key).await;
    assert_eq!(object.content_type(), Some(WORD));
    let disposition = object.content_disposition().expect("a disposition");
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%EC%9D%B4%EB%A0%A5%EC%84%9C.docx"), "{disposition}");

    let url = completed["resumeUrl"].as_str().unwrap();
    let download = reqwest::get(url).await.expect("the link works").error_for_status().expect("without credentials");
    assert_eq!(download.bytes().await.unwrap(), bytes);
    let expires = OffsetDateTime::parse(completed["resumeUrlExpiresAt"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = expires - OffsetDateTime::now_utc();
    assert!(left > Duration::from_secs(800) && left <= Duration::from_secs(900), "it works for {left}");

    let document = docx::open(&bytes).await;
    let texts = docx::paragraphs(&document);
    for text in ["이력서", "기본 정보", "주요 프로젝트", "결제 모듈 개선"] {
        assert!(texts.contains(&text), "{text:?} is not among {texts:?}");
    }
    let tables = document["tables"].to_string();
    assert!(tables.contains("hong@example.kr") && tables.contains("Rust"), "{tables}");
    let heading =
        document["paragraphs"].as_array().unwrap().iter().find(|paragraph| paragraph["text"] == "주요 프로젝트");
    let style = heading.unwrap()["style"].as_str().unwrap();
    assert!(style.to_lowercase().starts_with("heading"), "a heading has a real style, not {style:?}");
    assert!(document["title"].as_str().is_some_and(|title| !title.is_empty()));
}

async fn the_same_init_again_brings_the_same_question(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    init(&env, member).await;
    let second = question(&outcomes, member, 1).await;
    assert_eq!(first.json(), second.json());
    assert_ne!(first.header("ce_id"), second.header("ce_id"), "each request has an outcome of its own");
    assert_eq!(env.model.calls().len(), 1);
    answer(&env, &second, "네").await;
    question(&outcomes, member, 2).await;
}

async fn every_outcome_of_a_dialogue_gives_its_own_requests_context_back(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", 2)).await;
    let member = env.member();
    let send = async |topic: &str, id: &str, mut value: Value| {
        value["memberId"] = json!(member);
        value["context"] = json!({"of": id});
        env.requests.ask(topic, &value).header("ce_id", id).send().await;
    };
    let expect = async |kind: &str, id: &str| {
        let outcome = outcomes.expect(member, kind).await;
        assert_eq!((&outcome.json()["context"], outcome.header("ce_causationid")), (&json!({"of": id}), Some(id)));
        outcome
    };
    let (starts, answers) = (&env.topics.resume_init, &env.topics.resume_answer);
    send(starts, "start", json!({"inputs": inputs()})).await;
    let first = expect("ResumeQuestionGenerated", "start").await.json();
    send(starts, "reload", json!({"inputs": inputs()})).await;
    let same = expect("ResumeQuestionGenerated", "reload").await.json();
    assert_eq!(first["questionId"], same["questionId"]);

    send(answers, "first", json!({"answer": "답변", "questionId": first["questionId"]})).await;
    let second = expect("ResumeQuestionGenerated", "first").await.json();
    send(answers, "stale", json!({"answer": "답변", "questionId": first["questionId"]})).await;
    assert_eq!(expect("RequestFailed", "stale").await.json()["code"], "STALE_ANSWER");
    for _ in ["as it is worked", "from the journal"] {
        send(answers, "second", json!({"answer": "답변", "questionId": second["questionId"]})).await;
        let completed = expect("ResumeCompleted", "second").await.json();
        reqwest::get(completed["resumeUrl"].as_str().unwrap()).await.unwrap().error_for_status().expect("a link");
    }
}

async fn an_init_with_other_inputs_begins_anew(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    let mut other = inputs();
    other["project_count"] = json!(4);
    init_with(&env, member, other.clone()).await;
    let second = question(&outcomes, member, 1).await;
    assert_ne!(first.json()["sessionId"], second.json()["sessionId"]);
    answer(&env, &first, "늦은 답변").await;
    outcomes.expect_failure(member, "STALE_ANSWER").await;
    answer(&env, &second, "답변").await;
    question(&outcomes, member, 2).await;
    // Once the first question is answered the same inputs begin anew too.
    init_with(&env, member, other).await;
    let third = question(&outcomes, member, 1).await;
    assert_ne!(third.json()["sessionId"], second.json()["sessionId"]);
}

async fn a_second_click_is_stale_and_leaves_the_session_alone(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    init(&env, member).await;
    question(&outcomes, member, 1).await;
    let click = now();
    let value = json!({"memberId": member, "answer": "두 번 누른 답변"});
    env.requests.ask(&env.topics.resume_answer, &value).timestamp(click).send().await;
    question(&outcomes, member, 2).await;
    let before = redis.session(member).await;
    env.requests.ask(&env.topics.resume_answer, &value).timestamp(click).send().await;
    let failed = outcomes.expect_failure(member, "STALE_ANSWER").await.json();
    assert_eq!((&failed["retryable"], &failed["eventName"]), (&json!(false), &json!("ADVANCED_RESUME_UPDATE")));
    assert_eq!(redis.session(member).await, before);
    assert_eq!(env.model.calls().len(), 2);
    // Without an id the current question is answered.
    env.requests.ask(&env.topics.resume_answer, &json!({"memberId": member, "answer": "새 답변"})).send().await;
    question(&outcomes, member, 3).await;
}

async fn an_answer_to_another_question_is_stale_and_one_to_none_is_told(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    answer(&env, &first, "답변").await;
    let second = question(&outcomes, member, 2).await;
    answer(&env, &first, "다른 탭의 답변").await;
    outcomes.expect_failure(member, "STALE_ANSWER").await;
    for id in ["no-uuid", "7f3c0a52-2f34-4e0c-8f3a-000000000000"] {
        let value = json!({"memberId": member, "answer": "모르는 질문", "question_id": id});
        env.requests.ask(&env.topics.resume_answer, &value).send().await;
        outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await;
    }
    answer(&env, &second, "맞는 답변").await;
    question(&outcomes, member, 3).await;
    let letters = outcomes.records().iter().filter(|record| record.is_dead_letter()).count();
    assert_eq!(letters, 0);
}

/// A dialogue of one question, with its end.
async fn short_dialogue(env: &TestEnv, outcomes: &OutcomeReader, member: i64) -> Record {
    init(env, member).await;
    let asked = question(outcomes, member, 1).await;
    answer(env, &asked, "마지막 답변").await;
    outcomes.expect(member, "ResumeCompleted").await;
    asked
}

async fn a_second_click_on_the_last_question_is_stale_after_the_end(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", 1)).await;
    let member = env.member();
    let click = now();
    let asked = short_dialogue(&env, &outcomes, member).await;
    answer(&env, &asked, "마지막 답변").await;
    outcomes.expect_failure(member, "STALE_ANSWER").await;
    let value = json!({"memberId": member, "answer": "마지막 답변"});
    env.requests.ask(&env.topics.resume_answer, &value).timestamp(click).send().await;
    outcomes.expect_failure(member, "STALE_ANSWER").await;
}

async fn an_answer_without_a_session_is_told_so(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.requests.ask(&env.topics.resume_answer, &json!({"memberId": member, "answer": "누구세요?"})).send().await;
    let failed = outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await.json();
    assert_eq!((&failed["retryable"], &failed["eventName"]), (&json!(false), &json!("ADVANCED_RESUME_UPDATE")));
    assert!(env.model.calls().is_empty());
}

async fn an_answer_after_the_end_has_no_session(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", 1)).await;
    let member = env.member();
    short_dialogue(&env, &outcomes, member).await;
    env.requests.ask(&env.topics.resume_answer, &json!({"memberId": member, "answer": "아직 있나요?"})).send().await;
    outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await;
}

async fn a_skipped_question_is_remembered_as_unanswered(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let redis = Redis::connect(&env.services).await;
    for skipped in [json!({}), json!({"answer": null}), json!({"answer": " \n "}), json!({"inputs": {}})] {
        let member = env.member();
        init(&env, member).await;
        question(&outcomes, member, 1).await;
        let mut value = json!({"memberId": member});
        value.as_object_mut().unwrap().extend(skipped.as_object().unwrap().clone());
        env.requests.ask(&env.topics.resume_answer, &value).send().await;
        question(&outcomes, member, 2).await;
        let session = redis.session(member).await.expect("the session").to_string();
        assert!(session.contains("<미응답>"), "{value}: {session}");
    }
}

async fn without_the_model_the_document_is_laid_out_from_the_answers(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let settings = env.settings().with("MAX_QUESTIONS", 1).with("REQUEST_DEADLINE", "6s");
    let _worker = env.worker_with(&settings).await;
    for trouble in [Answer::busy(), Answer::text(""), Answer::reset()] {
        let member = env.member();
        init(&env, member).await;
        let asked = question(&outcomes, member, 1).await;
        env.model.when_asked(Kind::Resume, [trouble.clone()]);
        answer(&env, &asked, "대기열을 도입해 지연을 줄였습니다.").await;
        let completed = outcomes.expect(member, "ResumeCompleted").await.json();
        assert_eq!(completed["degraded"], true, "{trouble:?}");
        let (_, bytes) = env.bucket().get(completed["resumeObjectKey"].as_str().unwrap()).await;
        let document = docx::open(&bytes).await.to_string();
        assert!(document.contains("대기열을 도입해 지연을 줄였습니다."), "{document}");
        env.model.well();
    }
}

async fn a_completed_request_that_comes_again_gets_a_fresh_link(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    let member = env.member();
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    let value = json!({"memberId": member, "inputs": inputs(), "requestId": "r-1"});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    let first = outcomes.expect(member, "ResumeCompleted").await;
    let calls = env.model.calls().len();
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    let second = outcomes.expect(member, "ResumeCompleted").await;
    assert_eq!(first.header("ce_id"), second.header("ce_id"));
    let (first, second) = (first.json(), second.json());
    for same in ["sessionId", "resumeObjectKey", "degraded", "isComplete"] {
        assert_eq!(first[same], second[same]);
    }
    reqwest::get(second["resumeUrl"].as_str().unwrap()).await.unwrap().error_for_status().expect("the link works");
    assert_eq!(env.model.calls().len(), calls, "nothing is paid for again");
}

async fn the_lock_is_held_while_the_model_works(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let lock = format!("resume:{{{member}}}:lock");
    env.model.next([Answer::question("어떤 일을 하셨나요?").after(Duration::from_secs(2))]);
    init(&env, member).await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    let token: Option<String> = redis.run("GET", &[&lock]).await;
    assert!(token.is_some_and(|token| token.len() >= 16), "the lock holds a random token");
    let ttl: i64 = redis.run("PTTL", &[&lock]).await;
    assert!(ttl > 0, "the lock expires by itself");
    question(&outcomes, member, 1).await;
    let token: Option<String> = redis.run("GET", &[&lock]).await;
    assert_eq!(token, None, "the lock is given back");
}

async fn two_answers_of_a_member_are_never_worked_at_once(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    init(&env, member).await;
    let asked = question(&outcomes, member, 1).await.json();
    env.model.next([Answer::question("다음 질문입니다. 무엇을 배우셨나요?").after(Duration::from_secs(1))]);
    for (partition, key) in [(0, "a"), (1, "b")] {
        let value = json!({"memberId": member, "answer": "동시에 보낸 답변", "questionId": asked["questionId"]});
        env.requests.ask(&env.topics.resume_answer, &value).key(key).partition(partition).send().await;
    }
    let mut kinds = [outcomes.next(member).await.kind, outcomes.next(member).await.kind];
    kinds.sort_unstable();
    assert_eq!(kinds, ["RequestFailed", "ResumeQuestionGenerated"], "one is worked, the other is stale");
    assert_eq!((env.model.load().peak, env.model.calls().len()), (1, 2));
}
