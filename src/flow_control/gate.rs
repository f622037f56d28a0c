//! A half-open gate before a service: everybody passes while the service works, and one at a time while it does not.
//! That one is the probe: whether a service is back can only be found out by using it, and one use is enough.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Lets everybody pass while it is not shut, and one at a time while it is.
#[derive(Debug)]
pub struct Gate {
    shut: watch::Sender<bool>,
    /// Held by the one that passes while it is shut.
    probe: Arc<Semaphore>,
}

/// A permit to use the service; to be kept until it is no longer needed, so that there is one probe at a time.
#[derive(Debug)]
pub struct GatePermit {
    /// `Some` while nobody else is let in: this one finds out whether the service is back.
    _probe: Option<OwnedSemaphorePermit>,
}

impl GatePermit {
    /// A permit for one of many.
    pub fn free() -> Self {
        Self { _probe: None }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { shut: watch::Sender::new(false), probe: Arc::new(Semaphore::new(1)) }
    }
}

impl Gate {
    /// Shuts it, or no longer. All who wait pass at once when it is shut no longer.
    pub fn set_shut(&self, shut: bool) {
        self.shut.send_replace(shut);
    }

    /// Whether it is shut.
    pub fn is_shut(&self) -> bool {
        *self.shut.borrow()
    }

    /// Follows whether it is shut.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.shut.subscribe()
    }

    /// Waits for a permit. Cancel safe: a dropped future gives its place up.
    pub async fn enter(&self) -> GatePermit {
        let mut shut = self.shut.subscribe();
        while *shut.borrow_and_update() {
            tokio::select! {
                // The semaphore is never closed.
                probe = self.probe.clone().acquire_owned() => return GatePermit { _probe: probe.ok() },
                _ = shut.changed() => {}
            }
        }
        GatePermit::free()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn everybody_passes_while_it_is_not_shut() {
        let gate = Gate::default();
        let permits: Vec<_> = (0..9).filter_map(|_| gate.enter().now_or_never()).collect();
        assert_eq!(permits.len(), 9);
    }

    #[test]
    fn one_at_a_time_passes_while_it_is_shut() {
        let gate = Gate::default();
        gate.set_shut(true);
        let probe = gate.enter().now_or_never();
        assert!(probe.is_some() && gate.enter().now_or_never().is_none());
        drop(probe);
        assert!(gate.enter().now_or_never().is_some());
    }

    #[test]
    fn all_who_wait_pass_when_it_is_shut_no_longer() {
        let gate = Gate::default();
        gate.set_shut(true);
        let _probe = gate.enter().now_or_never();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(gate.enter())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        gate.set_shut(false);
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_some()));
    }
}
