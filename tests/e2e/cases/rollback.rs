//! Redis comes back without what it was told last, or might: the dialogue goes on where the member's screen is, or the
//! member is told; and operators know what may be lost, and how not to lose it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resume::{answer, init, question};
use crate::kit::outcome_reader::Record;
use crate::kit::redis::Redis;
use crate::kit::services::own_redis::OwnRedis;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;

crate::case::cases![
    an_answer_to_a_question_that_redis_has_lost_is_told_and_the_interview_stays,
    a_request_that_is_worked_again_after_redis_lost_everything_has_the_same_ids,
    an_outcome_is_sent_when_a_replica_has_it_and_not_before,
    where_redis_may_lose_what_is_saved_the_log_says_so_once,
];

fn session(member: i64) -> String {
    format!("resume:{{{member}}}")
}

/// As if Redis had never heard of the outcomes; with the session as it was, or without it.
async fn roll_back(redis: &Redis, member: i64, before: Option<&str>) {
    let keys: Vec<String> = redis.run("KEYS", &[&format!("{}*", session(member))]).await;
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let _: i64 = redis.run("DEL", &keys).await;
    if let Some(json) = before {
        let () = redis.run("SET", &[&session(member), json]).await;
    }
}

async fn an_answer_to_a_question_that_redis_has_lost_is_told_and_the_interview_stays(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    let before: String = redis.run("GET", &[&session(member)]).await;
    answer(&env, &first, "첫 답변").await;
    let second = question(&outcomes, member, 2).await;

    roll_back(&redis, member, Some(&before)).await;
    answer(&env, &second, "둘째 답변").await;
    let failed = outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await.json();
    assert_eq!(failed["retryable"], false);
    // Without a question's id neither: it is not the first one that is on the screen.
    let unnamed = json!({"memberId": member, "inputs": {"answer": "둘째 답변"}});
    env.requests.ask(&env.topics.resume_answer, &unnamed).send().await;
    outcomes.expect_failure(member, "NO_ACTIVE_SESSION").await;
    let stored: String = redis.run("GET", &[&session(member)]).await;
    assert_eq!((stored, env.model.calls().len()), (before, 2));

    // The way out: the member begins again, and has the first question.
    init(&env, member).await;
    let again = question(&outcomes, member, 1).await;
    assert_eq!(again.json()["questionId"], first.json()["questionId"]);
    env.requests.ask(&env.topics.resume_answer, &unnamed).send().await;
    question(&outcomes, member, 2).await;
}

async fn a_request_that_is_worked_again_after_redis_lost_everything_has_the_same_ids(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let begin = async || {
        let value = json!({"memberId": member, "inputs": {"email": "a@b.kr"}});
        env.requests.ask(&env.topics.resume_init, &value).header("ce_id", "begin").send().await;
        question(&outcomes, member, 1).await
    };
    let ids = |record: &Record| {
        let (id, json) = (record.header("ce_id").map(str::to_owned), record.json());
        (id, json["sessionId"].clone(), json["questionId"].clone())
    };
    let first = begin().await;
    roll_back(&redis, member, None).await;
    let again = begin().await;
    assert_eq!((ids(&first), env.model.calls().len()), (ids(&again), 2));
    answer(&env, &first, "화면에 있던 질문의 답변").await;
    question(&outcomes, member, 2).await;
}

/// For a worker whose state is in a Redis of its own.
fn settings(env: &TestEnv, redis: &OwnRedis) -> Settings {
    env.settings().with("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port))
}

async fn an_outcome_is_sent_when_a_replica_has_it_and_not_before(env: Arc<TestEnv>) {
    let (outcomes, member) = (env.outcomes().await, env.member());
    let primary = env.services.another_redis(&[]).await;
    let redis = Redis::at(primary.port).await;
    env.create_topics().await;
    let mut worker = env.start_worker(&settings(&env, &primary).with("REDIS_WAIT_REPLICAS", 1));
    worker.unready("redis").await;
    let replica = env.services.replica_of(&primary).await;
    worker.ready().await;
    init(&env, member).await;
    let first = question(&outcomes, member, 1).await;
    let there = Redis::at(replica.port).await.session(member).await.expect("what is shown is on the replica");
    assert_eq!(there["exchanges"][0]["questionId"], first.json()["questionId"]);

    drop(replica);
    worker.unready("redis").await;
    answer(&env, &first, "답변").await;
    let saved = |json: Option<Value>| (json?["exchanges"].as_array()?.len() == 2).then_some(());
    eventually("the next question is saved", || async { saved(redis.session(member).await) }).await;
    // It has been waited for so long that it would have been sent by now.
    worker.unready("work waits since").await;
    let other = env.member();
    init(&env, other).await;
    eventually("another's is saved", || async { redis.session(other).await.map(|_| ()) }).await;
    assert_eq!((outcomes.of(member).len(), outcomes.of(other).len()), (1, 0));

    // As after a failover to a replica that did not have it: it is saved once more.
    roll_back(&redis, other, None).await;
    let _replica = env.services.replica_of(&primary).await;
    question(&outcomes, member, 2).await;
    question(&outcomes, other, 1).await;
    assert!(redis.session(other).await.is_some());
    assert_eq!(env.model.calls().len(), 3, "nothing was paid again");
}

async fn where_redis_may_lose_what_is_saved_the_log_says_so_once(env: Arc<TestEnv>) {
    let evicting = env.services.another_redis(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]).await;
    // As in compose.yaml.
    let keeping = ["--appendonly", "yes", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction"];
    let keeping = env.services.another_redis(&keeping).await;
    let warnings = |log: &str| -> Vec<String> {
        log.lines().filter(|line| line.contains("WARN") && line.contains("Redis")).map(str::to_owned).collect()
    };

    let worker = env.worker_with(&settings(&env, &evicting)).await;
    worker.wait_for_log("Redis keeps nothing").await;
    let told = warnings(&worker.log());
    assert!(told.len() == 2 && told[0].contains("allkeys-lru") && told[0].contains("maxmemory-policy"), "{told:?}");
    assert!(worker.stop().await.success());

    let mut worker = env.worker_with(&settings(&env, &keeping)).await;
    // It is told before the worker can have done this.
    let (outcomes, member) = (env.outcomes().await, env.member());
    init(&env, member).await;
    question(&outcomes, member, 1).await;
    worker.signal("TERM").await;
    assert!(worker.ended().await.success());
    assert_eq!(warnings(&worker.log()), [""; 0]);
}
