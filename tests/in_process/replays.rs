//! Dead letters that were sent back: they answer once, and end nothing.

use serde_json::{Value, json};
use ssammu_worker::events::record::{Header, Record, RecordTime, RequestKind};
use ssammu_worker::llm::ModelFailure;

use crate::stage::{Shared, record, work};

const MEMBER: i64 = 7;

const QUESTION: &str = r#"{"question": "가장 자신 있는 프로젝트에서 어떤 역할을 맡으셨나요?"}"#;

fn feedback() -> Value {
    json!({"memberId": MEMBER, "question": "TCP와 UDP의 차이는 무엇인가요?", "answer": "신뢰성이 다릅니다."})
}

fn init(email: &str) -> Value {
    json!({"memberId": MEMBER, "inputs": {"email": email, "preferredJob": "BACKEND"}})
}

/// A request with an id of its own, on this trip: 0 is its first.
fn trip(record: Record, id: &str, count: u32) -> Record {
    let mut headers = vec![Header::new("ce_id", id)];
    if count > 0 {
        headers.push(Header::new("replay-count", count.to_string()));
        headers.push(Header::new("replay-original-timestamp", "1000"));
    }
    Record { headers, ..record }
}

/// Works a feedback request that fails, and then trips of it, one after the other. The outcomes of those.
async fn after_a_failure(shared: &Shared, trips: &[u32]) -> Vec<(String, Value)> {
    let worker = shared.worker();
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    let trips = std::iter::once(&0).chain(trips);
    for (offset, count) in (0..).zip(trips.clone()) {
        work(&worker, trip(record(RequestKind::FeedbackRequested, offset, &feedback()), "same", *count)).await;
    }
    let mut outcomes = shared.producer.outcomes(MEMBER, trips.count()).await;
    assert_eq!(outcomes.remove(0).topic(), "RequestFailed");
    outcomes.iter().map(|outcome| (outcome.id(), outcome.json())).collect()
}

#[tokio::test]
async fn a_replay_of_what_was_answered_meanwhile_sends_that_answer_and_asks_no_model() {
    // Sent again by its producer; replayed before; replayed again where the first replay was.
    for trips in [[0, 1], [1, 1], [1, 2], [1, 0]] {
        let shared = Shared::new();
        let outcomes = after_a_failure(&shared, &trips).await;
        assert_eq!(outcomes[0], outcomes[1], "{trips:?}");
        assert_eq!(shared.model.asked().len(), 2, "{trips:?}: one failed, one answered");
    }
}

#[tokio::test]
async fn a_replay_of_what_failed_again_is_worked_anew() {
    let shared = Shared::new();
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    let outcomes = after_a_failure(&shared, &[1, 2]).await;
    assert_eq!((&outcomes[0].1["code"], outcomes[1].1["code"].as_str()), (&json!("LLM_UNAVAILABLE"), None));
    assert_eq!(shared.model.asked().len(), 3);
}

#[tokio::test]
async fn a_replay_waits_as_long_as_it_takes() {
    let shared = Shared::new();
    let replay = trip(record(RequestKind::FeedbackRequested, 1, &feedback()), "same", 1);
    work(&shared.worker(), Record { time: Some(RecordTime::Create(1_000)), ..replay }).await;
    assert_eq!(shared.producer.outcome(MEMBER).await.topic(), "FeedbackGenerated");
}

#[tokio::test]
async fn a_replayed_init_is_stale_where_a_newer_interview_began_and_ends_nothing() {
    let (shared, init_again) = (Shared::new(), init("b@b.kr"));
    let worker = shared.worker();
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    work(&worker, trip(record(RequestKind::ResumeInit, 0, &init("a@b.kr")), "first", 0)).await;
    shared.model.says(QUESTION);
    work(&worker, trip(record(RequestKind::ResumeInit, 1, &init_again), "second", 0)).await;
    work(&worker, trip(record(RequestKind::ResumeInit, 2, &init("a@b.kr")), "first", 1)).await;
    let [_, question, stale] = shared.producer.outcomes(MEMBER, 3).await.try_into().unwrap();
    assert_eq!(stale.json()["code"], "STALE_ANSWER");
    shared.model.says("# 소개\n\n꾸준히 성장하는 **백엔드** 개발자입니다.\n");
    let answer =
        json!({"memberId": MEMBER, "answer": "주문 서버를 맡았습니다.", "questionId": question.json()["questionId"]});
    work(&worker, record(RequestKind::ResumeAnswer, 0, &answer)).await;
    assert_eq!(shared.producer.outcomes(MEMBER, 4).await[3].topic(), "ResumeCompleted");
}

#[tokio::test]
async fn a_replayed_answer_that_names_no_question_is_not_to_a_later_one() {
    let shared = Shared::new();
    let worker = shared.worker();
    shared.model.says(QUESTION);
    work(&worker, record(RequestKind::ResumeInit, 0, &init("a@b.kr"))).await;
    let answer = json!({"memberId": MEMBER, "answer": "주문 서버를 맡았습니다."});
    work(&worker, trip(record(RequestKind::ResumeAnswer, 0, &answer), "long ago", 1)).await;
    assert_eq!(shared.producer.outcomes(MEMBER, 2).await[1].json()["code"], "STALE_ANSWER");
}
