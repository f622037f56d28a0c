//! The program's own gateway: the old HTTP API, event streams and documents, all by way of Kafka.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::gateway_process::{FEEDBACK_PATH, GatewayProcess, INIT_PATH, SOON, UPDATE_PATH, reply};
use crate::kit::model::script::FEEDBACK;
use crate::kit::model::{Answer, Kind};
use crate::kit::proxy::FaultProxy;
use crate::kit::services::ports::free_port;
use crate::kit::settings::Settings;
use crate::kit::test_env::TestEnv;
use crate::kit::wait::eventually;

crate::case::cases![
    the_old_servers_example_gets_its_feedback_without_a_member,
    the_resume_dialogue_of_the_old_api_ends_with_a_document,
    an_interview_that_ends_at_once_is_complete_by_the_first_reply,
    a_failure_is_a_status_with_the_code_and_message,
    after_a_time_out_the_same_key_gets_the_outcome_that_was_paid_for_once,
    who_prefers_events_gets_the_record_and_then_the_event,
    what_a_browser_missed_comes_when_it_is_back,
    a_restarted_gateway_remembers_what_was_missed,
    a_repeat_is_no_second_event_but_answers_its_caller,
    a_stale_answer_is_a_conflict_and_no_event,
    every_instance_tells_its_own_browsers,
    foreign_hosts_and_origins_are_refused,
    what_cannot_be_a_request_is_refused,
    a_store_that_is_away_is_told,
    topics_that_are_missing_are_named_and_waited_for,
    a_broker_that_went_away_is_told_and_met_again,
    sigterm_ends_streams_and_waits,
    the_gateways_log_holds_nothing_that_a_member_wrote,
    dev_serves_the_page_and_its_documents,
    dev_stays_up_and_says_what_is_slow_where_a_real_model_is,
];

fn feedback(member: i64) -> Value {
    json!({"memberId": member, "problemId": 42, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

fn init(member: i64) -> Value {
    json!({"member_id": member, "inputs": {"email": "hong@example.kr", "preferred_job": "AI 엔지니어"}})
}

fn update(member: i64, answer: &str) -> Value {
    json!({"member_id": member, "answer": answer})
}

fn of(member: i64) -> String {
    format!("memberId={member}")
}

async fn the_old_servers_example_gets_its_feedback_without_a_member(env: Arc<TestEnv>) {
    let (_worker, gateway, outcomes) = (env.worker().await, env.gateway().await, env.outcomes().await);
    let (_, port) = gateway.address.split_once(':').unwrap();
    let body = r#"{"question": "TCP와 UDP의 차이점은?", "answer": "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다."}"#;
    let url = format!("http://localhost:{port}{FEEDBACK_PATH}");
    let asked = reqwest::Client::new().post(url).header("Content-Type", "application/json").body(body);
    assert_eq!(reply(asked).await, (200, json!({"feedback": FEEDBACK})));
    let outcome = outcomes.wait_for("the outcome", |records| records.first().cloned()).await;
    assert!(outcome.member().unwrap() >= 1 << 62, "the member is made up");
}

async fn the_resume_dialogue_of_the_old_api_ends_with_a_document(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let (status, first) = gateway.call(INIT_PATH, &init(member)).await;
    let question = first["question"].as_str().unwrap();
    assert_eq!((status, &first), (200, &json!({"member_id": member, "question": question})));
    for (name, answer) in [
        ("member_id", update(member, "주문 서비스를 맡았습니다.")),
        ("memberId", json!({"memberId": member, "inputs": {"answer": "응답 시간을 절반으로 줄였습니다."}})),
    ] {
        let (status, next) = gateway.call(UPDATE_PATH, &answer).await;
        let question = next["question"].as_str().unwrap();
        let expected = json!({name: member, "isComplete": false, "question": question});
        assert_eq!((status, next), (200, expected));
    }
    let (status, done) = gateway.call(UPDATE_PATH, &update(member, "배포를 자동화했습니다.")).await;
    let key = done["resumeObjectKey"].as_str().unwrap();
    let expected = json!({"member_id": member, "isComplete": true, "resumeObjectKey": key});
    assert_eq!((status, &done), (200, &expected));

    // The event tells where the document is, and it is the one in the bucket.
    let mut events = gateway.events(&format!("{}&lastEventId=0", of(member)), "").await;
    events.expect("advanced-resume-init").await;
    for _ in 0..2 {
        assert_eq!(events.expect("advanced-resume-update").await.json()["type"], "in-progress");
    }
    let complete = events.expect("advanced-resume-update").await.json();
    let url = format!("http://{}/documents/{key}", gateway.address);
    assert_eq!(complete, json!({"type": "complete", "resumeDownloadUrl": url}));
    let response = gateway.ask(Method::GET, &format!("/documents/{key}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let (object, stored) = env.bucket().get(key).await;
    assert_eq!(response.headers()["content-type"], object.content_type().unwrap());
    assert_eq!(response.headers()["content-disposition"], object.content_disposition().unwrap());
    assert_eq!(response.bytes().await.unwrap(), stored);
}

async fn an_interview_that_ends_at_once_is_complete_by_the_first_reply(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    let (gateway, member) = (env.gateway().await, env.member());
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    let (status, done) = gateway.call(INIT_PATH, &init(member)).await;
    assert_eq!((status, &done["isComplete"]), (200, &json!(true)), "{done}");
    assert!(done["resumeObjectKey"].is_string());
}

async fn a_failure_is_a_status_with_the_code_and_message(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("REQUEST_DEADLINE", "2s")).await;
    let (gateway, member) = (env.gateway().await, env.member());
    let refused = gateway.post(UPDATE_PATH, &update(member, "답변")).header("idempotency-key", "no-session");
    let (status, body) = reply(refused).await;
    assert_eq!((status, &body["code"], &body["requestId"]), (404, &json!("NO_ACTIVE_SESSION"), &json!("no-session")));
    assert!(body["message"].as_str().is_some_and(|message| message.contains("이력서")), "{body}");

    let (status, body) = gateway.call(INIT_PATH, &json!({"memberId": member, "inputs": {"email": "no address"}})).await;
    assert_eq!((status, &body["code"], &body["field"]), (400, &json!("INVALID_REQUEST"), &json!("inputs.email")));

    env.model.always(Answer::busy());
    let (status, body) = gateway.call(FEEDBACK_PATH, &feedback(member)).await;
    assert_eq!((status, &body["code"], &body["retryable"]), (503, &json!("LLM_UNAVAILABLE"), &json!(true)));
    let mut events = gateway.events(&format!("{}&lastEventId=0", of(member)), "").await;
    events.expect("advanced-resume-update-error").await;
    events.expect("advanced-resume-init-error").await;
    assert_eq!(events.expect("problem-feedback-error").await.data, body["message"].as_str().unwrap());
}

async fn after_a_time_out_the_same_key_gets_the_outcome_that_was_paid_for_once(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let gateway = env.gateway_with(&env.settings().with("GATEWAY_TIMEOUT", "1s")).await;
    let member = env.member();
    env.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(4))]);
    let ask = || reply(gateway.post(FEEDBACK_PATH, &feedback(member)).header("idempotency-key", "click-1"));
    let (status, body) = ask().await;
    let expected = (504, json!("TIMEOUT"), json!(true), json!("click-1"));
    assert_eq!((status, body["code"].clone(), body["retryable"].clone(), body["requestId"].clone()), expected);
    let body = eventually("the outcome comes by the same key", || async {
        let (status, body) = ask().await;
        (status == 200).then_some(body)
    })
    .await;
    assert_eq!(body, json!({"feedback": FEEDBACK}));
    assert_eq!(env.model.calls().len(), 1);
    let mut events = gateway.events(&format!("{}&lastEventId=0", of(member)), "").await;
    assert_eq!(events.expect("problem-feedback").await.json(), json!({"problemId": 42, "feedback": FEEDBACK}));
}

async fn who_prefers_events_gets_the_record_and_then_the_event(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let mut events = gateway.events(&format!("{}&records=true", of(member)), "").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let asked = gateway.post(FEEDBACK_PATH, &feedback(member)).header("prefer", "respond-async");
    let (status, body) = reply(asked.header("traceparent", trace)).await;
    assert_eq!(status, 202, "{body}");
    let request_id = body["requestId"].as_str().unwrap();

    let request = events.expect("record").await;
    let record = request.json();
    assert_eq!((&record["topic"], &record["key"]), (&json!(env.topics.feedback_requested), &json!(member.to_string())));
    assert_eq!(record["value"], feedback(member));
    assert_eq!(record.get("tookMs"), None);
    let header = |record: &Value, name: &str| {
        let headers = record["headers"].as_array().unwrap();
        headers.iter().find(|header| header[0] == name).map(|header| header[1].clone())
    };
    for (name, value) in [
        ("ce_id", request_id),
        ("ce_specversion", "1.0"),
        ("ce_source", "/ssammu-gateway"),
        ("ce_type", "FeedbackRequested"),
        ("content-type", "application/json"),
        ("traceparent", trace),
    ] {
        assert_eq!(header(&record, name), Some(json!(value)), "{name}");
    }

    let record = events.expect("record").await;
    assert_eq!(record.json()["topic"], env.topics.of("FeedbackGenerated"));
    assert_eq!(header(&record.json(), "ce_causationid"), Some(json!(request_id)));
    assert!(record.json()["tookMs"].as_i64().is_some_and(|took| took >= 0), "{record:?}");
    let event = events.expect("problem-feedback").await;
    assert_eq!(event.json(), json!({"problemId": 42, "feedback": FEEDBACK}));
    let millis = record.json()["timestamp"].as_i64().unwrap();
    let id = header(&record.json(), "ce_id").unwrap();
    assert_eq!(event.id, format!("{millis}-{}", id.as_str().unwrap()));
}

async fn what_a_browser_missed_comes_when_it_is_back(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let mut events = gateway.events(&of(member), "").await;
    gateway.call(FEEDBACK_PATH, &feedback(member)).await;
    let first = events.expect("problem-feedback").await;
    drop(events);
    gateway.call(INIT_PATH, &init(member)).await;
    gateway.call(UPDATE_PATH, &update(member, "답변")).await;
    let mut events = gateway.events(&format!("{}&lastEventId=0", of(member)), &first.id).await;
    events.expect("advanced-resume-init").await;
    let missed = events.expect("advanced-resume-update").await;
    // What comes now follows without a gap.
    gateway.call(FEEDBACK_PATH, &feedback(member)).await;
    events.expect("problem-feedback").await;
    // Another member has none of it, and who names no last event gets new ones only.
    let other = env.member();
    let mut others = gateway.events(&format!("{}&lastEventId=0", of(other)), "").await;
    let mut new = gateway.events(&of(member), "").await;
    gateway.call(FEEDBACK_PATH, &feedback(other)).await;
    gateway.call(UPDATE_PATH, &update(member, "답변")).await;
    others.expect("problem-feedback").await;
    let next = new.expect("advanced-resume-update").await;
    assert_ne!(next.id, missed.id);
}

async fn a_restarted_gateway_remembers_what_was_missed(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let settings = env.settings().with("GATEWAY_ADDR", format!("127.0.0.1:{}", free_port()));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    let mut events = gateway.events(&format!("{}&records=true", of(member)), "").await;
    gateway.call(FEEDBACK_PATH, &feedback(member)).await;
    events.expect("record").await;
    events.expect("record").await;
    let last = events.expect("problem-feedback").await;
    gateway.process.kill().await;
    assert_eq!(events.maybe_next().await, None);

    // What happens while it is down comes from Spring.
    env.requests.ask(&env.topics.resume_init, &init_of_spring(member)).header("ce_id", "init").send().await;
    let gateway = env.gateway_with(&settings).await;
    let mut events = gateway.events(&format!("{}&records=true", of(member)), &last.id).await;
    let request = events.expect("record").await.json();
    assert_eq!(request["topic"], env.topics.resume_init);
    let outcome = events.expect("record").await.json();
    assert_eq!(outcome["topic"], env.topics.of("ResumeQuestionGenerated"));
    events.expect("advanced-resume-init").await;
}

fn init_of_spring(member: i64) -> Value {
    json!({"memberId": member, "inputs": {"email": "hong@example.kr"}})
}

async fn a_repeat_is_no_second_event_but_answers_its_caller(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let mut events = gateway.events(&of(member), "").await;
    for _ in 0..2 {
        let asked = gateway.post(FEEDBACK_PATH, &feedback(member)).header("idempotency-key", "double-click");
        assert_eq!(reply(asked).await, (200, json!({"feedback": FEEDBACK})));
    }
    assert_eq!(env.model.calls().len(), 1);
    gateway.call(INIT_PATH, &init(member)).await;
    events.expect("problem-feedback").await;
    events.expect("advanced-resume-init").await;
}

async fn a_stale_answer_is_a_conflict_and_no_event(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let mut events = gateway.events(&of(member), "").await;
    gateway.call(INIT_PATH, &init(member)).await;
    events.expect("advanced-resume-init").await;
    let first = env.outcomes().await.expect(member, "ResumeQuestionGenerated").await.json()["questionId"].clone();
    gateway.call(UPDATE_PATH, &update(member, "답변")).await;
    events.expect("advanced-resume-update").await;
    let stale = json!({"memberId": member, "answer": "늦은 답변", "questionId": first});
    let (status, body) = gateway.call(UPDATE_PATH, &stale).await;
    assert_eq!((status, &body["code"]), (409, &json!("STALE_ANSWER")));
    let lost = json!({"memberId": member, "answer": "모르는 질문의 답변", "questionId": "of-no-question"});
    let (status, body) = gateway.call(UPDATE_PATH, &lost).await;
    assert_eq!((status, &body["code"]), (404, &json!("NO_ACTIVE_SESSION")));
    events.expect("advanced-resume-update-error").await;
}

async fn every_instance_tells_its_own_browsers(env: Arc<TestEnv>) {
    let (_worker, member) = (env.worker().await, env.member());
    let (one, other) = tokio::join!(env.gateway(), env.gateway());
    let mut events = other.events(&of(member), "").await;
    assert_eq!(one.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    events.expect("problem-feedback").await;
}

async fn foreign_hosts_and_origins_are_refused(env: Arc<TestEnv>) {
    let settings = env.settings().with("GATEWAY_ALLOWED_HOSTS", "demo.example, gateway");
    let gateway = env.gateway_with(&settings).await;
    let own = format!("http://{}", gateway.address);
    let (_, port) = gateway.address.split_once(':').unwrap();
    let other_port = format!("http://127.0.0.1:{}", port.parse::<u16>().unwrap() + 1);
    let paths = [
        "/",
        "/page/page.js",
        "/documents/a.docx",
        "/api/v1/sse/subscribe?memberId=7",
        FEEDBACK_PATH,
        INIT_PATH,
        "/nothing",
    ];
    for path in paths {
        let method =
            if path.starts_with("/api/v1/sse") || !path.starts_with("/api") { Method::GET } else { Method::POST };
        for (name, value) in [
            ("host", "evil.example"),
            ("host", "localhost.evil.example:8000"),
            ("origin", "http://evil.example"),
            ("origin", other_port.as_str()),
            ("origin", "null"),
        ] {
            let (status, body) = reply(gateway.ask(method.clone(), path).header(name, value)).await;
            let code = if name == "host" { "FORBIDDEN_HOST" } else { "FORBIDDEN_ORIGIN" };
            assert_eq!((status, &body["code"]), (403, &json!(code)), "{path} {name}: {value}");
        }
        for (name, value) in [("origin", own.as_str()), ("host", "demo.example"), ("host", "gateway:8000")] {
            let response = gateway.ask(method.clone(), path).header(name, value).send().await.unwrap();
            assert_ne!(response.status(), 403, "{path} {name}: {value}");
        }
    }
    let page = gateway.ask(Method::GET, "/").send().await.unwrap();
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let log = gateway.process.log();
    assert!(log.contains("GATEWAY_ALLOWED_HOSTS") && log.matches("refused").count() < 20, "{log}");
}

async fn what_cannot_be_a_request_is_refused(env: Arc<TestEnv>) {
    let (gateway, outcomes) = (env.gateway().await, env.outcomes().await);
    let large = json!({"memberId": 7, "question": "q", "answer": "가".repeat(30_000)}).to_string();
    let rows = [
        (FEEDBACK_PATH, "application/json", "{\"question\":", 400, "INVALID_REQUEST"),
        (FEEDBACK_PATH, "application/json", "[]", 400, "INVALID_REQUEST"),
        (FEEDBACK_PATH, "application/json", "{\"memberId\":0}", 400, "INVALID_REQUEST"),
        (INIT_PATH, "application/json", "{\"inputs\":{}}", 400, "INVALID_REQUEST"),
        (UPDATE_PATH, "application/json", "", 400, "INVALID_REQUEST"),
        (FEEDBACK_PATH, "text/plain", "{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (FEEDBACK_PATH, "application/json", large.as_str(), 413, "INPUT_TOO_LONG"),
    ];
    for (path, kind, body, status, code) in rows {
        let request = gateway.ask(Method::POST, path).header("content-type", kind).body(body.to_owned());
        let (found, answer) = reply(request).await;
        let start: String = body.chars().take(40).collect();
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{path} {kind} {start}");
        assert_eq!(answer["retryable"], false);
    }
    let key = gateway.post(FEEDBACK_PATH, &feedback(7)).header("idempotency-key", "two words");
    assert_eq!(reply(key).await.1["field"], "Idempotency-Key");
    for path in ["/documents/resume/7/none.docx", "/documents/..%2f..%2fetc%2fpasswd", "/nothing"] {
        assert_eq!(reply(gateway.ask(Method::GET, path)).await.0, 404, "{path}");
    }
    for query in ["", "?memberId=0", "?memberId=x", "?memberId=7&records=perhaps"] {
        let (status, body) = reply(gateway.ask(Method::GET, &format!("/api/v1/sse/subscribe{query}"))).await;
        assert_eq!((status, &body["code"]), (400, &json!("INVALID_REQUEST")), "{query}");
    }
    assert!(outcomes.everything().await.is_empty(), "no worker runs, and nothing was sent");
}

async fn a_store_that_is_away_is_told(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MIN_QUESTIONS", 0)).await;
    let s3 = FaultProxy::start(env.services.s3_port).await;
    let settings = env.settings().with("AWS_ENDPOINT_URL_S3", format!("http://127.0.0.1:{}", s3.port()));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    env.model.when_asked(Kind::Question, [Answer::enough()]);
    let (_, done) = gateway.call(INIT_PATH, &init(member)).await;
    let path = format!("/documents/{}", done["resumeObjectKey"].as_str().unwrap());
    s3.refuse();
    let (status, body) = reply(gateway.ask(Method::GET, &path)).await;
    assert_eq!((status, &body["code"]), (503, &json!("STORAGE_UNAVAILABLE")));
    s3.heal();
    assert_eq!(gateway.ask(Method::GET, &path).send().await.unwrap().status(), 200);
}

async fn topics_that_are_missing_are_named_and_waited_for(env: Arc<TestEnv>) {
    let mut gateway = env.start_gateway(&["gateway"], &env.settings());
    gateway.process.unready(&env.topics.resume_init.to_lowercase()).await;
    let before = env.run(&["healthcheck", &gateway.address], &env.settings()).await;
    assert_eq!(before.status.code(), Some(1), "{}", before.stderr);
    let _worker = env.worker().await;
    gateway.process.ready().await;
    assert!(env.run(&["healthcheck", &gateway.address], &env.settings()).await.status.success());
    // Topics that were made later are looked for every few seconds.
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(env.member())).await.0, 200);
}

async fn a_broker_that_went_away_is_told_and_met_again(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let kafka = env.services.troubled_kafka.lock().await;
    let settings = env.settings().with("KAFKA_BOOTSTRAP_SERVERS", format!("127.0.0.1:{}", kafka.port()));
    let (mut gateway, member) = (env.gateway_with(&settings).await, env.member());
    let mut events = gateway.events(&of(member), "").await;
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member)).await.0, 200);
    events.expect("problem-feedback").await;
    kafka.refuse();
    gateway.process.unready("kafka").await;
    let (status, body) = gateway.call(FEEDBACK_PATH, &feedback(member)).await;
    assert_eq!((status, &body["code"], &body["retryable"]), (503, &json!("BROKER_UNAVAILABLE"), &json!(true)));
    kafka.heal();
    gateway.process.ready().await;
    assert_eq!(gateway.call(INIT_PATH, &init(member)).await.0, 200);
    loop {
        // The request that was not taken in time may have been sent after all.
        if events.next().await.name == "advanced-resume-init" {
            break;
        }
    }
}

async fn sigterm_ends_streams_and_waits(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let mut events = gateway.events(&of(member), "").await;
    env.model.next([Answer::stall()]);
    let (reply, ended) = tokio::join!(reply(gateway.post(FEEDBACK_PATH, &feedback(member))), async {
        env.model.wait_for("the call", |load| load.at_work == 1).await;
        gateway.process.signal("TERM").await;
        events.maybe_next().await
    });
    assert_eq!((reply.0, &reply.1["code"]), (504, &json!("TIMEOUT")));
    assert_eq!(ended, None);
    let GatewayProcess { mut process, .. } = gateway;
    let status = tokio::time::timeout(SOON, process.ended()).await.expect("it ends soon");
    assert!(status.success(), "{status}");
}

async fn the_gateways_log_holds_nothing_that_a_member_wrote(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let secret = "비밀스러운 내용";
    let body = json!({"memberId": member, "question": secret, "answer": secret, "secret@example.kr": secret});
    assert_eq!(gateway.call(FEEDBACK_PATH, &body).await.0, 200);
    gateway.call(INIT_PATH, &json!({"memberId": member, "inputs": {"email": "secret@example.kr"}})).await;
    gateway.call(UPDATE_PATH, &update(member, secret)).await;
    let broken = gateway.ask(Method::POST, FEEDBACK_PATH).header("content-type", "application/json").body(secret);
    assert_eq!(reply(broken).await.0, 400);
    let mut process = gateway.process;
    process.signal("TERM").await;
    process.ended().await;
    let log = process.log();
    assert!(log.contains("starting the gateway") && log.contains("stopped"), "{log}");
    assert!(!log.contains(secret) && !log.contains("secret@example.kr") && !log.contains(FEEDBACK), "{log}");
}

async fn dev_stays_up_and_says_what_is_slow_where_a_real_model_is(env: Arc<TestEnv>) {
    env.model.always(Answer::stall());
    let folder = tempfile::tempdir().unwrap();
    let (address, model) = (format!("127.0.0.1:{}", free_port()), env.model.url());
    let documents = folder.path().join("documents").display().to_string();
    let arguments = ["dev", "--vllm-url", &model, "--gateway-addr", &address, "--documents", &documents];
    let settings = Settings::default().with("GATEWAY_ADDR", &address).with("REQUEST_DEADLINE", "2s");
    let gateway = env.start_gateway(&arguments, &settings);
    gateway.process.wait_for_log("Everything stays up").await;
    let log = gateway.process.log();
    let told = "RequestFailed (LLM_UNAVAILABLE) came instead of a feedback after ";
    assert!(log.contains(told) && log.contains("the model is too slow for REQUEST_DEADLINE=2s"), "{log}");
    assert_eq!(gateway.ask(Method::GET, "/").send().await.unwrap().status(), 200);
    assert!(gateway.process.stop().await.success());
}

async fn dev_serves_the_page_and_its_documents(env: Arc<TestEnv>) {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let documents = folder.path().join("documents").display().to_string();
    let arguments = ["dev", "--gateway-addr", &address, "--documents", &documents];
    let mut gateway = env.start_gateway(&arguments, &Settings::default().with("GATEWAY_ADDR", &address));
    gateway.process.ready().await;
    gateway.process.wait_for_log("Everything stays up").await;
    let log = gateway.process.log();
    assert!(log.starts_with(&format!("page       http://{address}/\n")), "{log}");
    let page = gateway.ask(Method::GET, "/").send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("page/page.js"));

    // The demonstration's events are there for its member, and so is its document.
    let mut events = gateway.events("memberId=7&lastEventId=0", "").await;
    let url = loop {
        let event = events.next().await;
        if event.data.contains("resumeDownloadUrl") {
            break event.json()["resumeDownloadUrl"].as_str().unwrap().to_owned();
        }
    };
    let document = reqwest::get(url).await.unwrap();
    assert_eq!(document.status(), 200);
    assert!(document.bytes().await.unwrap().starts_with(b"PK"));
    assert_eq!(gateway.call(FEEDBACK_PATH, &json!({"question": "GC란?", "answer": "정리입니다."})).await.0, 200);
    assert!(gateway.process.stop().await.success());
}
