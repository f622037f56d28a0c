//! Tokens that the product's login signs for members (JWT, RFC 7519).

use std::time::Duration;

use axum::http::{HeaderMap, header};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::events::request::MemberId;
use crate::gateway::auth::bearer::{Bearer, bearer};
use crate::gateway::auth::keys::Key;

/// Longest token that is looked at, in bytes: browsers keep no longer cookie.
const TOKEN_MAX_BYTES: usize = 4_096;
/// How far the clock that a token begins by may be ahead of ours. When it ends, it has ended.
const AHEAD_SECONDS: f64 = 30.0;
/// A stream ends by then at the latest, whatever its token says.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What a token has to say besides its signature, and where it comes.
pub struct Claimed {
    pub issuer: String,
    pub audience: String,
    pub cookie: String,
}

/// Why somebody is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There is no token.
    Nobody,
    /// There is one that does not count.
    Invalid,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
}

impl Claimed {
    /// The member whose token comes with a request, and when that ends. A header counts for more than a cookie; nothing is
    /// read from an address, which logs and referrers keep.
    ///
    /// # Errors
    /// When there is none, or one that does not count.
    pub fn member(
        &self,
        keys: &[Key],
        headers: &HeaderMap,
        now: OffsetDateTime,
    ) -> Result<(MemberId, Instant), Unknown> {
        let token = match bearer(headers) {
            Bearer::Token(token) => token,
            Bearer::Other => return Err(Unknown::Invalid),
            Bearer::None => self.cookie(headers).ok_or(Unknown::Nobody)?,
        };
        self.verified(keys, token, now).ok_or(Unknown::Invalid)
    }

    fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, token) = pairs.find(|(name, _)| *name == self.cookie)?;
        Some(token)
    }

    fn verified(&self, keys: &[Key], token: &str, now: OffsetDateTime) -> Option<(MemberId, Instant)> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let head = decode_header(token).ok()?;
        // Whatever else has to be understood (RFC 7515, 4.1.11) is not understood here.
        if head.crit.is_some() {
            return None;
        }
        let is_meant =
            |key: &&Key| key.algorithm == head.alg && (head.kid.is_none() || key.id.is_none() || key.id == head.kid);
        let claims = keys.iter().filter(is_meant).find_map(|key| {
            let mut validation = Validation::new(key.algorithm);
            validation.set_issuer(&[&self.issuer]);
            validation.set_audience(&[&self.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            // Times are compared below, with the time that was given.
            validation.validate_exp = false;
            decode::<Claims>(token, &key.key, &validation).ok()
        })?;
        let Claims { sub, exp, nbf } = claims.claims;
        let now = now.unix_timestamp_nanos() as f64 / 1e9;
        if exp <= now || nbf.is_some_and(|nbf| nbf > now + AHEAD_SECONDS) {
            return None;
        }
        let left = Duration::try_from_secs_f64(exp - now).unwrap_or(LONGEST).min(LONGEST);
        let is_decimal = sub.bytes().all(|byte| byte.is_ascii_digit());
        Some((sub.parse().ok().filter(|_| is_decimal)?, Instant::now() + left))
    }
}

#[cfg(test)]
mod tests;
