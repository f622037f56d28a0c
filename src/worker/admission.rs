//! How many requests are in work at once, over all groups and flows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};

/// Lets requests into work: at most so many at once, and while no model can be reached only one at a time, which
/// finds out when one is back. So an outage costs the requests in work and the probes, not the backlog.
#[derive(Debug)]
pub struct Admission {
    permits: Arc<Semaphore>,
    max: usize,
    /// Whether no model can be reached.
    circuit_open: watch::Receiver<bool>,
    freed: Notify,
}

/// A place in work; free again when dropped.
#[derive(Debug)]
pub struct Permit {
    /// `None` only while it is dropped: the place is free before anybody is told.
    permit: Option<OwnedSemaphorePermit>,
    admission: Arc<Admission>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        drop(self.permit.take());
        if *self.admission.circuit_open.borrow() {
            self.admission.freed.notify_waiters();
        }
    }
}

impl Admission {
    /// Lets at most `max` requests into work at once.
    pub fn new(max: usize, circuit_open: watch::Receiver<bool>) -> Arc<Self> {
        Arc::new(Self { permits: Arc::new(Semaphore::new(max)), max, circuit_open, freed: Notify::new() })
    }

    /// Requests in work.
    pub fn in_work(&self) -> usize {
        self.max.saturating_sub(self.permits.available_permits())
    }

    /// A place, if there is one now.
    pub fn try_admit(self: &Arc<Self>) -> Option<Permit> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        self.check(permit)
    }

    /// Waits for a place, first come, first served.
    pub async fn admit(self: Arc<Self>) -> Permit {
        let mut circuit = self.circuit_open.clone();
        loop {
            // Listening begins before the look, so that nothing is missed between the two.
            let freed = self.freed.notified();
            if let Ok(permit) = self.permits.clone().acquire_owned().await
                && let Some(permit) = self.check(permit)
            {
                return permit;
            }
            tokio::select! {
                () = freed => {}
                // The sender lives as long as the model does; without one the circuit stays as it is.
                changed = circuit.changed() => if changed.is_err() { std::future::pending::<()>().await },
            }
        }
    }

    fn check(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Option<Permit> {
        let probing = *self.circuit_open.borrow();
        (!probing || self.in_work() <= 1).then(|| Permit { permit: Some(permit), admission: self.clone() })
    }
}

/// One request's place in work, which it may give up for a while.
#[derive(Debug)]
pub struct Turn {
    admission: Arc<Admission>,
    permit: Option<Permit>,
}

impl Turn {
    /// A turn that has its place.
    pub fn new(admission: Arc<Admission>, permit: Permit) -> Self {
        Self { admission, permit: Some(permit) }
    }

    /// Lets others go first for a while, then waits for a place again.
    pub async fn step_aside(&mut self, pause: Duration) {
        self.permit = None;
        tokio::time::sleep(pause).await;
        self.permit = Some(self.admission.clone().admit().await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn admission(max: usize, open: bool) -> (watch::Sender<bool>, Arc<Admission>) {
        let (sender, receiver) = watch::channel(open);
        (sender, Admission::new(max, receiver))
    }

    #[tokio::test]
    async fn at_most_so_many_are_in_work() {
        let (_circuit, admission) = admission(2, false);
        let (first, _second) = (admission.try_admit().unwrap(), admission.try_admit().unwrap());
        assert!(admission.try_admit().is_none());
        let mut waiting = std::pin::pin!(admission.clone().admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await;
    }

    #[tokio::test]
    async fn while_no_model_answers_one_probe_is_let_in_at_a_time() {
        let (circuit, admission) = admission(64, true);
        let probe = admission.try_admit().unwrap();
        let mut waiting = std::pin::pin!(admission.clone().admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(probe);
        let probe = waiting.await;
        let mut waiting = std::pin::pin!(admission.clone().admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        circuit.send(false).unwrap();
        waiting.await;
        drop(probe);
    }

    #[tokio::test]
    async fn who_steps_aside_frees_its_place() {
        let (_circuit, admission) = admission(1, false);
        let mut turn = Turn::new(admission.clone(), admission.try_admit().unwrap());
        let aside = turn.step_aside(Duration::ZERO);
        let other = admission.clone().admit();
        let (aside, other) = (std::pin::pin!(aside), std::pin::pin!(other));
        assert!(matches!(futures_util::future::select(aside, other).await, futures_util::future::Either::Right(_)));
    }
}
