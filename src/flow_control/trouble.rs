//! What keeps work from going on (a passive health check): operations that wait for a neighbour are noted here, and
//! readiness looks here first. A neighbour that answers a ping need not do what it is asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep};

/// How long an operation may wait before its neighbour counts as away.
pub const LASTING: Duration = Duration::from_secs(5);
/// Stands before since when the work waits.
pub const SINCE: &str = " (work waits since ";
/// How often the operations are looked at.
const LOOK: Duration = Duration::from_millis(500);

/// The operations that wait for one neighbour.
#[derive(Debug)]
pub struct Trouble {
    /// Which settings to look at.
    settings: &'static str,
    operations: Mutex<Operations>,
}

#[derive(Debug, Default)]
struct Operations {
    next: u64,
    /// By when they began.
    waiting: BTreeMap<(Instant, u64), Operation>,
}

#[derive(Debug)]
struct Operation {
    /// Why it is not done yet, as far as is known.
    reason: Option<String>,
    /// When it counts as given up, unless it is heard of again.
    until: Option<Instant>,
}

/// An operation that is not done; dropped when it is, or when it was given up.
#[derive(Debug)]
pub struct Waiting {
    trouble: Arc<Trouble>,
    at: (Instant, u64),
}

impl Trouble {
    /// No operation waits; when one does for long, a person may have to look at these settings.
    pub fn new(settings: &'static str) -> Arc<Self> {
        Arc::new(Self { settings, operations: Mutex::default() })
    }

    /// An operation begins.
    pub fn enter(self: &Arc<Self>) -> Waiting {
        self.enter_since(Instant::now())
    }

    /// An operation that began some time ago.
    pub fn enter_since(self: &Arc<Self>, began: Instant) -> Waiting {
        let mut operations = self.operations();
        let at = (began, operations.next);
        operations.next += 1;
        operations.waiting.insert(at, Operation { reason: None, until: None });
        Waiting { trouble: self.clone(), at }
    }

    /// How many operations are not done.
    pub fn waiting(&self) -> usize {
        let now = Instant::now();
        self.operations().waiting.values().filter(|operation| operation.counts(now)).count()
    }

    /// For how long the oldest of them has waited.
    pub fn oldest(&self) -> Duration {
        let now = Instant::now();
        self.operations().oldest(now).map_or(Duration::ZERO, |(began, _)| now.duration_since(began))
    }

    /// What is wrong, if an operation has waited for [`LASTING`]: since when, why, and where to look.
    pub fn lasting(&self) -> Option<String> {
        let now = Instant::now();
        let operations = self.operations();
        let (began, reason) = operations.oldest(now)?;
        let waited = now.duration_since(began);
        if waited < LASTING {
            return None;
        }
        let since = (OffsetDateTime::now_utc() - waited).truncate_to_second().format(&Rfc3339).unwrap_or_default();
        let reason = reason.unwrap_or("no answer");
        Some(format!("{reason}{SINCE}{since}; see {})", self.settings))
    }

    /// Waits until there is [lasting](Self::lasting) trouble.
    pub async fn lasts(&self) {
        while self.lasting().is_none() {
            sleep(LOOK).await;
        }
    }

    fn operations(&self) -> MutexGuard<'_, Operations> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operations {
    fn oldest(&self, now: Instant) -> Option<(Instant, Option<&str>)> {
        let (at, operation) = self.waiting.iter().find(|(_, operation)| operation.counts(now))?;
        Some((at.0, operation.reason.as_deref()))
    }
}

impl Operation {
    fn counts(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Waiting {
    /// Takes note of why it is not done yet.
    pub fn because(&self, reason: impl Into<String>) {
        self.update(reason.into(), None);
    }

    /// The same, for one whose end is not told: it counts for as long as it is heard of this often.
    pub fn because_for(&self, reason: impl Into<String>, heard_within: Duration) {
        self.update(reason.into(), Some(Instant::now() + heard_within));
    }

    /// The same operation waits for another neighbour.
    pub fn moved_to(&self, other: &Arc<Trouble>) -> Self {
        other.enter_since(self.at.0)
    }

    fn update(&self, reason: String, until: Option<Instant>) {
        if let Some(operation) = self.trouble.operations().waiting.get_mut(&self.at) {
            *operation = Operation { reason: Some(reason), until };
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.trouble.operations().waiting.remove(&self.at);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_long_is_told_with_its_reason_until_it_is_done() {
        let trouble = Trouble::new("REDIS_URL");
        let first = trouble.enter();
        first.because("OOM");
        advance(LASTING - Duration::from_millis(1)).await;
        let second = trouble.enter();
        assert_eq!((trouble.lasting(), trouble.waiting()), (None, 2));
        advance(Duration::from_millis(1)).await;
        let told = trouble.lasting().unwrap();
        assert!(told.starts_with("OOM (work waits since 2") && told.ends_with("; see REDIS_URL)"), "{told}");
        assert_eq!(trouble.oldest(), LASTING);
        drop(first);
        assert_eq!((trouble.lasting(), trouble.waiting()), (None, 1));
        advance(LASTING).await;
        assert!(trouble.lasting().unwrap().starts_with("no answer"));
        drop(second);
        assert_eq!((trouble.lasting(), trouble.oldest()), (None, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_heard_of_any_more_was_given_up() {
        let trouble = Trouble::new("");
        let waiting = trouble.enter();
        waiting.because_for("away", LASTING * 2);
        advance(LASTING).await;
        assert!(trouble.lasting().is_some());
        waiting.because_for("away", LASTING);
        advance(LASTING).await;
        assert_eq!((trouble.lasting(), trouble.waiting()), (None, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_noticed_when_it_lasts() {
        let trouble = Trouble::new("");
        let began = Instant::now();
        let _waiting = trouble.enter();
        trouble.lasts().await;
        assert!((LASTING..LASTING + LOOK).contains(&began.elapsed()));
    }
}
