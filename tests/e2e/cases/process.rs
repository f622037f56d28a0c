//! The program as its operators meet it: starting, stopping, settings, health, logs.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde_json::json;

use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::proxy::FaultProxy;
use crate::kit::settings::Settings;
use crate::kit::stage::Stage;
use crate::kit::topics::{admin, has_partitions};
use crate::services::ports::free_port;

crate::case::cases![
    sigterm_finishes_what_is_at_work_and_leaves_nothing_behind,
    what_outlasts_the_grace_is_left_for_the_next_worker,
    a_second_signal_ends_it_at_once,
    a_killed_workers_request_is_answered_by_the_next,
    a_worker_that_was_frozen_goes_on,
    every_wrong_setting_is_told_at_once_and_no_secret_is,
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

async fn sigterm_finishes_what_is_at_work_and_leaves_nothing_behind(stage: Arc<Stage>) {
    let (worker, gateway, member) = (stage.worker().await, stage.gateway().await, stage.member());
    stage.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(2))]);
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    let status = worker.stop().await;
    assert!(status.success(), "{status}");
    gateway.expect(member, "FeedbackGenerated").await;

    // The next worker finds the offset where it belongs: it works the next request and not the last one again.
    let _next = stage.worker().await;
    let other = stage.member();
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(other)).send().await;
    gateway.expect(other, "FeedbackGenerated").await;
    assert_eq!(gateway.outcomes(member).len(), 1);
    assert_eq!(stage.model.calls().len(), 2);
}

async fn what_outlasts_the_grace_is_left_for_the_next_worker(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let worker = stage.worker_with(&stage.settings().with("SHUTDOWN_GRACE", "1s")).await;
    let member = stage.member();
    stage.model.next([Answer::stall()]);
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.stop().await;
    assert!(gateway.outcomes(member).is_empty());
    stage.model.wait_for("the call is cancelled", |load| load.abandoned == 1).await;
    let _next = stage.worker().await;
    gateway.expect(member, "FeedbackGenerated").await;
}

async fn a_second_signal_ends_it_at_once(stage: Arc<Stage>) {
    let mut worker = stage.worker_with(&stage.settings().with("SHUTDOWN_GRACE", "10m")).await;
    stage.model.next([Answer::stall()]);
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(stage.member())).send().await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.signal("TERM").await;
    worker.unready("stopping").await;
    worker.signal("INT").await;
    let status = worker.ended().await;
    assert!(!status.success(), "work was left undone");
}

async fn a_killed_workers_request_is_answered_by_the_next(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    // The broker waits this long for a member that says nothing.
    let settings = stage.settings().with("KAFKA_PROPERTIES", "session.timeout.ms=6000");
    let worker = stage.worker_with(&settings).await;
    let member = stage.member();
    stage.model.next([Answer::stall()]);
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.kill().await;
    let _next = stage.worker_with(&settings.with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()))).await;
    gateway.expect(member, "FeedbackGenerated").await;
    assert_eq!(gateway.outcomes(member).len(), 1);
}

async fn a_worker_that_was_frozen_goes_on(stage: Arc<Stage>) {
    let (worker, gateway, member) = (stage.worker().await, stage.gateway().await, stage.member());
    stage.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(1))]);
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    stage.model.wait_for("the call", |load| load.at_work == 1).await;
    worker.pause().await;
    stage.model.wait_for("the answer is out", |load| load.at_work == 0).await;
    worker.resume().await;
    gateway.expect(member, "FeedbackGenerated").await;
    assert_eq!(stage.model.calls().len(), 1);
}

async fn every_wrong_setting_is_told_at_once_and_no_secret_is(stage: Arc<Stage>) {
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
    let mut settings = stage.settings().with("OPENAI_API_KEY", "sk-very-secret").with("VLLM_API_KEY", "vllm-secret");
    for (name, value) in wrong {
        settings = settings.with(name, value);
    }
    let ended = stage.run(&["run"], &settings).await;
    assert!(!ended.status.success());
    for (name, _) in wrong {
        assert!(ended.stderr.contains(name), "{name} is not named:\n{}", ended.stderr);
    }
    let all = format!("{}{}", ended.stdout, ended.stderr);
    for secret in ["sk-very-secret", "vllm-secret", "redis-secret"] {
        assert!(!all.contains(secret), "{secret} is printed:\n{all}");
    }
}

async fn help_is_the_manual_of_the_settings(stage: Arc<Stage>) {
    let ended = stage.run(&["run", "--help"], &Settings::default().with("OPENAI_API_KEY", "sk-very-secret")).await;
    assert!(ended.status.success(), "{}", ended.stderr);
    let contract = [
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_PROPERTIES",
        "REDIS_URL",
        "VLLM_URL",
        "MODEL_NAME",
        "VLLM_API_KEY",
        "LLM_FALLBACK",
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_MODEL",
        "S3_BUCKET_NAME",
        "S3_UPLOAD_PREFIX",
        "RESUME_URL_TTL",
        "HTTP_ADDR",
        "MAX_IN_FLIGHT",
        "MIN_QUESTIONS",
        "MAX_QUESTIONS",
        "SESSION_TTL",
        "REQUEST_DEADLINE",
        "REQUEST_MAX_AGE",
        "OUTCOME_TTL",
        "SHUTDOWN_GRACE",
        "LOG_FORMAT",
        "DEAD_LETTER_SUFFIX",
        "GROUP_FEEDBACK",
        "GROUP_RESUME",
        "TOPIC_FEEDBACK_REQUESTED",
        "TOPIC_RESUME_INIT",
        "TOPIC_RESUME_ANSWER",
        "TOPIC_FEEDBACK_GENERATED",
        "TOPIC_RESUME_QUESTION_GENERATED",
        "TOPIC_RESUME_COMPLETED",
        "TOPIC_REQUEST_FAILED",
    ];
    for name in contract {
        assert!(ended.stdout.contains(name), "{name} is not in the manual");
    }
    assert!(!ended.stdout.contains("sk-very-secret"));
}

async fn healthcheck_says_whether_the_worker_is_ready(stage: Arc<Stage>) {
    let settings = stage.settings();
    let before = stage.run(&["healthcheck"], &settings).await;
    assert!(!before.status.success(), "nobody is there");
    let _worker = stage.worker_with(&settings).await;
    let after = stage.run(&["healthcheck"], &settings).await;
    assert!(after.status.success(), "{}{}", after.stdout, after.stderr);
}

async fn topics_makes_what_is_missing_and_says_what_differs(stage: Arc<Stage>) {
    let topics = &stage.topics;
    let admin = admin(&stage.services.kafka);
    // One is there already, smaller than it should be.
    let [small, ..] = topics.dead_letters();
    let there = NewTopic::new(&small, 1, TopicReplication::Fixed(1));
    admin.create_topics([&there], &AdminOptions::new()).await.unwrap();
    let first = stage.run(&["topics", "--replication", "1"], &stage.settings()).await;
    assert!(first.status.success(), "{}", first.stderr);
    for topic in topics.all() {
        let expected = if topic == small { 1 } else { 12 };
        has_partitions(&stage.services.kafka, &topic, expected).await;
    }
    let second = stage.run(&["topics"], &stage.settings()).await;
    assert!(second.status.success(), "making them again harms nothing: {}", second.stderr);
    assert_eq!(second.stdout.matches("exists").count(), 10, "{}", second.stdout);
    let told = second.stdout.lines().find(|line| line.starts_with("differs"));
    assert!(told.is_some_and(|line| line.contains(&small)), "{}", second.stdout);
    // A worker starts on what the command made.
    let mut worker = stage.start_worker(&stage.settings());
    worker.ready().await;
    worker.kill().await;
    topics.delete(&stage.services.kafka).await;
}

async fn readyz_names_what_is_missing_and_the_worker_waits_for_it(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let redis = FaultProxy::start(stage.services.redis_port).await;
    let s3 = FaultProxy::start(stage.services.s3_port).await;
    redis.refuse();
    s3.refuse();
    let settings = stage
        .settings()
        .with("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port()))
        .with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", s3.port()));
    let mut worker = stage.start_worker(&settings);
    worker.unready("redis").await;
    worker.unready("s3").await;
    assert_eq!(worker.get("/livez").await.map(|(status, _)| status), Some(200), "it lives and waits");
    redis.heal();
    s3.heal();
    worker.ready().await;
    let member = stage.member();
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    gateway.expect(member, "FeedbackGenerated").await;
}

async fn missing_topics_are_named(stage: Arc<Stage>) {
    let worker = stage.start_worker(&stage.settings());
    worker.unready("topics").await;
    worker.wait_for_log(&stage.topics.feedback_requested).await;
    worker.wait_for_log(&stage.topics.of("RequestFailed")).await;
    worker.kill().await;
}

async fn the_log_holds_nothing_that_a_member_wrote_and_no_secret(stage: Arc<Stage>) {
    let gateway = stage.gateway().await;
    let settings = stage.settings().with("VLLM_API_KEY", "vllm-secret-key").with("REQUEST_DEADLINE", "4s");
    let worker = stage.worker_with(&settings).await;
    let member = stage.member();
    let value = json!({"memberId": member, "question": "비밀질문이란?", "answer": "비밀답변입니다.",
        "context": {"note": "비밀쪽지"}});
    stage.spring.ask(&stage.topics.feedback_requested, &value).send().await;
    gateway.expect(member, "FeedbackGenerated").await;
    // Errors are where texts leak.
    stage.spring.request(&stage.topics.feedback_requested).value("비밀쓰레기 {").send().await;
    let long = json!({"memberId": member, "question": "비밀장문".repeat(1000), "answer": "a"});
    let odd = json!({"memberId": member, "question": "큐란?", "answer": "a", "context": "비밀쪽지"});
    for wrong in [long, odd] {
        stage.spring.ask(&stage.topics.feedback_requested, &wrong).send().await;
        gateway.expect_failure(member, "INVALID_REQUEST").await;
    }
    stage.model.always(Answer::bad_request("BadRequestError", "비밀질문이 메시지에 되돌아옵니다"));
    stage.spring.ask(&stage.topics.feedback_requested, &value).send().await;
    gateway.expect(member, "RequestFailed").await;
    stage.model.well();
    let inputs =
        json!({"email": "secret-mail@example.kr", "company_name": "비밀회사", "additional_experiences": "비밀경험"});
    stage.spring.ask(&stage.topics.resume_init, &json!({"memberId": member, "inputs": inputs})).send().await;
    for _ in 0..3 {
        gateway.expect(member, "ResumeQuestionGenerated").await;
        stage.spring.ask(&stage.topics.resume_answer, &json!({"memberId": member, "answer": "비밀이력"})).send().await;
    }
    gateway.expect(member, "ResumeCompleted").await;
    let asked = stage
        .model
        .calls()
        .iter()
        .filter(|call| call.authorization.as_deref() == Some("Bearer vllm-secret-key"))
        .count();
    assert!(asked > 0, "the key is used");
    let log = worker.log();
    assert!(log.lines().count() > 3, "there is a log");
    for secret in ["비밀", "secret-mail", "vllm-secret-key", crate::kit::s3::SECRET_KEY, "X-Amz-Signature"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

async fn metrics_are_prometheus_text(stage: Arc<Stage>) {
    let (worker, gateway, member) = (stage.worker().await, stage.gateway().await, stage.member());
    stage.spring.ask(&stage.topics.feedback_requested, &feedback(member)).send().await;
    gateway.expect(member, "FeedbackGenerated").await;
    let (status, text) = worker.get("/metrics").await.expect("metrics answer");
    assert_eq!(status, 200);
    assert!(text.contains("# TYPE ") && text.contains("# HELP "), "{text}");
    assert!(!text.contains(&member.to_string()), "a member is no label");
    assert_eq!(worker.get("/nowhere").await.map(|(status, _)| status), Some(404));
}

async fn dev_once_shows_every_kind_of_outcome_and_a_document(stage: Arc<Stage>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::default()
        .with("HTTP_ADDR", format!("127.0.0.1:{}", free_port()))
        .with("HOME", folder.path().display())
        .with("TMPDIR", folder.path().display());
    let ended = stage.run(&["dev", "--once"], &settings).await;
    assert!(ended.status.success(), "{}\n{}", ended.stdout, ended.stderr);
    for kind in ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted"] {
        assert!(ended.stdout.contains(kind), "{kind} is not shown:\n{}", ended.stdout);
    }
    assert!(ended.stdout.contains(".docx"), "{}", ended.stdout);
}
