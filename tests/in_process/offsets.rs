//! When an offset is released, and what the next worker takes from that.

use ssammu_worker::events::record::Flow;

use crate::kit::wait::eventually;
use crate::stage::{FEEDBACK_REQUESTED, Kafka, Shared};

#[tokio::test]
async fn what_is_done_behind_an_open_record_is_committed_with_it_and_not_worked_again() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let slow = shared.model.hold("느린 답변");
    for (member, answer) in [(1, "답변"), (2, "느린 답변"), (3, "답변"), (4, "답변"), (5, "답변")] {
        kafka.feedback(member, answer).send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 9);
    committed(&kafka, (1, 3)).await;
    member.cut_off().await;
    assert_eq!(kafka.committed().await, (1, 3));

    slow.open();
    let next = shared.join(&kafka, Flow::Feedback, 9);
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!((next.received(), next.skipped()), (1, 3));
    assert_eq!(shared.model.asked().iter().filter(|answer| *answer == "느린 답변").count(), 2);
    for member in 1..=5 {
        shared.producer.outcome(member).await;
    }
    assert_eq!(shared.model.asked().len(), 6);
    next.stop().await;
}

#[tokio::test]
async fn an_offset_is_released_when_the_outcome_is_acknowledged_and_not_before() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let acknowledgement = shared.producer.hold(1);
    for member in [1, 2] {
        kafka.feedback(member, "답변").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 9);
    shared.producer.outcome(1).await;
    committed(&kafka, (0, 1)).await;
    acknowledgement.open();
    committed(&kafka, (2, 0)).await;
    member.stop().await;
}

#[tokio::test]
async fn outcomes_without_an_acknowledgement_take_nobodys_slot() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let acknowledgements = [1, 2, 3].map(|member| shared.producer.hold(member));
    for member in [1, 2, 3] {
        kafka.feedback(member, "답변").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 1);
    for gate in &acknowledgements {
        gate.reached().await;
    }
    for gate in &acknowledgements {
        gate.open();
    }
    member.stop().await;
    assert_eq!(kafka.committed().await, (3, 0));
}

#[tokio::test]
async fn stopping_finishes_what_is_in_work_and_leaves_the_rest_to_the_next() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let gates = ["끝나는 답변", "끝나지 않는 답변"].map(|answer| shared.model.hold(answer));
    for (member, answer) in [(1, "끝나는 답변"), (2, "끝나지 않는 답변"), (3, "시작하지 못한 답변")]
    {
        kafka.feedback(member, answer).send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 2);
    member.has_waiting(1).await;
    member.tell_to_stop();
    gates[0].open();
    shared.producer.outcome(1).await;
    member.cut_off().await;
    assert_eq!(kafka.committed().await, (1, 0));
    assert_eq!(shared.model.asked(), ["끝나는 답변", "끝나지 않는 답변"]);

    gates[1].open();
    let next = shared.join(&kafka, Flow::Feedback, 2);
    for member in [2, 3] {
        shared.producer.outcome(member).await;
    }
    assert_eq!(next.received(), 2);
    next.stop().await;
    assert_eq!(kafka.committed().await, (3, 0));
    assert_eq!(shared.producer.sent().len(), 3);
}

/// Three records from the day before yesterday and one of today.
async fn old_and_new(kafka: &Kafka) {
    for member in [1, 2, 3] {
        kafka.feedback(member, "옛 답변").timestamp(millis_ago(172_800)).send().await;
    }
    kafka.feedback(4, "새 답변").send().await;
}

#[tokio::test]
async fn what_is_older_than_outcomes_are_remembered_is_skipped_and_counted_where_a_group_begins_or_was_reset() {
    for commit in [None, Some("")] {
        let (kafka, shared) = (Kafka::start(1), Shared::new());
        old_and_new(&kafka).await;
        if let Some(metadata) = commit {
            kafka.commits(FEEDBACK_REQUESTED).write(0, 0, metadata).await;
        }
        let member = shared.join(&kafka, Flow::Feedback, 9);
        shared.producer.outcome(4).await;
        kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
        assert_eq!((shared.producer.sent().len(), shared.model.asked().len()), (1, 1), "{commit:?}");
        assert_eq!(member.metrics.records_outdated.with_label_values(&[FEEDBACK_REQUESTED]).get(), 3);
        member.stop().await;
    }
}

#[tokio::test]
async fn what_is_old_and_was_not_answered_by_the_worker_that_committed_is_answered() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    old_and_new(&kafka).await;
    kafka.commits(FEEDBACK_REQUESTED).write(0, 1, "s1:").await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    for late in [2, 3] {
        assert_eq!(shared.producer.outcome(late).await.json()["code"], "DEADLINE_EXCEEDED");
    }
    shared.producer.outcome(4).await;
    member.stop().await;
}

fn millis_ago(seconds: i64) -> i64 {
    i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap() - seconds * 1_000
}

/// Waits until this is committed: the offset, and how many records behind it are done.
async fn committed(kafka: &Kafka, wanted: (i64, u32)) {
    let what = format!("{wanted:?} is committed");
    eventually(&what, || async { (kafka.committed().await == wanted).then_some(()) }).await;
}
