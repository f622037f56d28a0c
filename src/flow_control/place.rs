//! A record's place: a slot while it can go on, and nothing while it has to wait. So who waits for a lock, a model or a
//! store takes no place from who can go on without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::progress::Progress;
use super::reach::Reach;
use super::slots::{GroupSlots, Slot};

/// The record's partition has moved, or the worker stops, and nothing of the record is in hand that would be lost: it is
/// left to whoever reads it next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftToTheNext;

/// For how long a partition is ours to wait with. It ends when the partition is let go, or its log is gone.
#[derive(Debug, Default)]
pub struct Tenure(CancellationToken);

impl Tenure {
    /// Cancelled when it ends.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }

    pub fn end(&self) {
        self.0.cancel();
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where one record stands; its clones are the same place.
#[derive(Clone, Debug)]
pub struct Place {
    standing: Arc<Standing>,
    reach: Reach,
}

#[derive(Debug)]
struct Standing {
    slots: GroupSlots,
    slot: Mutex<Option<Slot>>,
    tenure: CancellationToken,
    progress: Arc<dyn Progress>,
}

impl Place {
    /// In a slot, for as long as the record is ours; it tells of itself through `progress`.
    pub fn new(slots: GroupSlots, slot: Slot, tenure: CancellationToken, progress: Arc<dyn Progress>) -> Self {
        progress.goes_on();
        let standing = Arc::new(Standing { slots, slot: Mutex::new(Some(slot)), tenure, progress });
        Self { standing, reach: Reach::default() }
    }

    /// The same, of a record that may be sent so far.
    #[must_use]
    pub fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }

    /// How far what the record holds may be sent.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// What the record's request tells of how far it is.
    pub fn progress(&self) -> &dyn Progress {
        self.standing.progress.as_ref()
    }

    /// Cancelled when the record is no longer ours to wait with.
    pub fn tenure(&self) -> &CancellationToken {
        &self.standing.tenure
    }

    /// Makes room: what is left to do is for nobody to wait for.
    pub fn give_up_slot(&self) {
        if self.slot().take().is_some() {
            self.standing.progress.waits();
        }
    }

    /// Waits for what costs nothing when it is left to the next owner.
    ///
    /// # Errors
    /// [`LeftToTheNext`] as soon as it is.
    pub async fn wait<T>(&self, needed: impl Future<Output = T>) -> Result<T, LeftToTheNext> {
        tokio::select! {
            biased;
            () = self.standing.tenure.cancelled() => Err(LeftToTheNext),
            done = needed => Ok(done),
        }
    }

    /// Takes a slot again, if it was given up.
    ///
    /// # Errors
    /// [`LeftToTheNext`] if the record is left before there is one.
    pub async fn take_slot(&self) -> Result<(), LeftToTheNext> {
        self.wait(self.take_slot_for_good()).await
    }

    /// The same, for who goes on even if the record is no longer ours. Cancel safe.
    pub async fn take_slot_for_good(&self) {
        if self.slot().is_none() {
            let slot = self.standing.slots.acquire().await;
            *self.slot() = Some(slot);
            self.standing.progress.goes_on();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Slot>> {
        self.standing.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Place {
    /// In the only slot that there is.
    pub fn only() -> Self {
        let group = super::slots::Slots::new(1).of_group();
        let slot = group.try_acquire().expect("a slot of its own");
        Self::new(group, slot, CancellationToken::new(), Arc::new(()))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::slots::Slots;
    use super::*;

    #[tokio::test]
    async fn who_waits_without_a_slot_makes_room_and_queues_again() {
        let group = Slots::new(1).of_group();
        let place = Place::new(group.clone(), group.acquire().await, CancellationToken::new(), Arc::new(()));
        assert!(group.try_acquire().is_none());
        place.give_up_slot();
        let other = group.try_acquire();
        assert!(other.is_some() && place.take_slot().now_or_never().is_none());
        drop(other);
        assert_eq!(place.take_slot().await, Ok(()));
        assert!(group.try_acquire().is_none());
    }

    #[tokio::test]
    async fn a_record_is_left_as_soon_as_it_is_no_longer_ours() {
        let (group, tenure) = (Slots::new(1).of_group(), CancellationToken::new());
        let place = Place::new(group.clone(), group.acquire().await, tenure.clone(), Arc::new(()));
        assert_eq!(place.wait(async { 7 }).await, Ok(7));
        place.give_up_slot();
        let _other = group.acquire().await;
        tenure.cancel();
        assert_eq!(place.wait(std::future::pending::<()>()).await, Err(LeftToTheNext));
        assert_eq!(place.take_slot().await, Err(LeftToTheNext));
    }
}
