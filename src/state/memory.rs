//! State in memory, for development: gone when the process ends, otherwise the same as Redis, expiry included.

mod erasure;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::holder::is_succeeded;
use super::stored::{Found, StoredChange};
use super::{Begin, Change, Claim, Lifetimes, MemberState, Renewal, Saved, StateError, Write, keys, stored};
use crate::events::outcome::{SavedOutcome, Scope};
use crate::events::record::Flow;

/// Expired entries are swept out when the store has at least this many.
const FIRST_SWEEP: usize = 1024;

/// A [`MemberState`] in memory.
pub struct MemoryState {
    lifetimes: Lifetimes,
    entries: Mutex<Entries>,
}

impl MemoryState {
    /// An empty store.
    pub fn new(lifetimes: Lifetimes) -> Self {
        Self { lifetimes, entries: Mutex::new(Entries { map: HashMap::new(), sweep_at: FIRST_SWEEP }) }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // No operation can panic half-way through a change, so what a poisoned lock guards is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MemberState for MemoryState {
    async fn begin(&self, claim: &Claim) -> Result<Begin, StateError> {
        let mut entries = self.entries();
        if let Some(outcome) = entries.outcome(claim) {
            entries.unlock(claim);
            return stored::outcome(outcome.as_bytes()).map(Begin::Answered);
        }
        if entries.is_erased(claim) {
            entries.unlock(claim);
            return Ok(Begin::Erased { was_answered: entries.was_answered(claim) });
        }
        let token = claim.token.to_string();
        let is_theirs = |holder: &str| holder != token && !is_succeeded(holder, &token);
        if entries.get(&keys::lock(claim)).is_some_and(is_theirs) {
            return Ok(Begin::Busy);
        }
        entries.hold(claim, self.lifetimes.lock);
        Ok(match claim.flow {
            Flow::Feedback => Begin::Open { session: None, draft: None, ended: None },
            Flow::Resume => {
                let session = entries.get(&keys::session(claim)).map(str::as_bytes);
                let found = Found {
                    session,
                    version: session.and_then(stored::version),
                    draft: entries.get(&keys::draft(claim)).map(str::as_bytes),
                    ended: entries.get(&keys::ended(claim)).map(str::as_bytes),
                };
                found.show(claim)
            }
        })
    }

    async fn save(&self, claim: &Claim, change: &Change) -> Result<Saved, StateError> {
        let StoredChange { session, outcome } = StoredChange::new(claim, change)?;
        let mut entries = self.entries();
        if let Some(saved) = entries.outcome(claim) {
            entries.unlock(claim);
            return stored::outcome(saved.as_bytes()).map(Saved::Answered);
        }
        let is_locked = entries.get(&keys::lock(claim)).is_some();
        let answers = outcome.as_ref().is_some_and(|(key, _)| *key == keys::outcome(claim, Scope::Request));
        let is_theirs = is_locked && !entries.is_locked_by(claim);
        if !answers && is_theirs || entries.is_erased(claim) {
            return Ok(Saved::Conflict);
        }
        if let Some(session) = session {
            let found = entries.get(&keys::session(claim)).and_then(|json| stored::version(json.as_bytes()));
            if found != session.expected {
                return Ok(Saved::Conflict);
            }
            entries.write(keys::session(claim), session.session, self.lifetimes.session);
            entries.write(keys::draft(claim), session.draft, self.lifetimes.session);
            entries.write(keys::ended(claim), session.ended, self.lifetimes.outcome);
        }
        if let Some((key, json)) = outcome {
            entries.put(key, json, self.lifetimes.outcome);
            entries.unlock(claim);
        } else if !is_locked {
            // It expired while the work went on, and nobody has begun since.
            entries.put(keys::lock(claim), claim.token.to_string(), self.lifetimes.lock);
        }
        Ok(Saved::Done)
    }

    async fn remember(&self, claim: &Claim, scope: Scope, outcome: &SavedOutcome) -> Result<SavedOutcome, StateError> {
        let key = keys::outcome(claim, scope);
        let json = stored::entry(outcome)?;
        let mut entries = self.entries();
        if let Some(standing) = entries.get(&key) {
            return stored::outcome(standing.as_bytes());
        }
        if !entries.is_erased(claim) {
            entries.put(key, json, self.lifetimes.outcome);
        }
        Ok(outcome.clone())
    }

    async fn is_answered(&self, claim: &Claim) -> Result<bool, StateError> {
        Ok(self.entries().outcome(claim).is_some())
    }

    async fn renew(&self, claim: &Claim) -> Result<Renewal, StateError> {
        let mut entries = self.entries();
        let is_free = entries.get(&keys::lock(claim)).is_none();
        if entries.is_locked_by(claim) || is_free && entries.outcome(claim).is_none() && !entries.is_erased(claim) {
            entries.hold(claim, self.lifetimes.lock);
            return Ok(Renewal::Ours);
        }
        Ok(Renewal::Theirs)
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        self.entries().unlock(claim);
        Ok(())
    }

    async fn check(&self) -> Result<(), StateError> {
        Ok(())
    }
}

/// Values by key, each with the moment from which it is no longer there.
struct Entries {
    map: HashMap<String, (String, Instant)>,
    sweep_at: usize,
}

impl Entries {
    fn get(&self, key: &str) -> Option<&str> {
        let (value, end) = self.map.get(key)?;
        (*end > Instant::now()).then_some(value)
    }

    fn put(&mut self, key: String, value: String, lifetime: Duration) {
        let now = Instant::now();
        if self.map.len() >= self.sweep_at {
            self.map.retain(|_, (_, end)| *end > now);
            self.sweep_at = FIRST_SWEEP.max(self.map.len().saturating_mul(2));
        }
        self.map.insert(key, (value, now + lifetime));
    }

    fn write(&mut self, key: String, write: Write<String>, lifetime: Duration) {
        match write {
            Write::Keep => {}
            Write::Put(value) => self.put(key, value, lifetime),
            Write::Delete => {
                self.map.remove(&key);
            }
        }
    }

    /// Takes the lock, or holds it for longer; the session does not end before it.
    fn hold(&mut self, claim: &Claim, lifetime: Duration) {
        self.put(keys::lock(claim), claim.token.to_string(), lifetime);
        let now = Instant::now();
        if let Some((_, end)) = self.map.get_mut(&keys::session(claim)).filter(|(_, end)| *end > now) {
            *end = (*end).max(now + lifetime);
        }
    }

    fn outcome(&self, claim: &Claim) -> Option<String> {
        self.get(&keys::outcome(claim, Scope::Request))
            .or_else(|| self.get(&keys::outcome(claim, Scope::Record)))
            .map(str::to_owned)
    }

    fn is_locked_by(&self, claim: &Claim) -> bool {
        self.get(&keys::lock(claim)) == Some(claim.token.to_string().as_str())
    }

    fn unlock(&mut self, claim: &Claim) {
        if self.is_locked_by(claim) {
            self.map.remove(&keys::lock(claim));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::events::outcome::samples;
    use crate::events::request::MemberId;
    use crate::state::SessionChange;

    #[tokio::test]
    async fn a_session_that_cannot_be_read_is_replaced_at_the_version_it_shows() {
        let long = Duration::from_secs(60);
        let state = MemoryState::new(Lifetimes { session: long, outcome: long, lock: long });
        let member = MemberId::new(7).unwrap();
        let id = Uuid::from_u128(1);
        let claim = Claim { flow: Flow::Resume, member, request: id, record: id, sent_at: None, token: id };
        for (json, version) in [("not even JSON", None), (r#"{"version": 5, "from": "the future"}"#, Some(5))] {
            state.entries().put(keys::session(&claim), json.to_owned(), long);
            assert_eq!(state.begin(&claim).await.unwrap(), Begin::Unreadable { version });
            let delete = |expected| Change {
                session: Some(SessionChange {
                    expected,
                    session: Write::Delete,
                    draft: Write::Keep,
                    ended: Write::Keep,
                }),
                outcome: None,
            };
            assert_eq!(state.save(&claim, &delete(Some(4))).await.unwrap(), Saved::Conflict);
            assert_eq!(state.save(&claim, &delete(version)).await.unwrap(), Saved::Done);
        }
    }

    #[tokio::test]
    async fn entries_that_have_expired_do_not_pile_up() {
        let at_once = Duration::ZERO;
        let state = MemoryState::new(Lifetimes { session: at_once, outcome: at_once, lock: at_once });
        for number in 0..3 * FIRST_SWEEP as u128 {
            let id = Uuid::from_u128(number);
            let member = MemberId::new(7).unwrap();
            let claim = Claim { flow: Flow::Feedback, member, request: id, record: id, sent_at: None, token: id };
            let outcome = SavedOutcome::new(id, String::new(), samples::feedback()).unwrap();
            state.remember(&claim, Scope::Request, &outcome).await.unwrap();
        }
        assert!(state.entries().map.len() <= FIRST_SWEEP);
    }
}
