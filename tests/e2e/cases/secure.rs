//! Kafka with TLS, passwords and rights, and what is said where one of them is not as it should be.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kit::services::ports::free_port;
use crate::kit::services::secure::{LOOKER, STRANGER, User, WORKER, may_describe_topics};
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;

crate::case::cases![
    a_password_of_any_characters_comes_from_a_file_or_from_the_environment,
    what_is_wrong_with_tls_or_the_password_is_told_by_the_worker_and_by_commands,
    topics_that_may_not_be_known_of_are_not_missing,
    what_may_not_be_looked_at_or_read_is_told_at_once,
    a_killed_static_member_of_the_new_protocol_waits_for_its_own_name,
    a_proxy_of_the_environment_is_told_and_takes_the_models_calls_only_where_it_may,
];

/// Everything about a connection but who it is.
fn properties(env: &TestEnv, user: User) -> String {
    let ca = env.services.kafka_ca.display();
    format!("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nssl.ca.location={ca}\nsasl.username={}\n", user.name)
}

/// The broker by its secure way, with these properties, one a line.
fn by_file(env: &TestEnv, properties: &str) -> Settings {
    let path = env.services.kafka_ca.with_file_name(format!("{}-{}", env.topics.suffix, env.member()));
    fs::write(&path, properties).unwrap();
    let settings = env.settings().with("KAFKA_BOOTSTRAP_SERVERS", &env.services.secure_kafka);
    settings.with("KAFKA_PROPERTIES_FILE", path.display())
}

fn as_user(env: &TestEnv, user: User) -> Settings {
    by_file(env, &format!("{}sasl.password={}\n", properties(env, user), user.password))
}

async fn answers_a_request(env: &TestEnv, settings: &Settings) {
    let (worker, outcomes, member) = (env.worker_with(settings).await, env.outcomes().await, env.member());
    let value = json!({"memberId": member, "question": "캐시란?", "answer": "사본입니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let log = worker.log();
    assert!(!log.contains("a,b=c d"), "{log}");
    worker.stop().await;
}

async fn a_password_of_any_characters_comes_from_a_file_or_from_the_environment(env: Arc<TestEnv>) {
    answers_a_request(&env, &as_user(&env, WORKER)).await;
    let escaped: String = WORKER
        .password
        .chars()
        .map(|letter| if matches!(letter, ',' | '\\') { format!("\\{letter}") } else { letter.to_string() })
        .collect();
    let in_one_line = properties(&env, WORKER).replace('\n', ",") + &format!("sasl.password={escaped}");
    let settings = env.settings().with("KAFKA_BOOTSTRAP_SERVERS", &env.services.secure_kafka);
    answers_a_request(&env, &settings.with("KAFKA_PROPERTIES", in_one_line)).await;
}

async fn what_is_wrong_with_tls_or_the_password_is_told_by_the_worker_and_by_commands(env: Arc<TestEnv>) {
    env.create_topics().await;
    let all = as_user(&env, WORKER);
    let secure = properties(&env, WORKER) + &format!("sasl.password={}\n", WORKER.password);
    let without = |left_out: &str| -> String {
        secure.lines().filter(|line| !line.starts_with(left_out)).map(|line| format!("{line}\n")).collect()
    };
    let plain = all.clone().without(&["KAFKA_PROPERTIES_FILE"]);
    let troubles = [
        (by_file(&env, &(without("sasl.password") + "sasl.password=s3cret\n")), "Authentication failed"),
        (by_file(&env, &without("ssl.ca.location")), "certificate verify failed"),
        (
            by_file(&env, &without("sasl.mechanism").replace("SASL_SSL", "SASL_SSL\nsasl.mechanism=SCRAM-SHA-512")),
            "mechanism",
        ),
        (by_file(&env, &secure.replace("SASL_SSL", "SSL")), "security.protocol"),
        // Neither side says a word of it: the client guesses.
        (plain, "security.protocol"),
        (as_user(&env, WORKER).with("KAFKA_BOOTSTRAP_SERVERS", &env.services.kafka), "SSL handshake failed"),
    ];
    for (settings, words) in troubles {
        let words = words.to_lowercase();
        let worker = env.start_worker(&settings);
        worker.unready(&words).await;
        for command in [["topics"].as_slice(), &["dlt", "list"]] {
            let ended = env.run(command, &settings).await;
            let told = ended.stderr.to_lowercase();
            assert!(!ended.status.success() && told.contains(&words), "{command:?}, {words}: {told}");
            assert!(!told.contains("s3cret") && !told.contains("a,b=c d"), "{told}");
        }
        assert!(!worker.log().contains("s3cret"));
    }
}

async fn topics_that_may_not_be_known_of_are_not_missing(env: Arc<TestEnv>) {
    env.create_topics().await;
    let settings = as_user(&env, STRANGER);
    let worker = env.start_worker(&settings);
    worker.unready("may not be described").await;
    // The group is told why as soon as its client is.
    worker.unready("authorization failed").await;
    let (_, told) = worker.get("/readyz").await.unwrap();
    assert!(!told.contains("missing"), "{told}");
    let ended = env.run(&["topics"], &settings).await;
    assert!(ended.stderr.contains("may not be described") && !ended.status.success(), "{}", ended.stderr);
    let began = Instant::now();
    let ended = env.run(&["dlt", "list"], &settings).await;
    assert!(ended.stderr.contains("may not be described") && !ended.status.success(), "{}", ended.stderr);
    assert!(began.elapsed() < Duration::from_secs(10));
}

async fn what_may_not_be_looked_at_or_read_is_told_at_once(env: Arc<TestEnv>) {
    env.create_topics().await;
    may_describe_topics(&env.services.kafka, LOOKER).unwrap();
    let settings = as_user(&env, LOOKER);
    let ended = env.run(&["topics"], &settings).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    for topic in env.topics.all() {
        let told = format!("unknown {topic} could not be looked at: ");
        let line = ended.stdout.lines().find(|line| line.starts_with(&told));
        let line = line.unwrap_or_else(|| panic!("{topic} in {}", ended.stdout));
        assert!(line.contains("DescribeConfigs") || line.contains("uthorization"), "{line}");
    }
    let gateway = env.start_gateway(&["gateway"], &settings);
    gateway.process.wait_for_log("a topic may not be read").await;
    // An empty topic is not read, and so nobody is refused.
    env.requests.request(&env.topics.dead_letters()[0]).key("7").value("{}").send().await;
    let began = Instant::now();
    let ended = env.run(&["dlt", "list"], &settings).await;
    assert!(ended.stderr.contains("may not be read") && !ended.status.success(), "{}", ended.stderr);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let ended = env.run(&["dlt", "purge", "--before", "2100-01-01T00:00:00Z", "--yes"], &settings).await;
    let told =
        format!("what is in {} may not be deleted; an ACL has to allow Delete on it", env.topics.dead_letters()[0]);
    assert!(ended.stderr.contains(&told) && ended.status.code() == Some(1), "{}", ended.stderr);
}

async fn a_killed_static_member_of_the_new_protocol_waits_for_its_own_name(env: Arc<TestEnv>) {
    let properties = "group.protocol=CONSUMER,group.instance.id=one";
    let settings = || env.settings().with("KAFKA_PROPERTIES", properties);
    env.worker_with(&settings()).await.kill().await;
    let mut worker = env.start_worker(&settings());
    worker.unready("group.instance.id").await;
    worker.ready().await;
    let log = worker.log();
    let told = log.lines().filter(|line| line.contains("WARN") && line.contains("waiting for that")).count();
    assert!(told == 2, "once a group: {log}");
    let (outcomes, member) = (env.outcomes().await, env.member());
    let value = json!({"memberId": member, "question": "캐시란?", "answer": "사본입니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
}

async fn a_proxy_of_the_environment_is_told_and_takes_the_models_calls_only_where_it_may(env: Arc<TestEnv>) {
    env.create_topics().await;
    // Nobody listens there.
    let proxy = format!("127.0.0.1:{}", free_port());
    let settings = || env.settings().with("HTTP_PROXY", format!("http://me:s3cret@{proxy}"));
    let tells = |log: &str, level: &str, part: &str, words: &str| {
        let told = format!("proxy=\"{proxy}\"");
        log.lines()
            .any(|line| [level, &told, words, &format!("part=\"{part}\"")].iter().all(|word| line.contains(word)))
    };
    let worker = env.start_worker(&settings());
    let (outcomes, member) = (env.outcomes().await, env.member());
    let value = json!({"memberId": member, "question": "캐시란?", "answer": "사본입니다."});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let log = worker.log();
    assert!(tells(&log, "INFO", "model", "VLLM_PROXY=true lets them"), "{log}");
    assert!(tells(&log, "WARN", "s3", "calls go through a proxy, which can read"), "{log}");
    worker.stop().await;
    let worker = env.start_worker(&settings().with("VLLM_PROXY", "true"));
    worker.lacks("model", "no connection to the server").await;
    let log = worker.log();
    assert!(tells(&log, "WARN", "model", "calls go through a proxy, which can read"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}
