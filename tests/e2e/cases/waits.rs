//! Who has to wait takes nobody's place, and is found by who can go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::proxy::FaultProxy;
use crate::kit::redis::Redis;
use crate::kit::test_env::{PARTITIONS, TestEnv};
use crate::kit::wait::eventually;

crate::case::cases![
    members_of_a_worker_that_cannot_reach_the_model_are_answered_by_who_takes_their_partition,
    a_worker_that_alone_cannot_reach_the_model_lets_its_partitions_go_and_comes_back,
    a_static_member_that_was_killed_takes_up_new_members_and_its_own_within_seconds,
];

async fn ask(env: &TestEnv, partition: i32, question: &str) -> i64 {
    let member = env.member();
    let value = json!({"memberId": member, "question": question, "answer": "기다려 보겠습니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).partition(partition).send().await;
    member
}

fn answered(outcomes: &OutcomeReader, members: &[i64]) -> usize {
    let is_answered = |member: &&i64| outcomes.of(**member).iter().any(|record| record.kind == "FeedbackGenerated");
    members.iter().filter(is_answered).count()
}

async fn members_of_a_worker_that_cannot_reach_the_model_are_answered_by_who_takes_their_partition(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let port = env.model.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = FaultProxy::start(port).await;
    let beyond = env.settings().with("VLLM_URL", format!("http://127.0.0.1:{}", proxy.port()));
    let unlucky = env.worker_with(&beyond.with("MAX_IN_FLIGHT", 4)).await;
    proxy.refuse();
    let mut members: Vec<Vec<i64>> = vec![Vec::new(); usize::try_from(PARTITIONS).expect("a few")];
    for _ in 0..8 {
        for (partition, members) in (0..).zip(&mut members) {
            members.push(ask(&env, partition, "여기는 모델이 없습니다").await);
        }
    }
    eventually("the model is away for it", || async {
        unlucky.get("/metrics").await?.1.contains("ssammu_circuit_open{part=\"model\"} 1").then_some(())
    })
    .await;
    let _lucky = env.worker().await;
    let joined = Instant::now();
    eventually("all members of the moved partition are answered", || async {
        members.iter().any(|members| answered(&outcomes, members) == members.len()).then_some(())
    })
    .await;
    // Sooner than a worker lets its partitions go.
    assert!(joined.elapsed() < Duration::from_secs(30), "that took {:?}", joined.elapsed());
    proxy.heal();
    for member in members.into_iter().flatten() {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
}

async fn a_worker_that_alone_cannot_reach_the_model_lets_its_partitions_go_and_comes_back(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let port = env.model.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = FaultProxy::start(port).await;
    let beyond = env.settings().with("VLLM_URL", format!("http://127.0.0.1:{}", proxy.port()));
    let mut unlucky = env.worker_with(&beyond.with("REQUEST_DEADLINE", "170s")).await;
    let _lucky = env.worker().await;
    proxy.refuse();
    let mut members = Vec::new();
    for partition in (0..PARTITIONS).cycle().take(12) {
        members.push(ask(&env, partition, "한쪽에만 모델이 있습니다").await);
    }
    eventually("the model is away for it", || async {
        unlucky.get("/metrics").await?.1.contains("ssammu_circuit_open{part=\"model\"} 1").then_some(())
    })
    .await;
    // Those before were at it when it went away; these wait.
    for partition in (0..PARTITIONS).cycle().take(12) {
        members.push(ask(&env, partition, "한쪽에만 모델이 있습니다").await);
    }
    let all = |_: &[Record]| (answered(&outcomes, &members) == members.len()).then_some(());
    outcomes.wait_at_most(Duration::from_secs(120), "all members are answered", all).await;
    // Each group has a patience of its own.
    eventually("both groups are left", || async {
        let (status, body) = unlucky.get("/readyz").await?;
        (status == 503 && body.matches("it has left its group").count() == 2).then_some(())
    })
    .await;
    proxy.heal();
    unlucky.ready().await;
    let log = unlucky.log();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!((told("left to the other members"), told("what was away is back")), (2, 2), "{log}");
}

async fn a_static_member_that_was_killed_takes_up_new_members_and_its_own_within_seconds(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    // Its partitions would not move by themselves while anybody waits here.
    let properties = "group.instance.id=one,session.timeout.ms=300000";
    let settings = env.settings().with("KAFKA_PROPERTIES", properties).with("MAX_IN_FLIGHT", 2);
    let worker = env.worker_with(&settings).await;
    env.model.when("멈춘 질문", [Answer::stall(), Answer::stall(), Answer::text(FEEDBACK), Answer::text(FEEDBACK)]);
    let stalled = [ask(&env, 0, "멈춘 질문").await, ask(&env, 1, "멈춘 질문").await];
    env.model.wait_for("both calls", |load| load.at_work == 2).await;
    worker.kill().await;
    // Nor would their locks expire.
    let redis = Redis::connect(&env.services).await;
    for member in stalled {
        let kept: i64 = redis.run("PEXPIRE", &[&format!("feedback:{{{member}}}:lock"), "300000"]).await;
        assert_eq!(kept, 1, "it is locked");
    }
    let next = env.worker_with(&settings).await;
    let new = [ask(&env, 0, "새 질문").await, ask(&env, 1, "새 질문").await];
    for member in new {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    // Their locks are the dead worker's, which is known to be gone.
    for member in stalled {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    drop(next);
}
