//! A store that comes back without what it was told last: the dialogue goes on where the member's screen is, or the member
//! is told.

use std::sync::Arc;

use serde_json::{Value, json};
use ssammu_worker::events::record::{Record, RequestKind};
use ssammu_worker::worker::work::Worker;

use crate::doubles::producer::Sent;
use crate::stage::{Shared, record, work};

const MEMBER: i64 = 7;
const QUESTIONS: [&str; 3] = [
    r#"{"question": "가장 자신 있는 프로젝트에서 어떤 역할을 맡으셨나요?"}"#,
    r#"{"question": "그 일에서 가장 어려웠던 문제를 어떻게 해결하셨나요?"}"#,
    r#"{"question": "결과가 얼마나 좋아졌는지 수치로 말씀해 주시겠어요?"}"#,
];

fn init() -> Record {
    let value = json!({"memberId": MEMBER, "inputs": {"email": "a@b.kr", "preferredJob": "BACKEND"}});
    record(RequestKind::ResumeInit, 0, &value)
}

fn answer(offset: i64, text: &str, question_id: Option<&Value>) -> Record {
    let mut value = json!({"memberId": MEMBER, "answer": text});
    if let Some(id) = question_id {
        value["questionId"] = id.clone();
    }
    record(RequestKind::ResumeAnswer, offset, &value)
}

/// What a request brought.
async fn brought(shared: &Shared, worker: &Worker, request: Record) -> Sent {
    let before = shared.producer.sent().len();
    work(worker, request).await;
    shared.producer.outcomes(MEMBER, before + 1).await.pop().unwrap()
}

/// A worker that has asked two questions, the second of which the store is to forget.
async fn at_the_second_question(shared: &Shared) -> (Arc<Worker>, [Sent; 2]) {
    QUESTIONS.iter().for_each(|question| shared.model.says(question));
    let worker = shared.interviewer(3);
    let first = brought(shared, &worker, init()).await;
    let before = shared.state.session();
    let second = brought(shared, &worker, answer(0, "첫 답변", Some(&first.json()["questionId"]))).await;
    assert_eq!(second.json()["questionNumber"], 2);
    shared.state.roll_back(MEMBER, before).await;
    (worker, [first, second])
}

fn code(outcome: &Sent) -> Value {
    outcome.json()["code"].clone()
}

#[tokio::test]
async fn an_answer_to_a_question_that_the_store_has_lost_is_told_to_the_member_and_changes_nothing() {
    let shared = Shared::new();
    let (worker, [first, second]) = at_the_second_question(&shared).await;
    let lost = brought(&shared, &worker, answer(1, "둘째 답변", Some(&second.json()["questionId"]))).await;
    assert_eq!(code(&lost), "NO_ACTIVE_SESSION", "{}", lost.json());
    // The open question is the first again, and may be answered.
    let next = brought(&shared, &worker, answer(2, "첫 답변", Some(&first.json()["questionId"]))).await;
    assert_eq!(next.json()["questionNumber"], 2);
}

#[tokio::test]
async fn an_answer_that_names_no_question_is_not_stored_under_one_that_is_not_on_the_screen() {
    let shared = Shared::new();
    let (worker, _) = at_the_second_question(&shared).await;
    let lost = brought(&shared, &worker, answer(1, "둘째 답변", None)).await;
    assert_eq!(code(&lost), "NO_ACTIVE_SESSION", "{}", lost.json());
    // The member begins again: it is the first question that is on the screen now.
    let again = Record { at: answer(1, "", None).at, ..init() };
    let first = brought(&shared, &worker, again).await;
    assert_eq!(first.json()["questionNumber"], 1);
    let next = brought(&shared, &worker, answer(3, "첫 답변", None)).await;
    assert_eq!(next.json()["questionNumber"], 2, "{}", next.json());
}

#[tokio::test]
async fn a_request_that_is_worked_again_after_the_state_was_lost_brings_the_same_ids() {
    let shared = Shared::new();
    let (worker, [first, second]) = at_the_second_question(&shared).await;
    // Its offset was not committed when the store lost it.
    let again = brought(&shared, &worker, answer(0, "첫 답변", Some(&first.json()["questionId"]))).await;
    let ids = |outcome: &Sent| (outcome.id(), ["sessionId", "questionId"].map(|id| outcome.json()[id].clone()));
    assert_eq!(ids(&again), ids(&second));
    assert_ne!(again.json()["question"], second.json()["question"], "it was asked anew");
    shared.state.lose_everything();
    shared.model.says(QUESTIONS[2]);
    let again = brought(&shared, &worker, init()).await;
    assert_eq!(ids(&again), ids(&first));
}
