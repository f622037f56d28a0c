//! State in Redis: one script, and so one atomic step and at most one round trip, for each operation.

mod address;
mod connection;
mod erasure;
mod error;
mod inspect;
mod losses;
mod replicas;
mod shared_script;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fred::interfaces::{KeysInterface, LuaInterface};
use fred::types::Value;
use futures_util::future::try_join_all;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

pub use self::address::{InvalidAddress, RedisAddress};
use self::connection::Connection;
use self::error::names_no_command;
use self::replicas::Replicas;
use self::shared_script::SharedScript;
use super::stored::{Found, StoredChange};
use super::{Begin, Change, Claim, Lifetimes, MemberState, Renewal, Saved, StateError, Write, keys, stored};
use crate::events::outcome::{SavedOutcome, Scope};

/// A [`MemberState`] in Redis.
pub struct RedisState {
    connection: Arc<Connection>,
    lifetimes: Lifetimes,
    begin: SharedScript,
    save: SharedScript,
    remember: SharedScript,
    forget: SharedScript,
    renew: SharedScript,
    release: SharedScript,
    /// Who has to have an outcome before it counts as saved.
    replicas: Option<Replicas>,
    _telling: Option<AbortOnDropHandle<()>>,
    /// Who tries the store out.
    trials: [Uuid; TRIALS],
}

/// Turns of nobody that are tried when the store is checked: where the server has only part of a cluster's slots, it lacks
/// that of at least one of them.
const TRIALS: usize = 12;

impl RedisState {
    /// Begins to connect and returns at once: until Redis can be reached, and whenever it cannot, every operation
    /// is [`StateError::Unavailable`]. Must be called inside a Tokio runtime.
    pub fn connect(address: &RedisAddress, lifetimes: Lifetimes) -> Self {
        let connection = Arc::new(Connection::open(address));
        let script = |lua| SharedScript::start(connection.clone(), lua);
        Self {
            lifetimes,
            begin: script(concat!(
                include_str!("version.lua"),
                include_str!("hold.lua"),
                include_str!("erased.lua"),
                include_str!("begin.lua")
            )),
            save: script(concat!(include_str!("version.lua"), include_str!("erased.lua"), include_str!("save.lua"))),
            remember: script(concat!(include_str!("erased.lua"), include_str!("remember.lua"))),
            forget: script(include_str!("forget.lua")),
            renew: script(concat!(include_str!("hold.lua"), include_str!("erased.lua"), include_str!("renew.lua"))),
            release: script(include_str!("release.lua")),
            replicas: None,
            _telling: None,
            trials: std::array::from_fn(|_| Uuid::new_v4()),
            connection,
        }
    }

    /// With outcomes that count as saved once so many replicas have them (`REDIS_WAIT_REPLICAS`).
    pub fn replicated(self, address: &RedisAddress, replicas: u32) -> Self {
        Self { replicas: (replicas > 0).then(|| Replicas::open(address, replicas)), ..self }
    }

    /// Tells people, once, where the server may lose what is saved.
    pub fn telling_of_losses(self) -> Self {
        let telling = AbortOnDropHandle::new(tokio::spawn(losses::tell(self.connection.clone())));
        Self { _telling: Some(telling), ..self }
    }

    /// Waits until the outcome of this request is where it has to be. What another worker saved a moment ago may not be.
    async fn is_kept(&self, claim: &Claim) -> Result<(), StateError> {
        match &self.replicas {
            Some(replicas) => {
                replicas.have([Scope::Request, Scope::Record].map(|scope| keys::outcome(claim, scope))).await
            }
            None => Ok(()),
        }
    }

    /// An outcome that was saved before.
    async fn answered(&self, claim: &Claim, json: Option<&[u8]>) -> Result<SavedOutcome, StateError> {
        let outcome = stored::outcome(json.unwrap_or_default())?;
        self.is_kept(claim).await?;
        Ok(outcome)
    }

    /// Begins a turn of nobody and gives its lock back, as the work does it: a server that answers a ping need not take
    /// what is written.
    async fn try_out(&self, id: Uuid) -> Result<(), StateError> {
        self.try_commands(id).await?;
        // Always the same token: a lock that could not be given back is our own the next time.
        let (keys, token) = (keys::trial(id), id.to_string());
        let lock = keys.iter().take(1).cloned().collect();
        self.run(&self.begin, keys, vec![token.clone(), milliseconds(self.lifetimes.lock), String::new()]).await?;
        self.run(&self.release, lock, vec![token]).await?;
        Ok(())
    }

    /// Tries each command of the work, so that one which is refused is named.
    async fn try_commands(&self, id: Uuid) -> Result<(), StateError> {
        let (written, lifetime) = (vec![keys::trial_written(id)], vec![milliseconds(self.lifetimes.lock)]);
        // By its text, as after a restart of the server: who may run a script by its hash need not be allowed that.
        let tried = self.connection.client()?.eval(include_str!("rights.lua"), written, lifetime).await;
        tried.map_err(|error| self.connection.failed(&error))
    }

    /// Runs a script, if there is a server to run it.
    async fn run(&self, script: &SharedScript, keys: Vec<String>, args: Vec<String>) -> Result<Vec<Value>, StateError> {
        self.connection.client()?;
        let reply = script.run(keys, args).await;
        if reply.as_ref().is_err_and(names_no_command)
            && let [id, ..] = self.trials
        {
            self.try_commands(id).await?;
        }
        reply
    }
}

#[async_trait]
impl MemberState for RedisState {
    async fn begin(&self, claim: &Claim) -> Result<Begin, StateError> {
        let args = vec![claim.token.to_string(), milliseconds(self.lifetimes.lock), sent_at(claim)];
        let reply = self.run(&self.begin, keys::all(claim), args).await?;
        match word(&reply) {
            "answered" => self.answered(claim, part(&reply, 1)).await.map(Begin::Answered),
            "erased" => Ok(Begin::Erased { was_answered: part(&reply, 1).is_some() }),
            "busy" => Ok(Begin::Busy),
            "open" => {
                let version = part(&reply, 2).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                let [session, draft, ended] = [1, 3, 4].map(|index| part(&reply, index));
                Ok(Found { session, version, draft, ended }.show(claim))
            }
            _ => Err(unexpected_reply()),
        }
    }

    async fn save(&self, claim: &Claim, change: &Change) -> Result<Saved, StateError> {
        let StoredChange { session, outcome } = StoredChange::new(claim, change)?;
        let (key, json) = outcome.unwrap_or_default();
        let lifetimes = [self.lifetimes.outcome, self.lifetimes.lock].map(milliseconds);
        let mut args = vec![claim.token.to_string(), key, json];
        args.extend(lifetimes);
        args.push(sent_at(claim));
        if let Some(session) = session {
            args.extend([
                milliseconds(self.lifetimes.session),
                session.expected.map_or_else(String::new, |version| version.to_string()),
                argument(session.session),
                argument(session.draft),
                argument(session.ended),
            ]);
        }
        let reply = self.run(&self.save, keys::all(claim), args).await?;
        match word(&reply) {
            "answered" => self.answered(claim, part(&reply, 1)).await.map(Saved::Answered),
            "conflict" => Ok(Saved::Conflict),
            "done" if change.outcome.is_some() => self.is_kept(claim).await.map(|()| Saved::Done),
            "done" => Ok(Saved::Done),
            _ => Err(unexpected_reply()),
        }
    }

    async fn remember(&self, claim: &Claim, scope: Scope, outcome: &SavedOutcome) -> Result<SavedOutcome, StateError> {
        let keys = vec![keys::outcome(claim, scope), keys::erased(claim.member)];
        let args = vec![stored::entry(outcome)?, milliseconds(self.lifetimes.outcome), sent_at(claim)];
        let reply = self.run(&self.remember, keys, args).await?;
        match word(&reply) {
            "answered" => self.answered(claim, part(&reply, 1)).await,
            "done" => self.is_kept(claim).await.map(|()| outcome.clone()),
            _ => Err(unexpected_reply()),
        }
    }

    async fn is_answered(&self, claim: &Claim) -> Result<bool, StateError> {
        let keys: Vec<String> = [Scope::Request, Scope::Record].map(|scope| keys::outcome(claim, scope)).into();
        let found: Result<u64, _> = self.connection.client()?.exists(keys).await;
        found.map(|found| found > 0).map_err(|error| self.connection.failed(&error))
    }

    async fn renew(&self, claim: &Claim) -> Result<Renewal, StateError> {
        let args = vec![claim.token.to_string(), milliseconds(self.lifetimes.lock), sent_at(claim)];
        let reply = self.run(&self.renew, keys::held(claim), args).await?;
        Ok(match reply.first().and_then(Value::as_i64) {
            Some(1) => Renewal::Ours,
            _ => Renewal::Theirs,
        })
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        self.run(&self.release, vec![keys::lock(claim)], vec![claim.token.to_string()]).await?;
        Ok(())
    }

    async fn check(&self) -> Result<(), StateError> {
        try_join_all(self.trials.iter().map(|id| self.try_out(*id))).await?;
        match &self.replicas {
            Some(replicas) => replicas.check().await,
            None => Ok(()),
        }
    }
}

/// The first part of a reply, which says what the rest is.
fn word(reply: &[Value]) -> &str {
    part(reply, 0).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// A part of a reply; `None` where Redis had no such key.
fn part(reply: &[Value], index: usize) -> Option<&[u8]> {
    reply.get(index).and_then(Value::as_bytes)
}

fn unexpected_reply() -> StateError {
    StateError::Fault("a script gave an unexpected reply".to_owned())
}

/// A write as `save.lua` takes it.
fn argument(write: Write<String>) -> String {
    match write {
        Write::Keep => String::new(),
        Write::Put(json) => json,
        Write::Delete => "-".to_owned(),
    }
}

/// When the request was sent, as scripts take it.
fn sent_at(claim: &Claim) -> String {
    claim.sent_at.map_or_else(String::new, |millis| millis.to_string())
}

/// Redis refuses a lifetime of zero.
fn milliseconds(duration: Duration) -> String {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1).to_string()
}
