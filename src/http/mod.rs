//! Health and metrics over HTTP.

pub mod body;
mod group;
mod places;
pub mod server;
mod watched;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub use crate::http::group::Group;
pub use crate::http::places::Room;
use crate::http::server::{Limits, Server};
use crate::readiness::Readiness;
use crate::telemetry::metrics::Metrics;

/// How long a healthcheck waits.
const HEALTHCHECK: Duration = Duration::from_secs(3);

/// Serves `/livez`, `/readyz` and `/metrics`, for as long as it is awaited.
pub async fn serve(listener: TcpListener, readiness: Arc<Readiness>, metrics: Arc<Metrics>) {
    let server = Server {
        limits: Limits::default(),
        // Whoever asks on this machine, asks for all that look after it.
        is_many: Box::new(|address| address.to_canonical().is_loopback()),
        full: || (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response(),
        metrics: metrics.http.clone(),
        router: measured(move || metrics.text()).merge(health(readiness)),
    };
    server.run(listener, pending()).await;
}

/// `/livez` and `/readyz`.
pub fn health(readiness: Arc<Readiness>) -> Router {
    Router::new().route("/livez", get(async || "ok")).route("/readyz", get(readyz)).with_state(readiness)
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    let (missing, optional) = readiness.missing();
    let status = if missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": missing.is_empty(), "notReady": missing, "optionalNotReady": optional });
    (status, Json(body)).into_response()
}

/// `/metrics`, which has this text.
pub fn measured(text: impl Fn() -> prometheus::Result<String> + Clone + Send + Sync + 'static) -> Router {
    Router::new().route("/metrics", get(async move || metrics_text(text())))
}

fn metrics_text(text: prometheus::Result<String>) -> Response {
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Asks a worker or gateway at `address` whether it is ready; for containers that have no curl.
///
/// # Errors
/// When it cannot be reached, or is not ready; with its answer.
pub async fn healthcheck(address: &str) -> anyhow::Result<()> {
    // A worker that listens on all addresses is asked on this machine's own.
    let address = match address.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => address.to_owned(),
    };
    let answer = timeout(HEALTHCHECK, ask(&address)).await.context("it does not answer")??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    anyhow::ensure!(head.starts_with("HTTP/1.1 200 "), "not ready: {}", body.trim());
    Ok(())
}

async fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
