//! Who may ask a gateway, and for what: its settings.

use std::net::IpAddr;
use std::sync::Arc;

use clap::Args;
use url::Url;

use crate::gateway::auth::ask::Login;
use crate::gateway::auth::jwt::Claimed;
use crate::gateway::auth::tokens::Tokens;
use crate::gateway::auth::watched::Watched;
use crate::gateway::auth::{Auth, Members, keys};

/// What is served, and to whom.
#[derive(Args, Clone, Debug)]
pub struct AuthSettings {
    /// true: whoever reaches it may ask for any member, although that is not this machine alone
    #[arg(long = "open", env = "GATEWAY_OPEN", hide_env_values = true, default_value = "false")]
    open: String,
    /// What is served, separated by commas; what is not is 404, or passed on. Passing on goes with api, records=true of streams with page
    #[arg(
        long = "serve",
        env = "GATEWAY_SERVE",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = "page,api,events,documents"
    )]
    serve: Vec<String>,
    /// File with tokens of servers that may ask for any member, one a line (Authorization: Bearer); read again when it changes
    #[arg(long = "api-tokens-file", env = "GATEWAY_API_TOKENS_FILE", hide_env_values = true, default_value = "")]
    api_tokens_file: String,
    /// Who says which member a browser is: asked by GET with its Cookie and Authorization, it answers {"memberId": 7}, 401 or 403
    #[arg(long = "auth-url", env = "GATEWAY_AUTH_URL", hide_env_values = true, default_value = "")]
    auth_url: String,
    /// Or: file with the key of tokens (JWT) whose sub is the member: a public key as PEM, a JWK or a set of them, or HS256: and a secret
    #[arg(long = "jwt-key-file", env = "GATEWAY_JWT_KEY_FILE", hide_env_values = true, default_value = "")]
    jwt_key_file: String,
    /// Who has to have issued such a token (iss)
    #[arg(long = "jwt-issuer", env = "GATEWAY_JWT_ISSUER", hide_env_values = true, default_value = "")]
    jwt_issuer: String,
    /// For whom it has to be (aud)
    #[arg(long = "jwt-audience", env = "GATEWAY_JWT_AUDIENCE", hide_env_values = true, default_value = "")]
    jwt_audience: String,
    /// The cookie that holds it where no Authorization does
    #[arg(long = "jwt-cookie", env = "GATEWAY_JWT_COOKIE", hide_env_values = true, default_value = "__Host-ssammu")]
    jwt_cookie: String,
}

/// What a gateway serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The page, and what it is made of: `records=true` of a member's streams.
    pub page: bool,
    /// The old HTTP API, and passing on.
    pub api: bool,
    pub events: bool,
    pub documents: bool,
}

impl Parts {
    pub const ALL: Self = Self { page: true, api: true, events: true, documents: true };
}

impl AuthSettings {
    /// What they mean for a gateway at `addr`, which passes on or does not; what is wrong goes to `mistakes`, all of it.
    pub fn check(self, addr: &str, passes_on: bool, mistakes: &mut Vec<String>) -> (Auth, Parts) {
        let parts = parts(&self.serve).unwrap_or_else(|problem| {
            mistakes.push(format!("GATEWAY_SERVE: {problem}"));
            Parts::ALL
        });
        let is_open = match self.open.trim() {
            "true" => true,
            "false" | "" => false,
            _ => {
                mistakes.push("GATEWAY_OPEN: true or false".to_owned());
                true
            }
        };
        let has_tokens = !self.api_tokens_file.is_empty();
        let is_asked_for = has_tokens || !self.auth_url.is_empty() || !self.jwt_key_file.is_empty();
        let mut told = |problem: String| mistakes.push(problem);
        if is_asked_for && is_open {
            told("GATEWAY_OPEN: true says that nobody has to prove anything, and another setting how: only one of the two can be meant".to_owned());
        }
        if !is_asked_for && !is_open && !is_loopback(addr) {
            told(format!(
                "GATEWAY_ADDR: {addr} is reached from beyond this machine, and nothing says who may ask for a member's data: \
                 set GATEWAY_API_TOKENS_FILE, GATEWAY_AUTH_URL or GATEWAY_JWT_KEY_FILE, or GATEWAY_OPEN=true if everybody may"
            ));
        }
        if passes_on && !parts.api {
            told("GATEWAY_PASS_TO: passing on goes with api, which GATEWAY_SERVE leaves out".to_owned());
        }
        if passes_on && is_asked_for && !has_tokens {
            told(
                "GATEWAY_PASS_TO: the server behind believes any member number, so only servers are passed on to it: \
                 GATEWAY_API_TOKENS_FILE has their tokens"
                    .to_owned(),
            );
        }
        let tokens = has_tokens.then(|| self.api_tokens_file.clone());
        let tokens = tokens.and_then(|path| watched("GATEWAY_API_TOKENS_FILE", path, Tokens::read, &mut told));
        let members = self.members(&mut told);
        (Auth { tokens, members }, parts)
    }

    fn members(self, told: &mut impl FnMut(String)) -> Option<Members> {
        let (issuer, audience) = (self.jwt_issuer.trim().to_owned(), self.jwt_audience.trim().to_owned());
        let said = [("GATEWAY_JWT_ISSUER", &issuer), ("GATEWAY_JWT_AUDIENCE", &audience)];
        match (self.auth_url.trim(), self.jwt_key_file) {
            (url, key) if !url.is_empty() && !key.is_empty() => {
                told("GATEWAY_AUTH_URL: GATEWAY_JWT_KEY_FILE is set, too: only one of the two can count".to_owned());
                None
            }
            (_, key) if !key.is_empty() => {
                for (name, _) in said.iter().filter(|(_, value)| value.is_empty()) {
                    told(format!("{name}: must not be empty where GATEWAY_JWT_KEY_FILE is set"));
                }
                let cookie = self.jwt_cookie;
                if !is_host_cookie(&cookie) {
                    told("GATEWAY_JWT_COOKIE: a name that begins with __Host-, which no other host can set".to_owned());
                }
                let keys = watched("GATEWAY_JWT_KEY_FILE", key, keys::read, told)?;
                Some(Members::Tokens { keys, claimed: Claimed { issuer, audience, cookie } })
            }
            (url, _) => {
                for (name, _) in said.iter().filter(|(_, value)| !value.is_empty()) {
                    told(format!("{name}: says nothing without GATEWAY_JWT_KEY_FILE"));
                }
                if url.is_empty() {
                    return None;
                }
                let login = login(url).map_err(|problem| told(format!("GATEWAY_AUTH_URL: {problem}")));
                login.map(Members::Login).ok()
            }
        }
    }
}

fn login(url: &str) -> Result<Login, String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // Where to ask is told in --help's words; a user or password before the host would be a secret among them.
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    Login::new(url.ok_or("not an address, such as http://spring:8080/internal/member, without user or password")?)
}

fn watched<T: Send + Sync + 'static>(
    setting: &'static str,
    path: String,
    read: fn(&str) -> Result<T, String>,
    told: &mut impl FnMut(String),
) -> Option<Arc<Watched<T>>> {
    let watched = Watched::open(setting, path, read);
    watched.map(Arc::new).map_err(|problem| told(format!("{setting}: {problem}"))).ok()
}

fn parts(names: &[String]) -> Result<Parts, &'static str> {
    let names: Vec<&str> = names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    let serves = |part: &str| names.contains(&part);
    if names.is_empty() || !names.iter().all(|name| ["page", "api", "events", "documents"].contains(name)) {
        return Err("page, api, events, documents, or some of them, separated by commas");
    }
    Ok(Parts { page: serves("page"), api: serves("api"), events: serves("events"), documents: serves("documents") })
}

/// Whether nobody but this machine reaches an address. A name that is not this machine's own by definition may lead anywhere.
pub fn is_loopback(addr: &str) -> bool {
    let host = addr.trim().rsplit_once(':').map_or(addr, |(host, _)| host);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

/// Browsers take such a cookie from the host itself alone, over TLS, for all of it.
fn is_host_cookie(name: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.strip_prefix("__Host-").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_token))
}

#[cfg(test)]
mod tests;
