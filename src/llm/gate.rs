//! How many calls go to the model at once: the one place that decides it, for both flows.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets a limited number of calls out at once, in the order in which they came.
#[derive(Debug)]
pub struct Gate {
    size: usize,
    free: Semaphore,
}

/// The right to have one call out; given back on drop.
#[derive(Debug)]
pub struct Pass<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Gate {
    /// A gate for `size` calls, at least one.
    pub fn new(size: usize) -> Self {
        let size = size.clamp(1, Semaphore::MAX_PERMITS);
        Self { size, free: Semaphore::new(size) }
    }

    /// Waits for a turn. Cancel safe: a dropped future gives its place up.
    pub async fn enter(&self) -> Pass<'_> {
        // An error means that the semaphore was closed, which nothing here does.
        Pass { _permit: self.free.acquire().await.ok() }
    }

    /// How many calls may be out at once.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many calls are out now.
    pub fn out(&self) -> usize {
        self.size.saturating_sub(self.free.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn no_more_calls_are_out_than_its_size() {
        let gate = Gate::new(2);
        let first = gate.enter().await;
        let _second = gate.enter().await;
        assert_eq!((gate.size(), gate.out()), (2, 2));
        assert!(gate.enter().now_or_never().is_none());
        drop(first);
        assert_eq!(gate.out(), 1);
        assert!(gate.enter().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_gate_is_never_shut_for_good() {
        let gate = Gate::new(0);
        assert!(gate.enter().now_or_never().is_some());
        assert_eq!(Gate::new(usize::MAX).out(), 0);
    }
}
