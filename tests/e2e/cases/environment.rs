//! The team's own environment file: a key that happens to be there, a model's name from another deployment, a folder
//! without its slash, rights that are just enough.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::model::{Answer, Kind, ModelServer};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::policy::{Denied, Policy};
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;

crate::case::cases![
    a_key_that_happens_to_be_there_turns_no_fallback_on,
    a_name_that_the_server_does_not_know_is_told_and_requests_wait_until_it_does,
    a_wrong_name_is_told_though_the_fallback_answers,
    an_alias_is_ready_once_it_was_answered,
    a_named_model_is_asked_though_the_list_cannot_be_read,
    a_server_says_in_many_words_that_it_does_not_serve_the_model,
    a_prefix_without_its_slash_is_a_folder_all_the_same,
    a_bucket_that_may_be_put_to_but_not_looked_at_is_ready_with_one_warning,
    a_bucket_that_cannot_be_used_is_not_ready_and_says_why,
    a_store_that_refuses_holds_finished_resumes_back_and_is_told,
    links_that_work_for_hours_are_told_of,
];

/// What the old server asked for on its own machine.
const OLD_NAME: &str = "/mnt/ssd/aya-expanse-8b";

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

async fn ask_for_feedback(env: &TestEnv) -> i64 {
    let member = env.member();
    env.requests.ask(&env.topics.feedback_requested, &feedback(member)).send().await;
    member
}

/// Plays a whole interview; the key of its document.
async fn interview(env: &TestEnv, outcomes: &OutcomeReader) -> (i64, String) {
    let member = env.member();
    env.model.when_asked(Kind::Question, [Answer::question("무엇을 맡으셨나요?"), Answer::enough()]);
    let init = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "AI"}});
    env.requests.ask(&env.topics.resume_init, &init).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    let answer = json!({"memberId": member, "answer": "추천 모델을 만들었습니다."});
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    let completed = outcomes.expect(member, "ResumeCompleted").await.json();
    (member, completed["resumeObjectKey"].as_str().expect("a key").to_owned())
}

async fn a_key_that_happens_to_be_there_turns_no_fallback_on(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let fallback = ModelServer::start().await;
    let settings = env
        .settings()
        .with("OPENAI_API_KEY", "sk-happens-to-be-there")
        .with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()))
        .with("REQUEST_DEADLINE", "3s");
    let worker = env.worker_with(&settings).await;
    env.model.always(Answer::busy());
    let member = ask_for_feedback(&env).await;
    outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
    assert!(fallback.calls().is_empty(), "members' data went out");
    let log = worker.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("LLM_FALLBACK")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    for said in ["WARN", "OPENAI_API_KEY", "OPENAI_BASE_URL", "LLM_FALLBACK=openai"] {
        assert!(warnings[0].contains(said), "{said} in {}", warnings[0]);
    }
    assert!(!log.contains("sk-happens-to-be-there") && !log.contains(&fallback.url()), "{log}");
}

async fn a_name_that_the_server_does_not_know_is_told_and_requests_wait_until_it_does(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    env.model.serves("/model");
    let worker = env.worker_with(&env.settings().with("MODEL_NAME", OLD_NAME)).await;
    // A server that has come is asked at once, with what prompts begin with.
    worker.lacks("model", &format!("does not serve the model `{OLD_NAME}`; it lists `/model`")).await;
    let mut members = vec![ask_for_feedback(&env).await, ask_for_feedback(&env).await];
    eventually("the model counts as away", || async {
        let (_, metrics) = worker.get("/metrics").await?;
        metrics.contains("ssammu_circuit_open{part=\"model\"} 1").then_some(())
    })
    .await;
    for _ in 0..8 {
        members.push(ask_for_feedback(&env).await);
    }
    let received = format!("ssammu_records_received_total{{topic=\"{}\"}} 10", env.topics.feedback_requested);
    eventually("all of them wait", || async { worker.get("/metrics").await?.1.contains(&received).then_some(()) })
        .await;
    let tries = env.model.calls().len();
    assert!(tries <= 4, "{tries} tries for two requests");
    env.model.serves(OLD_NAME);
    for member in members {
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    worker.has("model").await;
    assert!(!outcomes.records().iter().any(Record::is_dead_letter));
    let log = worker.log();
    let told = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(told("found the model"), 0, "{log}");
    assert!(told("does not list the model") <= 1 && told("does not serve the model `") == 1, "{log}");
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains(OLD_NAME) && line.contains("`/model`")));
}

async fn a_wrong_name_is_told_though_the_fallback_answers(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let fallback = ModelServer::start().await;
    env.model.serves("/model");
    let settings = env
        .settings()
        .with("MODEL_NAME", OLD_NAME)
        .with("LLM_FALLBACK", "openai")
        .with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()));
    let worker = env.worker_with(&settings).await;
    for _ in 0..10 {
        let member = ask_for_feedback(&env).await;
        outcomes.expect(member, "FeedbackGenerated").await;
    }
    assert_eq!(fallback.calls().len(), 10);
    let tries = env.model.calls().len();
    assert!(tries <= 3, "{tries} tries at a server that does not serve the model");
    worker.lacks("model", &format!("does not serve the model `{OLD_NAME}`; it lists `/model`; openai stands in")).await;
}

async fn an_alias_is_ready_once_it_was_answered(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    // Nothing is answered that the worker asks by itself.
    env.model.always_to_probes(Answer::busy());
    let worker = env.worker_with(&env.settings().with("MODEL_NAME", "alias")).await;
    worker.lacks("model", "does not list the model `alias`").await;
    let member = ask_for_feedback(&env).await;
    outcomes.expect(member, "FeedbackGenerated").await;
    worker.has("model").await;
    assert_eq!(env.model.calls()[0].body["model"], "alias");
}

async fn a_named_model_is_asked_though_the_list_cannot_be_read(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let refusals = [
        Answer::body(
            401,
            "application/json",
            r#"{"error": {"message": "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
                "type": "invalid_request_error", "param": null, "code": null}}"#,
        ),
        Answer::body(
            403,
            "application/json",
            r#"{"error": {"message": "key not allowed to access this route", "type": "auth_error", "code": "403"}}"#,
        ),
        Answer::body(200, "application/json", r#"{"models": [{"name": "aya"}]}"#),
    ];
    for refusal in refusals {
        env.model.lists(refusal.clone());
        let worker = env.worker_with(&env.settings().with("MODEL_NAME", "aya")).await;
        let before = env.model.calls().len();
        let member = ask_for_feedback(&env).await;
        outcomes.expect(member, "FeedbackGenerated").await;
        let calls = env.model.calls().split_off(before);
        assert_eq!((calls.len(), &calls[0].body["model"]), (1, &json!("aya")), "{refusal:?}");
        worker.has("model").await;
        worker.stop().await;
    }
}

async fn a_server_says_in_many_words_that_it_does_not_serve_the_model(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    env.model.lists(Answer::models("aya", 4096));
    let settings = env.settings().with("MODEL_NAME", "aya").with("REQUEST_DEADLINE", "3s");
    for (status, words) in [
        (400, r#"{"error": {"message": "aya is not a valid model ID", "code": 400}}"#),
        (404, r#"{"error": "model 'aya' not found, try pulling it first"}"#),
    ] {
        let worker = env.worker_with(&settings).await;
        env.model.always(Answer::body(status, "application/json", words));
        let member = ask_for_feedback(&env).await;
        outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
        worker.lacks("model", "does not serve the model `aya`").await;
        worker.stop().await;
    }
}

async fn a_prefix_without_its_slash_is_a_folder_all_the_same(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let prefix = env.prefix();
    let settings = env.settings().with("S3_UPLOAD_PREFIX", prefix.trim_end_matches('/'));
    let _worker = env.worker_with(&settings).await;
    let (member, key) = interview(&env, &outcomes).await;
    assert!(key.starts_with(&format!("{prefix}{member}/resume_agent_")), "{key}");
    env.bucket().get(&key).await;
}

async fn a_bucket_that_may_be_put_to_but_not_looked_at_is_ready_with_one_warning(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let s3 = Policy::start(env.services.s3_port, Denied(403, "AccessDenied")).await;
    let worker = env.worker_with(&env.settings().with("AWS_ENDPOINT_URL_S3", s3.url())).await;
    let (_, key) = interview(&env, &outcomes).await;
    env.bucket().get(&key).await;
    eventually("the bucket is looked at a third time", || async { (s3.looks() >= 3).then_some(()) }).await;
    let (status, body) = worker.get("/readyz").await.expect("the worker answers");
    assert_eq!(status, 200, "{body}");
    let log = worker.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("s3:ListBucket")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("WARN"), "{log}");
}

async fn a_bucket_that_cannot_be_used_is_not_ready_and_says_why(env: Arc<TestEnv>) {
    env.create_topics().await;
    for (denied, told) in [
        (Denied(404, "NoSuchBucket"), "there is no such bucket (404)"),
        (Denied(301, "PermanentRedirect"), "another region (301)"),
        (Denied(403, "InvalidAccessKeyId"), "invalidaccesskeyid (403)"),
        (Denied(403, "SignatureDoesNotMatch"), "signaturedoesnotmatch (403)"),
    ] {
        let s3 = Policy::start(env.services.s3_port, denied).await;
        let worker = env.start_worker(&env.settings().with("AWS_ENDPOINT_URL_S3", s3.url()));
        worker.unready(told).await;
        worker.kill().await;
    }
}

async fn a_store_that_refuses_holds_finished_resumes_back_and_is_told(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let s3 = Policy::open(env.services.s3_port).await;
    let settings = env.settings().with("AWS_ENDPOINT_URL_S3", s3.url());
    let settings = settings.with("MAX_QUESTIONS", 1).with("REQUEST_DEADLINE", "3s").with("MAX_IN_FLIGHT", 2);
    let worker = env.worker_with(&settings).await;
    let members: Vec<i64> = (0..4).map(|_| env.member()).collect();
    for member in &members {
        let init = json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "AI"}});
        env.requests.ask(&env.topics.resume_init, &init).send().await;
        outcomes.expect(*member, "ResumeQuestionGenerated").await;
    }
    s3.deny_puts(true);
    for member in &members {
        let answer = json!({"memberId": member, "answer": "열쇠가 바뀐 날의 답변입니다."});
        env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    }
    env.model.wait_for("all résumés are written", |load| load.calls == 2 * members.len()).await;
    worker.unready("access to the bucket is denied (403)").await;
    // Others go on while the finished ones wait, for longer than the deadline.
    let refused_at = Instant::now();
    while refused_at.elapsed() < Duration::from_secs(4) {
        let other = ask_for_feedback(&env).await;
        outcomes.expect(other, "FeedbackGenerated").await;
    }
    s3.deny_puts(false);
    for member in &members {
        let completed = outcomes.expect(*member, "ResumeCompleted").await.json();
        env.bucket().get(completed["resumeObjectKey"].as_str().expect("a key")).await;
    }
    assert_eq!(env.model.count(Kind::Resume), members.len(), "no résumé is paid for twice");
    eventually("s3 is ready again", || async { (worker.get("/readyz").await?.0 == 200).then_some(()) }).await;
    let log = worker.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains("403")).collect();
    assert!(warnings.len() <= 2, "one of uploads and one of readiness: {warnings:#?}");
}

async fn links_that_work_for_hours_are_told_of(env: Arc<TestEnv>) {
    for (lifetime, is_told) in [("1h", false), ("61m", true)] {
        let worker = env.worker_with(&env.settings().with("RESUME_URL_TTL", lifetime)).await;
        let log = worker.log();
        assert_eq!(log.lines().any(|line| line.contains("WARN") && line.contains("RESUME_URL_TTL")), is_told, "{log}");
    }
}
