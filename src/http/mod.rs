//! Health and metrics over HTTP.

mod group;

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
use crate::readiness::Readiness;
use crate::telemetry::metrics::Metrics;

/// How long a healthcheck waits.
const HEALTHCHECK: Duration = Duration::from_secs(3);

/// Serves `/livez`, `/readyz` and `/metrics`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, readiness: Arc<Readiness>, metrics: Arc<Metrics>) -> std::io::Result<()> {
    let router = Router::new().route("/metrics", get(metrics_text)).with_state(metrics).merge(health(readiness));
    axum::serve(listener, router).await
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

async fn metrics_text(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.text() {
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
