//! What is read again of a member that was erased: it brings nothing back, and answers at most once.

use std::sync::LazyLock;

use serde_json::{Value, json};
use ssammu_worker::events::record::{Header, Record, RecordTime, RequestKind};
use ssammu_worker::llm::ModelFailure;
use time::OffsetDateTime;

use crate::doubles::producer::Sent;
use crate::stage::{Shared, feedback, record, work};

const MEMBER: i64 = 7;

/// When its member is erased, in milliseconds since 1970: no request is too old for another reason.
fn erased() -> i64 {
    static NOW: LazyLock<i64> = LazyLock::new(|| OffsetDateTime::now_utc().unix_timestamp() * 1_000);
    *NOW
}

/// A request that was sent at this moment.
fn sent(kind: RequestKind, offset: i64, value: &Value, at: i64) -> Record {
    Record { time: Some(RecordTime::Create(at)), ..record(kind, offset, value) }
}

fn asked(offset: i64, at: i64) -> Record {
    sent(RequestKind::FeedbackRequested, offset, &feedback(MEMBER, "답변"), at)
}

fn words(outcomes: &[Sent]) -> Vec<String> {
    let word = |sent: &Sent| sent.json()["code"].as_str().unwrap_or(sent.topic()).to_owned();
    outcomes.iter().map(word).collect()
}

#[tokio::test]
async fn what_waited_while_its_member_was_erased_ends_as_what_is_too_late_and_what_comes_later_is_worked() {
    let shared = Shared::new();
    let worker = shared.worker();
    shared.state.erase(MEMBER, erased()).await;
    let init = json!({"memberId": MEMBER, "inputs": {"email": "a@b.kr"}});
    work(&worker, sent(RequestKind::ResumeInit, 0, &init, erased())).await;
    work(&worker, asked(0, erased() - 1)).await;
    work(&worker, record(RequestKind::FeedbackRequested, 1, &feedback(MEMBER, "언제?"))).await;
    let told = shared.producer.outcomes(MEMBER, 3).await;
    assert_eq!(words(&told), ["DEADLINE_EXCEEDED"; 3]);
    assert_eq!((shared.producer.sent().len(), shared.model.asked().len()), (3, 0), "no dead letter, no model call");

    work(&worker, asked(2, erased() + 1)).await;
    assert_eq!(words(&shared.producer.outcomes(MEMBER, 4).await)[3], "FeedbackGenerated");
}

#[tokio::test]
async fn it_is_told_the_same_each_time_although_nothing_is_stored() {
    let shared = Shared::new();
    let worker = shared.worker();
    shared.state.erase(MEMBER, erased()).await;
    for _ in 0..2 {
        work(&worker, asked(0, erased())).await;
    }
    let [first, second] = shared.producer.outcomes(MEMBER, 2).await.try_into().unwrap();
    assert_eq!((first.id(), first.json()), (second.id(), second.json()));
    assert_eq!(shared.state.forget(MEMBER).await, 0);
}

#[tokio::test]
async fn what_had_been_answered_is_not_answered_again() {
    let shared = Shared::new();
    let worker = shared.worker();
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    for offset in 0..2 {
        work(&worker, asked(offset, erased())).await;
    }
    let told = shared.producer.outcomes(MEMBER, 2).await;
    assert_eq!(words(&told), ["LLM_UNAVAILABLE", "FeedbackGenerated"]);
    shared.state.erase(MEMBER, erased()).await;
    for offset in 0..2 {
        work(&worker, asked(offset, erased())).await;
    }
    // A dead letter that was sent back by a program that knows no marks.
    let replay = vec![
        Header::new("ce_id", "FeedbackRequested/0/0"),
        Header::new("replay-count", "1"),
        Header::new("replay-original-timestamp", erased().to_string()),
    ];
    work(&worker, Record { headers: replay, ..asked(2, erased() + 1) }).await;
    assert_eq!(words(&shared.producer.outcomes(MEMBER, 3).await)[2], "DEADLINE_EXCEEDED");
    assert_eq!(shared.producer.sent().len(), 4, "three outcomes and the first one's dead letter");
    assert_eq!((shared.model.asked().len(), shared.state.forget(MEMBER).await), (2, 0));
}

#[tokio::test]
async fn what_breaks_a_rule_says_so_and_is_not_remembered() {
    let shared = Shared::new();
    shared.state.erase(MEMBER, erased()).await;
    let invalid = json!({"memberId": MEMBER, "question": "", "answer": "답변"});
    work(&shared.worker(), sent(RequestKind::FeedbackRequested, 0, &invalid, erased())).await;
    assert_eq!(words(&[shared.producer.outcome(MEMBER).await]), ["INVALID_REQUEST"]);
    assert_eq!((shared.producer.sent().len(), shared.state.forget(MEMBER).await), (1, 0));
}

#[tokio::test]
async fn whoever_is_at_work_when_its_lock_is_gone_and_its_member_erased_saves_nothing() {
    let shared = Shared::new();
    let gate = shared.state.hold_next_answer();
    let worker = shared.worker();
    let working = work(&worker, asked(0, erased()));
    let erasing = async {
        gate.reached().await;
        shared.state.erase(MEMBER, erased()).await;
        gate.open();
    };
    tokio::join!(working, erasing);
    assert_eq!(words(&[shared.producer.outcome(MEMBER).await]), ["DEADLINE_EXCEEDED"]);
    assert_eq!((shared.producer.sent().len(), shared.state.forget(MEMBER).await), (1, 0));
}
