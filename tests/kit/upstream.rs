//! The server that did the gateway's job before it, as far as passing on to it goes: it answers with what it got.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The server; it ends when it is dropped.
pub struct Upstream {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    requests: AtomicUsize,
    given_up: AtomicUsize,
    go_on: Notify,
}

impl Upstream {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { port, shared, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many requests for `/silent` have been given up.
    pub fn given_up(&self) -> usize {
        self.shared.given_up.load(Ordering::Relaxed)
    }

    /// Lets the stream say its second word.
    pub fn go_on(&self) {
        self.shared.go_on.notify_one();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let path = request.uri().path();
    match path.strip_prefix("/base").unwrap_or(path) {
        "/stream" => streamed(shared).into_response(),
        "/moved" => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        "/silent" => {
            let _counted = OnDrop(shared);
            std::future::pending().await
        }
        _ => echo(request).await.into_response(),
    }
}

/// Two words, the second when it is told to.
fn streamed(shared: Arc<Shared>) -> Body {
    let words = stream::unfold(0, move |number| {
        let shared = shared.clone();
        async move {
            let word = match number {
                0 => "first",
                1 => {
                    shared.go_on.notified().await;
                    "second"
                }
                _ => return None,
            };
            Some((Ok::<_, std::io::Error>(word), number + 1))
        }
    });
    Body::from_stream(words)
}

async fn echo(request: Request) -> impl IntoResponse {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a whole body");
    let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes).into_owned());
    let headers: Map<String, Value> =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let got = json!({"target": format!("{} {}", head.method, head.uri), "headers": headers, "body": text(&body)});
    (StatusCode::IM_A_TEAPOT, [("x-old", "yes")], Json(got))
}

struct OnDrop(Arc<Shared>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, Ordering::Relaxed);
    }
}
