//! Neighbours that answer when they are asked how they are, and do not do what they are asked for.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use serde_json::{Value, json};
use ssammu_worker::state::redis::RedisState;
use ssammu_worker::state::{MemberState, Saved, SessionChange, Write};
use tokio::time::Instant;

use crate::kit::model::Answer;
use crate::kit::outcome_reader::Record;
use crate::kit::redis::Redis;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::topics::admin;
use crate::kit::wait::eventually;
use crate::kit::worker_process::WorkerProcess;
use crate::suites::fixtures::{another, change, claim, ended, member, put_session, request_outcome, session};
use crate::suites::state::LASTING;

crate::case::cases![
    a_store_that_takes_no_writes_is_told_at_the_start,
    each_right_in_redis_that_the_work_needs_is_missed_without_traffic,
    a_change_that_may_not_be_made_whole_is_not_made_in_part,
    a_store_without_its_replicas_or_its_slots_is_told_at_the_start,
    a_paid_reply_waits_for_a_store_that_refuses_it,
    an_outcome_topic_that_is_gone_is_told_once_and_waited_for,
    outcomes_that_are_too_large_together_are_sent_one_by_one,
    an_outcome_that_is_too_large_becomes_a_failure_and_a_dead_letter,
    outcome_topics_that_can_lose_outcomes_are_told,
];

/// How soon trouble is told.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

/// Settings for a worker that is its own user in Redis, and what that is called.
fn as_user(env: &TestEnv) -> (Settings, String) {
    let user = env.topics.suffix.clone();
    let url = format!("redis://{user}:{user}@127.0.0.1:{}", env.services.redis_port);
    (env.settings().with("REDIS_URL", url), user)
}

/// What `/readyz` says of a part, as soon as it says that the worker lacks it.
async fn told_in_time(worker: &WorkerProcess, part: &str) -> String {
    let began = Instant::now();
    worker.unready(part).await;
    assert!(began.elapsed() < TOLD_WITHIN, "told after {:?}", began.elapsed());
    let body: Value = serde_json::from_str(&worker.get("/readyz").await.expect("the worker answers").1).expect("JSON");
    body["notReady"][part].as_str().unwrap_or_else(|| panic!("{part} in {body}")).to_owned()
}

/// The warnings about a part.
fn warnings(worker: &WorkerProcess, part: &str) -> Vec<String> {
    let named = [format!("part={part:?}"), format!("part={part}")];
    let log = worker.log();
    let lines = log.lines().filter(|line| line.contains("WARN") && named.iter().any(|named| line.contains(named)));
    lines.map(str::to_owned).collect()
}

async fn a_store_that_takes_no_writes_is_told_at_the_start(env: Arc<TestEnv>) {
    env.create_topics().await;
    let redis = Redis::connect(&env.services).await;
    let (settings, user) = as_user(&env);
    let password = format!(">{user}");
    let () = redis.run("ACL", &["SETUSER", &user, "on", &password, "~*", "+@connection", "+info"]).await;
    let mut worker = env.start_worker(&settings);
    let told = told_in_time(&worker, "redis").await;
    eventually("it is told what it may not", || async {
        let (_, body) = worker.get("/readyz").await?;
        body.contains("has no permissions to run the 'eval' command").then_some(())
    })
    .await;
    assert!(!told.contains(&password), "{told}");
    let () = redis.run("ACL", &["SETUSER", &user, "+@all"]).await;
    worker.ready().await;
    let told = warnings(&worker, "redis");
    assert_eq!(told.iter().filter(|line| line.contains("'eval'")).count(), 1, "{told:#?}");
    let () = redis.run("ACL", &["DELUSER", &user]).await;
}

async fn each_right_in_redis_that_the_work_needs_is_missed_without_traffic(env: Arc<TestEnv>) {
    let redis = Redis::connect(&env.services).await;
    let user = env.topics.suffix.clone();
    let address = format!("redis://{user}:{user}@127.0.0.1:{}", env.services.redis_port).parse().expect("an address");
    let commands = ["evalsha", "eval", "get", "set", "del", "pttl", "pexpire", "exists", "sismember"];
    let set = async |keys: &[&str], commands: &[&str]| {
        let (password, commands) = (format!(">{user}"), commands.iter().map(|command| format!("+{command}")));
        let commands: Vec<String> = commands.collect();
        let mut rights = vec!["SETUSER", &user, "reset", "on", &password];
        rights.extend(keys);
        rights.extend(commands.iter().map(String::as_str));
        let () = redis.run("ACL", &rights).await;
    };
    let members = ["~feedback:*", "~resume:*"];
    set(&members, &commands).await;
    let state = RedisState::connect(&address, LASTING);
    eventually("these are all that are needed", || async { state.check().await.ok() }).await;
    for missing in commands {
        let others: Vec<&str> = commands.into_iter().filter(|command| *command != missing).collect();
        set(&members, &others).await;
        let told = state.check().await.expect_err(missing).to_string();
        assert!(told.to_lowercase().contains(missing), "{missing}: {told}");
    }
    for missing in members {
        let others: Vec<&str> = members.into_iter().filter(|keys| *keys != missing).collect();
        set(&others, &commands).await;
        let told = state.check().await.expect_err(missing).to_string();
        assert!(told.contains("access"), "{missing}: {told}");
    }
    set(&members, &commands).await;
    state.check().await.expect("they are granted again");
    let () = redis.run("ACL", &["DELUSER", &user]).await;
}

/// A script that is refused something in its middle does not take back what it has written.
async fn a_change_that_may_not_be_made_whole_is_not_made_in_part(env: Arc<TestEnv>) {
    let redis = Redis::connect(&env.services).await;
    let user = env.topics.suffix.clone();
    let address = format!("redis://{user}:{user}@127.0.0.1:{}", env.services.redis_port).parse().expect("an address");
    let rights = async |right: &str| {
        let () = redis.run("ACL", &["SETUSER", &user, "on", &format!(">{user}"), "~*", "+@all", right]).await;
    };
    rights("+del").await;
    let (state, claim) = (RedisState::connect(&address, LASTING), claim(member()));
    eventually("it is reached", || async { state.begin(&claim).await.ok() }).await;
    assert_eq!(state.save(&claim, &put_session(None, session(1))).await.expect("a session"), Saved::Done);
    let turn =
        SessionChange { expected: Some(1), session: Write::Put(session(2)), draft: Write::Delete, ended: Write::Keep };
    let turn = change(Some(turn), request_outcome(1));
    rights("-del").await;
    state.save(&claim, &turn).await.expect_err("it may not delete the draft");
    rights("+del").await;
    assert_eq!(state.save(&claim, &turn).await.expect("it may again"), Saved::Done, "the session is as it was");

    let last = another(&claim);
    state.begin(&last).await.expect("the last answer");
    let end =
        SessionChange { expected: Some(2), session: Write::Delete, draft: Write::Keep, ended: Write::Put(ended(1)) };
    let end = change(Some(end), request_outcome(2));
    rights("-set").await;
    state.save(&last, &end).await.expect_err("it may not save the outcome");
    rights("+set").await;
    assert_eq!(state.save(&last, &end).await.expect("it may again"), Saved::Done, "the session is still there");
    let () = redis.run("ACL", &["DELUSER", &user]).await;
}

async fn a_store_without_its_replicas_or_its_slots_is_told_at_the_start(env: Arc<TestEnv>) {
    env.create_topics().await;
    let bus = free_port().to_string();
    for (arguments, told) in [
        (&["--min-replicas-to-write", "1"][..], "NOREPLICAS"),
        // PING is answered there as well.
        (&["--cluster-enabled", "yes", "--cluster-port", &bus], "CLUSTERDOWN"),
    ] {
        let redis = env.services.another_redis(arguments).await;
        let url = format!("redis://127.0.0.1:{}", redis.port);
        let worker = env.start_worker(&env.settings().with("REDIS_URL", url));
        told_in_time(&worker, "redis").await;
        eventually("it is told what the server lacks", || async {
            let (_, body) = worker.get("/readyz").await?;
            body.contains(told).then_some(())
        })
        .await;
        worker.kill().await;
    }
}

async fn a_paid_reply_waits_for_a_store_that_refuses_it(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let redis = Redis::connect(&env.services).await;
    let (settings, user) = as_user(&env);
    let () = redis.run("ACL", &["SETUSER", &user, "on", &format!(">{user}"), "~*", "+@all"]).await;
    let mut worker = env.worker_with(&settings).await;
    let members: Vec<i64> = (0..10).map(|_| env.member()).collect();
    env.model.next([Answer::text("권한이 사라지기 전에 시작한 답입니다. 잘하셨습니다.").after(Duration::from_secs(1))]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(members[0])).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    let () = redis.run("ACL", &["SETUSER", &user, "-@write"]).await;
    for member in &members[1..] {
        env.requests.ask(&env.topics.feedback_requested, &feedback(*member)).send().await;
    }
    let told = told_in_time(&worker, "redis").await;
    assert!(told.contains("can't run this command") || told.contains("ACL failure"), "{told}");
    assert!(told.contains("(SET)") || told.contains("'set'"), "{told}");
    eventually("what waits is counted, and told with its setting", || async {
        let (_, body) = worker.get("/readyz").await?;
        let (_, metrics) = worker.get("/metrics").await?;
        (body.contains("REDIS_URL") && metrics.contains("ssammu_state_waiting 1")).then_some(())
    })
    .await;
    let () = redis.run("ACL", &["SETUSER", &user, "+@write"]).await;
    for member in &members {
        outcomes.expect(*member, "FeedbackGenerated").await;
    }
    worker.ready().await;
    assert_eq!(env.model.calls().len(), members.len(), "nothing is paid for twice");
    assert!(!outcomes.records().iter().any(Record::is_dead_letter));
    assert_eq!(warnings(&worker, "redis").len(), 1, "{}", worker.log());
    let () = redis.run("ACL", &["DELUSER", &user]).await;
}

async fn an_outcome_topic_that_is_gone_is_told_once_and_waited_for(env: Arc<TestEnv>) {
    env.create_topics().await;
    let worker = env.worker().await;
    let topic = env.topics.of("RequestFailed");
    let client = admin(&env.services.kafka);
    client.delete_topics(&[&topic], &AdminOptions::new()).await.expect("Kafka deletes");
    // A broker takes records for a moment longer: what comes before it is gone is acknowledged.
    let told = told_in_time(&worker, "topics").await;
    assert!(told.contains(&topic), "{told}");
    for _ in 0..20 {
        let invalid = json!({"memberId": env.member()});
        env.requests.ask(&env.topics.feedback_requested, &invalid).send().await;
    }
    eventually("the oldest has waited", || async {
        let (_, metrics) = worker.get("/metrics").await?;
        let waited = metrics.lines().find_map(|line| line.strip_prefix("ssammu_oldest_unacknowledged_seconds "))?;
        (metrics.contains("ssammu_unacknowledged 20") && waited.parse::<f64>().ok()? > 6.0).then_some(())
    })
    .await;
    let log = worker.log();
    let loud: Vec<&str> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
    assert!(loud.len() <= 3, "{loud:#?}");
    env.topics.make_again(&env.services.kafka, &topic).await;
    eventually("all are acknowledged", || async {
        worker.get("/metrics").await?.1.contains("ssammu_unacknowledged 0").then_some(())
    })
    .await;
}

/// Gives a topic these settings, and waits until the broker has them.
async fn alter(env: &TestEnv, topic: &str, settings: &[(&str, &str)]) {
    let client = admin(&env.services.kafka);
    let resource = ResourceSpecifier::Topic(topic);
    let wanted = settings.iter().fold(AlterConfig::new(resource), |wanted, (name, value)| wanted.set(name, value));
    let altered = client.alter_configs([&wanted], &AdminOptions::new()).await;
    altered.expect("Kafka answers").remove(0).expect("the topic is altered");
    eventually(&format!("{topic} is altered"), || async {
        let config = client.describe_configs([&resource], &AdminOptions::new()).await.ok()?.remove(0).ok()?;
        let has =
            |(name, value): &(&str, &str)| config.get(name).is_some_and(|entry| entry.value.as_deref() == Some(value));
        settings.iter().all(has).then_some(())
    })
    .await;
}

async fn outcomes_that_are_too_large_together_are_sent_one_by_one(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    alter(&env, &env.topics.of("FeedbackGenerated"), &[("max.message.bytes", "2500")]).await;
    let details = "info,ssammu_worker::kafka::producer=debug";
    // As a reply is read while it is written, its outcome comes alone more often.
    let settings = env.settings().with("MAX_IN_FLIGHT", 512).with("TOPIC_REQUEST_PROGRESS", "off");
    let worker = env.worker_with(&settings.with("RUST_LOG", details)).await;
    let members: Vec<i64> = (0..1_000).map(|_| env.member()).collect();
    let asking = members.iter().map(async |member| {
        env.requests.ask(&env.topics.feedback_requested, &feedback(*member)).send().await;
    });
    futures_util::future::join_all(asking).await;
    for member in &members {
        outcomes.expect(*member, "FeedbackGenerated").await;
    }
    assert!(worker.log().contains("a batch was refused"), "all of them fitted");
    let metrics = worker.get("/metrics").await.expect("metrics").1;
    assert!(metrics.contains("ssammu_refused_records_total 0"), "{metrics}");
}

async fn an_outcome_that_is_too_large_becomes_a_failure_and_a_dead_letter(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    alter(&env, &env.topics.of("FeedbackGenerated"), &[("max.message.bytes", "200")]).await;
    let worker = env.worker().await;
    for _ in 0..3 {
        let member = env.member();
        let value = feedback(member);
        env.requests.ask(&env.topics.feedback_requested, &value).send().await;
        let failed = outcomes.expect_failure(member, "INTERNAL").await.json();
        assert_eq!(failed["retryable"], true);
        let letter = outcomes.dead_letter(value.to_string().as_bytes()).await;
        assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    }
    let metrics = worker.get("/metrics").await.expect("metrics").1;
    assert!(metrics.contains("ssammu_refused_records_total 3"), "{metrics}");
}

async fn outcome_topics_that_can_lose_outcomes_are_told(env: Arc<TestEnv>) {
    env.create_topics().await;
    let (small, endless) = (env.topics.of("FeedbackGenerated"), env.topics.of("ResumeCompleted"));
    alter(&env, &small, &[("max.message.bytes", "20000")]).await;
    alter(&env, &endless, &[("retention.ms", "-1")]).await;
    let shown = env.run(&["topics"], &env.settings()).await.stdout;
    let differs = |topic: &str, what: &str| {
        shown.lines().any(|line| line.starts_with("differs") && line.contains(topic) && line.contains(what))
    };
    assert!(differs(&small, "max.message.bytes") && differs(&endless, "for ever"), "{shown}");
    assert!(shown.lines().any(|line| line.contains("one replica") && line.contains(&small)), "{shown}");
    let worker = env.worker().await;
    worker.lacks("outcome topics", &small).await;
    worker.lacks("outcome topics", &endless).await;
    assert_eq!(warnings(&worker, "outcome topics").len(), 1, "{}", worker.log());
}
