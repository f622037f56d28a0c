//! What happens to work when partitions come and go.

use std::collections::BTreeSet;

use ssammu_worker::events::record::Flow;

use crate::doubles::Gate;
use crate::kit::wait::eventually;
use crate::stage::{FEEDBACK_REQUESTED, Kafka, LASTING, Member, Shared};

/// A worker with both partitions and a record of each in work, which a gate holds, and another that has just joined: the
/// first has been told to let one of them go.
async fn rebalancing(kafka: &Kafka, shared: &Shared) -> (Member, Member, [Gate; 2]) {
    let gates = ["답변 0", "답변 1"].map(|answer| shared.model.hold(answer));
    for (partition, member) in [(0, 10), (1, 11)] {
        kafka.feedback(member, &format!("답변 {partition}")).partition(partition).send().await;
    }
    let old = shared.join(kafka, Flow::Feedback, 9);
    for gate in &gates {
        gate.reached().await;
    }
    let mut new = shared.join(kafka, Flow::Feedback, 9);
    // The group tells both at once: the one what it has to give, the other that there is nothing yet.
    new.joined().await;
    (old, new, gates)
}

#[tokio::test]
async fn a_revocation_waits_for_work_that_is_nearly_done_and_the_next_owner_repeats_nothing() {
    // However slow this machine is.
    let (kafka, shared) = (Kafka::start(2), Shared { revoke_grace: LASTING, ..Shared::new() });
    let (old, new, gates) = rebalancing(&kafka, &shared).await;
    for gate in gates {
        gate.open();
    }
    new.has_partitions(1).await;
    old.has_partitions(1).await;
    for (partition, member) in [(0, 20), (1, 21)] {
        kafka.feedback(member, "다음 답변").partition(partition).send().await;
    }
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    for member in [10, 11, 20, 21] {
        shared.producer.outcome(member).await;
    }
    assert_eq!((old.received(), new.received()), (3, 1));
    assert_eq!((shared.model.asked().len(), shared.producer.sent().len()), (4, 4));
    for member in [old, new] {
        assert_eq!((member.metrics.journal_hits.get(), member.metrics.lock_waits.get()), (0, 0));
        member.stop().await;
    }
}

#[tokio::test]
async fn work_that_outlasts_its_partition_is_found_by_the_next_owner() {
    let (kafka, shared) = (Kafka::start(2), Shared::new());
    let (old, new, gates) = rebalancing(&kafka, &shared).await;
    // It has let go of the partition, and what it works there goes on.
    new.has_partitions(1).await;
    eventually("the next owner waits for the lock", || async { (new.metrics.lock_waits.get() > 0).then_some(()) })
        .await;
    for gate in gates {
        gate.open();
    }
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    let sent = shared.producer.sent();
    let ids: BTreeSet<String> = sent.iter().map(|sent| sent.id()).collect();
    assert_eq!((sent.len(), ids.len(), shared.model.asked().len()), (3, 2, 2));
    assert_eq!((new.metrics.journal_hits.get(), old.metrics.journal_hits.get()), (1, 0));
    for member in [old, new] {
        member.stop().await;
    }
}

#[tokio::test]
async fn what_is_done_after_its_partition_was_lost_is_not_committed() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let gate = shared.model.hold("답변");
    kafka.feedback(7, "답변").send().await;
    let mut member = shared.join(&kafka, Flow::Feedback, 9);
    member.joined().await;
    gate.reached().await;
    kafka.deny_groups(true);
    kafka.expel_a_member();
    member.has_partitions(0).await;
    member.not_joined("GroupAuthorizationFailed").await;
    gate.open();
    shared.producer.outcome(7).await;
    kafka.deny_groups(false);
    // The partition comes back, and the record is read again.
    member.joined().await;
    let [first, again] = shared.producer.outcomes(7, 2).await.try_into().unwrap();
    assert_eq!((first.id(), first.json()), (again.id(), again.json()));
    assert_eq!((shared.model.asked().len(), member.metrics.journal_hits.get()), (1, 1));
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    member.stop().await;
}

#[tokio::test]
async fn a_member_whose_partitions_were_lost_is_none_until_the_group_takes_it_again_and_says_why() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let mut member = shared.join(&kafka, Flow::Feedback, 9);
    member.joined().await;
    kafka.deny_groups(true);
    kafka.expel_a_member();
    // It was told before that they were lost, until the group said why it takes nobody.
    member.not_joined("GroupAuthorizationFailed").await;
    kafka.deny_groups(false);
    member.joined().await;
    kafka.feedback(7, "답변").send().await;
    shared.producer.outcome(7).await;
    member.stop().await;
}

#[tokio::test]
async fn a_group_that_gets_nothing_while_there_is_something_says_so_until_it_comes() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let mut member = shared.join(&kafka, Flow::Feedback, 1);
    member.joined().await;
    kafka.deny_reading(true);
    kafka.feedback(7, "답변").send().await;
    kafka.feedback(8, "답변").send().await;
    member.not_joined("nothing has come of FeedbackRequested/0").await;
    kafka.deny_reading(false);
    for answered in [7, 8] {
        assert_eq!(shared.producer.outcome(answered).await.topic(), "FeedbackGenerated");
    }
    member.joined().await;
    member.stop().await;
}

#[tokio::test]
async fn a_member_that_lost_its_name_stands_by_and_ends_when_it_is_told_to() {
    let (kafka, shared) = (Kafka::start(1).with_static_members("one"), Shared::new());
    let [mut feedback, mut resume] = shared.join_both(&kafka, 1);
    feedback.joined().await;
    resume.joined().await;
    kafka.fence_a_member();
    let fenced = "another worker has the same group.instance.id";
    let goes_on = tokio::select! {
        () = feedback.not_joined(fenced) => &mut resume,
        () = resume.not_joined(fenced) => &mut feedback,
    };
    goes_on.joined().await;
    feedback.stop().await;
    resume.stop().await;
}
