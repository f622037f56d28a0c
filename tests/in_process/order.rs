//! Whose turn it is.

use ssammu_worker::events::record::Flow;

use crate::stage::{FEEDBACK_REQUESTED, Kafka, Shared};

#[tokio::test]
async fn one_members_records_are_worked_in_order_though_others_overtake() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let first = shared.model.hold("첫째");
    for answer in ["첫째", "둘째", "셋째"] {
        kafka.feedback(7, answer).send().await;
    }
    kafka.feedback(8, "다른 회원").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    // It lies behind all three, so that they have been read.
    shared.producer.outcome(8).await;
    assert_eq!(shared.model.asked(), ["첫째", "다른 회원"]);
    first.open();
    let answered = shared.producer.outcomes(7, 3).await;
    assert_eq!(shared.model.asked(), ["첫째", "다른 회원", "둘째", "셋째"]);
    let of = |number: usize| answered[number].header("ce_causationid").unwrap().to_owned();
    assert_eq!([0, 1, 2].map(of), [0, 1, 2].map(|offset| format!("{FEEDBACK_REQUESTED}/0/{offset}")));
    member.stop().await;
}

#[tokio::test]
async fn a_member_with_fifty_records_holds_nobody_up_by_more_than_a_turn() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    let first = shared.model.hold("많은 답변 0");
    for number in 0..50 {
        kafka.feedback(7, &format!("많은 답변 {number}")).send().await;
    }
    kafka.feedback(8, "한 답변").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 1);
    first.reached().await;
    member.has_waiting(50).await;
    first.open();
    shared.producer.outcomes(7, 50).await;
    shared.producer.outcome(8).await;
    assert_eq!(shared.model.asked()[..3], ["많은 답변 0", "한 답변", "많은 답변 1"]);
    member.stop().await;
}
