//! A member with more requests than may wait costs only itself.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;
use ssammu_worker::events::record::Flow;

use crate::doubles::producer::Sent;
use crate::stage::{FEEDBACK_REQUESTED, Kafka, Shared};

/// The member that asks too much.
const HOT: i64 = 7;

/// Sends so many requests of one member, each with an answer of its own, which is padded to so many bytes by a field that
/// nobody knows.
async fn flood(kafka: &Kafka, member: i64, requests: usize, bytes: usize) {
    let send = |number| {
        let value = json!({
            "memberId": member, "question": "캐시란 무엇인가요?", "answer": format!("답변 {number}"),
            "unknown": "x".repeat(bytes),
        });
        kafka.request(FEEDBACK_REQUESTED, &value).send()
    };
    // A hundred at a time: their order is the order in which they are begun.
    for first in (0..requests).step_by(100) {
        join_all((first..requests.min(first + 100)).map(send)).await;
    }
}

/// The offsets of the requests that these outcomes are for.
fn offsets(outcomes: &[Sent]) -> Vec<i64> {
    let offset = |sent: &Sent| sent.header("ce_causationid").unwrap().rsplit('/').next().unwrap().parse().unwrap();
    outcomes.iter().map(offset).collect()
}

#[tokio::test]
async fn a_member_with_three_thousand_requests_holds_up_nobody_on_its_partition() {
    let (kafka, shared) = (Kafka::start(12), Shared::new());
    let first = shared.model.hold("답변 0");
    flood(&kafka, HOT, 3_000, 600).await;
    for other in 100..120 {
        kafka.feedback(other, "다른 회원").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 64);
    first.reached().await;
    // They lie behind all of it, and its first is still in work.
    for other in 100..120 {
        shared.producer.outcome(other).await;
    }
    assert_eq!(shared.producer.sent().len(), 20);
    first.open();
    let answered = offsets(&shared.producer.outcomes(HOT, 3_000).await);
    assert_eq!(answered, (0..3_000).collect::<Vec<_>>(), "in their order, and each once");
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!((member.received(), shared.model.asked().len()), (3_020, 3_020));
    member.stop().await;
}

#[tokio::test]
async fn a_member_with_large_requests_holds_up_nobody_on_its_partition() {
    let (kafka, shared) = (Kafka::start(64), Shared::new());
    let first = shared.model.hold("답변 0");
    // The embedded broker keeps 5 MiB of a partition.
    flood(&kafka, HOT, 9, 500_000).await;
    for other in 100..105 {
        kafka.feedback(other, "다른 회원").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 64);
    for other in 100..105 {
        shared.producer.outcome(other).await;
    }
    first.open();
    let answered = offsets(&shared.producer.outcomes(HOT, 9).await);
    assert_eq!(answered, (0..9).collect::<Vec<_>>());
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    member.stop().await;
}

#[tokio::test]
async fn many_members_with_many_requests_are_each_answered_in_order() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let hot = HOT..HOT + 20;
    join_all(hot.clone().map(|member| flood(&kafka, member, 200, 200))).await;
    let member = shared.join(&kafka, Flow::Feedback, 8);
    for one in hot {
        let answered = offsets(&shared.producer.outcomes(one, 200).await);
        assert!(answered.is_sorted(), "{one}: {answered:?}");
        assert_eq!(answered.iter().collect::<HashSet<_>>().len(), 200);
    }
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!(shared.model.asked().len(), 4_000);
    member.stop().await;
}

#[tokio::test]
async fn what_was_put_back_is_worked_by_the_next_owner() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let first = shared.model.hold("답변 0");
    flood(&kafka, HOT, 500, 200).await;
    kafka.feedback(8, "다른 회원").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    shared.producer.outcome(8).await;
    member.has_waiting(499).await;
    member.cut_off().await;
    assert_eq!(kafka.committed().await, (0, 1));

    first.open();
    let next = shared.join(&kafka, Flow::Feedback, 9);
    let answered = offsets(&shared.producer.outcomes(HOT, 500).await);
    assert_eq!(answered, (0..500).collect::<Vec<_>>());
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!((next.received(), next.skipped()), (500, 1));
    next.stop().await;
}
