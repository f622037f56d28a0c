//! The members' locks that this worker holds: renewed while the work goes on, given back when it ends early.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::events::record::Flow;
use crate::state::holder::Holder;
use crate::state::{Claim, MemberState, Renewal};

/// Renewals under way at once.
const AT_ONCE: usize = 64;

/// All locks that are held now.
pub struct Locks {
    state: Arc<dyn MemberState>,
    holder: Holder,
    /// A lock is renewed when it is older than this.
    renew_after: Duration,
    held: Mutex<HashMap<Uuid, (Claim, Instant, CancellationToken)>>,
    /// For the work of each flow that begins now.
    fences: Mutex<HashMap<Flow, CancellationToken>>,
}

/// A lock that is held until this is dropped.
pub struct Held {
    locks: Arc<Locks>,
    claim: Claim,
    lost: CancellationToken,
    released: bool,
}

impl Locks {
    /// Locks that the store keeps for `ttl` unless they are renewed.
    pub fn new(state: Arc<dyn MemberState>, ttl: Duration, holder: Holder) -> Arc<Self> {
        Arc::new(Self { state, holder, renew_after: ttl / 9, held: Mutex::default(), fences: Mutex::default() })
    }

    /// What a claim of ours holds a lock with.
    pub fn token(&self) -> Uuid {
        self.holder.token()
    }

    /// Renews this lock from now on.
    pub fn hold(self: &Arc<Self>, claim: &Claim) -> Held {
        let lost = CancellationToken::new();
        self.table().insert(claim.token, (claim.clone(), Instant::now(), lost.clone()));
        Held { locks: self.clone(), claim: claim.clone(), lost, released: false }
    }

    /// The broker has given this worker's name in a group to another one, which takes its locks over and does anew what
    /// they were held for: none of them is renewed from here on, and nothing of what has begun is paid for.
    pub fn fence(&self, flow: Flow) {
        let fence = self.fences.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow);
        fence.unwrap_or_default().cancel();
        self.table().retain(|_, (claim, ..)| claim.flow != flow);
    }

    /// For work that begins now: cancelled when this worker is [fenced](Self::fence).
    pub fn fenced(&self, flow: Flow) -> CancellationToken {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner).entry(flow).or_default().clone()
    }

    /// Renews what is held, for ever.
    pub async fn renew(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.renew_after / 2);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let due = |renewed: Instant| now.duration_since(renewed) >= self.renew_after;
            let due: Vec<Claim> = self
                .table()
                .values()
                .filter(|(_, renewed, _)| due(*renewed))
                .map(|(claim, ..)| claim.clone())
                .collect();
            stream::iter(due)
                .for_each_concurrent(AT_ONCE, async |claim| match self.state.renew(&claim).await {
                    // One that fails is due again at the next tick: the store may be back before the lock expires.
                    Ok(Renewal::Ours) => self.renewed(&claim, now).await,
                    Ok(Renewal::Theirs) => self.lost(&claim),
                    Err(error) => tracing::debug!(%error, "a lock could not be renewed"),
                })
                .await;
        }
    }

    async fn renewed(&self, claim: &Claim, at: Instant) {
        let is_held = match self.table().get_mut(&claim.token) {
            Some((_, renewed, _)) => {
                *renewed = at;
                true
            }
            None => false,
        };
        // It was given back while the renewal was under way, which may have taken it again.
        if !is_held && let Err(error) = self.state.release(claim).await {
            tracing::debug!(%error, "a lock could not be given back");
        }
    }

    /// Somebody else works for the member now, or has answered: this process was asleep for longer than its lock lasts.
    fn lost(&self, claim: &Claim) {
        tracing::debug!(member = %claim.member, "another worker has taken over what a lock was held for");
        if let Some((_, _, lost)) = self.table().get(&claim.token) {
            lost.cancel();
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Uuid, (Claim, Instant, CancellationToken)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Cancelled when another worker has it, which does anew what this one would pay for.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// The store has released it already.
    pub fn released(mut self) {
        self.released = true;
    }

    /// Gives it back, and waits until it is: at worst it expires by itself.
    pub async fn give_back(mut self) {
        self.locks.table().remove(&self.claim.token);
        if let Err(error) = self.locks.state.release(&self.claim).await {
            tracing::debug!(%error, "a lock could not be given back");
        }
        self.released = true;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.table().remove(&self.claim.token);
        if !self.released
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (state, claim) = (self.locks.state.clone(), self.claim.clone());
            // At worst it expires by itself.
            runtime.spawn(async move { state.release(&claim).await });
        }
    }
}
