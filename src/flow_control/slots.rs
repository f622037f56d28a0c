//! Slots, a concurrency limit: how many requests are in work at once, over all groups and flows.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A concurrency limit: at most so many requests are in work at once, first come, first served.
#[derive(Debug)]
pub struct Slots {
    in_work: Arc<Semaphore>,
    max: usize,
}

impl Slots {
    /// At most `max` requests in work at once.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { in_work: Arc::new(Semaphore::new(max)), max })
    }

    /// Requests in work.
    pub fn in_work(&self) -> usize {
        self.max.saturating_sub(self.in_work.available_permits())
    }

    /// What one group takes its slots from.
    pub fn of_group(self: &Arc<Self>) -> GroupSlots {
        GroupSlots { slots: self.clone(), first: Arc::new(Semaphore::new(1)) }
    }
}

/// A group's way to the slots. Its requests queue for them first come, first served, and only the first of them stands
/// among the firsts of the other groups: however many of one group wait, the others get every other slot.
#[derive(Clone, Debug)]
pub struct GroupSlots {
    slots: Arc<Slots>,
    /// Held by the first of the group's queue.
    first: Arc<Semaphore>,
}

impl GroupSlots {
    /// How many requests may be in work at once, over all groups.
    pub fn max(&self) -> usize {
        self.slots.max
    }

    /// A slot, if one is free now and nobody waits for it.
    pub fn try_acquire(&self) -> Option<Slot> {
        let _first = self.first.try_acquire().ok()?;
        self.slots.in_work.clone().try_acquire_owned().ok().map(Slot)
    }

    /// Waits for a slot. Cancel safe: a dropped future gives its place in the queue up.
    pub fn acquire(&self) -> impl Future<Output = Slot> + Send + use<> {
        let (slots, first) = (self.slots.clone(), self.first.clone());
        async move {
            let _first = permit(&first).await;
            Slot(permit(&slots.in_work).await)
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_owned().await {
        Ok(permit) => permit,
        // Only a closed semaphore says this, and nobody closes it.
        Err(_) => std::future::pending().await,
    }
}

/// One request's slot; free again when it is dropped.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn at_most_so_many_are_in_work() {
        let slots = Slots::new(2);
        let (one, other) = (slots.of_group(), slots.of_group());
        let (first, _second) = (one.try_acquire().unwrap(), other.try_acquire().unwrap());
        assert_eq!((one.try_acquire().is_none(), slots.in_work()), (true, 2));
        let mut waiting = std::pin::pin!(other.acquire());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await;
    }

    #[tokio::test]
    async fn however_many_of_one_group_wait_the_other_is_next_but_one() {
        let slots = Slots::new(1);
        let (many, few) = (slots.of_group(), slots.of_group());
        let in_work = many.try_acquire().unwrap();
        let mut waiting: Vec<_> = (0..9).map(|_| Box::pin(many.acquire())).collect();
        assert!(waiting.iter_mut().all(|one| one.as_mut().now_or_never().is_none()));
        let mut other = Box::pin(few.acquire());
        assert!(other.as_mut().now_or_never().is_none() && few.try_acquire().is_none());
        drop(in_work);
        let first = waiting[0].as_mut().now_or_never();
        assert!(first.is_some() && waiting[1].as_mut().now_or_never().is_none());
        drop(first);
        assert!(other.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_is_in_nobodys_way() {
        let group = Slots::new(1).of_group();
        let in_work = group.try_acquire();
        let mut waiting = Box::pin(group.acquire());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop((waiting, in_work));
        assert!(group.try_acquire().is_some());
    }
}
