//! A half-open gate before a service: everybody passes while the service works, and one at a time while it does not. That
//! one is the trial: whether a service is back can only be found out by using it, and one use is enough.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Free,
    OneAtATime,
}

/// Lets pass whom its [`Way`] lets.
#[derive(Debug)]
pub struct Gate {
    way: watch::Sender<Way>,
    /// Held by the one that passes while it is shut to all others.
    trial: Arc<Semaphore>,
}

/// A permit to use the service; to be kept until it is no longer needed, so that there is one trial at a time.
#[derive(Debug)]
pub struct GatePermit {
    /// `Some` while nobody else is let in: this one finds out whether the service is back.
    trial: Option<OwnedSemaphorePermit>,
}

impl GatePermit {
    /// A permit for one of many.
    pub fn free() -> Self {
        Self { trial: None }
    }

    /// Whether nobody else is let in for as long as this is kept.
    pub fn is_trial(&self) -> bool {
        self.trial.is_some()
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { way: watch::Sender::new(Way::Free), trial: Arc::new(Semaphore::new(1)) }
    }
}

impl Gate {
    /// Says who may pass from now on. All who wait pass at once when everybody may.
    pub fn set(&self, way: Way) {
        self.way.send_if_modified(|now| std::mem::replace(now, way) != way);
    }

    /// Waits for a permit. Cancel safe: a dropped future gives its place up.
    pub async fn enter(&self) -> GatePermit {
        let mut way = self.way.subscribe();
        loop {
            if *way.borrow_and_update() == Way::Free {
                return GatePermit::free();
            }
            tokio::select! {
                // The semaphore is never closed.
                trial = self.trial.clone().acquire_owned() => return GatePermit { trial: trial.ok() },
                _ = way.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn everybody_passes_while_the_way_is_free() {
        let gate = Gate::default();
        let permits: Vec<_> = (0..9).filter_map(|_| gate.enter().now_or_never()).collect();
        assert_eq!(permits.len(), 9);
    }

    #[test]
    fn one_at_a_time_passes_while_it_is_shut() {
        let gate = Gate::default();
        gate.set(Way::OneAtATime);
        let trial = gate.enter().now_or_never();
        assert!(trial.is_some() && gate.enter().now_or_never().is_none());
        drop(trial);
        assert!(gate.enter().now_or_never().is_some());
    }

    #[test]
    fn all_who_wait_pass_when_the_way_is_free() {
        let gate = Gate::default();
        gate.set(Way::OneAtATime);
        let _trial = gate.enter().now_or_never();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(gate.enter())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        gate.set(Way::Free);
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_some()));
    }
}
