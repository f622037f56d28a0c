//! A model that hangs, or is away in whatever clothes, costs as little as it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::model::{Answer, ModelServer};
use crate::kit::outcome_reader::OutcomeReader;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;
use crate::kit::worker_process::WorkerProcess;

crate::case::cases![
    a_model_that_hangs_costs_its_members_nothing_while_the_fallback_works,
    a_model_that_answers_probes_alone_costs_its_members_nothing_while_the_fallback_works,
    without_a_fallback_a_model_that_hangs_fails_what_was_in_work_and_one_at_a_time,
    a_page_or_an_error_with_status_200_is_an_outage_and_burns_no_backlog,
    a_worker_that_was_frozen_past_its_limits_hears_what_came_meanwhile,
    a_circuit_that_nobody_tries_closes_by_itself_and_metrics_say_so,
];

/// Longer than it takes to find out and to ask the other, and much shorter than a deadline.
const SOON: Duration = Duration::from_secs(10);

async fn ask_for_feedback(env: &TestEnv) -> i64 {
    let member = env.member();
    let value = json!({"memberId": member, "question": "거기 있나요?", "answer": "기다려 보겠습니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    member
}

async fn begin_interview(env: &TestEnv) -> i64 {
    let member = env.member();
    let value = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "AI"}});
    env.requests.ask(&env.topics.resume_init, &value).send().await;
    member
}

fn with_fallback(env: &TestEnv, fallback: &ModelServer) -> Settings {
    let settings = env.settings().with("LLM_FALLBACK", "openai").with("REQUEST_DEADLINE", "8s");
    settings.with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()))
}

async fn metric(worker: &WorkerProcess, sample: &str) {
    eventually(sample, || async { worker.get("/metrics").await?.1.contains(sample).then_some(()) }).await;
}

/// One after the other: so many of each kind, all of them answered soon.
async fn all_are_answered(env: &TestEnv, outcomes: &OutcomeReader, times: usize) {
    for number in 0..times {
        let asked = Instant::now();
        let member = begin_interview(env).await;
        outcomes.expect(member, "ResumeQuestionGenerated").await;
        let member = ask_for_feedback(env).await;
        outcomes.expect(member, "FeedbackGenerated").await;
        assert!(asked.elapsed() < SOON, "number {number} took {:?}", asked.elapsed());
    }
}

async fn a_model_that_hangs_costs_its_members_nothing_while_the_fallback_works(env: Arc<TestEnv>) {
    let (outcomes, fallback) = (env.outcomes().await, ModelServer::start().await);
    let worker = env.worker_with(&with_fallback(&env, &fallback)).await;
    env.model.always(Answer::stall());
    all_are_answered(&env, &outcomes, 6).await;
    let calls = env.model.calls().len();
    assert!(calls <= 2, "{calls} members asked a server that hangs");
    metric(&worker, "ssammu_model_circuit_open{endpoint=\"vllm\"} 1").await;
    metric(&worker, "ssammu_circuit_open{part=\"model\"} 0").await;
    worker.lacks("model", "vllm: the server did not answer in time").await;
    worker.lacks("model", "openai stands in").await;
    env.model.well();
    eventually("the model is asked again", || async {
        let member = ask_for_feedback(&env).await;
        outcomes.expect(member, "FeedbackGenerated").await;
        (env.model.calls().len() > calls).then_some(())
    })
    .await;
    metric(&worker, "ssammu_model_circuit_open{endpoint=\"vllm\"} 0").await;
    let log = worker.log();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((told("the model server is unavailable"), told("the model server is back")), (1, 1), "{log}");
}

async fn a_model_that_answers_probes_alone_costs_its_members_nothing_while_the_fallback_works(env: Arc<TestEnv>) {
    let (outcomes, fallback) = (env.outcomes().await, ModelServer::start().await);
    let _worker = env.worker_with(&with_fallback(&env, &fallback)).await;
    all_are_answered(&env, &outcomes, 4).await;
    env.model.always(Answer::stall());
    env.model.always_to_probes(Answer::text("네"));
    all_are_answered(&env, &outcomes, 6).await;
}

async fn without_a_fallback_a_model_that_hangs_fails_what_was_in_work_and_one_at_a_time(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("MAX_IN_FLIGHT", 2).with("REQUEST_DEADLINE", "5s")).await;
    env.model.always(Answer::stall());
    let (asked_at, mut members) = (Instant::now(), Vec::new());
    for _ in 0..20 {
        members.push(begin_interview(&env).await);
    }
    metric(&worker, "ssammu_circuit_open{part=\"model\"} 1").await;
    eventually("one is told that was not in work", || async { (failures(&outcomes, &members) > 2).then_some(()) })
        .await;
    env.model.probed(2).await;
    assert_eq!(env.model.calls().len(), 2, "only probes find out");
    env.model.well();
    let allowed = 2 + told_at_most(asked_at);
    let mut failed = 0;
    for member in members {
        let outcome = outcomes.next(member).await;
        failed += usize::from(outcome.kind == "RequestFailed");
    }
    assert!(failed <= allowed, "{failed} of {allowed}");
}

async fn a_worker_that_was_frozen_past_its_limits_hears_what_came_meanwhile(env: Arc<TestEnv>) {
    let deadline = Duration::from_secs(3);
    let (outcomes, fallback) = (env.outcomes().await, ModelServer::start().await);
    let worker = env.worker_with(&with_fallback(&env, &fallback).with("REQUEST_DEADLINE", "3s")).await;
    env.model.always(Answer::text("핵심을 잘 짚었습니다. 예를 하나 더하면 좋습니다.").after(Duration::from_secs(1)));
    let mut members = Vec::new();
    for _ in 0..8 {
        members.push(ask_for_feedback(&env).await);
    }
    env.model.wait_for("all calls", |load| load.at_work == 8).await;
    worker.pause().await;
    env.model.wait_for("all answers are out", |load| load.at_work == 0).await;
    tokio::time::sleep(deadline).await;
    worker.resume().await;
    for member in members {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    assert_eq!((env.model.calls().len(), fallback.calls().len()), (8, 0), "each was paid for once");
}

/// Requests that may be told so while no model answers, which was not so before then: one at a time, at its deadline of 5 s.
fn told_at_most(asked_at: Instant) -> usize {
    usize::try_from(asked_at.elapsed().as_secs() / 5).unwrap() + 1
}

fn failures(outcomes: &OutcomeReader, members: &[i64]) -> usize {
    let of = |member: &&i64| outcomes.of(**member).iter().any(|outcome| outcome.kind == "RequestFailed");
    members.iter().filter(of).count()
}

async fn a_page_or_an_error_with_status_200_is_an_outage_and_burns_no_backlog(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let error: Value = json!({"error": {"message": "the engine is gone", "code": 500}});
    for trouble in [
        Answer::body(200, "text/html", "<html><h1>점검 중입니다</h1></html>"),
        Answer::body(200, "application/json", error.to_string()),
        Answer::body(200, "application/json", r#"{"object": "error", "message": "gone", "code": null}"#),
    ] {
        let worker = env.worker_with(&env.settings().with("MAX_IN_FLIGHT", 2).with("REQUEST_DEADLINE", "5s")).await;
        env.model.always(trouble.clone());
        let (asked_at, mut members) = (Instant::now(), Vec::new());
        for _ in 0..20 {
            members.push(ask_for_feedback(&env).await);
        }
        metric(&worker, "ssammu_circuit_open{part=\"model\"} 1").await;
        eventually("those in work fail", || async { (failures(&outcomes, &members) >= 2).then_some(()) }).await;
        env.model.well();
        let allowed = 2 + told_at_most(asked_at);
        let mut failed = Vec::new();
        for member in members {
            let outcome = outcomes.next(member).await;
            if outcome.kind == "RequestFailed" {
                failed.push(outcome.json()["code"].clone());
            }
        }
        assert!(
            failed.len() <= allowed && failed.iter().all(|code| code == "LLM_UNAVAILABLE"),
            "{trouble:?} {failed:?}"
        );
        worker.stop().await;
    }
}

async fn a_circuit_that_nobody_tries_closes_by_itself_and_metrics_say_so(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "3s")).await;
    env.model.always(Answer::busy());
    let member = ask_for_feedback(&env).await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    metric(&worker, "ssammu_circuit_open{part=\"model\"} 1").await;
    let calls = env.model.calls().len();
    env.model.well();
    metric(&worker, "ssammu_circuit_open{part=\"model\"} 0").await;
    metric(&worker, "ssammu_model_circuit_open{endpoint=\"vllm\"} 0").await;
    assert_eq!(env.model.calls().len(), calls);
    worker.has("model").await;
}
