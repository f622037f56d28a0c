//! Asks the product's own login who somebody is, as nginx' `auth_request` does: it knows the sessions, and ends them.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use url::Url;

use crate::events::decode;
use crate::events::request::MemberId;
use crate::gateway::guard::TOLD_PER_MINUTE;
use crate::gateway::refusal::Refusal;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const ANSWER_MAX_BYTES: usize = 16 * 1024;
/// Questions that may be out at once; whoever comes then is told to come again.
const AT_ONCE: usize = 256;
const CROWDED: Duration = Duration::from_secs(5);

/// What somebody proves with, and all of a request that is shown to the login.
const PROOFS: [header::HeaderName; 2] = [header::COOKIE, header::AUTHORIZATION];

/// The login.
pub struct Login {
    url: Url,
    client: Client,
    places: Semaphore,
    told: DefaultDirectRateLimiter,
}

impl Login {
    /// The login at `url`.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: Url) -> Result<Self, String> {
        let builder = Client::builder()
            // What is moved is not who says who somebody is.
            .redirect(Policy::none())
            .no_proxy()
            .timeout(PATIENCE);
        // Without TLS no root certificates are needed, and a machine that has none is fine.
        let builder = if url.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let client = builder.build().map_err(|error| error.without_url().to_string())?;
        let told = RateLimiter::direct(Quota::per_minute(TOLD_PER_MINUTE));
        Ok(Self { url, client, places: Semaphore::new(AT_ONCE), told })
    }

    /// The member that these headers belong to.
    ///
    /// # Errors
    /// 401 and 403 as the login says it; 503 when it says nothing that can be understood.
    pub async fn member(&self, headers: &HeaderMap) -> Result<MemberId, Refusal> {
        let mut shown = HeaderMap::new();
        for name in &PROOFS {
            for value in headers.get_all(name) {
                shown.append(name, value.clone());
            }
        }
        if shown.is_empty() {
            return Err(Refusal::unauthenticated());
        }
        let _place = self.places.try_acquire().map_err(|_| Refusal::full(CROWDED))?;
        let (status, body) = self.answer(shown).await.map_err(|problem| self.unavailable(&problem))?;
        match status {
            StatusCode::UNAUTHORIZED => Err(Refusal::unauthenticated()),
            StatusCode::FORBIDDEN => Err(Refusal::forbidden()),
            status if status.is_success() => {
                decode::member(&body).map_err(|problem| self.unavailable(&problem.to_string()))
            }
            status => Err(self.unavailable(&format!("it answered {status}"))),
        }
    }

    async fn answer(&self, shown: HeaderMap) -> Result<(StatusCode, Vec<u8>), String> {
        let failed = |error: reqwest::Error| {
            let error = error.without_url();
            if error.is_timeout() { "it did not answer in time".to_owned() } else { error.to_string() }
        };
        let asked = self.client.get(self.url.clone()).headers(shown).header(header::ACCEPT, "application/json");
        let mut answer = asked.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_MAX_BYTES {
                return Err(format!("its answer is longer than {ANSWER_MAX_BYTES} bytes"));
            }
        }
        Ok((answer.status(), body))
    }

    /// Nobody gets in because the login is away.
    fn unavailable(&self, problem: &str) -> Refusal {
        if self.told.check().is_ok() {
            tracing::warn!(problem, "GATEWAY_AUTH_URL did not say who a request is of");
        }
        Refusal::no_login()
    }
}
