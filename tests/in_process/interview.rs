//! A member's session when more than one worker has it in hand, and what was paid for when a worker ends.

use serde_json::{Value, json};
use ssammu_worker::documents::Documents;
use ssammu_worker::events::record::{Flow, RequestKind};

use crate::doubles::producer::Sent;
use crate::doubles::state::StagedState;
use crate::stage::{Kafka, RESUME_ANSWER, RESUME_INIT, Shared, record, work};

const MEMBER: i64 = 7;

pub fn init(member: i64) -> Value {
    json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferredJob": "BACKEND"}})
}

/// To the question that a member was asked.
pub fn answer(question: &Sent) -> Value {
    json!({"memberId": question.json()["memberId"], "answer": "주문 서버를 맡았습니다.", "questionId": question.json()["questionId"]})
}

/// The question that an interview begins with.
pub async fn begun(shared: &Shared, member: i64) -> Sent {
    work(&shared.worker(), record(RequestKind::ResumeInit, member, &init(member))).await;
    shared.producer.outcome(member).await
}

/// The document of a finished interview, which the model wrote.
pub async fn document(shared: &Shared, completed: &Sent) -> Vec<u8> {
    let completed = (completed.topic(), completed.json());
    assert_eq!((completed.0, &completed.1["degraded"]), ("ResumeCompleted", &json!(false)));
    let key = completed.1["resumeObjectKey"].as_str().unwrap();
    shared.documents.get(key).await.unwrap().expect("the document is stored")
}

#[tokio::test]
async fn whoever_finds_the_session_changed_begins_again_and_pays_for_nothing_twice() {
    let shared = Shared::over(StagedState::without_locks());
    let question = begun(&shared, MEMBER).await;
    let (gate, worker) = (shared.state.hold_next_answer(), shared.worker());
    let answer = record(RequestKind::ResumeAnswer, 0, &answer(&question));
    let working = tokio::spawn(async move { work(&worker, answer).await });
    gate.reached().await;
    shared.state.rewrite_session(MEMBER).await;
    gate.open();
    working.await.unwrap();
    let outcomes = shared.producer.outcomes(MEMBER, 2).await;
    document(&shared, &outcomes[1]).await;
    assert_eq!((outcomes.len(), shared.model.asked().len()), (2, 2));
}

#[tokio::test]
async fn of_two_workers_with_one_answer_the_slower_is_told_that_it_is_stale() {
    let shared = Shared::over(StagedState::without_locks());
    let question = begun(&shared, MEMBER).await;
    let (gate, slower) = (shared.state.hold_next_answer(), shared.worker());
    let first = record(RequestKind::ResumeAnswer, 0, &answer(&question));
    let working = tokio::spawn(async move { work(&slower, first).await });
    gate.reached().await;
    // A second click: the résumé that the slower one paid for is saved already.
    work(&shared.worker(), record(RequestKind::ResumeAnswer, 1, &answer(&question))).await;
    gate.open();
    working.await.unwrap();
    let [_, completed, stale] = shared.producer.outcomes(MEMBER, 3).await.try_into().unwrap();
    document(&shared, &completed).await;
    assert_eq!((stale.topic(), stale.json()["code"].as_str()), ("RequestFailed", Some("STALE_ANSWER")));
    assert_eq!(shared.model.asked().len(), 2);
}

#[tokio::test]
async fn a_resume_that_was_saved_as_a_draft_is_not_written_again_after_its_worker_was_cut_off() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    kafka.request(RESUME_INIT, &init(MEMBER)).send().await;
    let member = shared.join(&kafka, Flow::Resume, 9);
    let question = shared.producer.outcome(MEMBER).await;
    let gate = shared.state.hold_next_answer();
    kafka.request(RESUME_ANSWER, &answer(&question)).send().await;
    gate.reached().await;
    member.cut_off().await;
    assert_eq!(shared.producer.sent().len(), 1);

    let next = shared.join(&kafka, Flow::Resume, 9);
    let outcomes = shared.producer.outcomes(MEMBER, 2).await;
    document(&shared, &outcomes[1]).await;
    kafka.commits(RESUME_ANSWER).reach_the_end().await;
    assert_eq!((outcomes.len(), shared.model.asked().len()), (2, 2));
    next.stop().await;
}
