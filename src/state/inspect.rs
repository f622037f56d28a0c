//! What people who run the worker may see of the state, and remove from it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::StateError;
use crate::events::request::MemberId;
use crate::state::session::Session;

/// A stored session.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSession {
    /// `None` when it cannot be read: it is damaged, or of a newer program.
    pub session: Option<Session>,
    /// How long it is kept from now on; `None` when it never expires.
    pub expires_in: Option<Duration>,
}

/// How much is stored of a member, in both flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    pub sessions: usize,
    pub drafts: usize,
    /// Lists of questions of ended sessions.
    pub ended: usize,
    /// Outcomes in the journal.
    pub outcomes: usize,
    /// Locks: a worker works for the member now, or died a moment ago.
    pub locks: usize,
}

/// The state as operators need it. None of this is fast: it looks through all keys.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Who has a session.
    async fn members(&self) -> Result<BTreeSet<MemberId>, StateError>;

    /// A member's session.
    async fn session(&self, member: MemberId) -> Result<Option<StoredSession>, StateError>;

    /// How much is stored of a member.
    async fn holdings(&self, member: MemberId) -> Result<Holdings, StateError>;

    /// Removes everything that is stored of a member except locks, remembers when that was, and says how much it was.
    /// Whoever calls it should hold the member's locks: a worker could write anew what has just been removed.
    async fn forget(&self, member: MemberId) -> Result<Holdings, StateError>;

    /// When a member was forgotten last, in milliseconds since 1970: what is kept elsewhere from before is not to come back.
    async fn forgotten_at(&self, member: MemberId) -> Result<Option<i64>, StateError>;
}
