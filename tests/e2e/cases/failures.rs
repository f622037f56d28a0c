//! Each failure code, and each kind of trouble that the neighbours of the worker can make.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::model::{Answer, Kind, ModelServer};
use crate::kit::outcome_reader::{OutcomeReader, Record};
use crate::kit::proxy::FaultProxy;
use crate::kit::redis::Redis;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;

crate::case::cases![
    a_server_in_trouble_is_asked_again,
    a_reply_that_is_none_is_asked_for_once_more,
    a_model_that_hangs_is_asked_again,
    retry_after_is_honoured,
    no_model_within_the_deadline_is_llm_unavailable_and_may_be_sent_again,
    a_model_that_refuses_for_good_is_llm_unavailable,
    a_model_that_never_says_anything_usable_is_llm_bad_output,
    a_context_error_is_answered_with_a_leaner_prompt,
    what_fits_no_prompt_is_input_too_long,
    a_small_context_is_known_beforehand,
    an_old_request_is_deadline_exceeded,
    the_fallback_answers_where_the_model_does_not,
    a_document_that_cannot_be_stored_is_storage_unavailable_and_the_session_stays,
    a_session_that_cannot_be_read_is_internal_and_an_init_replaces_it,
    a_request_outlives_redis_being_down,
    a_request_outlives_redis_hanging,
    a_request_outlives_s3_being_down_for_a_moment,
    while_s3_is_away_finished_resumes_wait_and_the_rest_goes_on,
    the_broker_may_go_away_and_come_back,
];

fn feedback(member: i64, question: &str) -> Value {
    json!({"memberId": member, "question": question, "answer": "잘 모르겠지만 설명해 보겠습니다."})
}

fn korean(text: &str) -> bool {
    text.chars().any(|character| ('가'..='힣').contains(&character))
}

const GOOD: &str = "다시 물으니 좋은 답이 왔습니다. 핵심은 잘 짚었습니다. 예시를 더하면 좋겠습니다.";

/// A request that meets this trouble first and is answered at the second call.
async fn meet(env: &TestEnv, outcomes: &OutcomeReader, trouble: &Answer) {
    let member = env.member();
    let marker = format!("{member}번째로 묻습니다.");
    env.model.when(&marker, [trouble.clone(), Answer::text(GOOD)]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, &marker)).send().await;
    let event = outcomes.next(member).await;
    assert_eq!(event.json()["feedback"], GOOD, "{trouble:?}: {}", event.json());
    assert_eq!(env.model.calls_with(&marker).len(), 2, "{trouble:?}");
}

/// One after the other: each says that the server is down, and the worker goes easy on a server that is.
async fn a_server_in_trouble_is_asked_again(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let rows = [
        Answer::busy(),
        Answer::body(503, "text/plain", "サーバーが混雑しています。後でもう一度お試しください。"),
        Answer::body(503, "application/json", r#"{"error": {"message": "서버가 바쁩니다", "code": "사용량 초과"}}"#),
        Answer::rate_limited(),
        Answer::internal_error(),
        Answer::bad_gateway(),
        Answer::reset(),
        Answer::truncated("이 답은 끝까지 오지 않습니다."),
        Answer::finished("abort", "서버가 멈춘 답"),
        Answer::finished("error", ""),
    ];
    for trouble in &rows {
        meet(&env, &outcomes, trouble).await;
    }
    assert!(!outcomes.records().iter().any(Record::is_dead_letter));
}

async fn a_reply_that_is_none_is_asked_for_once_more(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let rows = [
        Answer::text(""),
        Answer::text(" \n\t\n "),
        Answer::text("피드백:"),
        Answer::text("\u{0}\u{1}\u{fffd}"),
        Answer::message(json!({"role": "assistant", "content": null})),
        Answer::message(json!({"role": "assistant", "content": null, "reasoning": "생각만 했습니다."})),
        Answer::body(200, "application/json", r#"{"id": "x", "choices": []}"#),
        Answer::body(200, "text/html", "<html>login</html>"),
        Answer::body(200, "application/json", r#"["ok"]"#),
        Answer::body(200, "application/json", "\u{0}\u{1}{{{{"),
    ];
    futures_util::future::join_all(rows.iter().map(|trouble| meet(&env, &outcomes, trouble))).await;
    assert!(!outcomes.records().iter().any(Record::is_dead_letter));
}

async fn a_model_that_hangs_is_asked_again(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let good = "멈췄던 서버가 다시 답했습니다. 잘 설명하셨습니다.";
    let mut sent = Vec::new();
    for (marker, trouble) in [("처음부터 멈춤", Answer::stall()), ("중간에 멈춤", Answer::stall_in_body("반만 온 답"))]
    {
        let member = env.member();
        env.model.when(marker, [trouble, Answer::text(good)]);
        env.requests.ask(&env.topics.feedback_requested, &feedback(member, marker)).send().await;
        sent.push(member);
    }
    for member in sent {
        assert_eq!(outcomes.expect(member, "FeedbackGenerated").await.json()["feedback"], good);
    }
}

async fn retry_after_is_honoured(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    env.model.next([Answer::rate_limited().retry_after("2")]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, "잠시 뒤에?")).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let calls = env.model.calls();
    let pause = calls[1].at - calls[0].at;
    assert!(pause >= Duration::from_secs(2), "asked again after {pause:?}");
}

async fn no_model_within_the_deadline_is_llm_unavailable_and_may_be_sent_again(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let _worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "5s")).await;
    for trouble in [Answer::busy(), Answer::reset(), Answer::stall(), Answer::internal_error()] {
        let member = env.member();
        env.model.always(trouble.clone());
        let value = feedback(member, "아무도 없나요?");
        let topic = &env.topics.feedback_requested;
        let place = env.requests.ask(topic, &value).header("ce_id", "again").send().await;
        let failed = outcomes.expect_failure(member, "LLM_UNAVAILABLE").await;
        let fields = failed.json();
        assert_eq!(
            (&fields["retryable"], &fields["eventName"], &fields["requestTopic"], &fields["requestId"]),
            (&json!(true), &json!("PROBLEM_FEEDBACK"), &json!(place.topic), &json!("again")),
            "{trouble:?}"
        );
        assert!(korean(fields["message"].as_str().unwrap()), "{fields}");
        assert!(fields.get("problemId").is_none() && fields.get("field").is_none(), "{fields}");
        env.model.well();
        env.requests.ask(topic, &value).header("ce_id", "again").send().await;
        let event = outcomes.expect(member, "FeedbackGenerated").await;
        assert_ne!(event.header("ce_id"), failed.header("ce_id"));
    }
}

/// Each on a worker of its own: one that was refused asks seldom.
async fn a_model_that_refuses_for_good_is_llm_unavailable(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let rows = [
        Answer::unauthorized(),
        Answer::no_such_model(),
        Answer::no_such_path(),
        Answer::body(403, "text/html", "<html>금지된 요청입니다</html>"),
    ];
    for (number, trouble) in rows.into_iter().enumerate() {
        let worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "3s")).await;
        let member = env.member();
        env.model.always(trouble.clone());
        env.requests.ask(&env.topics.feedback_requested, &feedback(member, "들어가도 되나요?")).send().await;
        let failed = outcomes.expect_failure(member, "LLM_UNAVAILABLE").await.json();
        assert_eq!(failed["retryable"], true, "{trouble:?}");
        assert_eq!(env.model.calls().len(), number + 1, "asked once: {trouble:?}");
        worker.stop().await;
    }
}

async fn a_model_that_never_says_anything_usable_is_llm_bad_output(env: Arc<TestEnv>) {
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    for nothing in [Answer::text(""), Answer::text("피드백:"), Answer::finished("content_filter", "")] {
        let member = env.member();
        env.model.always(nothing.clone());
        let value = feedback(member, "말이 없네요?");
        env.requests.ask(&env.topics.feedback_requested, &value).send().await;
        let failed = outcomes.expect_failure(member, "LLM_BAD_OUTPUT").await.json();
        assert_eq!(failed["retryable"], true, "{nothing:?}");
        let letter = outcomes.dead_letter(value.to_string().as_bytes()).await;
        assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("LLM_BAD_OUTPUT"));
    }
}

/// Every wording of facts.md; `/tokenize` is off, so that the server's error is the first that the worker hears of it.
async fn a_context_error_is_answered_with_a_leaner_prompt(env: Arc<TestEnv>) {
    env.model.tokenizes(false);
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let rows = [
        Answer::prompt_too_long(4096, 4097),
        Answer::context_length_exceeded(),
        Answer::context_error_of_old_vllm(),
        Answer::bad_request(
            "BadRequestError",
            "You passed 4000 input tokens and requested 512 output tokens. However, the model's context length is only 4096 tokens.",
        ),
    ];
    for (number, trouble) in rows.into_iter().enumerate() {
        let (member, marker) = (env.member(), format!("긴 질문 {number}번"));
        env.model.when(&marker, [trouble.clone(), Answer::text("짧게 물으니 답이 왔습니다. 좋은 답변입니다.")]);
        env.requests.ask(&env.topics.feedback_requested, &feedback(member, &marker)).send().await;
        outcomes.expect(member, "FeedbackGenerated").await;
        let calls = env.model.calls_with(&marker);
        assert_eq!(calls.len(), 2, "{trouble:?}");
        let size =
            |at: usize| calls[at].prompt().len() as u64 + calls[at].body["max_tokens"].as_u64().unwrap_or_default();
        assert!(size(1) < size(0), "the second prompt is not leaner: {trouble:?}");
    }
}

async fn what_fits_no_prompt_is_input_too_long(env: Arc<TestEnv>) {
    env.model.tokenizes(false);
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let member = env.member();
    env.model.always(Answer::prompt_too_long(4096, 9999));
    let value = feedback(member, "끝이 없는 질문");
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    let failed = outcomes.expect_failure(member, "INPUT_TOO_LONG").await.json();
    assert_eq!(failed["retryable"], false);
    assert!(korean(failed["message"].as_str().unwrap()));
    assert!(outcomes.dead_letters(value.to_string().as_bytes()).is_empty());
}

async fn a_small_context_is_known_beforehand(env: Arc<TestEnv>) {
    env.model.context(1_000);
    let (_worker, outcomes) = (env.worker().await, env.outcomes().await);
    let (long, short) = (env.member(), env.member());
    let mut value = feedback(long, "요약할 수 있나요?");
    value["answer"] = json!("가".repeat(4000));
    env.requests.ask(&env.topics.feedback_requested, &value).send().await;
    outcomes.expect_failure(long, "INPUT_TOO_LONG").await;
    assert!(env.model.calls().is_empty(), "the server is not asked for what cannot fit");
    env.requests.ask(&env.topics.feedback_requested, &feedback(short, "짧은 질문?")).send().await;
    outcomes.expect(short, "FeedbackGenerated").await;
}

async fn an_old_request_is_deadline_exceeded(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let now = i64::try_from(time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap();
    let value = feedback(member, "너무 늦었나요?");
    env.requests.ask(&env.topics.feedback_requested, &value).timestamp(now - 11 * 60 * 1000).send().await;
    let failed = outcomes.expect_failure(member, "DEADLINE_EXCEEDED").await.json();
    assert_eq!(failed["retryable"], true);
    assert!(env.model.calls().is_empty());
    env.requests.ask(&env.topics.feedback_requested, &value).timestamp(now - 9 * 60 * 1000).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    assert!(outcomes.dead_letters(value.to_string().as_bytes()).is_empty());
}

async fn the_fallback_answers_where_the_model_does_not(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let fallback = ModelServer::start().await;
    let settings = env
        .settings()
        .with("LLM_FALLBACK", "openai")
        .with("OPENAI_BASE_URL", format!("{}/v1", fallback.url()))
        .with("OPENAI_API_KEY", "sk-e2e-fallback")
        .with("OPENAI_MODEL", "gpt-e2e");
    let _worker = env.worker_with(&settings).await;
    let member = env.member();
    env.model.always(Answer::busy());
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, "누가 답하나요?")).send().await;
    outcomes.expect(member, "FeedbackGenerated").await;
    let calls = fallback.calls();
    assert_eq!(calls[0].body["model"], "gpt-e2e");
    assert_eq!(calls[0].authorization.as_deref(), Some("Bearer sk-e2e-fallback"));
    assert!(env.model.calls().iter().all(|call| call.authorization.is_none()), "no key is sent where none is set");
}

fn init(member: i64) -> Value {
    json!({"memberId": member, "inputs": {"email": "a@b.kr", "preferred_job": "AI"}})
}

/// An S3 that can be troubled, and settings for a worker that uses it.
async fn s3_behind_a_proxy(env: &TestEnv) -> (FaultProxy, Settings) {
    let s3 = FaultProxy::start(env.services.s3_port).await;
    let settings = env.settings().with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", s3.port()));
    (s3, settings)
}

async fn a_document_that_cannot_be_stored_is_storage_unavailable_and_the_session_stays(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let (s3, settings) = s3_behind_a_proxy(&env).await;
    let settings = settings.with("MAX_QUESTIONS", 1).with("REQUEST_DEADLINE", "5s");
    let _worker = env.worker_with(&settings).await;
    let member = env.member();
    env.requests.ask(&env.topics.resume_init, &init(member)).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    s3.refuse();
    let answer = json!({"memberId": member, "answer": "추천 모델을 만들었습니다."});
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    let failed = outcomes.expect_failure(member, "STORAGE_UNAVAILABLE").await.json();
    assert_eq!((&failed["retryable"], &failed["eventName"]), (&json!(true), &json!("ADVANCED_RESUME_UPDATE")));
    outcomes.dead_letter(answer.to_string().as_bytes()).await;
    s3.heal();
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    let completed = outcomes.expect(member, "ResumeCompleted").await.json();
    env.bucket().get(completed["resumeObjectKey"].as_str().unwrap()).await;
    assert_eq!(env.model.count(Kind::Resume), 1, "the résumé is not paid for again");
}

async fn a_session_that_cannot_be_read_is_internal_and_an_init_replaces_it(env: Arc<TestEnv>) {
    let (_worker, outcomes, member) = (env.worker().await, env.outcomes().await, env.member());
    let redis = Redis::connect(&env.services).await;
    let () = redis.run("SET", &[&format!("resume:{{{member}}}"), "from another program"]).await;
    let answer = json!({"memberId": member, "answer": "세션이 깨졌습니다."});
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    let failed = outcomes.expect_failure(member, "INTERNAL").await.json();
    assert_eq!((&failed["retryable"], &failed["eventName"]), (&json!(true), &json!("ADVANCED_RESUME_UPDATE")));
    let letter = outcomes.dead_letter(answer.to_string().as_bytes()).await;
    assert_eq!(letter.header("kafka_dlt-exception-fqcn"), Some("INTERNAL"));
    env.requests.ask(&env.topics.resume_init, &init(member)).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
    env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    outcomes.expect(member, "ResumeQuestionGenerated").await;
}

/// A worker whose Redis can be troubled.
async fn with_redis_behind_a_proxy(env: &TestEnv) -> (crate::kit::worker_process::WorkerProcess, FaultProxy) {
    let redis = FaultProxy::start(env.services.redis_port).await;
    let worker =
        env.worker_with(&env.settings().with("REDIS_URL", format!("redis://127.0.0.1:{}", redis.port()))).await;
    (worker, redis)
}

async fn a_request_outlives_redis_being_down(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let (worker, redis) = with_redis_behind_a_proxy(&env).await;
    let (before, during) = (env.member(), env.member());
    env.model
        .next([Answer::text("레디스가 내려가기 전에 시작한 답입니다. 잘하셨습니다.").after(Duration::from_secs(1))]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(before, "전에 온 질문?")).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    redis.refuse();
    env.requests.ask(&env.topics.feedback_requested, &feedback(during, "도중에 온 질문?")).send().await;
    worker.unready("redis").await;
    redis.heal();
    outcomes.expect(before, "FeedbackGenerated").await;
    outcomes.expect(during, "FeedbackGenerated").await;
    assert_eq!(env.model.calls().len(), 2, "nothing is paid for twice");
    let (early, late) = (outcomes.of(before).len(), outcomes.of(during).len());
    assert_eq!((early, late), (1, 1));
}

async fn a_request_outlives_redis_hanging(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let (worker, redis) = with_redis_behind_a_proxy(&env).await;
    let member = env.member();
    redis.stall();
    env.requests.ask(&env.topics.feedback_requested, &feedback(member, "멈춘 레디스?")).send().await;
    worker.unready("redis").await;
    redis.heal();
    outcomes.expect(member, "FeedbackGenerated").await;
    assert_eq!(env.model.calls().len(), 1);
}

async fn a_request_outlives_s3_being_down_for_a_moment(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let (s3, settings) = s3_behind_a_proxy(&env).await;
    let worker = env.worker_with(&settings.with("MIN_QUESTIONS", 0)).await;
    let member = env.member();
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    s3.refuse();
    env.requests.ask(&env.topics.resume_init, &init(member)).send().await;
    env.model.wait_for("the résumé is written", |load| load.calls == 2).await;
    worker.unready("s3").await;
    s3.heal();
    let completed = outcomes.expect(member, "ResumeCompleted").await.json();
    assert_eq!(completed["degraded"], false);
    assert_eq!(env.model.calls().len(), 2);
}

async fn while_s3_is_away_finished_resumes_wait_and_the_rest_goes_on(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let (s3, settings) = s3_behind_a_proxy(&env).await;
    let settings = settings.with("MAX_QUESTIONS", 1).with("MAX_IN_FLIGHT", 2).with("REQUEST_DEADLINE", "5s");
    let worker = env.worker_with(&settings).await;
    let members: Vec<i64> = (0..6).map(|_| env.member()).collect();
    let (at_work, later) = members.split_at(2);
    for member in &members {
        env.requests.ask(&env.topics.resume_init, &init(*member)).send().await;
        outcomes.expect(*member, "ResumeQuestionGenerated").await;
    }
    let answer = async |member: &i64| {
        let answer = json!({"memberId": member, "answer": "저장소가 멈춘 날의 답변입니다."});
        env.requests.ask(&env.topics.resume_answer, &answer).send().await;
    };
    s3.refuse();
    for member in at_work {
        answer(member).await;
    }
    for member in at_work {
        outcomes.expect_failure(*member, "STORAGE_UNAVAILABLE").await;
    }
    // Of these one finds out whether the store is back, and the rest waits.
    for member in later {
        answer(member).await;
    }
    env.model.wait_for("two more résumés are written", |load| load.calls == members.len() + 4).await;
    let metrics = worker.get("/metrics").await.expect("metrics").1;
    assert!(metrics.contains("ssammu_circuit_open{part=\"s3\"} 1"), "{metrics}");
    let other = env.member();
    env.requests.ask(&env.topics.feedback_requested, &feedback(other, "저장소가 없어도?")).send().await;
    outcomes.expect(other, "FeedbackGenerated").await;
    s3.heal();
    let mut sent_again: Vec<&i64> = at_work.iter().collect();
    for member in later {
        let outcome = outcomes.next(*member).await;
        // It found out, and took too long to.
        if outcome.kind == "RequestFailed" {
            assert_eq!(outcome.json()["code"], "STORAGE_UNAVAILABLE");
            sent_again.push(member);
        }
    }
    assert!(sent_again.len() < members.len(), "those that waited are answered");
    for member in sent_again {
        answer(member).await;
        outcomes.expect(*member, "ResumeCompleted").await;
    }
    assert_eq!(env.model.count(Kind::Resume), members.len(), "no résumé is paid for twice");
}

async fn the_broker_may_go_away_and_come_back(env: Arc<TestEnv>) {
    let outcomes = env.outcomes().await;
    let kafka = env.services.troubled_kafka.lock().await;
    let settings = env.settings().with("KAFKA_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", kafka.port()));
    let worker = env.worker_with(&settings).await;
    let (at_work, later) = (env.member(), env.member());
    env.model.next([Answer::text("브로커가 없는 동안 나온 답입니다. 좋습니다.").after(Duration::from_secs(1))]);
    env.requests.ask(&env.topics.feedback_requested, &feedback(at_work, "브로커가 사라지면?")).send().await;
    env.model.wait_for("the call", |load| load.at_work == 1).await;
    kafka.refuse();
    env.requests.ask(&env.topics.feedback_requested, &feedback(later, "돌아오면?")).send().await;
    worker.unready("kafka").await;
    kafka.heal();
    outcomes.expect(at_work, "FeedbackGenerated").await;
    outcomes.expect(later, "FeedbackGenerated").await;
    kafka.cut();
    let last = env.member();
    env.requests.ask(&env.topics.feedback_requested, &feedback(last, "끊겨도?")).send().await;
    outcomes.expect(last, "FeedbackGenerated").await;
}
