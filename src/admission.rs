//! How many requests are in work at once, over all groups and flows.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets at most so many requests into work at once, first come, first served.
#[derive(Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    max: usize,
}

/// A place in work; free again when dropped.
pub type Permit = OwnedSemaphorePermit;

impl Admission {
    /// Lets at most `max` requests into work at once.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(max)), max })
    }

    /// How many requests may be in work at once.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Requests in work.
    pub fn in_work(&self) -> usize {
        self.max.saturating_sub(self.places.available_permits())
    }

    /// A place, if there is one now and nobody waits for it.
    pub fn try_admit(&self) -> Option<Permit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Waits for a place.
    pub async fn admit(self: Arc<Self>) -> Permit {
        match self.places.clone().acquire_owned().await {
            Ok(permit) => permit,
            // Only a closed semaphore says this, and nobody closes it.
            Err(_) => std::future::pending().await,
        }
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

    /// Gives up its place for as long as `waiting` takes, then waits for a place again.
    pub async fn aside<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        self.permit = None;
        let result = waiting.await;
        self.permit = Some(self.admission.clone().admit().await);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::{Either, select};

    #[tokio::test]
    async fn at_most_so_many_are_in_work() {
        let admission = Admission::new(2);
        let (first, _second) = (admission.try_admit().unwrap(), admission.try_admit().unwrap());
        assert_eq!((admission.try_admit().is_none(), admission.in_work()), (true, 2));
        let mut waiting = std::pin::pin!(admission.clone().admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        drop(waiting.await);
    }

    #[tokio::test]
    async fn who_steps_aside_frees_its_place() {
        let admission = Admission::new(1);
        let mut turn = Turn::new(admission.clone(), admission.try_admit().unwrap());
        let (aside, other) = (std::pin::pin!(turn.aside(tokio::task::yield_now())), std::pin::pin!(admission.admit()));
        assert!(matches!(select(aside, other).await, Either::Right(_)));
    }
}
