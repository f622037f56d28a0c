//! The wire of the model server. It speaks through hyper directly, because a framework would not let it break its word.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::kit::model::answer::How;
use crate::kit::model::script::{count_tokens, kind};
use crate::kit::model::{Call, Shared};
use crate::kit::services::ports::free_port;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What makes hyper break the connection.
fn broken() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, "staged by the test")
}

/// Starts the server; its port, and the task that it lives in.
pub async fn serve(shared: Arc<Shared>) -> (u16, JoinHandle<()>) {
    let port = free_port();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("a free port");
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let shared = shared.clone();
            connections.spawn(async move {
                let service = service_fn(|request| answer(shared.clone(), request));
                // A client that goes away, and a staged break, both end a connection with an error.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (port, task)
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (head.method, head.uri.path()) {
        (Method::GET, "/v1/models") => {
            let list = shared.script.lock().expect("the script").models();
            respond(list.how).await
        }
        (Method::GET, "/health") => Ok(Response::new(full(""))),
        (Method::POST, "/tokenize") => {
            let script = shared.script.lock().expect("the script");
            if script.tokenizes {
                let answer = json!({"count": count_tokens(&body), "max_model_len": script.context, "tokens": []});
                Ok(plain(200, &answer))
            } else {
                Ok(plain(404, &json!({"detail": "Not Found"})))
            }
        }
        (Method::POST, "/v1/chat/completions") => {
            let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
            let call =
                Call { kind: kind(&body), body, authorization: authorization.map(str::to_owned), at: Instant::now() };
            complete(&shared, call).await
        }
        _ => Ok(plain(404, &json!({"detail": "Not Found"}))),
    }
}

/// Counts a call for as long as it is at work; one that is dropped before it is done was abandoned.
struct AtWork<'a> {
    shared: &'a Shared,
    done: bool,
}

impl<'a> AtWork<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.load.send_modify(|load| {
            load.calls += 1;
            load.at_work += 1;
            load.peak = load.peak.max(load.at_work);
        });
        Self { shared, done: false }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let abandoned = usize::from(!self.done);
        self.shared.load.send_modify(|load| {
            load.at_work -= 1;
            load.abandoned += abandoned;
        });
    }
}

async fn complete(shared: &Shared, call: Call) -> Result<Response<Body>, std::io::Error> {
    let answer = shared.script.lock().expect("the script").answer(&call.body);
    shared.calls.lock().expect("the calls").push(call);
    let mut work = AtWork::begin(shared);
    tokio::time::sleep(answer.delay).await;
    let response = respond(answer.how).await;
    work.done = true;
    response
}

async fn respond(how: How) -> Result<Response<Body>, std::io::Error> {
    match how {
        How::Http { status, content_type, retry_after, body } => {
            let mut response = Response::builder().status(status).header("content-type", content_type);
            if let Some(value) = retry_after {
                response = response.header("retry-after", value);
            }
            Ok(response.body(full(body)).expect("a response"))
        }
        How::Reset => Err(broken()),
        How::Stall => std::future::pending().await,
        How::Truncated(body) => Ok(partly(&body, Some(broken()))),
        How::StallInBody(body) => Ok(partly(&body, None)),
    }
}

fn plain(status: u16, body: &Value) -> Response<Body> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(full(body.to_string())).expect("a response")
}

fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// Announces the whole body, sends half of it, and then breaks or stalls.
fn partly(body: &str, end: Option<std::io::Error>) -> Response<Body> {
    let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let mut steps = vec![Ok(Frame::data(half))];
    let stalls = end.is_none();
    steps.extend(end.map(Err));
    let rest = futures_util::stream::iter(steps);
    let frames: futures_util::stream::BoxStream<'static, _> = if stalls {
        Box::pin(futures_util::StreamExt::chain(rest, futures_util::stream::pending()))
    } else {
        Box::pin(rest)
    };
    let response = Response::builder().header("content-type", "application/json").header("content-length", body.len());
    response.body(BodyExt::boxed_unsync(StreamBody::new(frames))).expect("a response")
}
