//! Takes a member's turn through the [graph](crate::resume::graph): asks the model, saves what was paid for, stores the
//! document. What to do, and in which order, the graph decides.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::documents::DocumentError;
use crate::documents::retrying::RetryingDocuments;
use crate::events::outcome::{Failure, FailureCode};
use crate::events::record::Flow;
use crate::events::request::{MemberId, ResumeAnswer, ResumeInputs};
use crate::failpoint;
use crate::flow_control::place::Place;
use crate::llm::{Ask, Listener, Model, ModelFailure, Reply};
use crate::resume::document::{self, Document};
use crate::resume::graph::{Attempt, Effect, Event, Finished, Graph, Note, Resume, Stamp, State, unchanged};
use crate::resume::listening::Listening;
use crate::resume::prompt;
use crate::resume::turn::{Carried, Interrupt, Needs, Step, Turn};
use crate::state::retrying::until_taken;
use crate::state::session::{Draft, Session};
use crate::state::{Change, Claim, MemberState, Saved, SessionChange, Write};

const QUESTION_TEMPERATURE: f32 = 0.7;
/// A question has up to 500 characters; JSON needs a little room around it.
const QUESTION_TOKENS: u32 = 400;
const QUESTION_MIN_TOKENS: u32 = 200;
const RESUME_TEMPERATURE: f32 = 0.3;
const RESUME_TOKENS: u32 = 1_800;
/// With less room a résumé would break off; the member's own words are better then.
const RESUME_MIN_TOKENS: u32 = 700;
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
    pub documents: Arc<RetryingDocuments>,
    pub settings: Settings,
}

impl Agent {
    /// A member starts: begins a new interview, or repeats the first question of the one just begun.
    pub async fn init<'w>(&'w self, inputs: &ResumeInputs, turn: Turn<'_, 'w>) -> Result<Finished, Interrupt> {
        self.run(Event::Init(inputs), turn).await
    }

    /// A member answers the question on screen.
    pub async fn answer<'w>(&'w self, answer: &ResumeAnswer, turn: Turn<'_, 'w>) -> Result<Finished, Interrupt> {
        let sent_at = turn.expiry.sent_at();
        self.run(Event::Answer { answer, sent_at }, turn).await
    }

    /// Runs the graph: does what it wants done, in its order, and tells it what came of it.
    async fn run<'w>(&'w self, request: Event<'_>, turn: Turn<'_, 'w>) -> Result<Finished, Interrupt> {
        let Turn { claim, opened, expiry: _, carried } = turn;
        if let (Event::Answer { .. }, Some(session)) = (&request, &opened.session) {
            carried.place().progress().of_session(session.session_id);
        }
        let Settings { min_questions, max_questions, deadline: limit, .. } = self.settings;
        let graph = Graph { min_questions, max_questions };
        let expected = opened.expected;
        let stamp = || Stamp { request: claim.request, now: OffsetDateTime::now_utc() };
        let (mut pass, mut deadline, mut writing_deadline) = (None, Instant::now() + limit, None);
        let (mut state, effects) = graph.step(State::Start(opened), request, stamp());
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            let event = match effect {
                Effect::Note(note) => {
                    log(&note, claim.member);
                    continue;
                }
                Effect::WaitForModel => {
                    // A résumé that is laid out needs no model any more.
                    if !carried.is_laid_out {
                        pass = Some(carried.admit(self.model.as_ref())?);
                        deadline = Instant::now() + limit;
                    }
                    continue;
                }
                Effect::SaveDraft(draft) => {
                    self.save_draft(claim, expected, draft, deadline).await?;
                    continue;
                }
                Effect::AskQuestion(session, attempt) => {
                    carried.pay(Step::Question)?;
                    let (ask, progress) = (question_ask(&session, attempt), carried.place().progress());
                    progress.of_session(session.session_id);
                    // Nothing of a question is told.
                    let listener = progress.is_wanted().then_some(&() as &dyn Listener);
                    let asking = self.ask(&ask, carried.place(), deadline, listener);
                    Event::Replied(carried.ask(self.model.as_ref(), asking).await?)
                }
                Effect::WriteResume(_) if carried.is_laid_out => Event::Replied(Ok(nothing())),
                Effect::WriteResume(session) => {
                    carried.pay(Step::Resume)?;
                    let until = *writing_deadline.get_or_insert_with(|| before_storing(deadline));
                    let (ask, progress) = (resume_ask(&session), carried.place().progress());
                    progress.of_session(session.session_id);
                    let listening = Listening::new(progress);
                    let asking = self.ask(&ask, carried.place(), until, listening.listener());
                    let reply = carried.ask(self.model.as_ref(), asking).await?;
                    if reply.is_ok() {
                        listening.tell();
                    }
                    Event::Replied(reply)
                }
                Effect::StoreDocument(session, resume) => {
                    drop(pass.take());
                    let object_key = session.object_key(&self.settings.upload_prefix, claim.member);
                    carried.is_laid_out = resume.degraded;
                    self.store(session, resume, &object_key, carried, deadline).await?;
                    Event::Stored { object_key }
                }
                Effect::End(finished) => return Ok(*finished),
                Effect::Fail(failure) => return Err(failure.into()),
            };
            let (next, more) = graph.step(state, event, stamp());
            state = next;
            effects.extend(more);
        }
        Err(Failure::new(FailureCode::Internal, "the graph did not come to an end").into())
    }

    async fn ask(
        &self,
        ask: &Ask,
        place: &Place,
        deadline: Instant,
        listener: Option<&dyn Listener>,
    ) -> Result<Reply, ModelFailure> {
        failpoint::reach("before_call");
        let reply = self.model.ask(ask, place, deadline, listener).await;
        failpoint::reach("called");
        reply
    }

    /// Renders and stores the document. Where the store is away it is rendered again once that is back: the résumé is saved.
    async fn store<'w>(
        &'w self,
        session: Arc<Session>,
        resume: Resume,
        object_key: &str,
        carried: &mut Carried<'w>,
        deadline: Instant,
    ) -> Result<(), Interrupt> {
        failpoint::reach("before_upload");
        carried.place().progress().of_session(session.session_id);
        let place = carried.place().clone();
        let (upload, _permit) = carried.upload(&self.documents)?;
        place.progress().stores(!resume.degraded);
        let bytes = render(session, resume).await?;
        // It is finished: what went into waiting for the state is not taken from the store's time.
        let until = deadline.max(Instant::now() + STORING_MAX);
        match upload.put(object_key, &bytes, until, place.progress()).await {
            Ok(()) => {}
            Err(DocumentError::Refused(_)) if upload.has_to_wait() => return Err(Needs::Store.into()),
            Err(error) => return Err(Failure::new(FailureCode::StorageUnavailable, error.to_string()).into()),
        }
        failpoint::reach("uploaded");
        Ok(())
    }

    /// Saves what was paid for before anything follows from it.
    async fn save_draft(
        &self,
        claim: &Claim,
        expected: Option<u64>,
        draft: Draft,
        deadline: Instant,
    ) -> Result<(), Interrupt> {
        let session = SessionChange { draft: Write::Put(draft), ..unchanged(expected) };
        let change = Change { session: Some(session), outcome: None };
        match until_taken(deadline, || self.state.save(claim, &change)).await {
            Ok(Saved::Done) => {
                failpoint::reach("draft_saved");
                Ok(())
            }
            Ok(Saved::Answered(outcome)) => Err(Interrupt::Answered(outcome)),
            Ok(Saved::Conflict) => Err(Interrupt::BeginAgain),
            Err(fault) => Err(Failure::new(FailureCode::Internal, fault.to_string()).into()),
        }
    }
}

fn log(note: &Note, member: MemberId) {
    match note {
        Note::NoQuestion { number } => tracing::debug!(number, "no usable question in the reply"),
        Note::TooEarly { number } => tracing::warn!(
            %member,
            number,
            "the model would end the interview too early; the member is asked a question of ours"
        ),
        Note::NoModel(failure) => {
            tracing::warn!(%member, reason = %failure, "the résumé is laid out without the model")
        }
        Note::NoResume => {
            tracing::warn!(%member, "the résumé is laid out without the model: two replies were unusable")
        }
        Note::RolledBack => tracing::warn!(
            %member,
            "the state store has lost a question that the member was shown; the member is told (REDIS_WAIT_REPLICAS keeps \
             what is shown)"
        ),
    }
}

/// The reply of a model that is not asked: nothing of it is whole.
fn nothing() -> Reply {
    Reply { text: String::new(), truncated: true }
}

/// Until when the model may write: some of what is left is kept for the document.
fn before_storing(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline - (left / STORING_SHARE).min(STORING_MAX)
}

fn question_ask(session: &Session, attempt: Attempt) -> Ask {
    let prompts = if attempt.is_firm { prompt::firmer_question } else { prompt::question };
    Ask {
        flow: Some(Flow::Resume),
        prompts: prompts(&session.inputs, &session.exchanges, attempt.next),
        temperature: QUESTION_TEMPERATURE,
        max_tokens: QUESTION_TOKENS,
        min_tokens: QUESTION_MIN_TOKENS,
        schema: Some(prompt::question_schema(attempt.next.may_end)),
    }
}

fn resume_ask(session: &Session) -> Ask {
    Ask {
        flow: Some(Flow::Resume),
        prompts: prompt::resume(&session.inputs, &session.exchanges),
        temperature: RESUME_TEMPERATURE,
        max_tokens: RESUME_TOKENS,
        min_tokens: RESUME_MIN_TOKENS,
        schema: None,
    }
}

/// Renders off the runtime's threads: it is pure computation.
async fn render(session: Arc<Session>, resume: Resume) -> Result<Vec<u8>, Failure> {
    let rendering = tokio::task::spawn_blocking(move || {
        let answers: Vec<&str> = session.exchanges.iter().filter_map(|exchange| exchange.answer.as_deref()).collect();
        let (inputs, markdown, created) = (&*session.inputs, &*resume.markdown, session.started_at);
        document::render(&Document { inputs, answers: &answers, markdown, created })
    });
    match rendering.await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Failure::new(FailureCode::Internal, format!("the document was not rendered: {error}"))),
        Err(_) => Err(Failure::new(FailureCode::Internal, "rendering the document panicked")),
    }
}
