//! The report of one request while it is in memory: what of it is told, to whoever waits for its outcome.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Reports;
use super::pace::{Due, Extent, Pace};
use crate::events::headers;
use crate::events::outcome::Origin;
use crate::events::progress::{News, RequestProgress, SECTION_MAX, progress_id};
use crate::events::record::request_id;
use crate::flow_control::progress::Progress;
use crate::kafka::outgoing::OutgoingRecord;
use crate::state::Claim;
use crate::worker::work::{Job, claim};

/// Most characters of a text, as of the feedback that it becomes.
const TEXT_MAX: usize = 1_000;

/// Tells of one request. It is quick, and fails nobody: what cannot be told now is left out.
pub struct Report {
    reports: Arc<Reports>,
    job: Arc<Job>,
    /// Cancelled when the record is no longer ours.
    tenure: CancellationToken,
    state: Mutex<State>,
}

struct State {
    pace: Pace,
    session: Option<Uuid>,
    /// Characters of a résumé so far.
    chars: usize,
}

impl Report {
    pub fn new(reports: Arc<Reports>, job: Arc<Job>, tenure: CancellationToken, pace: Pace) -> Self {
        Self { reports, job, tenure, state: Mutex::new(State { pace, session: None, chars: 0 }) }
    }

    /// Tells what is due; whether it has to be known first whether the request was answered before.
    pub fn tick(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.pace.tick(now) {
            Due::Nothing => false,
            Due::Tell(news) => {
                self.tell(&mut state, news, now);
                false
            }
            Due::AskWhetherAnswered => true,
        }
    }

    /// It is known whether the request was answered before.
    pub fn is_answered(&self, answered: bool) {
        self.act(|pace, now| pace.is_answered(answered, now));
    }

    /// What its request is looked up with.
    pub fn claim(&self) -> Option<Claim> {
        let decoded = self.job.decoded.as_ref().ok()?;
        let id = request_id(&self.job.record, decoded.request_id.as_deref());
        // Nothing is held with it.
        Some(claim(&Origin::new(&self.job.record, decoded, &id), decoded, Uuid::nil()))
    }

    fn act(&self, act: impl FnOnce(&mut Pace, Instant) -> Option<News>) {
        let (mut state, now) = (self.state(), Instant::now());
        if let Some(news) = act(&mut state.pace, now) {
            self.tell(&mut state, news, now);
        }
    }

    /// Hands a record over, unless the request is somebody else's now.
    fn tell(&self, state: &mut State, news: News, now: Instant) {
        let sequence = state.pace.sequence(now);
        if self.tenure.is_cancelled() || !self.reports.is_awake(now) {
            return;
        }
        let Ok(decoded) = &self.job.decoded else { return };
        let record = &self.job.record;
        let id = request_id(record, decoded.request_id.as_deref());
        let origin = Origin::new(record, decoded, &id);
        let stage = news.stage();
        let progress = RequestProgress::new(&origin, decoded.problem_id, state.session, sequence, news);
        let Ok(json) = progress.json() else { return };
        let outgoing = OutgoingRecord {
            topic: self.reports.topic().clone(),
            partition: None,
            key: Some(origin.member.to_string().into_bytes()),
            value: Some(json.get().into()),
            headers: headers::of_progress(&origin, progress_id(&origin, sequence), OffsetDateTime::now_utc()),
        };
        self.reports.tell(stage, &outgoing);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Report {
    fn is_wanted(&self) -> bool {
        self.reports.is_heard() && !self.tenure.is_cancelled() && !self.state().pace.has_ended()
    }

    fn is_due(&self) -> bool {
        self.state().pace.is_due(Instant::now()) && !self.tenure.is_cancelled()
    }

    fn waits(&self) {
        self.state().pace.waits(Instant::now());
    }

    fn goes_on(&self) {
        self.state().pace.goes_on(Instant::now());
    }

    fn opened(&self) {
        self.state().pace.opened();
    }

    fn met_another(&self) {
        self.state().pace.met_another();
    }

    fn of_session(&self, session: Uuid) {
        self.state().session = Some(session);
    }

    fn wrote(&self, text: &str) {
        if !text.is_empty() && text.chars().count() <= TEXT_MAX {
            self.act(|pace, now| pace.wrote(text, now));
        }
    }

    fn wrote_section(&self, heading: &str, chars: usize) {
        self.state().chars = chars;
        let end = heading.char_indices().nth(SECTION_MAX).map_or(heading.len(), |(end, _)| end);
        let heading = heading.get(..end).unwrap_or(heading).trim();
        let extent = Extent { chars, usual: self.reports.usual() };
        self.act(|pace, now| pace.wrote_section(heading, extent, now));
    }

    fn stores(&self, is_as_written: bool) {
        let chars = std::mem::take(&mut self.state().chars);
        if is_as_written {
            self.reports.learn(chars);
        }
        self.act(Pace::stores);
    }

    fn ends(&self) {
        self.state().pace.ends();
    }
}

/// Says nothing of what a member wrote.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Report({})", self.job.record.at)
    }
}
