//! The résumé graph, as one draws it in LangGraph: four nodes, and the edges between them.
//!
//! ```text
//!            START
//!  ResumeInit │ │ ResumeAnswer
//!             │ ▼
//!             │ receive_answer ──── not to the open question ───► END: refused
//!             ▼ ▼
//!       check_completion        (the conditional edge)
//!  questions  ┆       ┆  all are asked, or the model
//!  are left   ┆       ┆  knew enough in an earlier try
//!             ▼       ▼
//! generate_question ─────► create_resume
//!             │    the model   │
//!             │  knows enough  │
//!             ▼                ▼
//!    END: the member      END: the document
//!    is asked             is stored
//! ```
//!
//! A file each says what its node decides; the edges, and what has to be done on them, are here. [`Graph::step`] is
//! pure: it takes where a turn stands and what happened, and gives where it stands then and a list of effects. The
//! [agent](crate::resume::agent) runs these in their order, and comes back with what the model said or where the
//! document is. What was paid for is saved by an effect before any other follows from it. Either node that asks the
//! model asks it at most twice.

#[cfg(test)]
mod cases;
mod check_completion;
mod create_resume;
mod generate_question;
#[cfg(test)]
mod properties;
mod receive_answer;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::Arc;

use time::OffsetDateTime;

use crate::events::outcome::{Failure, FailureCode, Outcome};
use crate::events::request::{ResumeAnswer, ResumeInputs};
use crate::llm::{ModelFailure, Reply};
use crate::resume::question::{self, Reading};
use crate::state::session::{Exchange, Session};

use check_completion::{Next, check_completion};
use create_resume::{Written, create_resume, read};
use generate_question::{Asked, generate_question, own_question};
use receive_answer::{Refusal, receive_answer};

pub use check_completion::NextQuestion;
pub use create_resume::Resume;
pub use generate_question::Attempt;
pub use turn::{Effect, Event, Finished, Interview, Note, Opened, Stamp, State, unchanged};

/// The number of an interview's first question.
const FIRST: u32 = 1;

/// Where a turn stands after a step, and what is to be done now, in this order. What the last effect brings is the next
/// event, unless it ends the turn.
pub type Step = (State, Vec<Effect>);

/// The graph of interviews of so many questions.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    /// Before the model may end an interview.
    pub min_questions: u32,
    /// At most; at least 1.
    pub max_questions: u32,
}

impl Graph {
    /// Takes a turn from one node to where it has to wait again.
    pub fn step(self, state: State, event: Event<'_>, stamp: Stamp) -> Step {
        match (state, event) {
            (State::Start(opened), Event::Init(inputs)) => self.begin(opened, inputs, stamp),
            (State::Start(opened), Event::Answer { answer, sent_at }) => {
                self.receive_answer(opened, answer, sent_at, stamp.now)
            }
            (State::GenerateQuestion(interview, attempt), Event::Replied(reply)) => {
                self.generate_question(interview, attempt, reply, stamp)
            }
            (State::CreateResume { interview, is_last }, Event::Replied(reply)) => {
                create_resume_from(interview, is_last, reply)
            }
            (State::StoreDocument { interview, degraded }, Event::Stored { object_key }) => {
                let outcome = Outcome::Completed { session_id: interview.session.session_id, object_key, degraded };
                end((interview.completed(stamp.now), outcome))
            }
            (_, Event::Init(_) | Event::Answer { .. } | Event::Replied(_) | Event::Stored { .. }) => {
                fail(FailureCode::Internal, "the graph waits for something else")
            }
        }
    }

    /// START for a member who begins: a new interview, or the first question again of the one just begun. So it is, too,
    /// where this very request began the one that is open, and only its outcome was lost.
    fn begin(self, opened: Opened, inputs: &ResumeInputs, stamp: Stamp) -> Step {
        let id = stamp.session_id();
        if let Some(session) = &opened.session
            && let Some(first) = session.first_question_for(inputs).or_else(|| session.begun_as(id))
        {
            return end((unchanged(opened.expected), self.question(session, first, FIRST)));
        }
        let mut session = Session::begin(id, inputs.clone(), stamp.now);
        if let Some(draft) = opened.draft_for(&session) {
            (session.session_id, session.started_at) = (draft.session_id, draft.started_at);
        }
        self.check_completion(opened, session, stamp.now)
    }

    fn receive_answer(
        self,
        opened: Opened,
        answer: &ResumeAnswer,
        sent_at: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Step {
        match receive_answer(opened.known(), answer, sent_at) {
            Ok(session) => self.check_completion(opened, session, now),
            Err(Refusal::NoActiveSession) => fail(FailureCode::NoActiveSession, "no interview is open"),
            Err(Refusal::NeverAsked) => fail(FailureCode::NoActiveSession, "no interview asked this question"),
            Err(Refusal::RolledBack) => {
                let (state, failed) = fail(FailureCode::NoActiveSession, "the question was lost with the state");
                (state, std::iter::once(Effect::Note(Note::RolledBack)).chain(failed).collect())
            }
            Err(Refusal::Stale) => fail(FailureCode::StaleAnswer, "the question is no longer open"),
        }
    }

    /// The conditional edge. Who has a résumé from an earlier try needs no model.
    fn check_completion(self, opened: Opened, session: Session, now: OffsetDateTime) -> Step {
        let draft = opened.draft_for(&session).cloned();
        let next = check_completion(&session, self.min_questions, self.max_questions, draft.is_some());
        let interview = Interview::new(opened, session, now);
        match (next, draft.and_then(|draft| draft.markdown)) {
            (Next::GenerateQuestion(next), _) => ask_model(interview, Attempt::first(next), vec![Effect::WaitForModel]),
            (Next::CreateResume, None) => write(interview, false, vec![Effect::WaitForModel]),
            (Next::CreateResume, Some(markdown)) => store(interview, Some(markdown), Vec::new()),
        }
    }

    /// The model is asked at most twice. One that would rather not ask is not asked a third time: we ask a question of
    /// our own.
    fn generate_question(
        self,
        interview: Interview,
        attempt: Attempt,
        reply: Result<Reply, ModelFailure>,
        stamp: Stamp,
    ) -> Step {
        let NextQuestion { number, may_end, .. } = attempt.next;
        let reading = match reply {
            Ok(reply) => question::read(&reply.text, reply.truncated, &interview.questions(), may_end),
            Err(ModelFailure::Unusable(_)) => Reading::Unusable,
            Err(failure) => return (State::End, vec![Effect::Fail(failure.into())]),
        };
        let mut notes = Vec::new();
        if reading == Reading::Unusable {
            notes.push(Effect::Note(Note::NoQuestion { number }));
        }
        let question = match generate_question(attempt, reading) {
            Asked::Question(question) => Some(question),
            Asked::Enough => {
                let decision = interview.draft(None);
                return write(interview, false, vec![Effect::SaveDraft(decision)]);
            }
            Asked::Again(attempt) => return ask_model(interview, attempt, notes),
            Asked::TooEarly => {
                let ours = own_question(&interview.questions()).map(str::to_owned);
                notes.extend(ours.as_ref().map(|_| Effect::Note(Note::TooEarly { number })));
                ours
            }
            Asked::Nothing => None,
        };
        let (state, effects) = match question {
            Some(question) => self.ask_member(interview, question, number, stamp),
            None => fail(FailureCode::LlmBadOutput, "no usable question in two replies"),
        };
        (state, notes.into_iter().chain(effects).collect())
    }

    /// END: the question waits for its answer.
    fn ask_member(self, interview: Interview, question: String, number: u32, stamp: Stamp) -> Step {
        let open = Exchange::open(stamp.question_id(number), question, stamp.now);
        let session = interview.with(open.clone(), stamp.now);
        let outcome = self.question(&session, &open, number);
        end((interview.goes_on(session), outcome))
    }

    fn question(self, session: &Session, open: &Exchange, number: u32) -> Outcome {
        Outcome::Question {
            session_id: session.session_id,
            question_id: open.question_id,
            number,
            max: self.max_questions,
            question: open.question.clone(),
        }
    }
}

/// The model is asked at most twice; what it cannot do is laid out without it.
fn create_resume_from(interview: Interview, is_last: bool, reply: Result<Reply, ModelFailure>) -> Step {
    match read(reply) {
        Written::Markdown(markdown) => {
            let draft = interview.draft(Some(markdown.clone()));
            store(interview, Some(markdown), vec![Effect::SaveDraft(draft)])
        }
        Written::Unusable if !is_last => write(interview, true, Vec::new()),
        Written::Unusable => store(interview, None, vec![Effect::Note(Note::NoResume)]),
        Written::BrokenOff => store(interview, None, Vec::new()),
        Written::NoReply(failure) => store(interview, None, vec![Effect::Note(Note::NoModel(failure))]),
    }
}

/// To `generate_question`, after what is to be done `first`.
fn ask_model(interview: Interview, attempt: Attempt, mut first: Vec<Effect>) -> Step {
    first.push(Effect::AskQuestion(Arc::clone(&interview.session), attempt));
    (State::GenerateQuestion(interview, attempt), first)
}

/// To `create_resume`, after what is to be done `first`.
fn write(interview: Interview, is_last: bool, mut first: Vec<Effect>) -> Step {
    first.push(Effect::WriteResume(Arc::clone(&interview.session)));
    (State::CreateResume { interview, is_last }, first)
}

/// To the end of `create_resume`, after what is to be done `first`.
fn store(interview: Interview, written: Option<String>, mut first: Vec<Effect>) -> Step {
    let resume = create_resume(&interview.session, written);
    let degraded = resume.degraded;
    first.push(Effect::StoreDocument(Arc::clone(&interview.session), resume));
    (State::StoreDocument { interview, degraded }, first)
}

fn end(finished: Finished) -> Step {
    (State::End, vec![Effect::End(Box::new(finished))])
}

fn fail(code: FailureCode, reason: &str) -> Step {
    (State::End, vec![Effect::Fail(Failure::new(code, reason))])
}
