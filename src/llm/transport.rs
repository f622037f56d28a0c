//! HTTP to one model server: bounded in time and size, every trouble told as a [`Cause`].

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder, Response};
use rustls::CertificateError;
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

use super::classify::{Cause, Fault, Insecure};
use super::heard::Heard;
use super::reading::{Listened, listen};
use super::retry_after;
use super::waking::Limit;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Unused connections are closed before uvicorn closes them (5 s), or a request would meet the closing.
const POOL_IDLE: Duration = Duration::from_secs(4);
/// How often in a row a server may say that a request should go to another path.
const REDIRECTS: usize = 3;

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
    /// What a stream's events make is here as if it had come in one.
    pub body: Vec<u8>,
    pub was_stream: bool,
}

impl Transport {
    /// A pool for the server at `base`, perhaps through the proxy that the environment names for it: what members wrote goes
    /// where somebody has said that it may. Without a key (or with an empty one) no `Authorization` is sent.
    pub fn new(base: &Url, api_key: Option<&str>, through_proxy: bool) -> Result<Self, SetupError> {
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
        if !through_proxy {
            builder = builder.no_proxy();
        }
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
        self.send(url, |url| self.client.get(url), limit, None).await.map_err(Fault::transport)
    }

    /// `POST` of a JSON body in pieces, whole answer by `limit`; a success is heard as it comes.
    pub async fn post(
        &self,
        url: &Url,
        json: Vec<Bytes>,
        limit: Instant,
        heard: Option<&Heard<'_>>,
    ) -> Result<Answer, Fault> {
        let length: usize = json.iter().map(Bytes::len).sum();
        let request = |url| {
            let body = Body::wrap_stream(stream::iter(json.clone().into_iter().map(Ok::<_, Infallible>)));
            let request = self.client.post(url).header(CONTENT_TYPE, "application/json");
            request.header(CONTENT_LENGTH, length).body(body)
        };
        self.send(url, request, limit, heard).await.map_err(Fault::transport)
    }

    /// Sends the same request again where the server itself says that it should go to another path of its own. Anywhere
    /// else neither prompts nor the key go.
    async fn send(
        &self,
        url: &Url,
        request: impl Fn(Url) -> RequestBuilder,
        limit: Instant,
        heard: Option<&Heard<'_>>,
    ) -> Result<Answer, Cause> {
        let (mut url, mut limit) = (url.clone(), Limit::from(limit));
        for _ in 0..=REDIRECTS {
            let sending = limit.within(None, request(url.clone()).send()).await.ok_or(Cause::Silent)?;
            let response = sending.map_err(|error| before_head(&error))?;
            match redirect(&response, &url) {
                Some(next) => url = next,
                None => return read(response, &mut limit, heard).await,
            }
        }
        Err(Cause::Redirected)
    }
}

/// Where the server would rather have the request, as long as that is itself.
fn redirect(response: &Response, from: &Url) -> Option<Url> {
    let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 307 | 308);
    let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
    from.join(location.to_str().ok()?).ok().filter(|to| to.origin() == from.origin())
}

async fn read(response: Response, limit: &mut Limit, heard: Option<&Heard<'_>>) -> Result<Answer, Cause> {
    let header = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER).and_then(|value| retry_after::read(value, OffsetDateTime::now_utc()));
    let encoding = header(CONTENT_ENCODING).unwrap_or_default().trim().to_lowercase();
    let status = response.status().as_u16();
    let heard = heard.filter(|_| (200..300).contains(&status));
    let Listened { body, was_stream } = listen(response, &encoding, limit, heard).await?;
    Ok(Answer { status, retry_after, body, was_stream })
}

/// What is wrong with TLS, if that is why there is no connection.
fn insecure(error: &reqwest::Error) -> Option<Insecure> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(found) = cause {
        // An I/O error says what is behind the error that it holds, and not that one.
        let held =
            found.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|held| held as &(dyn Error + 'static));
        if let Some(told) = held.unwrap_or(found).downcast_ref::<rustls::Error>() {
            return Some(match told {
                rustls::Error::InvalidCertificate(problem) => match problem {
                    CertificateError::UnknownIssuer => Insecure::UnknownIssuer,
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                        Insecure::OtherName
                    }
                    CertificateError::Expired | CertificateError::ExpiredContext { .. } => Insecure::Expired,
                    _ => Insecure::BadCertificate,
                },
                rustls::Error::InvalidMessage(_) => Insecure::NoTls,
                _ => Insecure::Refused,
            });
        }
        cause = held.or_else(|| found.source());
    }
    None
}

/// What went wrong before the answer's head was there.
fn before_head(error: &reqwest::Error) -> Cause {
    if error.is_connect() {
        insecure(error).map_or(Cause::Unreachable, Cause::Insecure)
    } else if error.is_timeout() {
        Cause::Silent
    } else if error.is_builder() {
        Cause::NotAnApi
    } else {
        // Reset, closed, or something that is not HTTP.
        Cause::Dropped
    }
}
