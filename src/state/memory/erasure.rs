//! Erasing a member in memory.

use async_trait::async_trait;

use super::{Entries, MemoryState};
use crate::events::outcome::Scope;
use crate::events::record::Flow;
use crate::events::request::MemberId;
use crate::state::erasure::{Erasure, Holdings, MARKED_FOR, is_erased};
use crate::state::keys::{self, Kind};
use crate::state::{Claim, StateError};

#[async_trait]
impl Erasure for MemoryState {
    async fn mark_erased(&self, member: MemberId, at: i64) -> Result<(), StateError> {
        self.entries().put(keys::erased(member), at.to_string(), MARKED_FOR);
        Ok(())
    }

    async fn erased_at(&self, member: MemberId) -> Result<Option<i64>, StateError> {
        Ok(self.entries().erased_at(member))
    }

    async fn forget(&self, member: MemberId) -> Result<Holdings, StateError> {
        let mut entries = self.entries();
        let mut removed = Holdings::default();
        for (key, kind) in entries.of(member) {
            if kind == Kind::Lock {
                continue;
            }
            if let Some(name) = keys::name_of_outcome(&key) {
                entries.put(answered(member, name), String::new(), self.lifetimes.outcome);
            }
            entries.map.remove(&key);
            removed.count(kind);
        }
        Ok(removed)
    }
}

impl Entries {
    fn erased_at(&self, member: MemberId) -> Option<i64> {
        self.get(&keys::erased(member))?.parse().ok()
    }

    /// Whether a request was sent before its member was erased, or nobody knows when it was.
    pub(super) fn is_erased(&self, claim: &Claim) -> bool {
        is_erased(self.erased_at(claim.member), claim.sent_at)
    }

    /// Whether it had been answered when its member was erased.
    pub(super) fn was_answered(&self, claim: &Claim) -> bool {
        let names = [Scope::Request, Scope::Record].map(|scope| keys::outcome(claim, scope));
        let mut names = names.iter().filter_map(|key| keys::name_of_outcome(key));
        names.any(|name| self.get(&answered(claim.member, name)).is_some())
    }

    /// Everything that is stored of a member.
    fn of(&self, member: MemberId) -> Vec<(String, Kind)> {
        let kind =
            |key: &str| [Flow::Feedback, Flow::Resume].into_iter().find_map(|flow| keys::kind(flow, member, key));
        let there = self.map.keys().filter(|key| self.get(key).is_some());
        there.filter_map(|key| Some((key.clone(), kind(key)?))).collect()
    }
}

/// Redis has a set of them.
fn answered(member: MemberId, name: &str) -> String {
    format!("{}:{name}", keys::erased_answered(member))
}
