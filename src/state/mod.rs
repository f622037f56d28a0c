//! What survives a crash: the outcome journal, the résumé sessions, and the lock that keeps two workers from
//! working for one member at once.
//!
//! Correctness rests on [`MemberState::save`] alone, one compare-and-set: it refuses a session that somebody else
//! has changed, and a request that somebody else has answered. The lock only keeps paid work from being done twice, and a
//! failure that may be tried again from standing where its holder is about to answer.

pub mod erasure;
pub mod format;
#[cfg(test)]
mod golden;
pub mod holder;
pub mod inspect;
mod keys;
pub mod memory;
pub mod redis;
pub mod retrying;
pub mod session;
mod stored;
pub mod watched;

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::events::outcome::{SavedOutcome, Scope};
use crate::events::record::Flow;
use crate::events::request::MemberId;
use crate::state::format::Newer;
use crate::state::session::{Draft, Ended, Session};

/// One attempt to work on one request for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub flow: Flow,
    pub member: MemberId,
    /// Names the request: the same for every record that carries the same request id.
    pub request: Uuid,
    /// Names the record (where it stands, and what it is): retryable failures are remembered for it alone.
    pub record: Uuid,
    /// When the request was first sent, in milliseconds since 1970, where that is known.
    pub sent_at: Option<i64>,
    /// Whoever holds the lock holds this. No two claims have the same; it says [who](holder) it is.
    pub token: Uuid,
}

/// How long things are kept, from the last time they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Sessions and drafts.
    pub session: Duration,
    /// Outcomes, and what is known of ended sessions.
    pub outcome: Duration,
    /// The lock, unless it is renewed; a member whose worker died waits for this long.
    pub lock: Duration,
}

/// What [`MemberState::begin`] found.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart as soon as it is there")]
pub enum Begin {
    /// The request (or this very record) has been answered.
    Answered(SavedOutcome),
    /// The member was [erased](erasure) after the request was sent: nothing may be done for it. It may have been answered
    /// before that, and how is not known any more.
    Erased { was_answered: bool },
    /// Another worker holds the member's lock: come again later.
    Busy,
    /// The lock is ours. All parts are `None` for the feedback flow.
    Open { session: Option<Session>, draft: Option<Draft>, ended: Option<Ended> },
    /// The lock is ours, but the stored session is damaged. Nothing can be done with it but to replace or delete it, by
    /// a change that expects `version`.
    Unreadable { version: Option<u64> },
    /// The lock is ours, but part of what is stored has a format of a newer program: it is to be left alone.
    Newer(Newer),
}

/// What to do with a stored value.
#[derive(Clone, Debug, PartialEq)]
pub enum Write<T> {
    Keep,
    Put(T),
    Delete,
}

/// The changes of a résumé turn.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionChange {
    /// The version that [`MemberState::begin`] showed; `None` when there was no session (or none with a version).
    pub expected: Option<u64>,
    pub session: Write<Session>,
    pub draft: Write<Draft>,
    pub ended: Write<Ended>,
}

/// One atomic change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `None` for the feedback flow.
    pub session: Option<SessionChange>,
    /// The answer; when it is there the lock is released in the same step. Without it the lock is kept, or taken
    /// again if it expired and nobody else has it.
    pub outcome: Option<(Scope, SavedOutcome)>,
}

/// What became of a [`Change`].
#[derive(Debug, PartialEq)]
pub enum Saved {
    Done,
    /// Nothing was written: the request has been answered meanwhile (perhaps by an earlier try of this very save).
    /// The lock, if it was ours, is released.
    Answered(SavedOutcome),
    /// Nothing was written: the session is not at the expected version, or (for a change without an outcome, and for a
    /// failure that is remembered for the record alone) somebody else has the lock, or the member was erased meanwhile.
    /// Begin again.
    Conflict,
}

/// What [`MemberState::renew`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lock is ours, for longer.
    Ours,
    /// Somebody else has it, or has answered the request meanwhile, or its member was erased.
    Theirs,
}

/// Why the state could not be read or written. The text never holds a secret or what a member wrote.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// The store is down or slow. Whether a write was applied is unknown; doing it again is safe.
    #[error("state store unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read, or the store refused the command for good.
    #[error("state store fault: {0}")]
    Fault(String),
    /// The request was answered, and how cannot be read: a newer program saved it, or it is damaged.
    #[error("the request was answered, and nobody knows how: {0}")]
    AnsweredUnreadably(String),
}

/// The store of sessions, drafts, locks and the outcome journal.
#[async_trait]
pub trait MemberState: Send + Sync {
    /// Looks the request up in the journal and, when it is new, takes the member's lock and reads what is stored.
    /// Calling it again with the same token is safe and refreshes the lock; a request that is answered or erased gives up a
    /// lock that is ours. A session does not end before a lock that is held for it: what is paid for meanwhile would be for nothing.
    /// The lock of an earlier start of the same instance is taken over.
    async fn begin(&self, claim: &Claim) -> Result<Begin, StateError>;

    /// Applies a change, whole or not at all. Calling it again after [`StateError::Unavailable`] is safe.
    async fn save(&self, claim: &Claim, change: &Change) -> Result<Saved, StateError>;

    /// Remembers the outcome of a request that needed no lock (it broke a field rule), unless one is remembered, and
    /// gives the one that is. Of a request from before its member was erased nothing is remembered.
    async fn remember(&self, claim: &Claim, scope: Scope, outcome: &SavedOutcome) -> Result<SavedOutcome, StateError>;

    /// Whether the request (or this very record) has been answered. It takes nothing and changes nothing.
    async fn is_answered(&self, claim: &Claim) -> Result<bool, StateError>;

    /// Holds the lock, and the session, for longer, if it is ours. One that expired while the work went on (the store was
    /// away, the process asleep) is taken again, unless the request was answered or erased meanwhile: else a second worker would pay
    /// for what this one has.
    async fn renew(&self, claim: &Claim) -> Result<Renewal, StateError>;

    /// Gives the lock back if it is ours.
    async fn release(&self, claim: &Claim) -> Result<(), StateError>;

    /// Whether the store can be used now; for readiness.
    async fn check(&self) -> Result<(), StateError>;
}
