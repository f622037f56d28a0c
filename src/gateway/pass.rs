//! Passes what the gateway does not serve on to the server that did before it, so that a team can move endpoint by
//! endpoint. Nothing of what passes is kept or logged.

use std::time::Duration;

use anyhow::Context;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use futures_util::StreamExt;
use reqwest::redirect::Policy;
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use crate::gateway::client::Client;
use crate::gateway::refusal::Refusal;
use crate::gateway::shares::Share;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Unused connections are closed before uvicorn closes them (5 s), or a request would meet the closing.
const POOL_IDLE: Duration = Duration::from_secs(4);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What proxies tell the next server of who asked them.
const OF_PROXIES: [HeaderName; 7] = [
    header::FORWARDED,
    FORWARDED_FOR,
    FORWARDED_HOST,
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-real-ip"),
];

/// Headers of a connection, not of the message (RFC 9110, 7.6.1), and those that a client library sets itself.
const HOP_BY_HOP: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
    header::EXPECT,
];

/// The server that requests are passed on to.
pub struct Upstream {
    base: String,
    http: reqwest::Client,
}

impl Upstream {
    /// The server at `base`, which may be silent for as long as `patience`, before its answer and within it.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(base: &Url, patience: Duration) -> anyhow::Result<Self> {
        let builder = reqwest::Client::builder()
            // Whoever asked follows redirects.
            .redirect(Policy::none())
            // It is the next server, and no address of the internet's.
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(patience)
            .pool_idle_timeout(POOL_IDLE);
        // Without TLS no root certificates are needed, and a machine that has none is fine.
        let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let http = builder.build().map_err(reqwest::Error::without_url).context("GATEWAY_PASS_TO")?;
        Ok(Self { base: base.as_str().trim_end_matches('/').to_owned(), http })
    }

    /// Passes a request on, and its answer back as it comes; `place` is held until that has ended.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn pass(
        &self,
        client: &Client,
        request: Request,
        place: (Share, OwnedSemaphorePermit),
    ) -> Result<Response, Refusal> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut passed = self.http.request(head.method, format!("{}{path}", self.base));
        passed = passed.headers(onward(head.headers, client));
        if !body.is_end_stream() {
            passed = passed.body(reqwest::Body::wrap_stream(body.into_data_stream()));
        }
        let answer = passed.send().await.map_err(|error| {
            // Its address may hold what a member wrote.
            tracing::warn!(error = %error.without_url(), "the server at GATEWAY_PASS_TO does not answer");
            Refusal::no_upstream()
        })?;
        let (status, headers) = (answer.status(), of_message(answer.headers().clone()));
        let body = answer.bytes_stream().map(move |chunk| {
            let _held = &place;
            chunk.map_err(reqwest::Error::without_url)
        });
        let mut response = Response::new(Body::from_stream(body));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}

/// The headers of a request for the next server, and from whom it comes: it believes us, so nothing is passed on that a
/// stranger says of proxies before it.
fn onward(headers: HeaderMap, client: &Client) -> HeaderMap {
    let mut headers = of_message(headers);
    if !client.is_forwarding {
        OF_PROXIES.iter().for_each(|name| drop(headers.remove(name)));
    }
    if let Some(host) = headers.remove(header::HOST)
        && !headers.contains_key(FORWARDED_HOST)
    {
        headers.insert(FORWARDED_HOST, host);
    }
    let before: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|before| before.to_str().ok()).collect();
    let from = before.iter().map(ToString::to_string).chain([client.peer.to_string()]).collect::<Vec<_>>().join(", ");
    if let Ok(from) = HeaderValue::try_from(from) {
        headers.insert(FORWARDED_FOR, from);
    }
    headers
}

/// Without the headers that belong to one connection.
fn of_message(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::client::Trusted;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn headers_of_the_connection_stay_behind_and_all_others_pass() {
        let passed = of_message(headers(&[
            ("connection", "Upgrade, HTTP2-Settings"),
            ("connection", "x-mine"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAE"),
            ("x-mine", "1"),
            ("transfer-encoding", "chunked"),
            ("content-type", "application/json"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ]));
        let expected = headers(&[("content-type", "application/json"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        assert_eq!(passed, expected);
    }

    #[test]
    fn the_next_server_is_told_who_asked_and_for_what() {
        let trusted = Trusted::new(vec!["192.0.2.1".parse().unwrap()]);
        let onward = |headers: HeaderMap| onward(headers.clone(), &trusted.client([192, 0, 2, 1].into(), &headers));
        let direct = onward(headers(&[("host", "gateway:8000")]));
        assert_eq!(direct, headers(&[("x-forwarded-host", "gateway:8000"), ("x-forwarded-for", "192.0.2.1")]));
        let proxied = onward(headers(&[
            ("host", "g"),
            ("x-forwarded-host", "demo.example"),
            ("x-forwarded-for", "198.51.100.7"),
        ]));
        let expected = headers(&[("x-forwarded-host", "demo.example"), ("x-forwarded-for", "198.51.100.7, 192.0.2.1")]);
        assert_eq!(proxied, expected);
    }

    #[test]
    fn what_a_stranger_says_of_proxies_goes_no_further() {
        let forged = headers(&[
            ("host", "gateway:8000"),
            ("forwarded", "for=127.0.0.1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "bank.example"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "127.0.0.1"),
        ]);
        let stranger = Trusted::default().client([192, 0, 2, 1].into(), &forged);
        let expected = headers(&[("x-forwarded-host", "gateway:8000"), ("x-forwarded-for", "192.0.2.1")]);
        assert_eq!(onward(forged, &stranger), expected);
    }
}
