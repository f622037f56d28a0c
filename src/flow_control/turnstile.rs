//! Who may use a service: everybody while it works, and one at a time while it does not, to find out whether it is
//! back.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Lets everybody through while it is open, and one at a time while it is shut.
#[derive(Debug)]
pub struct Turnstile {
    shut: watch::Sender<bool>,
    /// Held by the one that is let through while it is shut.
    probe: Arc<Semaphore>,
}

/// Permission to use the service; to be kept until it is no longer needed.
#[derive(Debug)]
pub struct Pass {
    /// `Some` while nobody else is let in: this one finds out whether the service is back.
    _probe: Option<OwnedSemaphorePermit>,
}

impl Pass {
    /// A pass for one of many.
    pub fn free() -> Self {
        Self { _probe: None }
    }
}

impl Default for Turnstile {
    fn default() -> Self {
        Self { shut: watch::Sender::new(false), probe: Arc::new(Semaphore::new(1)) }
    }
}

impl Turnstile {
    /// Shuts or opens it. Whoever waits is let through at once when it opens.
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

    /// Waits to be let through. Cancel safe: a dropped future gives its place up.
    pub async fn enter(&self) -> Pass {
        let mut shut = self.shut.subscribe();
        while *shut.borrow_and_update() {
            tokio::select! {
                // The semaphore is never closed.
                probe = self.probe.clone().acquire_owned() => return Pass { _probe: probe.ok() },
                _ = shut.changed() => {}
            }
        }
        Pass::free()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn everybody_gets_through_while_it_is_open() {
        let turnstile = Turnstile::default();
        let passes: Vec<_> = (0..9).filter_map(|_| turnstile.enter().now_or_never()).collect();
        assert_eq!(passes.len(), 9);
    }

    #[test]
    fn one_at_a_time_gets_through_while_it_is_shut() {
        let turnstile = Turnstile::default();
        turnstile.set_shut(true);
        let probe = turnstile.enter().now_or_never();
        assert!(probe.is_some() && turnstile.enter().now_or_never().is_none());
        drop(probe);
        assert!(turnstile.enter().now_or_never().is_some());
    }

    #[test]
    fn whoever_waits_gets_through_when_it_opens() {
        let turnstile = Turnstile::default();
        turnstile.set_shut(true);
        let _probe = turnstile.enter().now_or_never();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(turnstile.enter())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        turnstile.set_shut(false);
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_some()));
    }
}
