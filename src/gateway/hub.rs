//! Where what is read from Kafka meets those who wait for it: callers and event streams.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use crate::events::record::RequestKind;
use crate::events::request::MemberId;
use crate::gateway::absence::Absences;
use crate::gateway::entry::{Entry, Role};
use crate::gateway::history::{Delivery, History, LastEvent, Limits, Place};
use crate::gateway::interview::{Answers, question_id};
use crate::gateway::millis;
use crate::gateway::progress::{Going, Progress};
use crate::gateway::requests::is_made_up;
use crate::gateway::waiting::Waiting;

/// Events that a slow stream may be behind before it is cut off; it comes back and says what it had last.
const STREAM_BUFFER: usize = 64;
/// Steps of progress that a slow stream may be behind before it loses the oldest; it has a buffer of its own, so that nothing else
/// is ever lost for its sake.
const PROGRESS_BUFFER: usize = 16;
/// Members with a channel before those are dropped to which nobody listens.
const CHANNELS: usize = 1_024;

/// How often what is too old is looked for: a tenth of how old it may be, within these.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(60);

/// What the gateway knows now.
pub struct Hub {
    known: Mutex<Known>,
    caught_up: watch::Sender<bool>,
    /// Told when something was taken in.
    news: watch::Sender<()>,
}

struct Known {
    history: History,
    waiting: Waiting,
    streams: HashMap<MemberId, Channel>,
    absences: Absences,
    going: Going,
}

/// What the open streams of one member listen to.
struct Channel {
    deliveries: broadcast::Sender<Delivery>,
    progress: broadcast::Sender<Arc<Progress>>,
}

impl Channel {
    fn open() -> Self {
        Self { deliveries: broadcast::Sender::new(STREAM_BUFFER), progress: broadcast::Sender::new(PROGRESS_BUFFER) }
    }

    fn has_listeners(&self) -> bool {
        self.deliveries.receiver_count() > 0
    }
}

/// An event stream: what was missed, and then what comes.
pub struct Subscription {
    pub missed: Vec<Delivery>,
    /// What was there when it began: nothing later has been told yet.
    pub had: LastEvent,
    pub coming: broadcast::Receiver<Delivery>,
    pub progress: broadcast::Receiver<Arc<Progress>>,
}

/// A caller's wait for an outcome; it ends when this is dropped.
pub struct Wait {
    hub: Arc<Hub>,
    member: MemberId,
    id: String,
    outcome: oneshot::Receiver<Arc<Entry>>,
    has_heard: bool,
}

impl Hub {
    /// Knows nothing yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        let known = Known {
            history: History::new(limits),
            waiting: Waiting::default(),
            streams: HashMap::new(),
            absences: Absences::new(Instant::now(), now()),
            going: Going::default(),
        };
        let (caught_up, news) = (watch::Sender::new(false), watch::Sender::new(()));
        Arc::new(Self { known: Mutex::new(known), caught_up, news })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a record from before this gateway was started.
    pub fn recall(&self, entry: Entry) {
        if is_made_up(entry.member) {
            return;
        }
        let mut known = self.known();
        known.going.learn(&entry);
        // Nobody is waiting or listening yet.
        let _ = known.history.remember(&Arc::new(entry), Place::ByTime, now());
    }

    /// Takes in a record that has just come, and tells whom it concerns.
    pub fn take_in(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let mut known = self.known();
        known.waiting.answer(&entry);
        // Nobody can ask for it, and there may be any number of them: they would push real members out.
        if is_made_up(entry.member) {
            return;
        }
        known.going.learn(&entry);
        let Some(delivery) = known.history.remember(&entry, Place::Last, now()) else { return };
        self.news.send_replace(());
        if let Some(stream) = known.streams.get(&entry.member)
            && stream.deliveries.send(delivery).is_err()
        {
            known.streams.remove(&entry.member);
        }
    }

    /// Takes in how far a request is, and tells those who listen now. Nobody is told of it later.
    pub fn tell(&self, progress: Progress) {
        let mut known = self.known();
        if known.going.is_news(&progress)
            && let Some(stream) = known.streams.get(&progress.member)
        {
            // A stream that has just ended misses nothing.
            let _ = stream.progress.send(Arc::new(progress));
        }
    }

    /// Whether the request has ended meanwhile: then nobody wants to know any more how far it was.
    pub fn is_over(&self, progress: &Progress) -> bool {
        self.known().going.is_over(progress)
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

    /// Forgets what is older than it may be, for as long as it is awaited.
    pub async fn forget_in_time(self: Arc<Self>, age: Duration) {
        let mut ticks = interval((age / 10).clamp(OFTEN, SELDOM));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.known().history.forget_old(now());
        }
    }

    /// Listens to a member's events: those after its last one, where it names one; else those since it was last
    /// listening, where that was not long ago; else the new ones only.
    pub fn subscribe(&self, member: MemberId, last: Option<LastEvent>) -> Subscription {
        let mut known = self.known();
        if known.streams.len() >= CHANNELS {
            known.streams.retain(|_, stream| stream.has_listeners());
        }
        let is_here = known.streams.get(&member).is_some_and(Channel::has_listeners);
        // Whoever is here already, in another tab, has been told.
        let last = last.or_else(|| if is_here { None } else { known.absences.back(member, Instant::now()) });
        let missed = last.as_ref().map(|last| known.history.after(member, last)).unwrap_or_default();
        let newest = known.history.last(member).map_or_else(|| LastEvent::at(0), |entry| LastEvent::of(entry));
        let had = last.filter(|_| !missed.is_empty()).unwrap_or(newest);
        let stream = known.streams.entry(member).or_insert_with(Channel::open);
        let (coming, progress) = (stream.deliveries.subscribe(), stream.progress.subscribe());
        Subscription { missed, had, coming, progress }
    }

    /// A stream of this member ended, which had told everything up to `had`.
    pub fn leave(&self, member: MemberId, had: LastEvent) {
        let mut known = self.known();
        let is_here = known.streams.get(&member).is_some_and(Channel::has_listeners);
        if !is_here {
            known.streams.remove(&member);
            known.absences.leave(member, had, Instant::now());
        }
    }

    /// An outcome reached its member, by a reply or an event.
    pub fn show(&self, outcome: &Entry) {
        let Role::Outcome { id, .. } = &outcome.role else { return };
        self.known().history.told(outcome.member).into_iter().for_each(|told| told.show(id));
    }

    /// What an answer of this member that names no question is an answer to; waits for an interview that is only
    /// beginning.
    pub async fn answers(&self, member: MemberId) -> Answers {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            match self.known().history.answers(member) {
                Answers::Coming => {}
                known => return known,
            }
            // The sender lives as long as this.
            let _ = news.changed().await;
        }
    }

    /// The step of the member's interview that came after the question `answered`; waits for it, since the worker's
    /// outcomes come by several topics. Without `answered`, whatever is known now.
    pub async fn standing_after(&self, member: MemberId, answered: Option<Uuid>) -> Option<Arc<Entry>> {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            let standing = self.known().history.standing(member);
            let is_later = |step: &Arc<Entry>| question_id(step).is_none_or(|id| Some(id) != answered);
            if answered.is_none() || standing.as_ref().is_some_and(is_later) {
                return standing;
            }
            // The sender lives as long as this.
            let _ = news.changed().await;
        }
    }

    /// Waits for the outcome of a request that is not sent yet.
    pub fn wait(self: &Arc<Self>, member: MemberId, id: &str, kind: RequestKind) -> Wait {
        let outcome = self.known().waiting.add(member, id, kind);
        Wait { hub: self.clone(), member, id: id.to_owned(), outcome, has_heard: false }
    }

    /// Waits as [`Self::wait`] does, for a request whose member hears of its outcome by events.
    pub fn follow(self: &Arc<Self>, member: MemberId, id: &str, kind: RequestKind) -> Wait {
        let mut wait = self.wait(member, id, kind);
        wait.has_heard = true;
        wait
    }

    /// How many members are remembered, and how many bytes of them.
    pub fn remembered(&self) -> (usize, usize) {
        self.known().history.size()
    }

    /// Whether this document belongs to a résumé that is remembered.
    pub fn has_document(&self, key: &str) -> bool {
        self.known().history.has_document(key)
    }
}

impl Wait {
    /// The outcome.
    pub async fn outcome(&mut self) -> Option<Arc<Entry>> {
        let outcome = (&mut self.outcome).await.ok();
        self.has_heard |= outcome.is_some();
        outcome
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.outcome.close();
        let mut known = self.hub.known();
        known.waiting.tidy(self.member, &self.id);
        if !self.has_heard {
            known.history.told(self.member).into_iter().for_each(|told| told.leave(&self.id));
        }
    }
}

fn now() -> i64 {
    millis(OffsetDateTime::now_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::samples;
    use crate::gateway::entry::tests::{outcome, seen, topics};
    use crate::gateway::progress::tests::progress;

    fn feedback(millis: i64, id: &str) -> Entry {
        outcome(&samples::feedback(), millis, id, "r")
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
        let mut stream = hub.subscribe(member(), LastEvent::parse("1-a"));
        hub.take_in(feedback(3, "c"));
        assert_eq!(stream.missed.iter().map(|delivery| delivery.entry.millis).collect::<Vec<_>>(), [2]);
        assert_eq!(stream.coming.recv().await.unwrap().entry.millis, 3);
    }

    /// Question number `number`, which came at that moment.
    fn question(millis: i64, number: u32) -> Entry {
        outcome(&samples::question(number), millis, &format!("q{number}"), &format!("r-q{number}"))
    }

    #[tokio::test]
    async fn the_step_after_a_question_is_waited_for() {
        let hub = Hub::new(Limits::default());
        hub.take_in(question(1, 1));
        assert_eq!(hub.standing_after(member(), None).await.unwrap().millis, 1);
        let mut next = std::pin::pin!(hub.standing_after(member(), Some(samples::question_id(1))));
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        hub.take_in(feedback(2, "f"));
        assert!(futures_util::poll!(next.as_mut()).is_pending());
        hub.take_in(question(3, 2));
        assert_eq!(next.await.unwrap().millis, 3);
    }

    #[tokio::test]
    async fn a_caller_that_goes_without_its_outcome_was_not_shown_it() {
        let hub = Hub::new(Limits::default());
        hub.take_in(question(1, 1));
        drop(hub.wait(member(), "r-q2", RequestKind::ResumeAnswer));
        hub.take_in(question(2, 2));
        assert_eq!(hub.answers(member()).await, Answers::Question(samples::question_id(1)));
        let mut again = hub.wait(member(), "r-q3", RequestKind::ResumeAnswer);
        hub.take_in(question(3, 3));
        assert!(again.outcome().await.is_some());
        drop(again);
        assert_eq!(hub.answers(member()).await, Answers::Question(samples::question_id(3)));
    }

    #[tokio::test]
    async fn who_was_away_is_told_what_came_meanwhile_and_who_is_here_is_not() {
        let hub = Hub::new(Limits::default());
        let first = hub.subscribe(member(), None);
        hub.take_in(feedback(1, "a"));
        drop(first.coming);
        hub.leave(member(), first.had);
        hub.take_in(feedback(2, "b"));
        let back = hub.subscribe(member(), None);
        assert_eq!(back.missed.len(), 2, "the stream ended before it had told anything");
        assert_eq!(hub.subscribe(member(), None).missed, [], "another tab");
        // The tab is gone, and the stream has told all but the last.
        hub.take_in(feedback(3, "c"));
        hub.leave(member(), LastEvent::of(&back.missed[1].entry));
        assert_eq!(hub.subscribe(member(), None).missed, [], "the stream is still open");
        drop(back.coming);
        hub.leave(member(), LastEvent::of(&back.missed[1].entry));
        let missed = hub.subscribe(member(), None).missed;
        assert_eq!(missed.iter().map(|delivery| delivery.entry.millis).collect::<Vec<_>>(), [3]);
    }

    #[tokio::test]
    async fn a_member_that_nobody_has_is_answered_and_not_remembered() {
        let hub = Hub::new(Limits::default());
        let value = r#"{"memberId":4611686018427387904,"feedback":"."}"#;
        let entry = || {
            let headers = [("ce_id", "a"), ("ce_subject", "4611686018427387904"), ("ce_causationid", "r")];
            Entry::read(seen("FeedbackGenerated", 1, value, &headers), &topics()).unwrap()
        };
        hub.recall(entry());
        let mut wait = hub.wait(MemberId::new(1 << 62).unwrap(), "r", RequestKind::FeedbackRequested);
        hub.take_in(entry());
        assert!(wait.outcome().await.is_some());
        assert_eq!(hub.remembered(), (0, 0));
        hub.take_in(feedback(1, "a"));
        assert_eq!(hub.remembered().0, 1);
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

    #[tokio::test]
    async fn progress_is_told_to_the_members_open_streams_alone_and_never_after_the_outcome() {
        let hub = Hub::new(Limits::default());
        hub.tell(progress("r", 100, "a"));
        let mut stream = hub.subscribe(member(), LastEvent::parse("0"));
        let mut other = hub.subscribe(MemberId::new(8).unwrap(), None);
        assert!(stream.missed.is_empty() && stream.progress.try_recv().is_err(), "nothing is told later");
        hub.tell(progress("r", 90, "a"));
        hub.tell(progress("r", 200, "ab"));
        assert_eq!(stream.progress.try_recv().unwrap().said.sequence, 200);
        hub.tell(progress("r", 300, "abc"));
        hub.take_in(feedback(400, "f"));
        hub.tell(progress("r", 500, "abcd"));
        let late = stream.progress.try_recv().unwrap();
        assert!(late.said.sequence == 300 && hub.is_over(&late));
        assert!(stream.progress.try_recv().is_err() && other.progress.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_slow_stream_loses_progress_before_it_loses_an_outcome() {
        let hub = Hub::new(Limits::default());
        let mut slow = hub.subscribe(member(), None);
        hub.take_in(feedback(1, "a"));
        for sequence in 0..1_000 {
            hub.tell(progress("s", sequence, "a"));
        }
        assert_eq!(slow.coming.recv().await.unwrap().entry.millis, 1);
        assert!(matches!(slow.progress.recv().await, Err(broadcast::error::RecvError::Lagged(_))));
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
