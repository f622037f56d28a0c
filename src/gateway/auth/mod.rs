//! Who asks, and for whom they may. Servers have tokens and may ask for any member; a browser's member is known from the
//! product's login, which is asked or has signed a token, and asks for itself. Where nobody has to prove anything the
//! gateway is on loopback, or an operator has opened it.

mod ask;
mod bearer;
mod jwt;
mod keys;
mod proof;
pub mod settings;
mod tokens;
mod watched;

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use time::OffsetDateTime;

use crate::gateway::AppState;
use crate::gateway::auth::ask::Login;
use crate::gateway::auth::bearer::{Bearer, bearer};
use crate::gateway::auth::jwt::{Claimed, Unknown};
use crate::gateway::auth::keys::Key;
pub use crate::gateway::auth::proof::Proof;
use crate::gateway::auth::tokens::Tokens;
use crate::gateway::auth::watched::Watched;
use crate::gateway::client::Proven;
use crate::gateway::refusal::Refusal;
use crate::supervise::Supervisor;

/// How whoever asks is known.
#[derive(Default)]
pub struct Auth {
    /// Of servers.
    tokens: Option<Arc<Watched<Tokens>>>,
    members: Option<Members>,
}

/// How a browser's member is known.
enum Members {
    Login(Login),
    Tokens { keys: Arc<Watched<Vec<Key>>>, claimed: Claimed },
}

/// Says how, and nothing of any secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told())
    }
}

impl Auth {
    /// Whether nobody has to prove anything.
    pub fn is_open(&self) -> bool {
        self.tokens.is_none() && self.members.is_none()
    }

    /// How whoever asks is known, for the log.
    pub fn told(&self) -> String {
        let members = self.members.as_ref().map(|members| match members {
            Members::Login(_) => "members by GATEWAY_AUTH_URL",
            Members::Tokens { .. } => "members by JWT",
        });
        let known: Vec<_> = self.tokens.as_ref().map(|_| "servers by token").into_iter().chain(members).collect();
        if known.is_empty() { "nobody is asked for a proof".to_owned() } else { known.join(", ") }
    }

    /// Reads files again that change.
    pub fn follow(&self, supervisor: &mut Supervisor) {
        if let Some(tokens) = &self.tokens {
            supervisor.background("reading tokens", tokens.clone().follow());
        }
        if let Some(Members::Tokens { keys, .. }) = &self.members {
            supervisor.background("reading keys", keys.clone().follow());
        }
    }

    /// What is known without a look at whose cookies or tokens these are: that nobody has to prove anything, or that a
    /// server asks.
    pub fn at_once(&self, headers: &HeaderMap) -> Option<Proof> {
        match (&self.tokens, bearer(headers)) {
            _ if self.is_open() => Some(Proof::Open),
            (Some(tokens), Bearer::Token(given)) if tokens.get().hold(given) => Some(Proof::Service),
            (Some(_) | None, Bearer::Token(_) | Bearer::None | Bearer::Other) => None,
        }
    }

    /// The member that asks.
    ///
    /// # Errors
    /// When it is not known.
    async fn member(&self, headers: &HeaderMap) -> Result<Proof, Refusal> {
        let unknown = |unknown| match unknown {
            Unknown::Nobody => Refusal::unauthenticated(),
            Unknown::Invalid => Refusal::invalid_token(),
        };
        match &self.members {
            Some(Members::Login(login)) => {
                let member = login.member(headers).await?;
                Ok(Proof::Member { member, until: None })
            }
            Some(Members::Tokens { keys, claimed }) => {
                let known = claimed.member(&keys.get(), headers, OffsetDateTime::now_utc());
                let (member, until) = known.map_err(unknown)?;
                Ok(Proof::Member { member, until: Some(until) })
            }
            None if bearer(headers) == Bearer::None => Err(Refusal::unauthenticated()),
            None => Err(Refusal::invalid_token()),
        }
    }
}

/// Notes what is known [at once](Auth::at_once), before anything is counted or asked.
pub(super) async fn recognise(State(app): State<Arc<AppState>>, mut request: Request, next: Next) -> Response {
    if let Some(proof) = app.auth.at_once(request.headers()) {
        if proof == Proof::Service {
            request.extensions_mut().insert(Proven);
        }
        request.extensions_mut().insert(proof);
    }
    next.run(request).await
}

/// Lets nobody by who is not known.
pub(super) async fn prove(
    State(app): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if request.extensions().get::<Proof>().is_none() {
        let proof = app.auth.member(request.headers()).await?;
        request.extensions_mut().insert(proof);
    }
    Ok(next.run(request).await)
}
