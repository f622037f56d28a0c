//! Two workers that live, with one `group.instance.id`: one of them is the member of a group, the other stands by.

use std::collections::BTreeSet;
use std::sync::Arc;

use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use serde_json::json;

use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::outcome_reader::OutcomeReader;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;
use crate::kit::worker_process::WorkerProcess;

crate::case::cases![
    the_older_of_two_workers_with_one_name_stands_by_and_takes_over_when_the_newer_is_gone,
    a_worker_that_lost_its_name_in_one_group_goes_on_in_the_other,
    two_workers_with_one_name_answer_everything_however_often_they_are_started,
    two_workers_with_one_name_answer_everything_under_the_new_protocol_too,
];

const CLASSIC: &str = "group.instance.id=one";
const NEW: &str = "group.instance.id=one,group.protocol=consumer";

const STANDS_BY: &str = "another worker at 127.0.0.1 has the same group.instance.id: standing by until it is gone";

fn named(env: &TestEnv, properties: &str) -> Settings {
    env.settings().with("KAFKA_PROPERTIES", properties)
}

async fn ask(env: &TestEnv, question: &str) -> i64 {
    let member = env.member();
    let value = json!({"memberId": member, "question": question, "answer": "사본입니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    member
}

async fn begin(env: &TestEnv) -> i64 {
    let member = env.member();
    let value = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "BACKEND"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    member
}

/// One of each group, answered.
async fn answers_both(env: &TestEnv, outcomes: &OutcomeReader) {
    let (asked, began) = (ask(env, "캐시란?").await, begin(env).await);
    outcomes.expect(asked, "FeedbackGenerated").await;
    outcomes.expect(began, "ResumeQuestionGenerated").await;
}

/// No outcome has come under two ids.
async fn assert_one_id_each(outcomes: &OutcomeReader, requests: usize) {
    let (mut ids, mut causes) = (BTreeSet::new(), BTreeSet::new());
    for record in outcomes.everything().await {
        assert!(!record.is_dead_letter() && record.kind != "RequestFailed", "{record:?}");
        ids.insert(record.header("ce_id").unwrap().to_owned());
        causes.insert(record.header("ce_causationid").unwrap().to_owned());
    }
    assert_eq!((ids.len(), causes.len()), (requests, requests));
}

async fn has_ended(worker: &WorkerProcess) -> bool {
    worker.get("/livez").await.is_none()
}

async fn the_older_of_two_workers_with_one_name_stands_by_and_takes_over_when_the_newer_is_gone(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let mut older = env.worker_with(&named(&env, CLASSIC)).await;
    env.model.when("둘이 받는 질문", [Answer::stall(), Answer::text(FEEDBACK)]);
    let member = ask(&env, "둘이 받는 질문").await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    let newer = env.worker_with(&named(&env, CLASSIC)).await;
    older.unready(STANDS_BY).await;
    outcomes.expect(member, "FeedbackGenerated").await;
    answers_both(&env, &outcomes).await;
    assert_eq!(env.model.calls().len(), 4, "the older one's call was dropped, and not made again");
    newer.kill().await;
    older.ready().await;
    answers_both(&env, &outcomes).await;
    let log = older.log();
    let told =
        log.lines().filter(|line| line.contains("WARN") && line.contains("each needs a name of its own")).count();
    assert_eq!(told, 2, "once a group: {log}");
    assert_one_id_each(&outcomes, 5).await;
}

async fn a_worker_that_lost_its_name_in_one_group_goes_on_in_the_other(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let mut worker = env.worker_with(&named(&env, CLASSIC)).await;
    let namesake: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &env.services.kafka)
        .set("group.id", format!("ssammu-feedback-{}", env.topics.suffix))
        .set("group.instance.id", "one")
        .set("session.timeout.ms", "6000")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("enable.auto.commit", "false")
        .create()
        .unwrap();
    namesake.subscribe(&[&env.topics.feedback_requested]).unwrap();
    let living = tokio::spawn(async move { while namesake.recv().await.is_ok() {} });
    worker.unready("standing by until it is gone").await;
    for _ in 0..3 {
        let began = begin(&env).await;
        outcomes.expect(began, "ResumeQuestionGenerated").await;
    }
    let (_, told) = worker.get("/readyz").await.unwrap();
    assert!(told.contains(STANDS_BY) && !told.contains("resume group"), "{told}");
    living.abort();
    worker.ready().await;
    answers_both(&env, &outcomes).await;
    assert_one_id_each(&outcomes, 5).await;
}

async fn two_workers_with_one_name_answer_everything_however_often_they_are_started(env: Arc<TestEnv>) {
    env.create_topics().await;
    let outcomes = env.outcomes().await;
    let [mut one, mut other] = [(); 2].map(|()| env.start_worker(&named(&env, CLASSIC)));
    answers_both(&env, &outcomes).await;
    // As by a supervisor that restarts who is not ready.
    for _ in 0..2 {
        one.kill().await;
        one = env.start_worker(&named(&env, CLASSIC));
        answers_both(&env, &outcomes).await;
        (one, other) = (other, one);
    }
    assert!(!has_ended(&one).await && !has_ended(&other).await);
    assert_one_id_each(&outcomes, 6).await;
}

async fn two_workers_with_one_name_answer_everything_under_the_new_protocol_too(env: Arc<TestEnv>) {
    env.create_topics().await;
    let outcomes = env.outcomes().await;
    let [one, other] = [(); 2].map(|()| env.start_worker(&named(&env, NEW)));
    answers_both(&env, &outcomes).await;
    eventually("one of them has no group, and says why", || async {
        let told = [one.get("/readyz").await?.1, other.get("/readyz").await?.1].concat();
        (told.matches("a member with the same group.instance.id").count() == 2).then_some(())
    })
    .await;
    assert!(!has_ended(&one).await && !has_ended(&other).await);
    assert!(one.stop().await.success());
    answers_both(&env, &outcomes).await;
    assert_one_id_each(&outcomes, 4).await;
}
