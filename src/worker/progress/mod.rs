//! How far requests are, told while they are worked: best effort, beside the outcomes and never in their way.
//!
//! Each request in memory has a report, which tells what its [`Pace`] allows. Who waits says nothing by itself,
//! so one task looks at all of them again and again.

pub mod pace;
mod report;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::pace::Pace;
use self::report::Report;
use crate::events::progress::Stage;
use crate::events::record::{Flow, RecordTime, first_sent};
use crate::flow_control::progress::Progress;
use crate::kafka::outgoing::OutgoingRecord;
use crate::kafka::telling::Teller;
use crate::state::{MemberState, StateError};
use crate::telemetry::metrics::Metrics;
use crate::worker::pending::{Pending, wait_for};
use crate::worker::work::Job;

/// How often all reports are looked at.
const TICK: Duration = Duration::from_millis(100);

/// Who has not looked for so long was asleep: another worker may have begun since.
const ASLEEP: Duration = Duration::from_secs(4);

/// Requests that are looked up at once.
const LOOK_UPS: usize = 16;

/// Characters of a résumé before any was written, and what counts as one.
const USUAL: usize = 1_200;
const USUAL_RANGE: std::ops::RangeInclusive<usize> = 300..=10_000;
/// How much the last one counts.
const LEARNT: usize = 4;

/// The reports of all requests in memory.
pub struct Reports {
    teller: Arc<dyn Teller>,
    topic: Arc<str>,
    state: Arc<dyn MemberState>,
    metrics: Arc<Metrics>,
    open: Mutex<Open>,
    /// Characters that a résumé usually has.
    usual: AtomicUsize,
}

struct Open {
    reports: Vec<Weak<Report>>,
    looked: Instant,
}

impl Reports {
    /// None yet. They are told in this topic; the store knows what was answered before.
    pub fn new(
        teller: Arc<dyn Teller>,
        topic: Arc<str>,
        state: Arc<dyn MemberState>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let open = Mutex::new(Open { reports: Vec::new(), looked: Instant::now() });
        Arc::new(Self { teller, topic, state, metrics, open, usual: AtomicUsize::new(USUAL) })
    }

    /// The report of a request that has just been read from a partition that is ours `since` then, in milliseconds since
    /// 1970, and until `tenure` ends. Of who is no member's there is none.
    pub fn open(self: &Arc<Self>, job: &Arc<Job>, since: i64, tenure: CancellationToken) -> Arc<dyn Progress> {
        let is_one = job.decoded.as_ref().is_ok_and(|decoded| decoded.request.is_ok());
        if !is_one || !self.is_heard() {
            return Arc::new(());
        }
        let (record, now) = (&job.record, millis(OffsetDateTime::now_utc()));
        // What was there before the partition was ours may have been begun by whoever had it.
        let is_later = record.time.is_none_or(|time| RecordTime::millis(time) <= since);
        let age = now.saturating_sub(first_sent(record).unwrap_or(0));
        let pace = Pace::new(record.kind.flow() == Flow::Resume, is_later, age, Instant::now());
        let report = Arc::new(Report::new(self.clone(), job.clone(), tenure, pace));
        self.reports().reports.push(Arc::downgrade(&report));
        report
    }

    /// Looks at all reports, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looking_up: Pending<()> = None;
        let mut unknown = Vec::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => unknown.extend(self.tick(Instant::now())),
                () = wait_for(&mut looking_up) => looking_up = None,
            }
            if looking_up.is_none() && !unknown.is_empty() {
                let reports = self.clone();
                let unknown = std::mem::take(&mut unknown);
                looking_up = Some(Box::pin(async move { reports.look_up(unknown).await }));
            }
        }
    }

    /// Looks at all reports, and forgets those of requests that are gone. Gives those that wait and of which it is not known
    /// whether they were answered before.
    fn tick(&self, now: Instant) -> Vec<Weak<Report>> {
        let mut open = self.reports();
        let mut unknown = Vec::new();
        if now.saturating_duration_since(open.looked) >= ASLEEP {
            // Whoever has taken over what was in work tells of it.
            open.reports.drain(..).filter_map(|weak| weak.upgrade()).for_each(|report| report.ends());
        }
        open.reports.retain(|weak| {
            let Some(report) = weak.upgrade() else { return false };
            if report.tick(now) {
                unknown.push(weak.clone());
            }
            true
        });
        open.looked = now;
        unknown
    }

    async fn look_up(&self, unknown: Vec<Weak<Report>>) {
        stream::iter(unknown)
            .for_each_concurrent(LOOK_UPS, async |weak| {
                let Some(claim) = weak.upgrade().and_then(|report| report.claim()) else { return };
                let answered = match self.state.is_answered(&claim).await {
                    Ok(answered) => answered,
                    // While the store is away nobody is answered, and all wait.
                    Err(StateError::Unavailable(_)) => false,
                    Err(StateError::Fault(_) | StateError::AnsweredUnreadably(_)) => return,
                };
                if let Some(report) = weak.upgrade() {
                    report.is_answered(answered);
                }
            })
            .await;
    }

    fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    fn is_heard(&self) -> bool {
        self.teller.is_heard()
    }

    /// Whether this process was not asleep just now.
    fn is_awake(&self, now: Instant) -> bool {
        // Whoever is looking at all reports right now is awake.
        self.open.try_lock().map_or(true, |open| now.saturating_duration_since(open.looked) < ASLEEP)
    }

    fn tell(&self, stage: Stage, record: &OutgoingRecord) {
        match self.teller.tell(record) {
            Ok(()) => self.metrics.progress_told.with_label_values(&[stage.name()]).inc(),
            Err(dropped) => self.metrics.progress_dropped.with_label_values(&[dropped.name()]).inc(),
        }
    }

    fn usual(&self) -> usize {
        self.usual.load(Ordering::Relaxed)
    }

    /// A résumé with so many characters was written.
    fn learn(&self, chars: usize) {
        if USUAL_RANGE.contains(&chars) {
            let usual = self.usual();
            self.usual.store((usual * (LEARNT - 1) + chars) / LEARNT, Ordering::Relaxed);
        }
    }

    fn reports(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In milliseconds since 1970.
pub fn millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests;
