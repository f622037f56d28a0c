//! The program as its operators meet it: starting, stopping, settings, health, logs.

use std::sync::Arc;
use std::time::Duration;

use clap::Args as _;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::json;
use ssammu_worker::config;

use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::proxy::FaultProxy;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::topics::{admin, has_partitions};

crate::case::cases![
    sigterm_finishes_what_is_at_work_and_leaves_nothing_behind,
    what_outlasts_the_grace_is_left_for_the_next_worker,
    a_second_signal_ends_it_at_once,
    a_killed_workers_request_is_answered_by_the_next,
    a_worker_that_was_frozen_goes_on,
    every_wrong_setting_is_told_at_once_and_no_secret_is,
    an_empty_variable_counts_as_unset,
    help_is_the_manual_of_the_settings,
    healthcheck_says_whether_the_worker_is_ready,
    topics_makes_what_is_missing_and_says_what_differs,
    readyz_names_what_is_missing_and_the_worker_waits_for_it,
    missing_topics_are_named,
    the_log_holds_nothing_that_a_member_wrote_and_no_secret,
    metrics_are_prometheus_text,
    dev_once_shows_every_kind_of_outcome_and_a_document,
];

fn feedback(member: i64) -> serde_json::Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

async fn sigterm_finishes_what_is_at_work_and_leaves_nothing_behind(env: Arc<TestEnv>) {
    let (worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(2))]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    let status = worker.stop().await;
    assert!(status.success(), "{status}");
    outcomes.expect(member, "FeedbackGenerated").await;

    // The next worker finds the offset where it belongs: it works the next request and not the last one again.
    let _next = env.worker().await;
    let other = env.member();
    env.requests.ask(&env.topics.feedback_requested, &feedback(other)).send().await;
    outcomes.expect(other, "FeedbackGenerated").await;
    assert_eq!(outcomes.of(member).len(), 1);
    assert_eq!(env.model.calls().len(), 2);
}

async fn what_outlasts_the_grace_is_left_for_the_next_worker(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let worker = env.worker_with(&env.settings().with("SHUTDOWN_GRACE", "1s")).await;
    let member = env.member();
    env.model.next([Answer::stall()]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.stop().await;
    assert!(outcomes.of(member).is_empty());
    env.model.wait_for("the call is cancelled", |load| load.abandoned == 1).await;
    let _next = env.worker().await;
    outcomes.expect(member, "FeedbackGenerated").await;
}

async fn a_second_signal_ends_it_at_once(env: Arc<TestEnv>) {
    let mut worker = env.worker_with(&env.settings().with("SHUTDOWN_GRACE", "10m")).await;
    env.model.next([Answer::stall()]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(env.member())).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.signal("TERM").await;
    worker.unready("stopping").await;
    worker.signal("INT").await;
    let status = worker.ended().await;
    assert_eq!(status.code(), Some(130), "work was left undone");
}

async fn a_killed_workers_request_is_answered_by_the_next(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let settings = env.settings();
    let worker = env.worker_with(&settings).await;
    let member = env.member();
    env.model.next([Answer::stall()]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.kill().await;
    let _next = env.worker_with(&settings.with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()))).await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(outcomes.of(member).len(), 1);
}

async fn a_worker_that_was_frozen_goes_on(env: Arc<TestEnv>) {
    let (worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(1))]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.pause().await;
    env.model.wait_for("the answer is out", |load| load.at_work == 0).await;
    worker.resume().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(env.model.calls().len(), 1);
}

async fn every_wrong_setting_is_told_at_once_and_no_secret_is(env: Arc<TestEnv>) {
    let wrong = [
        ("MAX_IN_FLIGHT", "none"),
        ("MIN_QUESTIONS", "few"),
        ("MAX_QUESTIONS", "0"),
        ("REQUEST_DEADLINE", "soon"),
        ("SESSION_TTL", "-1h"),
        ("VLLM_URL", "not a url"),
        ("REDIS_URL", "http://user:redis-secret@localhost"),
        ("HTTP_ADDR", "nowhere"),
        ("LOG_FORMAT", "xml"),
        ("LLM_FALLBACK", "on"),
    ];
    let mut settings = env.settings().with("OPENAI_API_KEY", "sk-very-secret").with("VLLM_API_KEY", "vllm-secret");
    for (name, value) in wrong {
        settings = settings.with(name, value);
    }
    let ended = env.run(&["run"], &settings).await;
    assert!(!ended.status.success());
    for (name, _) in wrong {
        assert!(ended.stderr.contains(name), "{name} is not named:\n{}", ended.stderr);
    }
    let all = format!("{}{}", ended.stdout, ended.stderr);
    for secret in ["sk-very-secret", "vllm-secret", "redis-secret"] {
        assert!(!all.contains(secret), "{secret} is printed:\n{all}");
    }
}

async fn an_empty_variable_counts_as_unset(env: Arc<TestEnv>) {
    // docker compose passes a variable that nobody set as an empty one.
    let empty = ["KAFKA_BOOTSTRAP_SERVERS", "MAX_IN_FLIGHT", "RUST_LOG", "GATEWAY_TIMEOUT", "GATEWAY_CLIENT_RATE"];
    // What is wrong with this one is told before anything is begun.
    let one_mistake = Settings::default().with("LOG_FORMAT", "xml");
    let settings = empty.iter().fold(one_mistake, |settings, name| settings.with(name, ""));
    for command in [&["run"][..], &["gateway"], &["topics"], &["dlt", "list"], &["session", "list"]] {
        let ended = env.run(command, &settings).await;
        let told = "ssammu-worker: the settings have mistakes:\n  LOG_FORMAT: text or json\n";
        assert_eq!((ended.status.code(), ended.stderr.as_str()), (Some(2), told), "{command:?}");
    }
    let manual = env.run(&["gateway", "--help"], &settings).await.stdout;
    for name in empty {
        assert!(manual.contains(&format!("[env: {name}]")), "{name} is not in the manual");
    }
}

async fn help_is_the_manual_of_the_settings(env: Arc<TestEnv>) {
    let ended = env.run(&["run", "--help"], &Settings::default().with("OPENAI_API_KEY", "sk-very-secret")).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    let settings = config::Settings::augment_args(clap::Command::new("settings"));
    for name in settings.get_arguments().filter_map(clap::Arg::get_env) {
        let name = name.to_string_lossy();
        assert!(ended.stdout.contains(name.as_ref()), "{name} is not in the manual");
    }
    assert!(!ended.stdout.contains("sk-very-secret"));
}

async fn healthcheck_says_whether_the_worker_is_ready(env: Arc<TestEnv>) {
    let settings = env.settings();
    let before = env.run(&["healthcheck"], &settings).await;
    assert!(!before.status.success(), "nobody is there");
    let _worker = env.worker_with(&settings).await;
    let after = env.run(&["healthcheck"], &settings).await;
    assert!(after.status.success(), "{}{}", after.stdout, after.stderr);
}

async fn topics_makes_what_is_missing_and_says_what_differs(env: Arc<TestEnv>) {
    let topics = &env.topics;
    let admin = admin(&env.services.kafka);
    // One is there already, smaller than it should be.
    let [small, ..] = topics.dead_letters();
    let there = NewTopic::new(&small, 1, TopicReplication::Fixed(1));
    admin.create_topics([&there], &AdminOptions::new()).await.unwrap();
    let first = env.run(&["topics", "--replication", "1"], &env.settings()).await;
    assert!(first.status.success(), "{}", first.stderr);
    for topic in topics.all() {
        let expected = if topic == small { 1 } else { 12 };
        has_partitions(&env.services.kafka, &topic, expected).await;
    }
    let second = env.run(&["topics"], &env.settings()).await;
    assert!(second.status.success(), "making them again harms nothing: {}", second.stderr);
    assert_eq!(second.stdout.matches("exists").count(), 11, "{}", second.stdout);
    let told = second.stdout.lines().find(|line| line.starts_with("differs"));
    assert!(told.is_some_and(|line| line.contains(&small)), "{}", second.stdout);
    // A worker starts on what the command made.
    let mut worker = env.start_worker(&env.settings());
    worker.ready().await;
    worker.kill().await;
    topics.delete(&env.services.kafka).await;
}

async fn readyz_names_what_is_missing_and_the_worker_waits_for_it(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let redis = FaultProxy::start(env.services.redis_port).await;
    let s3 = FaultProxy::start(env.services.s3_port).await;
    redis.refuse();
    s3.refuse();
    let settings = env
        .settings()
        .with("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port()))
        .with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", s3.port()));
    let mut worker = env.start_worker(&settings);
    worker.unready("redis").await;
    worker.unready("s3").await;
    assert_eq!(worker.get("/livez").await.map(|(status, _)| status), Some(200), "it lives and waits");
    redis.heal();
    s3.heal();
    worker.ready().await;
    let member = env.member();
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
}

async fn missing_topics_are_named(env: Arc<TestEnv>) {
    let worker = env.start_worker(&env.settings());
    worker.unready("topics").await;
    worker.wait_for_log(&env.topics.feedback_requested).await;
    worker.wait_for_log(&env.topics.of("RequestFailed")).await;
    worker.kill().await;
}

async fn the_log_holds_nothing_that_a_member_wrote_and_no_secret(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let settings = env.settings().with("VLLM_API_KEY", "vllm-secret-key").with("REQUEST_DEADLINE", "4s");
    let worker = env.worker_with(&settings).await;
    let member = env.member();
    let value = json!({"memberId": member, "question": "비밀질문이란?", "answer": "비밀답변입니다.",
        "context": {"note": "비밀쪽지"}});
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    // Errors are where texts leak.
    env.requests.request(&env.topics.feedback_requested).value("비밀쓰레기 {").send().await;
    let long = json!({"memberId": member, "question": "비밀장문".repeat(1000), "answer": "a"});
    let odd = json!({"memberId": member, "question": "큐란?", "answer": "a", "context": "비밀쪽지"});
    for wrong in [long, odd] {
        env.requests.ask(&env.topics.feedback_requested, &wrong).send().await;
        outcomes.expect_failure(member, "INVALID_REQUEST").await;
    }
    env.model.always(Answer::bad_request("BadRequestError", "비밀질문이 메시지에 되돌아옵니다"));
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect(member, "RequestFailed").await;
    env.model.well();
    let inputs =
        json!({"email": "secret-mail@example.kr", "company_name": "비밀회사", "additional_experiences": "비밀경험"});
    env.requests.ask(&env.topics.resume_init, &json!({"memberId": member, "inputs": inputs})).send().await;
    for _ in 0..3 {
        outcomes.expect(member, "ResumeQuestionGenerated").await;
        env.requests.ask(&env.topics.resume_answer, &json!({"memberId": member, "answer": "비밀이력"})).send().await;
    }
    outcomes.expect(member, "ResumeCompleted").await;
    let asked =
        env.model.calls().iter().filter(|call| call.authorization.as_deref() == Some("Bearer vllm-secret-key")).count();
    assert!(asked > 0, "the key is used");
    let log = worker.log();
    assert!(log.lines().count() > 3, "there is a log");
    for secret in ["비밀", "secret-mail", "vllm-secret-key", crate::kit::s3::SECRET_KEY, "X-Amz-Signature"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

async fn metrics_are_prometheus_text(env: Arc<TestEnv>) {
    let (worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let (status, text) = worker.get("/metrics").await.expect("metrics answer");
    assert_eq!(status, 200);
    assert!(text.contains("# TYPE ") && text.contains("# HELP "), "{text}");
    assert!(!text.contains(&member.to_string()), "a member is no label");
    assert_eq!(worker.get("/nowhere").await.map(|(status, _)| status), Some(404));
}

async fn dev_once_shows_every_kind_of_outcome_and_a_document(env: Arc<TestEnv>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::default()
        .with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()))
        .with("HOME", folder.path().display())
        .with("TMPDIR", folder.path().display());
    let ended = env.run(&["dev", "--once"], &settings).await;
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    for kind in ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted"] {
        assert!(ended.stdout.contains(kind), "{kind} is not shown:\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains(".docx"), "{}", ended.stdout);
}
