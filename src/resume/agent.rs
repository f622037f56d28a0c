//! Takes a member's turn through the graph: asks the model, saves what was paid for, stores the document.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use crate::documents::archive::Archive;
use crate::events::expiry::Expiry;
use crate::events::outcome::SavedOutcome;
use crate::events::outcome::{Failure, FailureCode, Outcome};
use crate::events::request::{ResumeAnswer, ResumeInputs};
use crate::failpoint;
use crate::flow_control::admission;
use crate::flow_control::gate::GatePermit;
use crate::llm::{Ask, Model, ModelFailure, Prompt, Reply};
use crate::resume::document::{self, Document};
use crate::resume::graph::{
    Asked, Next, NextQuestion, Refusal, Resume, ask_ourselves, check_completion, create_resume, generate_question,
    receive_answer,
};
use crate::resume::question::Reading;
use crate::resume::{markdown, prompt, question};
use crate::state::patience::until_available;
use crate::state::session::{Draft, Ended, Session};
use crate::state::{Change, Claim, MemberState, Saved, SessionChange, Write};

const QUESTION_TEMPERATURE: f32 = 0.7;
/// A question has up to 500 characters; JSON needs a little room around it.
const QUESTION_TOKENS: u32 = 400;
const QUESTION_MIN_TOKENS: u32 = 200;
const RESUME_TEMPERATURE: f32 = 0.3;
const RESUME_TOKENS: u32 = 1_800;
/// With less room a résumé would break off; the member's own words are better then.
const RESUME_MIN_TOKENS: u32 = 700;
/// Longest model call, as the product had it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// Share of the deadline, at most so much, that is kept for the document when the model is slow.
const STORING_SHARE: u32 = 4;
const STORING_MAX: Duration = Duration::from_secs(10);

/// What the product decides about the interview.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Questions of an interview before the model may end it.
    pub min_questions: u32,
    /// Most questions of an interview; at least 1.
    pub max_questions: u32,
    /// Put before every object key.
    pub upload_prefix: String,
    /// Time for one turn's work, from when a model can be asked; and for storing a résumé that waited for the store,
    /// from when it can be stored.
    pub deadline: Duration,
}

/// The résumé agent.
pub struct Agent {
    pub model: Arc<dyn Model>,
    pub state: Arc<dyn MemberState>,
    pub archive: Arc<Archive>,
    pub settings: Settings,
}

/// What was stored when a turn began.
#[derive(Debug)]
pub struct Opened {
    /// The version that a change has to expect.
    pub expected: Option<u64>,
    pub session: Option<Session>,
    pub draft: Option<Draft>,
    pub ended: Option<Ended>,
}

/// One request's turn.
#[derive(Debug)]
pub struct Turn<'a> {
    pub claim: &'a Claim,
    pub opened: Opened,
    /// Until when it may begin.
    pub expiry: Expiry,
    pub place: &'a mut admission::Turn,
}

/// Why a turn did not reach an outcome of its own.
#[derive(Debug)]
pub enum Interrupt {
    Failed(Failure),
    /// Somebody else answered the request meanwhile.
    Answered(SavedOutcome),
    /// Somebody else changed the session meanwhile.
    BeginAgain,
}

impl From<Failure> for Interrupt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What to save together with the outcome.
pub type Finished = (SessionChange, Outcome);

impl Agent {
    /// A member starts: begins a new interview, or repeats the first question of the one just begun.
    pub async fn init(&self, inputs: &ResumeInputs, turn: Turn<'_>) -> Result<Finished, Interrupt> {
        if let Some(session) = &turn.opened.session
            && let Some(first) = session.first_question_for(inputs)
        {
            let outcome = self.question_outcome(session, first.question_id, &first.question);
            return Ok((unchanged(turn.opened.expected), outcome));
        }
        let mut session = Session::begin(Uuid::new_v4(), inputs.clone(), OffsetDateTime::now_utc());
        if let Some(draft) = turn.opened.draft.as_ref().filter(|draft| draft.fingerprint == session.fingerprint()) {
            session.session_id = draft.session_id;
            session.started_at = draft.started_at;
        }
        self.go_on(session, turn).await
    }

    /// A member answers the question on screen.
    pub async fn answer(&self, answer: &ResumeAnswer, turn: Turn<'_>) -> Result<Finished, Interrupt> {
        let opened = &turn.opened;
        let session = receive_answer(opened.session.as_ref(), opened.ended.as_ref(), answer, turn.expiry.sent_at())
            .map_err(|refusal| match refusal {
                Refusal::NoActiveSession => Failure::new(FailureCode::NoActiveSession, "no interview is open"),
                Refusal::Stale => Failure::new(FailureCode::StaleAnswer, "the question is no longer open"),
            })?;
        self.go_on(session, turn).await
    }

    async fn go_on(&self, session: Session, turn: Turn<'_>) -> Result<Finished, Interrupt> {
        let Opened { expected, session: stored, draft, ended } = turn.opened;
        let fingerprint = session.fingerprint();
        let mut draft = draft.filter(|draft| draft.fingerprint == fingerprint);
        // An init ends the interview before it.
        let replaced = stored.filter(|stored| stored.session_id != session.session_id);
        let ended_before = replaced.map(|old| Ended::after(&old, ended.as_ref(), OffsetDateTime::now_utc()));

        let Settings { min_questions, max_questions, .. } = self.settings;
        let next = check_completion(&session, min_questions, max_questions, draft.is_some());
        let is_written = draft.as_ref().is_some_and(|draft| draft.markdown.is_some());
        let pass = if is_written { None } else { Some(turn.expiry.wait_for(self.model.admit()).await?) };
        let deadline = Instant::now() + self.settings.deadline;
        if let Next::GenerateQuestion(next) = next {
            match self.generate_question(&session, next, deadline).await? {
                Asked::Waiting(mut asked) => {
                    asked.version = next_version(expected, OffsetDateTime::now_utc());
                    let Some(open) = asked.open_question() else {
                        return Err(Failure::new(FailureCode::Internal, "a question was lost").into());
                    };
                    let outcome = self.question_outcome(&asked, open.question_id, &open.question);
                    let ended = ended_before.map_or(Write::Keep, Write::Put);
                    let change = SessionChange { expected, session: Write::Put(*asked), draft: Write::Delete, ended };
                    return Ok((change, outcome));
                }
                Asked::Enough => {
                    let decided = self.draft(&session, fingerprint, None);
                    self.save_draft(turn.claim, expected, &decided).await?;
                    draft = Some(decided);
                }
                Asked::TooEarly | Asked::Nothing => {
                    return Err(Failure::new(FailureCode::LlmBadOutput, "no usable question in two replies").into());
                }
            }
        }

        let written = match draft.and_then(|draft| draft.markdown) {
            Some(markdown) => Some(markdown),
            None => {
                let written = self.write_resume(&session, deadline).await;
                if written.is_some() {
                    let draft = self.draft(&session, fingerprint, written.clone());
                    self.save_draft(turn.claim, expected, &draft).await?;
                }
                written
            }
        };
        drop(pass);
        let resume = create_resume(&session, written);
        let degraded = resume.degraded;
        let object_key = session.object_key(&self.settings.upload_prefix, turn.claim.member);
        failpoint::reach("before_upload");
        let (_pass, deadline) = if self.archive.is_away() {
            // Only finished résumés need the store: whoever does not goes on meanwhile.
            let pass = turn.place.aside(self.archive.admit()).await;
            (pass, Instant::now() + self.settings.deadline)
        } else {
            (GatePermit::free(), deadline)
        };
        self.store(&session, resume, &object_key, deadline).await?;
        failpoint::reach("uploaded");

        let ended = Ended::after(&session, ended_before.as_ref().or(ended.as_ref()), OffsetDateTime::now_utc());
        let change = SessionChange { expected, session: Write::Delete, draft: Write::Delete, ended: Write::Put(ended) };
        Ok((change, Outcome::Completed { session_id: session.session_id, object_key, degraded }))
    }

    async fn ask(&self, ask: &Ask, deadline: Instant) -> Result<Reply, ModelFailure> {
        failpoint::reach("before_call");
        let reply = self.model.ask(ask, deadline).await;
        failpoint::reach("called");
        reply
    }

    /// Asks for a question, and once more with a firmer prompt when the reply is unusable, or says too early that it is
    /// enough. A model that would still rather not ask is not asked a third time: we ask a question of our own.
    async fn generate_question(
        &self,
        session: &Session,
        next: NextQuestion,
        deadline: Instant,
    ) -> Result<Asked, Failure> {
        let NextQuestion { number, may_end, .. } = next;
        let earlier: Vec<&str> = session.exchanges.iter().map(|exchange| exchange.question.as_str()).collect();
        let mut is_content = false;
        for prompts in [prompt::question, prompt::firmer_question] {
            let prompts = prompts(&session.inputs, &session.exchanges, next);
            let reading = match self.ask(&question_ask(prompts, may_end), deadline).await {
                Ok(reply) => question::read(&reply.text, reply.truncated, &earlier, may_end),
                Err(ModelFailure::Unusable(_)) => Reading::Unusable,
                Err(failure) => return Err(failure.into()),
            };
            match generate_question(session, reading, may_end, Uuid::new_v4(), OffsetDateTime::now_utc()) {
                Asked::TooEarly => is_content = true,
                Asked::Nothing => tracing::debug!(number, "no usable question in the reply"),
                asked @ (Asked::Waiting(_) | Asked::Enough) => return Ok(asked),
            }
        }
        if !is_content {
            return Ok(Asked::Nothing);
        }
        tracing::warn!(number, "the model would end the interview too early; the member is asked a question of ours");
        Ok(ask_ourselves(session, Uuid::new_v4(), OffsetDateTime::now_utc()))
    }

    /// Asks for the résumé; `None` when the model does not write a usable one in time.
    async fn write_resume(&self, session: &Session, deadline: Instant) -> Option<String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let writing_deadline = deadline - (left / STORING_SHARE).min(STORING_MAX);
        for _ in 0..2 {
            let ask = resume_ask(prompt::resume(&session.inputs, &session.exchanges));
            match self.ask(&ask, writing_deadline).await {
                Ok(reply) => {
                    // The last line of a reply that broke off is not whole.
                    let whole = if reply.truncated { reply.text.rsplit_once('\n')?.0 } else { &reply.text };
                    if let Some(markdown) = markdown::clean(whole) {
                        return Some(markdown);
                    }
                }
                Err(ModelFailure::Unusable(_)) => {}
                Err(failure @ (ModelFailure::Unavailable(_) | ModelFailure::TooLong)) => {
                    tracing::warn!(reason = %failure, "the résumé is laid out without the model");
                    return None;
                }
            }
        }
        tracing::warn!("the résumé is laid out without the model: two replies were unusable");
        None
    }

    async fn store(&self, session: &Session, resume: Resume, key: &str, deadline: Instant) -> Result<(), Failure> {
        let bytes = render(session, resume).await?;
        let stored = self.archive.put(key, &bytes, deadline).await;
        stored.map_err(|error| Failure::new(FailureCode::StorageUnavailable, error.to_string()))
    }

    fn draft(&self, session: &Session, fingerprint: Uuid, markdown: Option<String>) -> Draft {
        Draft { fingerprint, session_id: session.session_id, started_at: session.started_at, markdown }
    }

    /// Saves what was paid for before anything follows from it.
    async fn save_draft(&self, claim: &Claim, expected: Option<u64>, draft: &Draft) -> Result<(), Interrupt> {
        let session = SessionChange { draft: Write::Put(draft.clone()), ..unchanged(expected) };
        let change = Change { session: Some(session), outcome: None };
        match until_available(|| self.state.save(claim, &change)).await {
            Ok(Saved::Done) => {
                failpoint::reach("draft_saved");
                Ok(())
            }
            Ok(Saved::Answered(outcome)) => Err(Interrupt::Answered(outcome)),
            Ok(Saved::Conflict) => Err(Interrupt::BeginAgain),
            Err(fault) => Err(Failure::new(FailureCode::Internal, fault.to_string()).into()),
        }
    }

    fn question_outcome(&self, session: &Session, question_id: Uuid, question: &str) -> Outcome {
        Outcome::Question {
            session_id: session.session_id,
            question_id,
            number: u32::try_from(session.exchanges.len()).unwrap_or(u32::MAX),
            max: self.settings.max_questions,
            question: question.to_owned(),
        }
    }
}

/// A first version is the time in milliseconds: should a writer from before an interview ended wake up, the next
/// interview is not at the version that it expects.
fn next_version(expected: Option<u64>, now: OffsetDateTime) -> u64 {
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    expected.map_or(millis, |version| version.saturating_add(1))
}

fn unchanged(expected: Option<u64>) -> SessionChange {
    SessionChange { expected, session: Write::Keep, draft: Write::Keep, ended: Write::Keep }
}

fn question_ask(prompts: Vec<Prompt>, may_end: bool) -> Ask {
    Ask {
        prompts,
        temperature: QUESTION_TEMPERATURE,
        max_tokens: QUESTION_TOKENS,
        min_tokens: QUESTION_MIN_TOKENS,
        schema: Some(prompt::question_schema(may_end)),
        attempt_timeout: ATTEMPT_TIMEOUT,
    }
}

fn resume_ask(prompts: Vec<Prompt>) -> Ask {
    Ask {
        prompts,
        temperature: RESUME_TEMPERATURE,
        max_tokens: RESUME_TOKENS,
        min_tokens: RESUME_MIN_TOKENS,
        schema: None,
        attempt_timeout: ATTEMPT_TIMEOUT,
    }
}

/// Renders off the runtime's threads: it is pure computation.
async fn render(session: &Session, resume: Resume) -> Result<Vec<u8>, Failure> {
    let (inputs, created) = (session.inputs.clone(), session.started_at);
    let rendering = tokio::task::spawn_blocking(move || {
        document::render(&Document { inputs: &inputs, markdown: &resume.markdown, created })
    });
    match rendering.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Failure::new(FailureCode::Internal, format!("the document was not rendered: {error}"))),
        Err(_) => Err(Failure::new(FailureCode::Internal, "rendering the document panicked")),
    }
}
