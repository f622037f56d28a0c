//! A store whose work is watched: a request that waits for it is noted as trouble, for readiness.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use crate::events::outcome::{SavedOutcome, Scope};
use crate::flow_control::trouble::{Trouble, Waiting};
use crate::state::{Begin, Change, Claim, MemberState, Renewal, Saved, StateError};

/// A request that did not try again for so long is left to another worker. Two tries are seconds apart at most.
const GIVEN_UP: Duration = Duration::from_secs(10);

/// A store, and the requests that wait for it.
pub struct WatchedState {
    state: Arc<dyn MemberState>,
    trouble: Arc<Trouble>,
    waiting: Mutex<Waits>,
}

/// The requests that wait.
#[derive(Default)]
struct Waits {
    /// By the token of their claims, and when they tried last.
    by_claim: HashMap<Uuid, (Waiting, Instant)>,
    /// When those were looked for that have given up: all are looked at for it, and in an outage each tries again and again.
    swept: Option<Instant>,
}

impl Waits {
    /// Forgets who has given up, if it is time to.
    fn sweep(&mut self, now: Instant) {
        let is_over = |then: Instant| now.duration_since(then) >= GIVEN_UP;
        if self.swept.is_none_or(is_over) {
            self.by_claim.retain(|_, (_, tried)| !is_over(*tried));
            self.swept = Some(now);
        }
    }
}

impl WatchedState {
    /// A store that `trouble` is told of.
    pub fn new(state: Arc<dyn MemberState>, trouble: Arc<Trouble>) -> Self {
        Self { state, trouble, waiting: Mutex::default() }
    }

    /// Does something for a claim. Another try is the caller's to make, and belongs to the same wait.
    async fn watch<T>(&self, claim: &Claim, act: impl Future<Output = Result<T, StateError>>) -> Result<T, StateError> {
        let began = Instant::now();
        let result = act.await;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Err(error @ StateError::Unavailable(_)) => {
                let now = Instant::now();
                waiting.sweep(now);
                let wait =
                    waiting.by_claim.entry(claim.token).or_insert_with(|| (self.trouble.enter_since(began), now));
                wait.0.because_for(error.to_string(), GIVEN_UP);
                wait.1 = now;
            }
            // A fault is this claim's own.
            Ok(_) | Err(StateError::Fault(_) | StateError::AnsweredUnreadably(_)) if waiting.by_claim.is_empty() => {}
            Ok(_) | Err(StateError::Fault(_) | StateError::AnsweredUnreadably(_)) => {
                drop(waiting.by_claim.remove(&claim.token));
            }
        }
        result
    }
}

#[async_trait]
impl MemberState for WatchedState {
    async fn begin(&self, claim: &Claim) -> Result<Begin, StateError> {
        self.watch(claim, self.state.begin(claim)).await
    }

    async fn save(&self, claim: &Claim, change: &Change) -> Result<Saved, StateError> {
        self.watch(claim, self.state.save(claim, change)).await
    }

    async fn remember(&self, claim: &Claim, scope: Scope, outcome: &SavedOutcome) -> Result<SavedOutcome, StateError> {
        self.watch(claim, self.state.remember(claim, scope, outcome)).await
    }

    /// Who only looks waits for nothing.
    async fn is_answered(&self, claim: &Claim) -> Result<bool, StateError> {
        self.state.is_answered(claim).await
    }

    /// Who renews goes on meanwhile: it says nothing of what else the request may wait for.
    async fn renew(&self, claim: &Claim) -> Result<Renewal, StateError> {
        self.state.renew(claim).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), StateError> {
        self.state.release(claim).await
    }

    async fn check(&self) -> Result<(), StateError> {
        self.state.check().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::record::Flow;
    use crate::events::request::MemberId;
    use crate::flow_control::trouble::LASTING;
    use crate::state::Lifetimes;
    use crate::state::memory::MemoryState;

    const DAY: Duration = Duration::from_secs(86_400);

    fn state() -> (WatchedState, Arc<Trouble>) {
        let trouble = Trouble::new("REDIS_URL");
        let memory = MemoryState::new(Lifetimes { session: DAY, outcome: DAY, lock: DAY });
        (WatchedState::new(Arc::new(memory), trouble.clone()), trouble)
    }

    fn claim() -> Claim {
        let member = MemberId::new(7).unwrap();
        let [request, record, token] = [(); 3].map(|()| Uuid::new_v4());
        Claim { flow: Flow::Feedback, member, request, record, sent_at: None, token }
    }

    async fn away(state: &WatchedState, claim: &Claim) {
        let away = std::future::ready(Err::<(), _>(StateError::Unavailable("OOM".to_owned())));
        assert!(state.watch(claim, away).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_from_its_first_try_until_one_succeeds() {
        let ((state, trouble), claim) = (state(), claim());
        for _ in 0..3 {
            away(&state, &claim).await;
            tokio::time::advance(LASTING / 3).await;
        }
        assert_eq!(trouble.waiting(), 1);
        assert_eq!(state.renew(&claim).await.unwrap(), Renewal::Ours, "it says nothing of what it waits for");
        tokio::time::advance(LASTING / 3).await;
        assert!(trouble.lasting().is_some_and(|told| told.contains("OOM")));
        state.begin(&claim).await.unwrap();
        assert_eq!((trouble.waiting(), trouble.lasting()), (0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_left_to_another_worker_waits_no_more() {
        let (state, trouble) = state();
        away(&state, &claim()).await;
        tokio::time::advance(GIVEN_UP).await;
        assert_eq!((trouble.waiting(), trouble.lasting()), (0, None));
        away(&state, &claim()).await;
        assert_eq!(state.waiting.lock().unwrap().by_claim.len(), 1, "it is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_given_up_is_looked_for_now_and_then_and_not_at_every_try() {
        let ((state, _trouble), claim) = (state(), claim());
        let mut swept = Vec::new();
        for _ in 0..10 {
            away(&state, &claim).await;
            swept.push(state.waiting.lock().unwrap().swept);
            tokio::time::advance(GIVEN_UP / 5).await;
        }
        swept.dedup();
        assert_eq!(swept.len(), 2, "{swept:?}");
    }
}
