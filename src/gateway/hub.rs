//! Where what is read from Kafka meets those who wait for it: callers and event streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, oneshot, watch};

use crate::events::record::RequestKind;
use crate::events::request::MemberId;
use crate::gateway::entry::Entry;
use crate::gateway::history::{Delivery, History, LastEvent, Limits, Place};
use crate::gateway::waiting::Waiting;

/// Events that a slow stream may be behind before it is cut off; it comes back and says what it had last.
const STREAM_BUFFER: usize = 64;
/// Members with a channel before those are dropped to which nobody listens.
const CHANNELS: usize = 1_024;

/// What the gateway knows now.
pub struct Hub {
    known: Mutex<Known>,
    caught_up: watch::Sender<bool>,
}

struct Known {
    history: History,
    waiting: Waiting,
    streams: HashMap<MemberId, broadcast::Sender<Delivery>>,
}

/// An event stream: what was missed, and then what comes.
pub struct Subscription {
    pub missed: Vec<Delivery>,
    pub coming: broadcast::Receiver<Delivery>,
}

/// A caller's wait for an outcome; it ends when this is dropped.
pub struct Wait {
    hub: Arc<Hub>,
    member: MemberId,
    id: String,
    outcome: oneshot::Receiver<Arc<Entry>>,
}

impl Hub {
    /// Knows nothing yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        let known = Known { history: History::new(limits), waiting: Waiting::default(), streams: HashMap::new() };
        Arc::new(Self { known: Mutex::new(known), caught_up: watch::Sender::new(false) })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a record from before this gateway was started.
    pub fn recall(&self, entry: Entry) {
        // Nobody is waiting or listening yet.
        let _ = self.known().history.remember(&Arc::new(entry), Place::ByTime);
    }

    /// Takes in a record that has just come, and tells whom it concerns.
    pub fn take_in(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let mut known = self.known();
        known.waiting.answer(&entry);
        let Some(delivery) = known.history.remember(&entry, Place::Last) else { return };
        if let Some(stream) = known.streams.get(&entry.member)
            && stream.send(delivery).is_err()
        {
            known.streams.remove(&entry.member);
        }
    }

    /// From now on what is known is complete.
    pub fn set_caught_up(&self) {
        self.caught_up.send_replace(true);
    }

    /// Whether the past has been read.
    pub fn is_caught_up(&self) -> bool {
        *self.caught_up.borrow()
    }

    /// Done when the past has been read.
    pub async fn caught_up(&self) {
        // The sender lives as long as this.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }

    /// Listens to a member's events; without a last event to the new ones only.
    pub fn subscribe(&self, member: MemberId, last: Option<&LastEvent>) -> Subscription {
        let mut known = self.known();
        if known.streams.len() >= CHANNELS {
            known.streams.retain(|_, stream| stream.receiver_count() > 0);
        }
        let missed = last.map(|last| known.history.after(member, last)).unwrap_or_default();
        let stream = known.streams.entry(member).or_insert_with(|| broadcast::Sender::new(STREAM_BUFFER));
        Subscription { missed, coming: stream.subscribe() }
    }

    /// Waits for the outcome of a request that is not sent yet.
    pub fn wait(self: &Arc<Self>, member: MemberId, id: &str, kind: RequestKind) -> Wait {
        let outcome = self.known().waiting.add(member, id, kind);
        Wait { hub: self.clone(), member, id: id.to_owned(), outcome }
    }

    /// Whether this document belongs to a résumé that is remembered.
    pub fn has_document(&self, key: &str) -> bool {
        self.known().history.has_document(key)
    }
}

impl Wait {
    /// The outcome.
    pub async fn outcome(&mut self) -> Option<Arc<Entry>> {
        (&mut self.outcome).await.ok()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.outcome.close();
        self.hub.known().waiting.tidy(self.member, &self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::entry::tests::outcome;

    fn feedback(millis: i64, id: &str) -> Entry {
        outcome("FeedbackGenerated", millis, id, "r", r#"{"feedback":"."}"#)
    }

    fn member() -> MemberId {
        MemberId::new(7).unwrap()
    }

    #[tokio::test]
    async fn a_repeat_answers_who_asked_again_and_is_no_event() {
        let hub = Hub::new(Limits::default());
        hub.recall(feedback(1, "a"));
        let mut stream = hub.subscribe(member(), None);
        let mut wait = hub.wait(member(), "r", RequestKind::FeedbackRequested);
        hub.take_in(feedback(2, "a"));
        assert_eq!(wait.outcome().await.unwrap().millis, 2);
        assert_eq!(stream.missed, []);
        assert!(stream.coming.try_recv().is_err());
        hub.take_in(feedback(3, "b"));
        assert_eq!(stream.coming.try_recv().unwrap().entry.millis, 3);
    }

    #[tokio::test]
    async fn nothing_is_between_what_was_missed_and_what_comes() {
        let hub = Hub::new(Limits::default());
        hub.take_in(feedback(1, "a"));
        hub.take_in(feedback(2, "b"));
        let mut stream = hub.subscribe(member(), LastEvent::parse("1-a").as_ref());
        hub.take_in(feedback(3, "c"));
        assert_eq!(stream.missed.iter().map(|delivery| delivery.entry.millis).collect::<Vec<_>>(), [2]);
        assert_eq!(stream.coming.recv().await.unwrap().entry.millis, 3);
    }

    #[tokio::test]
    async fn a_slow_stream_is_cut_off_and_holds_nobody_up() {
        let hub = Hub::new(Limits::default());
        let mut slow = hub.subscribe(member(), None);
        for millis in 0..1_000 {
            hub.take_in(feedback(millis, &format!("id{millis}")));
        }
        assert!(matches!(slow.coming.recv().await, Err(broadcast::error::RecvError::Lagged(_))));
    }

    #[test]
    fn who_gives_up_and_who_hangs_up_leave_nothing_behind() {
        let hub = Hub::new(Limits::default());
        drop(hub.wait(member(), "r", RequestKind::FeedbackRequested));
        assert!(format!("{:?}", hub.known().waiting).contains("callers: {}"));
        drop(hub.subscribe(member(), None));
        hub.take_in(feedback(1, "a"));
        assert!(hub.known().streams.is_empty());
    }
}
