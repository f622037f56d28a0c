//! One record's way, from its turn to its acknowledged outcome.

mod erased;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

pub(super) use self::store::{claim, reach};
use crate::documents::Documents;
use crate::events::decode::{Decoded, Undecodable, decode};
use crate::events::expiry::Expiry;
use crate::events::outcome::{Failure, FailureCode, Origin, Outcome, SavedOutcome};
use crate::events::record::{Record, RequestKind, request_id};
use crate::events::request::{MemberId, Request};
use crate::failpoint;
use crate::feedback;
use crate::flow_control::backoff::Backoff;
use crate::flow_control::place::{LeftToTheNext, Place};
use crate::kafka::outgoing::Producer;
use crate::kafka::topics::Topics;
use crate::llm::Model;
use crate::resume::agent::Agent;
use crate::resume::graph::Opened;
use crate::resume::replay;
use crate::resume::turn::{Carried, Interrupt, Needs, Turn};
use crate::state::retrying::{StateFault, until_taken};
use crate::state::{Begin, Change, Claim, MemberState, Saved, SessionChange};
use crate::telemetry::metrics::Metrics;
use crate::worker::locks::{Held, Locks};
use crate::worker::screens::Screens;

/// How long to leave a member's lock to its holder before looking again.
pub(super) const LOCK_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) };
/// Times that a request may find its session changed by somebody else before it is given up.
const CHANGES_MAX: u32 = 3;
/// Without the panic's own text, which may quote what a member wrote: the log has its place.
pub(super) const PANICKED: &str = "the worker panicked";

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
    /// Or why it is a dead letter.
    pub(super) decoded: Result<Decoded, Unreadable>,
}

/// Why a record is nobody's request: a code and a reason for its dead letter.
type Unreadable = (&'static str, String);

impl Job {
    /// Reads the record.
    pub fn new(record: Record) -> Self {
        // What no reader was prepared for must not end one worker after the other.
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(record.kind, record.value.as_deref())));
        let decoded = match decoded {
            Ok(decoded) => decoded.map_err(|undecodable| (Undecodable::CODE, undecodable.to_string())),
            Err(_panic) => Err((FailureCode::Internal.name(), "reading it panicked".to_owned())),
        };
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

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// Its outcome, and its dead letter if there is one, are stored by the broker.
    Done,
    /// It has to be worked by its partition's next owner.
    LeftToTheNext,
}

/// The outcome, saved where it can be, and why it is a failure if it became one just now.
type Answered = (SavedOutcome, Option<String>);

/// Why a turn did not bring the answer.
enum Unanswered {
    Left,
    /// Begin again, with the lock that is held.
    Changed,
    /// Begin again when the lock is free, after so many waits for it.
    Locked(u32),
    WaitFor(Needs),
    /// Its member was erased since, and it had been answered before.
    Settled,
    /// A person has to look. What was saved as the answer cannot be read, and another might say something else: whoever can
    /// read it, a newer worker, finds it when the dead letter is replayed. Or the outcome is no JSON, plain data as it is.
    Kept(String),
}

impl From<LeftToTheNext> for Unanswered {
    fn from(_: LeftToTheNext) -> Self {
        Self::Left
    }
}

impl From<serde_json::Error> for Unanswered {
    fn from(error: serde_json::Error) -> Self {
        Self::Kept(error.to_string())
    }
}

/// A request that is worked, over all of its turns.
struct Course<'a> {
    origin: &'a Origin<'a>,
    problem_id: Option<i64>,
    claim: Claim,
    expiry: Expiry,
    place: &'a mut Place,
    carried: Carried<'a>,
    /// Beginning again at once takes the same lock anew.
    lock: Option<Held>,
    lock_waits: u32,
    has_begun: bool,
}

impl Course<'_> {
    fn failed(&self, code: FailureCode, reason: impl Into<String>) -> Outcome {
        self.failure(Failure::new(code, reason))
    }

    fn failure(&self, failure: Failure) -> Outcome {
        Outcome::Failed { problem_id: self.problem_id, failure }
    }

    /// Whether it is still worth being worked. How old it is matters when its turn comes; what is paid for is not too late.
    fn check(&mut self) -> Result<(), Failure> {
        let now = OffsetDateTime::now_utc();
        match std::mem::replace(&mut self.has_begun, true) {
            false => self.expiry.check(now),
            true if self.carried.is_paid_for() => Ok(()),
            true => self.expiry.check_caller(now),
        }
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
    pub feedback: feedback::Writer,
    pub screens: Screens,
    pub metrics: Arc<Metrics>,
    pub settings: Settings,
}

impl Worker {
    /// Works a record until its outcome, and its dead letter if there is one, are stored by the broker. It does not
    /// fail: whatever cannot be done ends in an outcome, and what is away is waited for, unless the record is left to the
    /// next owner of its partition first.
    // A span costs some microseconds a record: at `debug` it is there for whoever looks closely. What is logged at `info`
    // and above names its record itself.
    #[tracing::instrument(
        name = "request",
        level = "debug",
        skip_all,
        fields(record = %job.record.at, member = job.member().map(tracing::field::display))
    )]
    pub async fn work(&self, job: &Job, place: &mut Place) -> Worked {
        let token = self.locks.token();
        let worked = match AssertUnwindSafe(self.try_to_work(job, place, token)).catch_unwind().await {
            Ok(worked) => Ok(worked),
            Err(_panic) => {
                place.progress().ends();
                place.give_up_slot();
                AssertUnwindSafe(self.tell_of_panic(job, place, token)).catch_unwind().await
            }
        };
        match worked {
            Ok(Ok(())) => Worked::Done,
            Ok(Err(LeftToTheNext)) => Worked::LeftToTheNext,
            Err(_panic) => {
                self.dead_letter(&job.record, FailureCode::Internal.name(), PANICKED).await;
                Worked::Done
            }
        }
    }

    async fn try_to_work(&self, job: &Job, place: &mut Place, token: Uuid) -> Result<(), LeftToTheNext> {
        let record = &job.record;
        let decoded = match &job.decoded {
            Ok(decoded) => decoded,
            Err((code, reason)) => {
                place.give_up_slot();
                self.dead_letter(record, code, reason).await;
                return Ok(());
            }
        };
        let started = Instant::now();
        let id = request_id(record, decoded.request_id.as_deref());
        let origin = Origin::new(record, decoded, &id);
        let answered = self.answer(&origin, decoded, place, token).await;
        // What is left is to hand over what is saved. Nothing of how far it was follows that.
        place.progress().ends();
        place.give_up_slot();
        match answered {
            Ok((saved, reason)) => self.settle(&origin, &saved, reason.as_deref(), place).await?,
            Err(Unanswered::Settled) => {}
            Err(Unanswered::Kept(why)) => self.dead_letter(record, FailureCode::Internal.name(), &why).await,
            Err(_) => return Err(LeftToTheNext),
        }
        self.metrics
            .request_seconds
            .with_label_values(&[record.kind.flow().name()])
            .observe(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Takes turns until one brings the answer. Between them it waits for what the last one lacked, and holds nothing.
    async fn answer(
        &self,
        origin: &Origin<'_>,
        decoded: &Decoded,
        place: &mut Place,
        token: Uuid,
    ) -> Result<Answered, Unanswered> {
        let mut course = Course {
            origin,
            problem_id: decoded.problem_id,
            claim: claim(origin, decoded, token),
            expiry: Expiry::of(origin.record, self.settings.request_max_age),
            carried: Carried::new(place.clone(), self.locks.fenced(origin.record.kind.flow())),
            place,
            lock: None,
            lock_waits: 0,
            has_begun: false,
        };
        let request = match &decoded.request {
            Ok(request) => request,
            Err(invalid) => {
                let outcome = course.failure(invalid.clone().into());
                return self.remember(&mut course, outcome).await;
            }
        };
        let mut changes = 0;
        loop {
            let lacked = match self.take_turn(request, &mut course).await {
                Ok(answered) => return Ok(answered),
                Err(lacked) => lacked,
            };
            match lacked {
                Unanswered::Left | Unanswered::Settled | Unanswered::Kept(_) => return Err(lacked),
                Unanswered::Changed => {
                    changes += 1;
                    tracing::debug!(changes, "the session changed; beginning again");
                    if changes >= CHANGES_MAX {
                        let reason = format!("the session changed {changes} times meanwhile");
                        let outcome = course.failed(FailureCode::Internal, reason);
                        return self.remember(&mut course, outcome).await;
                    }
                }
                Unanswered::Locked(waits) => {
                    course.place.give_up_slot();
                    course.place.wait(tokio::time::sleep(LOCK_BACKOFF.jittered(waits))).await?;
                }
                Unanswered::WaitFor(needs) => {
                    course.place.give_up_slot();
                    if let Some(lock) = course.lock.take() {
                        lock.give_back().await;
                    }
                    let (model, store) = (self.model.as_ref(), self.agent.documents.as_ref());
                    let needed = course.carried.wait_for(needs, model, store, &course.expiry);
                    course.place.wait(needed).await?;
                }
            }
            course.place.take_slot().await?;
        }
    }

    /// One turn, from the journal to the saved outcome.
    async fn take_turn<'a>(&'a self, request: &Request, course: &mut Course<'a>) -> Result<Answered, Unanswered> {
        failpoint::reach("before_begin");
        let opened = match self.begin(course).await? {
            Ok(Begin::Answered(saved)) => {
                self.metrics.journal_hits.inc();
                return Ok((saved, None));
            }
            Ok(Begin::Erased { was_answered }) => return course.erased(was_answered),
            Ok(Begin::Busy) => {
                self.metrics.lock_waits.inc();
                course.place.progress().met_another();
                course.lock = None;
                course.lock_waits += 1;
                return Err(Unanswered::Locked(course.lock_waits - 1));
            }
            Ok(Begin::Open { session, draft, ended }) => {
                let expected = session.as_ref().map(|session| session.version);
                Ok(Opened { expected, session, draft, ended, shown: self.screens.question(course.origin.member) })
            }
            // A new interview can replace what nobody can read; an answer has nothing to go on from.
            Ok(Begin::Unreadable { version }) if matches!(request, Request::ResumeInit(_)) => {
                Ok(Opened { expected: version, session: None, draft: None, ended: None, shown: None })
            }
            Ok(Begin::Unreadable { .. }) => Err("the stored session cannot be read".to_owned()),
            Ok(Begin::Newer(newer)) => Err(newer.to_string()),
            Err(fault) => return self.remember_fault(course, fault).await,
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(reason) => {
                let outcome = course.failed(FailureCode::Internal, reason);
                return self.remember(course, outcome).await;
            }
        };
        course.place.progress().opened();
        failpoint::reach("begun");
        let deadline = Instant::now() + self.settings.request_deadline;
        let working = AssertUnwindSafe(self.work_on(request, opened, course, deadline)).catch_unwind();
        let (session, outcome) = match working.await {
            Ok(Ok((session, outcome))) => (session, outcome),
            Ok(Err(Interrupt::Failed(failure))) => (None, course.failure(failure)),
            Ok(Err(Interrupt::Answered(saved))) => return Ok((saved, None)),
            Ok(Err(Interrupt::BeginAgain)) => return Err(Unanswered::Changed),
            Ok(Err(Interrupt::WaitFor(needs))) => return Err(Unanswered::WaitFor(needs)),
            Ok(Err(Interrupt::LeftToTheNext)) => return Err(Unanswered::Left),
            Err(_panic) => (None, course.failed(FailureCode::Internal, PANICKED)),
        };
        self.save(course, session, outcome, deadline).await
    }

    /// Looks the request up, and takes the lock.
    async fn begin(&self, course: &mut Course<'_>) -> Result<Result<Begin, StateFault>, LeftToTheNext> {
        let begun = reach(course.place, || self.state.begin(&course.claim)).await;
        // Where the reply was not waited for the lock may have been taken, too.
        if !matches!(begun, Ok(Err(_) | Ok(Begin::Answered(_) | Begin::Erased { .. } | Begin::Busy))) {
            if let Some(lost) = course.lock.take_if(|lock| lock.lost().is_cancelled()) {
                // Whoever had taken it over has given it back.
                lost.released();
            }
            let lock = course.lock.get_or_insert_with(|| self.locks.hold(&course.claim));
            course.carried.locked(lock.lost().clone());
            course.place.take_slot().await?;
        }
        begun
    }

    /// Saves the answer, however long the store is away: it may have been paid for.
    async fn save(
        &self,
        course: &mut Course<'_>,
        session: Option<SessionChange>,
        outcome: Outcome,
        deadline: Instant,
    ) -> Result<Answered, Unanswered> {
        let reason = outcome.reason().map(str::to_owned);
        let scope = outcome.scope();
        let saved = outcome.into_saved(course.origin, OffsetDateTime::now_utc())?;
        let change = Change { session, outcome: Some((scope, saved.clone())) };
        failpoint::reach("before_save");
        let saving = match self.state.save(&course.claim, &change).await {
            Ok(saved) => Ok(saved),
            Err(_) => {
                course.place.give_up_slot();
                until_taken(deadline, || self.state.save(&course.claim, &change)).await
            }
        };
        match saving {
            Ok(Saved::Done) => {
                failpoint::reach("saved");
                self.screens.show(course.origin.member, &saved);
                if let Some(lock) = course.lock.take() {
                    lock.released();
                }
                Ok((saved, reason))
            }
            // Perhaps by this very save, whose reply was lost.
            Ok(Saved::Answered(standing)) => {
                let reason = reason.filter(|_| standing.id == saved.id);
                self.screens.show(course.origin.member, &standing);
                Ok((standing, reason))
            }
            Ok(Saved::Conflict) => Err(Unanswered::Changed),
            Err(fault) => self.remember_fault(course, fault).await,
        }
    }

    /// Remembers that the store would not do, unless there is an answer in it.
    async fn remember_fault(&self, course: &mut Course<'_>, fault: StateFault) -> Result<Answered, Unanswered> {
        if let StateFault::AnsweredUnreadably(_) = fault {
            return Err(Unanswered::Kept(fault.to_string()));
        }
        let outcome = course.failed(FailureCode::Internal, fault.to_string());
        self.remember(course, outcome).await
    }

    async fn work_on<'a>(
        &'a self,
        request: &Request,
        opened: Opened,
        course: &mut Course<'a>,
        deadline: Instant,
    ) -> Result<(Option<SessionChange>, Outcome), Interrupt> {
        course.check()?;
        if matches!(request, Request::ResumeInit(_)) {
            replay::check(course.origin.record, opened.session.as_ref(), opened.ended.as_ref())?;
        }
        let Course { claim, expiry, carried, .. } = course;
        let turn = |carried| Turn { claim, opened, expiry: *expiry, carried };
        match request {
            Request::Feedback(request) => {
                let model = self.model.as_ref();
                let _permit = carried.admit(model)?;
                failpoint::reach("before_call");
                let writing = self.feedback.write(model, request, carried.place(), deadline);
                let feedback = carried.ask(model, writing).await??;
                failpoint::reach("called");
                Ok((None, Outcome::Feedback { problem_id: request.problem_id, feedback }))
            }
            // In a box, or every feedback would take a résumé's room.
            Request::ResumeInit(inputs) => {
                let (change, outcome) = Box::pin(self.agent.init(inputs, turn(carried))).await?;
                Ok((Some(change), outcome))
            }
            Request::ResumeAnswer(answer) => {
                let (change, outcome) = Box::pin(self.agent.answer(answer, turn(carried))).await?;
                Ok((Some(change), outcome))
            }
        }
    }

    /// Remembers an outcome that changes nothing else; if even that is impossible, it is sent all the same.
    async fn remember(&self, course: &mut Course<'_>, outcome: Outcome) -> Result<Answered, Unanswered> {
        let reason = outcome.reason().map(str::to_owned);
        let scope = outcome.scope();
        let saved = outcome.into_saved(course.origin, OffsetDateTime::now_utc())?;
        match reach(course.place, || self.state.remember(&course.claim, scope, &saved)).await? {
            // A repeat is sent as it was the first time.
            Ok(standing) if standing.id == saved.id => return Ok((standing, reason)),
            Ok(_) => {}
            Err(fault @ StateFault::AnsweredUnreadably(_)) => return Err(Unanswered::Kept(fault.to_string())),
            Err(fault @ StateFault::Refused(_)) => {
                tracing::error!(record = %course.origin.record.at, %fault, "an outcome could not be remembered");
            }
        }
        Ok((saved, reason))
    }
}
