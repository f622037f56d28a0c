//! An S3 with a policy: a proxy in front of the real one that refuses some requests and passes on the rest.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::kit::services::BUCKET;

/// What may be asked about the bucket itself: nothing but this status, and this code where the answer has a body.
#[derive(Clone, Copy)]
pub struct Denied(pub u16, pub &'static str);

impl Denied {
    fn response(&self) -> Response {
        let Self(status, code) = self;
        let status = StatusCode::from_u16(*status).expect("a status");
        (status, format!("<Error><Code>{code}</Code><Message>No.</Message></Error>")).into_response()
    }
}

/// The proxy; dropping it ends it.
pub struct Policy {
    port: u16,
    looks: Arc<AtomicUsize>,
    puts_denied: Arc<AtomicBool>,
    versions_denied: Arc<Mutex<Option<Method>>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    target: u16,
    denied: Option<Denied>,
    looks: Arc<AtomicUsize>,
    puts_denied: Arc<AtomicBool>,
    versions_denied: Arc<Mutex<Option<Method>>>,
    client: reqwest::Client,
}

impl Policy {
    /// In front of the S3 at this port: objects can be put and got, the bucket cannot be looked at.
    pub async fn start(target: u16, denied: Denied) -> Self {
        Self::serve(target, Some(denied)).await
    }

    /// In front of the S3 at this port: everything may be done, until [puts are denied](Self::deny_puts).
    pub async fn open(target: u16) -> Self {
        Self::serve(target, None).await
    }

    async fn serve(target: u16, denied: Option<Denied>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let looks = Arc::new(AtomicUsize::new(0));
        let puts_denied = Arc::new(AtomicBool::new(false));
        let versions_denied = Arc::new(Mutex::new(None));
        let shared = Shared {
            target,
            denied,
            looks: looks.clone(),
            puts_denied: puts_denied.clone(),
            versions_denied: versions_denied.clone(),
            client: reqwest::Client::new(),
        };
        let router = Router::new().fallback(answer).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the proxy serves") });
        Self { port, looks, puts_denied, versions_denied, task }
    }

    /// What belongs into `AWS_ENDPOINT_URL_S3`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on no object can be put, or each can again.
    pub fn deny_puts(&self, denied: bool) {
        self.puts_denied.store(denied, Ordering::Relaxed);
    }

    /// From now on versions cannot be listed (GET) or removed (DELETE), or both can again.
    pub fn deny_versions(&self, method: Option<Method>) {
        *self.versions_denied.lock().expect("the policy") = method;
    }

    /// How often the bucket was looked at.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if let Some(denied) = &shared.denied
        && head.uri.path().trim_matches('/') == BUCKET
    {
        if head.method == Method::HEAD {
            shared.looks.fetch_add(1, Ordering::Relaxed);
        }
        return denied.response();
    }
    if head.method == Method::PUT && shared.puts_denied.load(Ordering::Relaxed) {
        return Denied(403, "AccessDenied").response();
    }
    // `?versions` lists them, `?versionId=` names one.
    let is_of_versions = head.uri.query().is_some_and(|query| query.contains("version"));
    if is_of_versions && *shared.versions_denied.lock().expect("the policy") == Some(head.method.clone()) {
        return Denied(403, "AccessDenied").response();
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let url = format!("http://127.0.0.1:{}{}", shared.target, head.uri);
    let passed_on = shared.client.request(head.method, url).headers(head.headers).body(body).send().await;
    let Ok(reply) = passed_on else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, headers) = (reply.status(), reply.headers().clone());
    let mut response = Response::new(Body::from(reply.bytes().await.unwrap_or_else(|_| Bytes::new())));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}
