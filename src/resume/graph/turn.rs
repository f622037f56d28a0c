//! What goes into a step of the graph, and what comes out of it.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::create_resume::Resume;
use super::generate_question::Attempt;
use super::receive_answer::Known;
use crate::events::names::name_of;
use crate::events::outcome::{Failure, Outcome};
use crate::events::request::{ResumeAnswer, ResumeInputs};
use crate::llm::{ModelFailure, Reply};
use crate::state::session::{Draft, Ended, Exchange, Session};
use crate::state::{SessionChange, Write};

/// Where a turn stands, and what it waits for there. `receive_answer` and `check_completion` wait for nothing.
#[derive(Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one a turn, and it is taken apart at the next step")]
pub enum State {
    /// Before the first node, with what was stored.
    Start(Opened),
    /// In `generate_question`, for the model's reply.
    GenerateQuestion(Interview, Attempt),
    /// In `create_resume`, for the model's reply; if `is_last`, no other is asked for.
    CreateResume {
        interview: Interview,
        is_last: bool,
    },
    /// At the end of `create_resume`, for the document.
    StoreDocument {
        interview: Interview,
        degraded: bool,
    },
    End,
}

/// What happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A member starts.
    Init(&'a ResumeInputs),
    /// A member answers the question on screen; `sent_at` is the record's time.
    Answer { answer: &'a ResumeAnswer, sent_at: Option<OffsetDateTime> },
    /// The model was asked.
    Replied(Result<Reply, ModelFailure>),
    /// The document is stored under this key.
    Stored { object_key: String },
}

/// What the agent is to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Tell operators.
    Note(Note),
    /// Wait until it makes sense to ask a model; the time for the turn's work begins then.
    WaitForModel,
    /// Ask the model for a question; brings [`Event::Replied`].
    AskQuestion(Arc<Session>, Attempt),
    /// Ask the model for the résumé; brings [`Event::Replied`].
    WriteResume(Arc<Session>),
    /// Save what was paid for.
    SaveDraft(Draft),
    /// Render and store it; brings [`Event::Stored`].
    StoreDocument(Arc<Session>, Resume),
    /// Save the change and the outcome, and answer the member.
    End(Box<Finished>),
    Fail(Failure),
}

/// What to save together with the outcome.
pub type Finished = (SessionChange, Outcome);

/// What operators may want to know of a turn.
#[derive(Debug, PartialEq)]
pub enum Note {
    /// The reply held no usable question.
    NoQuestion { number: u32 },
    /// The model would end the interview before it may.
    TooEarly { number: u32 },
    /// No model writes the résumé.
    NoModel(ModelFailure),
    /// The model wrote no usable résumé.
    NoResume,
    /// What is stored is older than what the member was shown.
    RolledBack,
}

/// What a pure function cannot know: the request that a step belongs to, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The request's name in the journal.
    pub request: Uuid,
    pub now: OffsetDateTime,
}

/// Ids are names made of the request (UUIDv5), and not random: where its work was lost and is done again, what is on the
/// member's screen stays answerable.
impl Stamp {
    /// Of the interview that the request begins.
    pub fn session_id(self) -> Uuid {
        name_of(&["session", &self.request.to_string()])
    }

    /// Of the question that the request leads to, if it is this one: another would be something else than the member sees.
    pub fn question_id(self, number: u32) -> Uuid {
        name_of(&["question", &self.request.to_string(), &number.to_string()])
    }
}

/// What was stored when a turn began.
#[derive(Debug, PartialEq)]
pub struct Opened {
    /// The version that a change has to expect.
    pub expected: Option<u64>,
    pub session: Option<Session>,
    pub draft: Option<Draft>,
    pub ended: Option<Ended>,
    /// The question that this worker has shown to the member last, if it remembers one.
    pub shown: Option<Uuid>,
}

impl Opened {
    /// What tells to which question an answer is.
    pub fn known(&self) -> Known<'_> {
        Known { session: self.session.as_ref(), ended: self.ended.as_ref(), shown: self.shown }
    }

    /// The draft that was made of these very inputs and answers.
    pub fn draft_for(&self, session: &Session) -> Option<&Draft> {
        self.draft.as_ref().filter(|draft| draft.fingerprint == session.fingerprint())
    }
}

/// The interview that a turn is about.
#[derive(Debug, PartialEq)]
pub struct Interview {
    /// With the answer of this turn.
    pub session: Arc<Session>,
    expected: Option<u64>,
    /// What is remembered of interviews that ended.
    ended: Option<Ended>,
    /// The same, where this turn ended one: an init ends the interview before it.
    ended_now: Option<Ended>,
}

impl Interview {
    pub fn new(opened: Opened, session: Session, now: OffsetDateTime) -> Self {
        let Opened { expected, session: stored, ended, draft: _, shown: _ } = opened;
        let replaced = stored.filter(|stored| stored.session_id != session.session_id);
        let ended_now = replaced.map(|old| Ended::after(&old, ended.as_ref(), now));
        Self { session: Arc::new(session), expected, ended, ended_now }
    }

    /// The questions asked so far.
    pub fn questions(&self) -> Vec<&str> {
        self.session.exchanges.iter().map(|exchange| exchange.question.as_str()).collect()
    }

    /// The session with one more question, in its next version.
    pub fn with(&self, open: Exchange, now: OffsetDateTime) -> Session {
        let mut session = Session::clone(&self.session);
        session.version = next_version(self.expected, now);
        session.exchanges.push(open);
        session
    }

    /// The decision to write the résumé, or the résumé.
    pub fn draft(&self, markdown: Option<String>) -> Draft {
        Draft::of(&self.session, markdown)
    }

    /// What to save when `session` waits for the member.
    pub fn goes_on(self, session: Session) -> SessionChange {
        let ended = self.ended_now.map_or(Write::Keep, Write::Put);
        SessionChange { expected: self.expected, session: Write::Put(session), draft: Write::Delete, ended }
    }

    /// What to save when the interview is over.
    pub fn completed(self, now: OffsetDateTime) -> SessionChange {
        let ended = Ended::after(&self.session, self.ended_now.as_ref().or(self.ended.as_ref()), now);
        SessionChange {
            expected: self.expected,
            session: Write::Delete,
            draft: Write::Delete,
            ended: Write::Put(ended),
        }
    }
}

/// What leaves everything as it is.
pub fn unchanged(expected: Option<u64>) -> SessionChange {
    SessionChange { expected, session: Write::Keep, draft: Write::Keep, ended: Write::Keep }
}

/// A first version is the time in milliseconds: should a writer from before an interview ended wake up, the next
/// interview is not at the version that it expects.
fn next_version(expected: Option<u64>, now: OffsetDateTime) -> u64 {
    let millis = u64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
    expected.map_or(millis, |version| version.saturating_add(1))
}
