//! What has been heard of one reply so far, and when: whoever made the call judges its silence by that, and keeps the
//! beginning of a reply that broke off.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Listener;
use super::masking::{Masks, Restoring};

/// Bytes of a token, for servers that send several at once: no tokenizer makes fewer of Korean, nor of English.
const BYTES_PER_TOKEN: usize = 4;

/// A reply while it is being written.
pub struct Heard<'a> {
    listener: &'a dyn Listener,
    /// When the server last said anything, in whatever call.
    server: &'a LastSign,
    so_far: Mutex<SoFar>,
    first: Notify,
}

/// When a server gave its last sign of life.
#[derive(Debug, Default)]
pub struct LastSign(Mutex<Option<Instant>>);

impl LastSign {
    /// It has said something.
    pub fn now(&self, now: Instant) {
        *locked(&self.0) = Some(now);
    }

    /// Whether it has said something since.
    pub fn is_after(&self, then: Instant) -> bool {
        locked(&self.0).is_some_and(|last| last > then)
    }
}

#[derive(Debug)]
struct SoFar {
    text: String,
    times: Times,
    /// Where something was hidden from the server, what puts it back.
    restoring: Option<Restoring>,
}

/// When a reply was heard.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub asked: Instant,
    pub first: Option<Instant>,
    /// The last sign of life.
    pub last: Instant,
    /// The longest silence between two of them.
    pub pause: Duration,
    /// How many events said something.
    pub tokens: u32,
    bytes: usize,
}

impl Times {
    /// Of a call that goes out now.
    pub fn from(now: Instant) -> Self {
        Self { asked: now, first: None, last: now, pause: Duration::ZERO, tokens: 0, bytes: 0 }
    }

    /// How long the first token took.
    pub fn to_first(&self) -> Option<Duration> {
        Some(self.first?.duration_since(self.asked))
    }

    /// How long each token took that came after the first, where the reply had so many, or as many as were heard.
    pub fn per_token(&self, tokens: Option<u64>) -> Option<Duration> {
        let later = tokens.and_then(|tokens| u32::try_from(tokens).ok()).unwrap_or(self.tokens).checked_sub(1)?;
        self.last.duration_since(self.first?).checked_div(later)
    }

    /// Whether at this pace `wanted` tokens are written in `whole`.
    pub fn keeps_pace(&self, now: Instant, whole: Duration, wanted: u32) -> bool {
        let written = usize::try_from(self.tokens).unwrap_or(usize::MAX).max(self.bytes / BYTES_PER_TOKEN);
        let took = now.duration_since(self.asked).max(Duration::from_millis(1));
        written as f64 * whole.div_duration_f64(took) >= f64::from(wanted)
    }
}

impl<'a> Heard<'a> {
    /// Of a call that goes out now.
    pub fn new(listener: &'a dyn Listener, server: &'a LastSign) -> Self {
        listener.begins();
        let so_far = SoFar { text: String::new(), times: Times::from(Instant::now()), restoring: None };
        Self { listener, server, so_far: Mutex::new(so_far), first: Notify::new() }
    }

    /// The server is asked now, or once more.
    pub fn begins(&self) {
        let mut so_far = locked(&self.so_far);
        if so_far.times.first.is_some() {
            self.listener.begins();
        }
        so_far.text.clear();
        so_far.times = Times::from(Instant::now());
        so_far.restoring.iter_mut().for_each(Restoring::begins);
    }

    /// The server was asked with something hidden, which the reply gets back.
    pub(super) fn puts_back(&self, masks: Arc<Masks>) {
        locked(&self.so_far).restoring = Some(Restoring::new(masks));
    }

    /// So many events said something, if only in the model's thoughts; `more` is what they add to the reply.
    pub fn hears(&self, more: &str, events: u32) {
        if events == 0 {
            return;
        }
        let now = Instant::now();
        let whole: Cow<'_, str>;
        {
            let mut so_far = locked(&self.so_far);
            whole = so_far.restoring.as_mut().map_or(Cow::Borrowed(more), |restoring| restoring.push(more).into());
            so_far.text.push_str(&whole);
            let times = &mut so_far.times;
            if times.first.is_some() {
                times.pause = times.pause.max(now.duration_since(times.last));
            }
            if times.first.is_none() {
                times.first = Some(now);
                self.first.notify_waiters();
            }
            times.last = now;
            times.tokens = times.tokens.saturating_add(events);
            times.bytes += more.len();
        }
        self.server.now(now);
        if !whole.is_empty() {
            self.listener.hears(&whole);
        }
    }

    /// Until the next reply begins.
    pub async fn first(&self) {
        self.first.notified().await;
    }

    pub fn times(&self) -> Times {
        locked(&self.so_far).times
    }

    /// The beginning of the reply.
    pub fn into_text(self) -> String {
        let SoFar { text, restoring, .. } = self.so_far.into_inner().unwrap_or_else(PoisonError::into_inner);
        text + &restoring.map(|restoring| restoring.rest()).unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what it hears; `|` where a reply begins.
    #[derive(Default)]
    struct Notes(Mutex<String>);

    impl Listener for Notes {
        fn begins(&self) {
            locked(&self.0).push('|');
        }
        fn hears(&self, more: &str) {
            locked(&self.0).push_str(more);
        }
    }

    const TICK: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn times_are_those_of_what_said_something() {
        let (notes, server) = (Notes::default(), LastSign::default());
        let started = Instant::now();
        let heard = Heard::new(&notes, &server);
        for (more, events, after) in [("", 0, 1), ("좋은", 1, 2), ("", 1, 1), (" 답변", 2, 4), ("", 0, 5)] {
            tokio::time::advance(TICK * after).await;
            heard.hears(more, events);
        }
        let times = heard.times();
        assert_eq!((times.to_first(), times.pause, times.tokens), (Some(TICK * 3), TICK * 4, 4));
        assert_eq!(times.last, started + TICK * 8);
        assert_eq!((times.per_token(None), times.per_token(Some(6))), (Some(TICK * 5 / 3), Some(TICK)));
        assert_eq!(times.per_token(Some(1)), None, "one token has none behind it");
        assert!(server.is_after(started + TICK * 7) && !server.is_after(started + TICK * 8));
        assert_eq!(*notes.0.lock().unwrap(), "|좋은 답변");
        assert_eq!(heard.into_text(), "좋은 답변");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_heard_before_a_reply_began_anew_is_no_part_of_it() {
        let (notes, server) = (Notes::default(), LastSign::default());
        let heard = Heard::new(&notes, &server);
        heard.begins();
        heard.hears("좋", 1);
        heard.begins();
        heard.hears("나", 1);
        assert_eq!(*notes.0.lock().unwrap(), "|좋|나", "a call in which nothing was heard began no reply");
        assert_eq!(heard.into_text(), "나");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pace_is_kept_where_what_is_worth_having_will_be_there_in_time() {
        let (notes, server) = (Notes::default(), LastSign::default());
        let heard = Heard::new(&notes, &server);
        tokio::time::advance(TICK * 10).await;
        heard.hears("하나둘", 20);
        let keeps = |wanted| heard.times().keeps_pace(Instant::now(), TICK * 20, wanted);
        assert!(keeps(40) && !keeps(41));
        heard.hears(&"x".repeat(400), 1);
        assert!(keeps(200) && !keeps(220), "whoever sends many tokens at once is known by its bytes");
    }
}
