//! A stand-in for the product's login: it says whose a session is, as Spring would at GATEWAY_AUTH_URL. Its sessions are
//! called after what they do, and its answers say that it is a stand-in.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where it says who somebody is.
const PATH: &str = "/internal/member";

/// One question: its method and address, and the names of its headers.
pub type Question = (String, Vec<String>);

/// The login; it ends when it is dropped.
pub struct Login {
    port: u16,
    questions: Arc<Mutex<Vec<Question>>>,
    task: JoinHandle<()>,
}

impl Login {
    pub async fn start() -> Self {
        let questions = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let router = Router::new().route(PATH, any(answer)).fallback(anybody).with_state(questions.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { port, questions, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// What it was asked so far.
    pub fn questions(&self) -> Vec<Question> {
        self.questions.lock().expect("the questions").clone()
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(questions): State<Arc<Mutex<Vec<Question>>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let names = headers.keys().map(ToString::to_string).collect();
    questions.lock().expect("the questions").push((format!("{method} {uri}"), names));
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let session = said(header::COOKIE).strip_prefix("SESSION=").map(str::to_owned);
    let who = session.or_else(|| said(header::AUTHORIZATION).strip_prefix("Bearer session-").map(str::to_owned));
    let stand_in = [("server", "a stand-in for the product's login")];
    match who.as_deref().unwrap_or_default() {
        "suspended" => (StatusCode::FORBIDDEN, stand_in).into_response(),
        "moved" => (StatusCode::FOUND, [(header::LOCATION, "/anybody")]).into_response(),
        "silent" => std::future::pending().await,
        "broken" => (StatusCode::INTERNAL_SERVER_ERROR, stand_in, r#"{"memberId": 7}"#).into_response(),
        "talkative" => (stand_in, format!(r#"{{"memberId": 7, "more": "{}"}}"#, "x".repeat(1 << 20))).into_response(),
        "nameless" => (stand_in, r#"{"name": "hong"}"#).into_response(),
        "page" => (stand_in, "<html>7</html>").into_response(),
        member if member.parse::<i64>().is_ok() => (stand_in, format!(r#"{{"memberId": "{member}"}}"#)).into_response(),
        _ => (StatusCode::UNAUTHORIZED, stand_in).into_response(),
    }
}

/// Where nobody should be led.
async fn anybody() -> &'static str {
    r#"{"memberId": 7}"#
}
