//! Works requests as the worker does: its readers of requests, its prompts, budget, model client and readers of replies,
//! its agent and graph. There is no Kafka and no Redis; each request is a member of its own.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::documents::retrying::RetryingDocuments;
use crate::eval::cases::{FeedbackCase, Member};
use crate::eval::recording::{Call, recorded};
use crate::events::decode::decode;
use crate::events::expiry::Expiry;
use crate::events::outcome::{FailureCode, Outcome};
use crate::events::record::{Coordinates, Flow, Record, RequestKind};
use crate::events::request::data::{FeedbackRequested, ResumeInit};
use crate::events::request::{FeedbackRequest, MemberId, Request, ResumeAnswer, ResumeInputs, SKIPPED};
use crate::feedback;
use crate::flow_control::place::Place;
use crate::flow_control::slots::GroupSlots;
use crate::llm::Model;
use crate::resume::agent::{Agent, Settings};
use crate::resume::graph::Opened;
use crate::resume::turn::{Carried, Interrupt, Turn};
use crate::state::session::{Exchange, Session};
use crate::state::{Begin, Change, Claim, MemberState, SessionChange, Write};

/// What a request came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    Feedback(String),
    Question(String),
    /// The model would ask no more.
    Enough,
    Resume {
        /// The résumé as it was rendered; none where it was laid out without the model.
        markdown: Option<String>,
        object_key: String,
    },
    /// With its code.
    Failure(&'static str),
}

/// A request that was worked.
#[derive(Clone, Debug)]
pub struct Worked {
    pub came: Came,
    pub calls: Vec<Call>,
    pub took: Duration,
}

/// One thing to ask for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    Feedback(&'a FeedbackCase),
    /// The question after so many exchanges.
    Question(&'a Member, usize),
    Resume(&'a Member),
}

/// Whoever works the requests.
pub struct Asking {
    pub model: Arc<dyn Model>,
    pub state: Arc<dyn MemberState>,
    pub documents: Arc<RetryingDocuments>,
    /// As the worker's; but an interview has as many questions as its case.
    pub interviews: Settings,
    pub slots: GroupSlots,
    /// Time for one request.
    pub limit: Duration,
}

impl Asking {
    /// Works one request, in its place among those that are worked at once.
    ///
    /// # Errors
    /// Where the case is no request that a member could send.
    pub async fn work(&self, member: MemberId, wanted: Wanted<'_>) -> anyhow::Result<Worked> {
        let request = Requested::read(member, wanted)?;
        let place = Place::new(self.slots.clone(), self.slots.acquire().await, CancellationToken::new(), Arc::new(()));
        let started = Instant::now();
        let only_questions = matches!(wanted, Wanted::Question(..));
        // The limit is within it; what is beyond is for a model that is away.
        let working = timeout(self.limit * 2, self.come(member, &request, &place));
        let (came, calls) = recorded(working, only_questions).await;
        let came = match came.unwrap_or(Ok(Came::Failure(FailureCode::LlmUnavailable.name())))? {
            Came::Resume { .. } if only_questions => Came::Enough,
            came => came,
        };
        Ok(Worked { came, calls, took: started.elapsed() })
    }

    async fn come(&self, member: MemberId, request: &Requested, place: &Place) -> anyhow::Result<Came> {
        match request {
            Requested::Unreadable(code) => Ok(Came::Failure(code)),
            Requested::Feedback(request) => {
                let _permit = self.model.admit(place.reach()).await;
                let deadline = Instant::now() + self.limit;
                Ok(match feedback::Writer::default().write(self.model.as_ref(), request, place, deadline).await {
                    Ok(feedback) => Came::Feedback(feedback),
                    Err(failure) => Came::Failure(failure.code.name()),
                })
            }
            Requested::Turn(interview) => self.turn(member, interview, place).await,
        }
    }

    /// A member's turn: the first, or the one after the exchanges before it.
    async fn turn(&self, member: MemberId, interview: &Interview, place: &Place) -> anyhow::Result<Came> {
        let Interview { inputs, before, questions } = interview;
        let agent = Agent {
            model: self.model.clone(),
            state: self.state.clone(),
            documents: self.documents.clone(),
            settings: Settings { max_questions: *questions, ..self.interviews.clone() },
        };
        let request = Uuid::new_v4();
        let claim =
            Claim { flow: Flow::Resume, member, request, record: request, sent_at: None, token: Uuid::new_v4() };
        self.state.begin(&claim).await?;
        let mut session = None;
        if !before.is_empty() {
            let asked = asked(inputs, before);
            let change = SessionChange {
                expected: None,
                session: Write::Put(asked.clone()),
                draft: Write::Keep,
                ended: Write::Keep,
            };
            self.state.save(&claim, &Change { session: Some(change), outcome: None }).await?;
            session = Some(asked);
        }
        let expiry = Expiry::of(&record(), Duration::MAX);
        let mut carried = Carried::new(place.clone(), CancellationToken::new());
        let worked = loop {
            let expected = session.as_ref().map(|session| session.version);
            let opened = Opened { expected, session: session.clone(), draft: None, ended: None, shown: None };
            let turn = Turn { claim: &claim, opened, expiry, carried: &mut carried };
            let worked = match before.last() {
                None => agent.init(inputs, turn).await,
                Some((_, answer)) => {
                    let answer = Some(answer.clone()).filter(|answer| !answer.trim().is_empty());
                    agent.answer(&ResumeAnswer { answer, question_id: None }, turn).await
                }
            };
            let Err(Interrupt::WaitFor(needs)) = worked else { break worked };
            carried.wait_for(needs, self.model.as_ref(), &self.documents, &expiry).await;
        };
        Ok(match worked {
            Ok((_, Outcome::Question { question, .. })) => Came::Question(question),
            Ok((_, Outcome::Completed { object_key, .. })) => {
                // What was paid for is saved before it is rendered.
                let markdown = match self.state.begin(&claim).await? {
                    Begin::Open { draft, .. } => draft.and_then(|draft| draft.markdown),
                    _ => None,
                };
                Came::Resume { markdown, object_key }
            }
            Ok((_, Outcome::Failed { failure, .. })) | Err(Interrupt::Failed(failure)) => {
                Came::Failure(failure.code.name())
            }
            Ok((_, Outcome::Feedback { .. })) | Err(_) => Came::Failure(FailureCode::Internal.name()),
        })
    }
}

/// A request as the worker reads it.
enum Requested {
    Feedback(FeedbackRequest),
    Turn(Box<Interview>),
    /// The worker would refuse it, with this code.
    Unreadable(&'static str),
}

/// An interview, and where it stands.
struct Interview {
    inputs: ResumeInputs,
    before: Vec<(String, String)>,
    /// Of the whole interview.
    questions: u32,
}

impl Requested {
    fn read(member: MemberId, wanted: Wanted<'_>) -> anyhow::Result<Self> {
        let member_id = member.get();
        let (kind, json, before) = match wanted {
            Wanted::Feedback(case) => {
                let FeedbackCase { question, answer, .. } = case.clone();
                let request = FeedbackRequested {
                    member_id,
                    problem_id: None,
                    question,
                    answer,
                    context: None,
                    request_id: None,
                };
                (RequestKind::FeedbackRequested, serde_json::to_vec(&request)?, 0)
            }
            Wanted::Question(member, before) => (RequestKind::ResumeInit, init(member_id, member)?, before),
            Wanted::Resume(member) => (RequestKind::ResumeInit, init(member_id, member)?, member.answers.len()),
        };
        let (questions, answers) = match wanted {
            Wanted::Question(member, _) | Wanted::Resume(member) => (&*member.questions, &*member.answers),
            Wanted::Feedback(_) => (&[][..], &[][..]),
        };
        let exchanges = questions.iter().cloned().zip(answers.iter().cloned());
        Ok(match decode(kind, Some(&json))?.request {
            Ok(Request::Feedback(request)) => Self::Feedback(request),
            Ok(Request::ResumeInit(inputs)) => Self::Turn(Box::new(Interview {
                inputs,
                before: exchanges.take(before).collect(),
                questions: u32::try_from(questions.len())?,
            })),
            Ok(Request::ResumeAnswer(_)) | Err(_) => Self::Unreadable(FailureCode::InvalidRequest.name()),
        })
    }
}

fn init(member_id: i64, member: &Member) -> serde_json::Result<Vec<u8>> {
    let inputs = member.inputs.clone();
    serde_json::to_vec(&ResumeInit { member_id, inputs, context: None, request_id: None })
}

/// An interview after these questions, the last of which waits for its answer.
fn asked(inputs: &ResumeInputs, exchanges: &[(String, String)]) -> Session {
    let now = OffsetDateTime::now_utc();
    let mut session = Session::begin(Uuid::new_v4(), inputs.clone(), now);
    let last = exchanges.len().saturating_sub(1);
    session.exchanges = exchanges
        .iter()
        .enumerate()
        .map(|(at, (question, answer))| {
            let answer = if answer.trim().is_empty() { SKIPPED } else { answer };
            let answer = (at < last).then(|| answer.to_owned());
            Exchange { answer, ..Exchange::open(Uuid::new_v4(), question.clone(), now) }
        })
        .collect();
    session
}

/// The record of a request that no broker has seen, and that is never too late.
fn record() -> Record {
    let at = Coordinates { topic: RequestKind::ResumeAnswer.flow().name().into(), partition: 0, offset: 0 };
    Record { kind: RequestKind::ResumeAnswer, at, time: None, key: None, value: None, headers: Vec::new() }
}
