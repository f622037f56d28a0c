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
        GroupSlots { slots: self.clone(), begun: Arc::new(Semaphore::new(self.max)) }
    }
}

/// A group's share of the slots. However many of its requests step aside, it has not begun more than may be in work at
/// once, and others go on.
#[derive(Debug)]
pub struct GroupSlots {
    slots: Arc<Slots>,
    begun: Arc<Semaphore>,
}

impl GroupSlots {
    /// How many requests the group may have begun.
    pub fn max(&self) -> usize {
        self.slots.max
    }

    /// A slot, if one is free now and nobody waits for it.
    pub fn try_acquire(&self) -> Option<Slot> {
        let begun = self.begun.clone().try_acquire_owned().ok()?;
        let in_work = self.slots.in_work.clone().try_acquire_owned().ok()?;
        Some(Slot { slots: self.slots.clone(), in_work: Some(in_work), begun: Some(begun) })
    }

    /// Waits for a slot.
    pub fn acquire(&self) -> impl Future<Output = Slot> + Send + use<> {
        let (slots, begun) = (self.slots.clone(), self.begun.clone());
        async move {
            let begun = Some(permit(&begun).await);
            let in_work = Some(permit(&slots.in_work).await);
            Slot { slots, in_work, begun }
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

/// One request's slot; free again when it is released or dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    in_work: Option<OwnedSemaphorePermit>,
    begun: Option<OwnedSemaphorePermit>,
}

impl Slot {
    /// Lets another request work for as long as `waiting` takes, then waits to work again.
    pub async fn aside<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        self.in_work = None;
        let result = waiting.await;
        self.in_work = Some(permit(&self.slots.in_work).await);
        result
    }

    /// The work is done.
    pub fn release(&mut self) {
        (self.in_work, self.begun) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::{Either, select};

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
    async fn who_steps_aside_makes_room_for_another_group_alone() {
        let slots = Slots::new(1);
        let (one, other) = (slots.of_group(), slots.of_group());
        let mut slot = one.try_acquire().unwrap();
        let meanwhile = async { (one.try_acquire().is_none(), other.try_acquire().is_some()) };
        assert_eq!(slot.aside(meanwhile).await, (true, true));
    }

    #[tokio::test]
    async fn who_stepped_aside_waits_for_a_slot_again() {
        let slots = Slots::new(1);
        let (one, other) = (slots.of_group(), slots.of_group());
        let mut slot = one.try_acquire().unwrap();
        let (aside, acquiring) =
            (std::pin::pin!(slot.aside(tokio::task::yield_now())), std::pin::pin!(other.acquire()));
        let Either::Right((acquired, mut aside)) = select(aside, acquiring).await else { panic!("the slot was free") };
        assert!(aside.as_mut().now_or_never().is_none());
        drop(acquired);
        aside.await;
    }

    #[test]
    fn a_slot_that_is_released_makes_room_for_its_own_group() {
        let group = Slots::new(1).of_group();
        let mut slot = group.try_acquire().unwrap();
        assert!(group.try_acquire().is_none());
        slot.release();
        assert!(group.try_acquire().is_some());
    }
}
