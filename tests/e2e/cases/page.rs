//! The gateway's page as members see it: `tests/page`, in a real browser, against the real worker.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::kit::gateway_process::reply;
use crate::kit::model::Answer;
use crate::kit::model::script::FEEDBACK;
use crate::kit::services::native::installed;
use crate::kit::test_env::TestEnv;

crate::case::cases![the_page_does_what_members_do_with_it, what_the_page_loads_is_there_and_is_nobody_elses,];

/// How long all of the page's tests may take.
const PATIENCE: Duration = Duration::from_mins(10);

const FAILING: &str = "고장을 부르는 답변입니다.";
const STREAMED: &str = "한 토큰씩 쓰게 하는 답변입니다.";
const SLOW: &str = "시간이 걸리는 답변입니다.";

async fn the_page_does_what_members_do_with_it(env: Arc<TestEnv>) {
    let _worker = env.worker().await;
    let gateway = env.gateway().await;
    // An empty reply is a failure that may be tried again, and says nothing of the server.
    env.model.when(FAILING, [Answer::text("")]);
    env.model.when(SLOW, [Answer::text(FEEDBACK).after(Duration::from_secs(3))]);
    // Some three seconds, of which the first sentence takes one.
    env.model.when(STREAMED, [Answer::text(FEEDBACK).paced(Duration::from_millis(60))]);
    let mut browser = Command::new(installed().join("venv/bin/python"));
    browser
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page/page.py"))
        .args(["--url", &format!("http://{}/", gateway.address)])
        .args(["--failing-answer", FAILING, "--slow-answer", SLOW, "--streamed-answer", STREAMED]);
    let output = env.run_other(&mut browser, PATIENCE).await;
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn what_the_page_loads_is_there_and_is_nobody_elses(env: Arc<TestEnv>) {
    let gateway = env.gateway().await;
    let files = [
        ("/", "text/html; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/page.js", "text/javascript; charset=utf-8"),
        ("/page/stream.js", "text/javascript; charset=utf-8"),
    ];
    for (path, content_type) in files {
        let response = gateway.ask(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &content_type.parse().unwrap())
        );
        assert!(
            response.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self';"),
            "{path}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    for path in ["/page/nothing.js", "/page/", "/page/index.html", "/page/..%2fmod.rs", "/page/%ff"] {
        let response = gateway.ask(Method::GET, path).send().await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        let (status, body) = reply(gateway.ask(Method::GET, path)).await;
        assert_eq!((status, &body["code"]), (404, &json!("NOT_FOUND")), "{path}");
    }
    let (status, body) = reply(gateway.ask(Method::POST, "/page/page.js")).await;
    assert_eq!((status, &body["code"]), (405, &json!("METHOD_NOT_ALLOWED")));
}
