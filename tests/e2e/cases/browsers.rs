//! Browsers of another origin, and event streams that begin anew without saying what they had last.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::kit::gateway_process::{Events, FEEDBACK_PATH, GatewayProcess, INIT_PATH, UPDATE_PATH, reply};
use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::services::native::installed;
use crate::kit::services::ports::free_port;
use crate::kit::test_env::TestEnv;

crate::case::cases![
    a_page_of_an_allowed_origin_may_call_with_credentials,
    a_browser_of_another_origin_misses_nothing,
    what_came_between_two_streams_is_told_once,
    what_came_while_the_gateway_was_restarted_is_told,
    links_lead_where_the_browser_came_from,
    a_stream_is_not_held_back_on_its_way,
];

const SUBSCRIBE: &str = "/api/v1/sse/subscribe";
const ORIGIN: &str = "https://www.careerbee.example";

/// How long the browser's test may take.
const PATIENCE: Duration = Duration::from_mins(5);

fn feedback(member: i64, problem: u32) -> Value {
    json!({"memberId": member, "problemId": problem, "question": "캐시란?", "answer": "가까이 두고 쓰는 사본입니다."})
}

/// Headers of a request.
type Headers<'a> = &'a [(&'a str, &'a str)];

/// A stream of the member that names no last event.
async fn listen(gateway: &GatewayProcess, member: i64) -> Events {
    gateway.events(&format!("memberId={member}"), "").await
}

async fn a_page_of_an_allowed_origin_may_call_with_credentials(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let settings = env.settings().with("GATEWAY_ALLOWED_ORIGINS", format!("http://localhost:3000, {ORIGIN}"));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    let preflight = |path: &str, method: &str, origin: &str| {
        let request = gateway.ask(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", method);
        request.header("access-control-request-headers", "authorization,content-type,x-anything").send()
    };
    for (path, method) in [(FEEDBACK_PATH, "POST"), (SUBSCRIBE, "GET"), ("/documents/a.docx", "GET"), ("/old", "PUT")] {
        let allowed = preflight(path, method, ORIGIN).await.unwrap();
        assert!(allowed.status().is_success(), "{path}: {}", allowed.status());
        for (name, value) in [
            ("access-control-allow-origin", ORIGIN),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", method),
            ("access-control-allow-headers", "authorization,content-type,x-anything"),
        ] {
            assert_eq!(allowed.headers()[name], value, "{path} {name}");
        }
        assert_eq!(preflight(path, method, "https://evil.example").await.unwrap().status(), 403, "{path}");
    }
    // Replies and refusals alike can be read by the page.
    for (body, status) in [(feedback(member, 1), 200), (json!([]), 400)] {
        let answer = gateway.post(FEEDBACK_PATH, &body).header("origin", ORIGIN).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
        assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    }
    // Who allowed nobody else lets nobody else in.
    let gateway = env.gateway().await;
    let foreign = gateway.post(FEEDBACK_PATH, &feedback(member, 1)).header("origin", ORIGIN);
    assert_eq!(reply(foreign).await.0, 403);
}

/// `tests/page/foreign.py`: Chromium, a page of another origin, and an `EventSource` as polyfills are: it sends a
/// header, and after an error it begins anew without a last event.
async fn a_browser_of_another_origin_misses_nothing(env: Arc<TestEnv>) {
    let (_worker, port) = (env.worker().await, free_port());
    let settings = env.settings().with("GATEWAY_ALLOWED_ORIGINS", format!("http://127.0.0.1:{port}"));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    let mut browser = Command::new(installed().join("venv/bin/python"));
    browser
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/foreign.py"))
        .args(["--gateway", &format!("http://{}", gateway.address), "--port", &port.to_string()])
        .args(["--member", &member.to_string()]);
    let output = env.run_other(&mut browser, PATIENCE).await;
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
}

async fn what_came_between_two_streams_is_told_once(env: Arc<TestEnv>) {
    let (_worker, gateway, member) = (env.worker().await, env.gateway().await, env.member());
    let told = |problem: u32| json!({"problemId": problem, "feedback": FEEDBACK});
    let mut events = listen(&gateway, member).await;
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member, 1)).await.0, 200);
    assert_eq!(events.expect("problem-feedback").await.json(), told(1));
    drop(events);
    for problem in [2, 3] {
        assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member, problem)).await.0, 200);
    }
    let mut events = listen(&gateway, member).await;
    for problem in [2, 3] {
        assert_eq!(events.expect("problem-feedback").await.json(), told(problem));
    }
    // Another tab of somebody who is there gets what is new, and so does who was told everything.
    let mut tab = listen(&gateway, member).await;
    drop(events);
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member, 4)).await.0, 200);
    assert_eq!(tab.expect("problem-feedback").await.json(), told(4));
    drop(tab);
    let mut again = listen(&gateway, member).await;
    assert_eq!(gateway.call(FEEDBACK_PATH, &feedback(member, 5)).await.0, 200);
    assert_eq!(again.expect("problem-feedback").await.json(), told(5));
}

/// The gateway is killed right after it took an answer; its question comes while nobody listens.
async fn what_came_while_the_gateway_was_restarted_is_told(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let outcomes = env.outcomes().await;
    let settings = env.settings().with("GATEWAY_ADDR", format!("127.0.0.1:{}", free_port()));
    let (gateway, member) = (env.gateway_with(&settings).await, env.member());
    let events = listen(&gateway, member).await;
    env.model.next([Answer::text(FEEDBACK).after(Duration::from_secs(2))]);
    let asked = gateway.post(FEEDBACK_PATH, &feedback(member, 1)).header("prefer", "respond-async");
    assert_eq!(reply(asked).await.0, 202);
    gateway.process.kill().await;
    drop(events);
    outcomes.expect(member, "FeedbackGenerated").await;
    let gateway = env.gateway_with(&settings).await;
    let event = listen(&gateway, member).await.expect("problem-feedback").await;
    assert_eq!(event.json(), json!({"problemId": 1, "feedback": FEEDBACK}));
}

async fn links_lead_where_the_browser_came_from(env: Arc<TestEnv>) {
    let _worker = env.worker_with(&env.settings().with("MAX_QUESTIONS", "1")).await;
    let (gateway, member) = (env.gateway().await, env.member());
    let init = json!({"memberId": member, "inputs": {"email": "hong@example.kr"}});
    gateway.call(INIT_PATH, &init).await;
    let update = json!({"memberId": member, "answer": "주문 서비스를 맡았습니다."});
    let (_, done) = gateway.call(UPDATE_PATH, &update).await;
    let key = done["resumeObjectKey"].as_str().unwrap().to_owned();
    let public = env.gateway_with(&env.settings().with("GATEWAY_PUBLIC_URL", "https://demo.example/ssammu/")).await;
    let rows: [(&GatewayProcess, Headers, &str); 4] = [
        (&gateway, &[], &format!("http://{}", gateway.address)),
        (&gateway, &[("x-forwarded-proto", "https"), ("x-forwarded-host", "demo.example")], "https://demo.example"),
        (&gateway, &[("forwarded", "for=192.0.2.1;proto=https;host=demo.example")], "https://demo.example"),
        (&public, &[("x-forwarded-host", "other.example")], "https://demo.example/ssammu"),
    ];
    for (gateway, headers, base) in rows {
        let mut events = gateway.events_with(&format!("memberId={member}&lastEventId=0"), headers).await;
        let url = loop {
            let event = events.next().await;
            if event.data.contains("resumeDownloadUrl") {
                break event.json()["resumeDownloadUrl"].as_str().unwrap().to_owned();
            }
        };
        assert_eq!(url, format!("{base}/documents/{key}"));
    }
}

async fn a_stream_is_not_held_back_on_its_way(env: Arc<TestEnv>) {
    let (gateway, member) = (env.gateway().await, env.member());
    for query in ["", "&records=true"] {
        let stream = gateway.ask(Method::GET, &format!("{SUBSCRIBE}?memberId={member}{query}"));
        let stream = stream.header("accept-encoding", "gzip").send().await.unwrap();
        let directives = stream.headers()["cache-control"].to_str().unwrap();
        assert!(directives.contains("no-transform") && directives.contains("no-store"), "{directives}");
        assert_eq!(stream.headers()["x-accel-buffering"], "no");
        assert!(stream.headers().get("content-encoding").is_none());
    }
}
