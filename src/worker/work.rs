//! One record's way, from its turn to its acknowledged outcome.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::documents::{DocumentError, Documents};
use crate::events::decode::{Decoded, Undecodable, decode};
use crate::events::expiry::Expiry;
use crate::events::json::JsonText;
use crate::events::open_enum::OpenEnum;
use crate::events::outcome::{
    DownloadLink, Failure, FailureCode, Origin, Outcome, OutcomeData, SavedOutcome, timestamp,
};
use crate::events::record::{Coordinates, Flow, Record, RequestKind, first_id, record_name, request_id, request_name};
use crate::events::request::{MemberId, Request};
use crate::events::{headers, outcome};
use crate::failpoint;
use crate::feedback;
use crate::flow_control::backoff::Backoff;
use crate::flow_control::slots::Slot;
use crate::kafka::outgoing::{OutgoingRecord, Producer};
use crate::kafka::topics::Topics;
use crate::llm::Model;
use crate::resume::agent::{self, Agent, Interrupt};
use crate::resume::graph::Opened;
use crate::resume::replay;
use crate::state::patience::until_available;
use crate::state::{Begin, Change, Claim, MemberState, Saved, SessionChange};
use crate::telemetry::metrics::Metrics;
use crate::worker::locks::Locks;
use crate::worker::screens::Screens;

/// How long to leave a member's lock to its holder before looking again.
const LOCK_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };
const LINK_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// What the product decides about requests.
#[derive(Clone, Debug)]
pub struct Settings {
    pub topics: Topics,
    pub feedback_group: String,
    pub resume_group: String,
    /// Time for one request's work, retries included.
    pub request_deadline: Duration,
    /// Age of a record beyond which it is not worked.
    pub request_max_age: Duration,
}

/// Whose lane a record goes to. A record of nobody waits for nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    Member(MemberId),
    Nobody(RequestKind, i32, i64),
}

/// A record that waits for its turn.
#[derive(Debug)]
pub struct Job {
    pub record: Record,
    decoded: Result<Decoded, Undecodable>,
}

impl Job {
    /// Reads the record.
    pub fn new(record: Record) -> Self {
        let decoded = decode(record.kind, record.value.as_deref());
        Self { record, decoded }
    }

    /// The lane of whose request it is.
    pub fn lane(&self) -> Lane {
        let (kind, at) = (self.record.kind, &self.record.at);
        self.member().map_or(Lane::Nobody(kind, at.partition, at.offset), Lane::Member)
    }

    fn member(&self) -> Option<MemberId> {
        self.decoded.as_ref().ok().map(|decoded| decoded.member)
    }
}

/// Does the work, with everything that it depends on.
pub struct Worker {
    pub state: Arc<dyn MemberState>,
    pub model: Arc<dyn Model>,
    pub documents: Arc<dyn Documents>,
    pub producer: Arc<dyn Producer>,
    pub agent: Agent,
    pub locks: Arc<Locks>,
    pub screens: Screens,
    pub metrics: Arc<Metrics>,
    pub settings: Settings,
}

impl Worker {
    /// Works a record until its outcome, and its dead letter if there is one, are stored by the broker. It does not
    /// fail: whatever cannot be done ends in an outcome, and what is away is waited for.
    // A span costs some microseconds a record: at `debug` it is there for whoever looks closely. What is logged at `info`
    // and above names its record itself.
    #[tracing::instrument(
        name = "request",
        level = "debug",
        skip_all,
        fields(record = %job.record.at, member = job.member().map(tracing::field::display))
    )]
    pub async fn work(&self, job: &Job, slot: &mut Slot) {
        let record = &job.record;
        let decoded = match &job.decoded {
            Ok(decoded) => decoded,
            Err(undecodable) => return self.dead_letter(record, Undecodable::CODE, &undecodable.to_string()).await,
        };
        let started = Instant::now();
        let id = request_id(record, decoded.request_id.as_deref());
        let origin = Origin { record, member: decoded.member, request_id: &id, context: decoded.context.as_ref() };
        let answered = self.answer(&origin, decoded, slot).await;
        // What is left is to hand over what is saved.
        slot.release();
        match answered {
            Ok((saved, reason)) => self.settle(&origin, &saved, reason.as_deref()).await,
            // An outcome is plain data; should it not be JSON after all, a person has to look.
            Err(error) => self.dead_letter(record, FailureCode::Internal.name(), &error.to_string()).await,
        }
        self.metrics
            .request_seconds
            .with_label_values(&[record.kind.flow().name()])
            .observe(started.elapsed().as_secs_f64());
    }

    /// The outcome, saved where it can be, and why it is a failure if it became one just now.
    async fn answer(
        &self,
        origin: &Origin<'_>,
        decoded: &Decoded,
        slot: &mut Slot,
    ) -> Result<(SavedOutcome, Option<String>), serde_json::Error> {
        let first_id = first_id(origin.record, decoded.request_id.as_deref());
        let claim = Claim {
            flow: origin.record.kind.flow(),
            member: origin.member,
            request: request_name(origin.record, origin.member, &first_id),
            record: record_name(origin.record),
            token: Uuid::new_v4(),
        };
        let failed = |failure: Failure| Outcome::Failed { problem_id: decoded.problem_id, failure };
        let request = match &decoded.request {
            Ok(request) => request,
            Err(invalid) => {
                let outcome = failed(invalid.clone().into());
                return self.remember(origin, &claim, outcome).await;
            }
        };
        let mut waits = 0;
        // Beginning again takes the same lock anew: it is given back at the end.
        let mut lock = None;
        loop {
            failpoint::reach("before_begin");
            let opened = match until_available(|| self.state.begin(&claim)).await {
                Ok(Begin::Answered(saved)) => {
                    self.metrics.journal_hits.inc();
                    return Ok((saved, None));
                }
                Ok(Begin::Busy) => {
                    self.metrics.lock_waits.inc();
                    lock = None;
                    slot.aside(tokio::time::sleep(LOCK_BACKOFF.jittered(waits))).await;
                    waits += 1;
                    continue;
                }
                Ok(Begin::Open { session, draft, ended }) => {
                    let expected = session.as_ref().map(|session| session.version);
                    Opened { expected, session, draft, ended, shown: self.screens.question(origin.member) }
                }
                // A new interview can replace what nobody can read; an answer has nothing to go on from.
                Ok(Begin::Unreadable { version }) if matches!(request, Request::ResumeInit(_)) => {
                    Opened { expected: version, session: None, draft: None, ended: None, shown: None }
                }
                Ok(Begin::Unreadable { .. }) => {
                    let _lock = lock.get_or_insert_with(|| self.locks.hold(&claim));
                    let failure = Failure::new(FailureCode::Internal, "the stored session cannot be read");
                    return self.remember(origin, &claim, failed(failure)).await;
                }
                Ok(Begin::Newer(newer)) => {
                    let _lock = lock.get_or_insert_with(|| self.locks.hold(&claim));
                    let failure = Failure::new(FailureCode::Internal, newer.to_string());
                    return self.remember(origin, &claim, failed(failure)).await;
                }
                Err(fault) => {
                    let failure = Failure::new(FailureCode::Internal, fault.to_string());
                    return self.remember(origin, &claim, failed(failure)).await;
                }
            };
            lock.get_or_insert_with(|| self.locks.hold(&claim));
            failpoint::reach("begun");
            let working = AssertUnwindSafe(self.work_on(request, origin, &claim, opened, slot)).catch_unwind();
            let (session, outcome) = match working.await {
                Ok(Ok((session, outcome))) => (session, outcome),
                Ok(Err(Interrupt::Failed(failure))) => (None, failed(failure)),
                Ok(Err(Interrupt::Answered(saved))) => return Ok((saved, None)),
                Ok(Err(Interrupt::BeginAgain)) => continue,
                Err(_panic) => (None, failed(Failure::new(FailureCode::Internal, "the worker panicked"))),
            };
            let reason = reason(&outcome);
            let scope = outcome.scope();
            let saved = outcome.into_saved(origin, OffsetDateTime::now_utc())?;
            let change = Change { session, outcome: Some((scope, saved.clone())) };
            failpoint::reach("before_save");
            match until_available(|| self.state.save(&claim, &change)).await {
                Ok(Saved::Done) => {
                    failpoint::reach("saved");
                    self.screens.show(origin.member, &saved);
                    if let Some(lock) = lock {
                        lock.released();
                    }
                    return Ok((saved, reason));
                }
                // Perhaps by this very save, whose reply was lost.
                Ok(Saved::Answered(standing)) => {
                    let reason = reason.filter(|_| standing.id == saved.id);
                    self.screens.show(origin.member, &standing);
                    return Ok((standing, reason));
                }
                Ok(Saved::Conflict) => tracing::debug!("the session changed; beginning again"),
                Err(fault) => {
                    let failure = Failure::new(FailureCode::Internal, fault.to_string());
                    return self.remember(origin, &claim, failed(failure)).await;
                }
            }
        }
    }

    async fn work_on(
        &self,
        request: &Request,
        origin: &Origin<'_>,
        claim: &Claim,
        opened: Opened,
        slot: &mut Slot,
    ) -> Result<(Option<SessionChange>, Outcome), Interrupt> {
        let expiry = Expiry::of(origin.record, self.settings.request_max_age);
        expiry.check(OffsetDateTime::now_utc())?;
        if matches!(request, Request::ResumeInit(_)) {
            replay::check(origin.record, opened.session.as_ref(), opened.ended.as_ref())?;
        }
        let resume_turn = agent::Turn { claim, opened, expiry, slot };
        match request {
            Request::Feedback(request) => {
                failpoint::reach("before_call");
                let limit = self.settings.request_deadline;
                let feedback = feedback::write(self.model.as_ref(), request, &expiry, limit).await?;
                failpoint::reach("called");
                Ok((None, Outcome::Feedback { problem_id: request.problem_id, feedback }))
            }
            // In a box, or every feedback would take a résumé's room.
            Request::ResumeInit(inputs) => {
                let (change, outcome) = Box::pin(self.agent.init(inputs, resume_turn)).await?;
                Ok((Some(change), outcome))
            }
            Request::ResumeAnswer(answer) => {
                let (change, outcome) = Box::pin(self.agent.answer(answer, resume_turn)).await?;
                Ok((Some(change), outcome))
            }
        }
    }

    /// Remembers an outcome that changes nothing else; if even that is impossible, it is sent all the same.
    async fn remember(
        &self,
        origin: &Origin<'_>,
        claim: &Claim,
        outcome: Outcome,
    ) -> Result<(SavedOutcome, Option<String>), serde_json::Error> {
        let reason = reason(&outcome);
        let scope = outcome.scope();
        let saved = outcome.into_saved(origin, OffsetDateTime::now_utc())?;
        match until_available(|| self.state.remember(claim, scope, &saved)).await {
            // A repeat is sent as it was the first time.
            Ok(standing) if standing.id == saved.id => return Ok((standing, reason)),
            Ok(_) => {}
            Err(fault) => tracing::error!(record = %origin.record.at, %fault, "an outcome could not be remembered"),
        }
        Ok((saved, reason))
    }

    /// Sends the outcome, and the dead letter where a person may want to run the request again.
    async fn settle(&self, origin: &Origin<'_>, saved: &SavedOutcome, reason: Option<&str>) {
        // One that only a newer worker knows is none that this one keeps dead letters for.
        let code = saved.data().failure_code().and_then(OpenEnum::known);
        let dead_letter = async {
            if let Some(code) = code.filter(|code| code.dead_letters()) {
                self.dead_letter(origin.record, code.name(), reason.unwrap_or("it failed in an earlier try")).await;
            }
        };
        tokio::join!(self.send(origin, saved), dead_letter);
        let (member, at) = (origin.member, &origin.record.at);
        match code {
            None => tracing::debug!(outcome = saved.data().kind().name(), "answered"),
            Some(code) if code.dead_letters() => {
                tracing::warn!(%member, record = %at, code = code.name(), reason, "a {} failed", outcome::describe(origin.record.kind));
            }
            Some(code) => tracing::info!(%member, record = %at, code = code.name(), reason, "refused"),
        }
    }

    async fn send(&self, origin: &Origin<'_>, saved: &SavedOutcome) {
        let kind = saved.data().kind();
        let Some(topic) = self.settings.topics.outcomes.get(&kind) else {
            tracing::error!(record = %origin.record.at, outcome = kind.name(), "no topic is set for the outcome");
            return self
                .dead_letter(origin.record, FailureCode::Internal.name(), "no topic is set for the outcome")
                .await;
        };
        let linked = match saved.data() {
            OutcomeData::Completed(completed) => {
                self.with_link(&origin.record.at, saved.json(), &completed.resume_object_key).await
            }
            OutcomeData::Feedback(_) | OutcomeData::Question(_) | OutcomeData::Failed(_) => None,
        };
        let outgoing = OutgoingRecord {
            topic: topic.clone(),
            partition: None,
            key: Some(origin.member.to_string().into_bytes()),
            value: Some(linked.as_ref().unwrap_or(saved.json()).get().into()),
            headers: headers::of_outcome(origin, saved),
        };
        match self.producer.send(&outgoing).await {
            Ok(()) => {
                failpoint::reach("sent");
                let code = saved.data().failure_code().map_or("", OpenEnum::name);
                self.metrics.outcomes.with_label_values(&[kind.name(), code]).inc();
            }
            Err(rejected) => self.give_up(origin.record, "outcome", &rejected.to_string()),
        }
    }

    /// A finished résumé with a download link that is signed now.
    async fn with_link(&self, record: &Coordinates, completed: &JsonText, key: &str) -> Option<JsonText> {
        let failed = |error: DocumentError, attempt: u32| {
            tracing::warn!(%record, %error, attempt, "no link could be signed; trying again");
        };
        let link = LINK_BACKOFF.retry_forever(|| self.documents.link(key), failed).await;
        let link = DownloadLink { resume_url: link.url, resume_url_expires_at: timestamp(link.expires_at) };
        completed.with(&link).ok()
    }

    /// Keeps a record as a dead letter, byte by byte.
    async fn dead_letter(&self, record: &Record, code: &str, reason: &str) {
        let group = match record.kind.flow() {
            Flow::Feedback => &self.settings.feedback_group,
            Flow::Resume => &self.settings.resume_group,
        };
        let chain = format!("{code}: {reason}\n\tat {}", record.at);
        let outgoing = OutgoingRecord {
            topic: self.settings.topics.dead_letters(&record.at.topic).into(),
            partition: Some(record.at.partition),
            key: record.key.clone(),
            value: record.value.clone(),
            headers: headers::of_dead_letter(record, group, code, reason, &chain),
        };
        match self.producer.send(&outgoing).await {
            Ok(()) => {
                self.metrics.dead_letters.with_label_values(&[code]).inc();
                tracing::warn!(record = %record.at, code, reason, "kept as a dead letter");
            }
            Err(rejected) => self.give_up(record, "dead letter", &rejected.to_string()),
        }
    }

    /// Rejected for good: the broker will never take it. The record stays in its topic for as long as that keeps it,
    /// and the log says where.
    fn give_up(&self, record: &Record, what: &str, reason: &str) {
        self.metrics.refused_records.inc();
        tracing::error!(record = %record.at, what, reason, "a record was refused by the broker");
    }
}

fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Failed { failure, .. } => Some(failure.reason.clone()),
        Outcome::Feedback { .. } | Outcome::Question { .. } | Outcome::Completed { .. } => None,
    }
}
