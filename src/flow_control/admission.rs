//! How many requests are in work at once, over all groups and flows.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets at most so many requests into work at once, first come, first served.
#[derive(Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    max: usize,
}

impl Admission {
    /// Lets at most `max` requests into work at once.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(max)), max })
    }

    /// Requests in work.
    pub fn in_work(&self) -> usize {
        self.max.saturating_sub(self.places.available_permits())
    }

    /// The way in for one group.
    pub fn entrance(self: &Arc<Self>) -> Entrance {
        Entrance { admission: self.clone(), begun: Arc::new(Semaphore::new(self.max)) }
    }
}

/// A group's way into work. However many of its requests step aside, it has not begun more than may be in work at once,
/// and others go on.
#[derive(Debug)]
pub struct Entrance {
    admission: Arc<Admission>,
    begun: Arc<Semaphore>,
}

impl Entrance {
    /// How many requests the group may have begun.
    pub fn max(&self) -> usize {
        self.admission.max
    }

    /// Lets a request in, if there is a place now and nobody waits for it.
    pub fn try_enter(&self) -> Option<Turn> {
        let begun = self.begun.clone().try_acquire_owned().ok()?;
        let place = self.admission.places.clone().try_acquire_owned().ok()?;
        Some(Turn { admission: self.admission.clone(), place: Some(place), begun: Some(begun) })
    }

    /// Waits to be let in.
    pub fn enter(&self) -> impl Future<Output = Turn> + Send + use<> {
        let (admission, begun) = (self.admission.clone(), self.begun.clone());
        async move {
            let begun = Some(permit(&begun).await);
            let place = Some(permit(&admission.places).await);
            Turn { admission, place, begun }
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

/// One request's place in work; free again when it ends or is dropped.
#[derive(Debug)]
pub struct Turn {
    admission: Arc<Admission>,
    place: Option<OwnedSemaphorePermit>,
    begun: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Gives up the place for as long as `waiting` takes, then waits for a place again.
    pub async fn aside<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        self.place = None;
        let result = waiting.await;
        self.place = Some(permit(&self.admission.places).await);
        result
    }

    /// The work is done.
    pub fn end(&mut self) {
        (self.place, self.begun) = (None, None);
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
        let (one, other) = (admission.entrance(), admission.entrance());
        let (first, _second) = (one.try_enter().unwrap(), other.try_enter().unwrap());
        assert_eq!((one.try_enter().is_none(), admission.in_work()), (true, 2));
        let mut waiting = std::pin::pin!(other.enter());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await;
    }

    #[tokio::test]
    async fn who_steps_aside_makes_room_for_another_group_alone() {
        let admission = Admission::new(1);
        let (one, other) = (admission.entrance(), admission.entrance());
        let mut turn = one.try_enter().unwrap();
        let meanwhile = async { (one.try_enter().is_none(), other.try_enter().is_some()) };
        assert_eq!(turn.aside(meanwhile).await, (true, true));
    }

    #[tokio::test]
    async fn who_stepped_aside_waits_for_a_place_again() {
        let admission = Admission::new(1);
        let (one, other) = (admission.entrance(), admission.entrance());
        let mut turn = one.try_enter().unwrap();
        let (aside, entering) = (std::pin::pin!(turn.aside(tokio::task::yield_now())), std::pin::pin!(other.enter()));
        let Either::Right((entered, mut aside)) = select(aside, entering).await else { panic!("the place was free") };
        assert!(aside.as_mut().now_or_never().is_none());
        drop(entered);
        aside.await;
    }

    #[test]
    fn a_turn_that_ends_makes_room_for_its_own_group() {
        let entrance = Admission::new(1).entrance();
        let mut turn = entrance.try_enter().unwrap();
        assert!(entrance.try_enter().is_none());
        turn.end();
        assert!(entrance.try_enter().is_some());
    }
}
