//! HTTP to one model server: bounded in time and size, every trouble told as a [`Cause`].

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder, Response};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::classify::{Cause, Fault};
use super::retry_after;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Once an answer has begun, the longest silence within it.
const BODY_IDLE: Duration = Duration::from_secs(5);
/// Unused connections are closed before uvicorn closes them (5 s), or a request would meet the closing.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// No completion that we ask for comes near this.
const MAX_BODY: usize = 1 << 20;

/// Why a model client cannot be made from its settings. The text never holds the key.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the model server's address must begin with http:// or https://")]
    Address,
    #[error("the API key holds a character that no HTTP header can carry")]
    Key,
    #[error("no HTTP client: {0}")]
    Client(#[source] reqwest::Error),
}

/// A connection pool for one server.
#[derive(Debug)]
pub(super) struct Transport {
    client: Client,
}

/// An answer with its whole body.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Transport {
    /// A pool for the server at `base`. Without a key (or with an empty one) no `Authorization` is sent.
    pub fn new(base: &Url, api_key: Option<&str>) -> Result<Self, SetupError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = api_key.filter(|key| !key.is_empty()) {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| SetupError::Key)?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE);
        match base.scheme() {
            "https" => {}
            // Without TLS no root certificates are needed, and a machine that has none is fine.
            "http" => builder = builder.tls_certs_only([]),
            _ => return Err(SetupError::Address),
        }
        Ok(Self { client: builder.build().map_err(|error| SetupError::Client(error.without_url()))? })
    }

    /// `GET url`, whole answer by `limit`.
    pub async fn get(&self, url: &Url, limit: Instant) -> Result<Answer, Fault> {
        send(self.client.get(url.clone()), limit).await.map_err(Fault::transport)
    }

    /// `POST` of a JSON body in pieces, whole answer by `limit`.
    pub async fn post(&self, url: &Url, json: Vec<Bytes>, limit: Instant) -> Result<Answer, Fault> {
        let length: usize = json.iter().map(Bytes::len).sum();
        let body = Body::wrap_stream(stream::iter(json.into_iter().map(Ok::<_, Infallible>)));
        let request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/json");
        let request = request.header(CONTENT_LENGTH, length).body(body);
        send(request, limit).await.map_err(Fault::transport)
    }
}

async fn send(request: RequestBuilder, limit: Instant) -> Result<Answer, Cause> {
    let response =
        timeout_at(limit, request.send()).await.map_err(|_| Cause::Silent)?.map_err(|error| before_head(&error))?;
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after::read(value, OffsetDateTime::now_utc()));
    Ok(Answer { status: response.status().as_u16(), retry_after, body: read_body(response, limit).await? })
}

async fn read_body(mut response: Response, limit: Instant) -> Result<Vec<u8>, Cause> {
    let mut body = Vec::new();
    loop {
        let idle_limit = limit.min(Instant::now() + BODY_IDLE);
        let chunk = timeout_at(idle_limit, response.chunk()).await.map_err(|_| Cause::Silent)?;
        let Some(chunk) = chunk.map_err(|_| Cause::Cut)? else { return Ok(body) };
        if body.len().saturating_add(chunk.len()) > MAX_BODY {
            return Err(Cause::Garbage);
        }
        body.extend_from_slice(&chunk);
    }
}

/// What went wrong before the answer's head was there.
fn before_head(error: &reqwest::Error) -> Cause {
    if error.is_connect() {
        Cause::Unreachable
    } else if error.is_timeout() {
        Cause::Silent
    } else if error.is_builder() {
        Cause::NotAnApi
    } else {
        // Reset, closed, or something that is not HTTP.
        Cause::Dropped
    }
}
