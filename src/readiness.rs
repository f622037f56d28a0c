//! Whether the worker can do its job now, part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::flow_control::trouble::{self, Trouble};

/// How often a part is looked at while it is ready, and at first while it is not.
const LOOK: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// What is away for long, or for good, is looked at less and less often: it is seen to be back within this share of
/// the time that it was away.
const SHARE: u32 = 10;

/// A reason may change with every look: of the same trouble so many are told at once, a further one after so long, and each
/// one after that after twice as long.
const REASONS: usize = 4;
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// What a part is called before it was looked at.
const STARTING: &str = "starting";

/// What is known of each part. Looking costs nothing: the parts are checked in the background.
pub struct Readiness {
    parts: Mutex<BTreeMap<&'static str, Part>>,
    /// Parts that are looked at and told, but that the worker can be without.
    optional: Vec<&'static str>,
    /// What is not ready from now on is meant to be so.
    stopping: AtomicBool,
    listener: Box<Listener>,
}

/// Told of a part, each time that it was looked at, and whether it is ready: for metrics.
type Listener = dyn Fn(&'static str, bool) + Send + Sync;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Not looked at yet, or not ready at the first look: it is only starting.
    Starting(String),
    Ready,
    NotReady(Away),
}

/// A part that is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Away {
    reason: String,
    since: Instant,
    /// The [gist] of each reason that was told.
    told: BTreeSet<String>,
    /// When one beyond the first few may be told.
    tell_again: Instant,
}

/// A reason without what differs each time: numbers, times, how long a try took.
fn gist(reason: &str) -> String {
    let reason = [" (after ", trouble::SINCE]
        .iter()
        .fold(reason, |reason, varying| reason.split_once(varying).map_or(reason, |(before, _)| before));
    reason.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

impl Away {
    fn new(reason: String) -> Self {
        let since = Instant::now();
        Self { told: BTreeSet::from([gist(&reason)]), reason, since, tell_again: since + TELL_AGAIN }
    }

    /// Whether another reason is to be told now.
    fn should_tell(&mut self, reason: &str) -> bool {
        // That work waits follows from what was told.
        if reason.contains(trouble::SINCE) || self.told.contains(&gist(reason)) {
            return false;
        }
        let now = Instant::now();
        if self.told.len() >= REASONS {
            if now < self.tell_again {
                return false;
            }
            self.tell_again = now + self.since.elapsed();
            self.told.pop_first();
        }
        self.told.insert(gist(reason))
    }
}

impl Readiness {
    /// Nothing is ready before it was looked at.
    pub fn new(
        parts: &[&'static str],
        optional: &[&'static str],
        listener: impl Fn(&'static str, bool) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let starting = |part: &&'static str| (*part, Part::Starting(STARTING.to_owned()));
        let parts = parts.iter().chain(optional).map(starting).collect();
        Arc::new(Self {
            parts: Mutex::new(parts),
            optional: optional.to_vec(),
            stopping: AtomicBool::new(false),
            listener: Box::new(listener),
        })
    }

    /// The worker is no longer ready: it was told to stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.note("worker", Err("stopping".to_owned()));
    }

    /// Takes note of a part, and says so in the log when it changed.
    pub fn note(&self, part: &'static str, now: Result<(), String>) {
        (self.listener)(part, now.is_ok());
        let mut parts = self.parts();
        let before = parts.remove(part);
        let now = match (before, now) {
            (Some(Part::Ready), Ok(())) => Part::Ready,
            (Some(Part::NotReady(away)), Ok(())) => {
                tracing::info!(part, away_s = away.since.elapsed().as_secs(), "ready");
                Part::Ready
            }
            (Some(Part::Starting(_)) | None, Ok(())) => {
                tracing::info!(part, "ready");
                Part::Ready
            }
            (Some(Part::Starting(first)), Err(reason)) if first == STARTING => Part::Starting(reason),
            (Some(Part::NotReady(mut away)), Err(reason)) => {
                if away.should_tell(&reason) {
                    self.warn(part, &reason);
                }
                away.reason = reason;
                Part::NotReady(away)
            }
            (Some(Part::Starting(_) | Part::Ready) | None, Err(reason)) => {
                self.warn(part, &reason);
                Part::NotReady(Away::new(reason))
            }
        };
        parts.insert(part, now);
    }

    fn warn(&self, part: &'static str, reason: &str) {
        if !self.stopping.load(Ordering::Relaxed) {
            tracing::warn!(part, reason, "not ready");
        }
    }

    /// The parts that are not ready, and why: those that the worker needs, and those that it can be without.
    pub fn missing(&self) -> (BTreeMap<&'static str, String>, BTreeMap<&'static str, String>) {
        let parts = self.parts();
        let missing = parts.iter().filter_map(|(part, state)| match state {
            Part::Ready => None,
            Part::Starting(reason) | Part::NotReady(Away { reason, .. }) => Some((*part, reason.clone())),
        });
        missing.partition(|(part, _)| !self.optional.contains(part))
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<&'static str, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at a part for ever: at what waits for it, its `trouble`, and then at the part itself.
pub async fn watch<F, E>(readiness: Arc<Readiness>, part: &'static str, trouble: Arc<Trouble>, check: impl Fn() -> F)
where
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let mut away_since = None;
    loop {
        let began = Instant::now();
        let state = match trouble.lasting() {
            Some(reason) => Err(reason),
            None => check().await.map_err(|error| error.to_string()),
        };
        let is_ready = state.is_ok();
        tracing::debug!(part, is_ready, took = ?began.elapsed(), "looked at a part");
        let pause = if is_ready {
            away_since = None;
            LOOK
        } else {
            let since = *away_since.get_or_insert_with(Instant::now);
            (since.elapsed() / SHARE).clamp(LOOK_AGAIN, LOOK)
        };
        readiness.note(part, state);
        tokio::select! {
            () = sleep(pause) => {}
            () = trouble.lasts(), if is_ready => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_control::trouble::LASTING;

    fn readiness() -> Arc<Readiness> {
        Readiness::new(&["kafka", "redis"], &["model"], |_, _| {})
    }

    #[test]
    fn every_part_that_is_needed_has_to_be_ready() {
        let readiness = readiness();
        readiness.note("kafka", Ok(()));
        assert_eq!(readiness.missing().0.keys().copied().collect::<Vec<_>>(), ["redis"]);
        readiness.note("redis", Ok(()));
        assert!(readiness.missing().0.is_empty());
        readiness.note("kafka", Err("away".to_owned()));
        assert_eq!(readiness.missing().0.get("kafka").map(String::as_str), Some("away"));
    }

    #[test]
    fn an_optional_part_is_told_and_not_waited_for() {
        let readiness = readiness();
        readiness.note("model", Err("away".to_owned()));
        let (needed, optional) = readiness.missing();
        assert!(!needed.contains_key("model"));
        assert_eq!(optional.get("model").map(String::as_str), Some("away"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_away_for_good_is_looked_at_ever_less_often() {
        let started = Instant::now();
        let looks = Mutex::new(Vec::new());
        let check = async || {
            looks.lock().unwrap().push(started.elapsed().as_secs());
            Err("away".to_owned())
        };
        let watched = watch(readiness(), "model", Trouble::new(""), check);
        assert!(tokio::time::timeout(Duration::from_secs(1000), watched).await.is_err());
        let within = |from, to| looks.lock().unwrap().iter().filter(|at| (from..to).contains(*at)).count();
        assert_eq!((within(0, 2), within(900, 1000)), (8, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_whose_work_waits_is_not_ready_whatever_it_says_of_itself() {
        let (readiness, trouble) = (readiness(), Trouble::new("REDIS_URL"));
        let watching = watch(readiness.clone(), "redis", trouble.clone(), async || Ok::<_, String>(()));
        let watching = tokio::spawn(watching);
        sleep(Duration::from_millis(1)).await;
        assert!(!readiness.missing().0.contains_key("redis"));
        let waiting = trouble.enter();
        waiting.because("OOM");
        sleep(LASTING - Duration::from_millis(1)).await;
        assert!(!readiness.missing().0.contains_key("redis"));
        sleep(Duration::from_secs(1)).await;
        let told = readiness.missing().0.remove("redis").unwrap();
        assert!(told.contains("OOM") && told.contains("REDIS_URL"), "{told}");
        drop(waiting);
        sleep(Duration::from_secs(1)).await;
        assert!(!readiness.missing().0.contains_key("redis"));
        watching.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn another_reason_is_told_ever_less_often() {
        let mut away = Away::new("refused".to_owned());
        let mut told = Vec::new();
        for second in 1..=1_000_usize {
            tokio::time::advance(Duration::from_secs(1)).await;
            if away.should_tell(&"x".repeat(second)) {
                told.push(second);
            }
        }
        assert_eq!(told, [1, 2, 3, 60, 120, 240, 480, 960]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_reason_is_told_once() {
        let mut away = Away::new("refused (after 3ms)".to_owned());
        assert!(!away.should_tell("refused (after 14ms, 7 suppressed)"));
        let trouble = Trouble::new("REDIS_URL");
        let waiting = trouble.enter();
        waiting.because("the topic is gone");
        tokio::time::advance(TELL_AGAIN).await;
        assert!(!away.should_tell(&trouble.lasting().unwrap()), "work waits for what was told");
    }
}
