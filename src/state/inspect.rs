//! What people who run the worker may see of the state.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::StateError;
use super::erasure::Holdings;
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

/// The state as operators need it. None of this is fast: it looks through all keys.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Who has a session.
    async fn members(&self) -> Result<BTreeSet<MemberId>, StateError>;

    /// A member's session.
    async fn session(&self, member: MemberId) -> Result<Option<StoredSession>, StateError>;

    /// How much is stored of a member.
    async fn holdings(&self, member: MemberId) -> Result<Holdings, StateError>;
}
