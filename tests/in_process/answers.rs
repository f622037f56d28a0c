//! What becomes of a request: an outcome, a dead letter, the same outcome again.

use ssammu_worker::events::record::Flow;
use ssammu_worker::llm::ModelFailure;

use crate::stage::{FEEDBACK_REQUESTED, Kafka, Shared};

#[tokio::test]
async fn garbage_becomes_a_dead_letter_and_its_offset_is_released() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    kafka.garbage(b"\xff\x00 no request").key("key").header("mark", "1").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    let letter = shared.producer.dead_letters(1).await.remove(0);
    assert_eq!((letter.topic(), letter.0.partition), ("FeedbackRequested-dlt", Some(0)));
    assert_eq!(letter.0.key.as_deref(), Some(b"key".as_slice()));
    assert_eq!(letter.0.value.as_deref(), Some(b"\xff\x00 no request".as_slice()));
    assert_eq!((letter.header("mark"), letter.header("kafka_dlt-exception-fqcn")), (Some("1"), Some("UNDECODABLE")));
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!((shared.producer.sent().len(), shared.model.asked().len()), (1, 0));
    member.stop().await;
}

#[tokio::test]
async fn a_request_that_no_model_answered_is_kept_as_a_dead_letter_and_may_come_again() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    shared.model.fails(ModelFailure::Unavailable("down".to_owned()));
    for _ in 0..2 {
        kafka.feedback(7, "답변").header("ce_id", "request-7").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 9);
    let [failed, answered] = shared.producer.outcomes(7, 2).await.try_into().unwrap();
    assert_eq!((failed.topic(), failed.json()["code"].as_str()), ("RequestFailed", Some("LLM_UNAVAILABLE")));
    assert_eq!((answered.topic(), shared.model.asked().len()), ("FeedbackGenerated", 2));
    assert_ne!(failed.id(), answered.id());
    member.stop().await;
    let letter = shared.producer.dead_letters(1).await.remove(0);
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("LLM_UNAVAILABLE"));
    assert_eq!((shared.producer.sent().len(), kafka.committed().await), (3, (2, 0)));
}

#[tokio::test]
async fn an_outcome_that_no_broker_will_take_becomes_a_failure_and_a_dead_letter() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    shared.producer.reject("FeedbackGenerated");
    kafka.feedback(7, "답변").send().await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    let failed = shared.producer.outcome(7).await;
    assert_eq!((failed.topic(), failed.json()["code"].as_str()), ("RequestFailed", Some("INTERNAL")));
    let letter = shared.producer.dead_letters(1).await.remove(0);
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    assert!(
        letter.header("kafka_dlt-exception-message").is_some_and(|why| why.contains("FeedbackGenerated was refused"))
    );
    assert_eq!((member.metrics.refused_records.get(), shared.producer.sent().len()), (1, 2));
    member.stop().await;
}

#[tokio::test]
async fn a_failure_that_no_broker_will_take_is_kept_as_a_dead_letter_and_holds_nobody_up() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    shared.producer.reject("RequestFailed");
    kafka.request(FEEDBACK_REQUESTED, &serde_json::json!({"memberId": 7})).send().await;
    let member = shared.join(&kafka, Flow::Feedback, 9);
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    assert_eq!(shared.producer.dead_letters(1).await.len(), 1);
    assert_eq!((member.metrics.refused_records.get(), shared.producer.sent().len()), (1, 1));
    member.stop().await;
}

#[tokio::test]
async fn a_request_that_comes_twice_is_asked_once_and_answered_twice_with_one_id() {
    let (kafka, shared) = (Kafka::start(1), Shared::new());
    for _ in 0..2 {
        kafka.feedback(7, "답변").header("ce_id", "request-7").send().await;
    }
    let member = shared.join(&kafka, Flow::Feedback, 9);
    let [first, again] = shared.producer.outcomes(7, 2).await.try_into().unwrap();
    assert_eq!((first.id(), first.json()), (again.id(), again.json()));
    assert_eq!(first.header("ce_causationid"), Some("request-7"));
    assert_eq!((shared.model.asked().len(), member.metrics.journal_hits.get()), (1, 1));
    kafka.commits(FEEDBACK_REQUESTED).reach_the_end().await;
    member.stop().await;
}
