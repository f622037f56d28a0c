//! Examples of every message. Requests are read by the worker's own decoder, outcomes and headers are what its own
//! code makes of them, so that no example can show what the worker does not do.

use anyhow::Context;
use serde_json::{Map, Value, json, to_value};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::{Uuid, uuid};

use crate::events::decode::{Invalid, Rule, decode};
use crate::events::header_names::{CE_ID, TRACEPARENT};
use crate::events::headers::{
    of_dead_letter as dead_letter_headers, of_outcome as outcome_headers, of_progress as progress_headers,
};
use crate::events::outcome::{DownloadLink, Failure, FailureCode, Origin, Outcome, OutcomeKind, timestamp};
use crate::events::progress::{News, RequestProgress, progress_id};
use crate::events::record::{Coordinates, Header, Record, RecordTime, RequestKind, request_id};
use crate::events::request::data::{AnswerInputs, FeedbackRequested, Inputs, ResumeAnswer, ResumeInit};
use crate::events::request::{MajorType, PreferredJob};

const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
const SESSION: Uuid = uuid!("7d0f6a52-8e1c-4b0e-9d3a-5a6f2c41b7e9");
const QUESTION: Uuid = uuid!("0c9d3f5e-52a1-5b6e-8f7d-3e2b1a0c9d8f");

pub fn of_request(kind: RequestKind) -> anyhow::Result<Value> {
    let examples = requests(kind)?.into_iter();
    Ok(examples.map(|(summary, payload)| example(summary, &record(kind, &payload).headers, &payload)).collect())
}

pub fn of_outcome(kind: OutcomeKind) -> anyhow::Result<Value> {
    outcomes(kind).into_iter().map(|(summary, request, outcome)| answer(summary, request, outcome)).collect()
}

/// What is told of requests that take their time.
pub fn of_progress() -> anyhow::Result<Value> {
    let text = News::Text("신뢰성과 속도의 차이를 잘 짚었습니다.".to_owned());
    let section = News::Section { heading: "프로젝트".to_owned(), percent: Some(60) };
    let (feedback, answer) = (RequestKind::FeedbackRequested, RequestKind::ResumeAnswer);
    let told = [
        ("The first sentence of a feedback", feedback, None, 2_130, text),
        ("A résumé is being written", answer, Some(SESSION), 31_400, section),
        ("Its turn has not come, or no model is there", answer, None, 2_004, News::Waiting),
    ];
    told.into_iter()
        .map(|(summary, kind, session, sequence, news)| progress(summary, kind, session, sequence, news))
        .collect()
}

fn progress(
    summary: &str,
    kind: RequestKind,
    session: Option<Uuid>,
    sequence: u64,
    news: News,
) -> anyhow::Result<Value> {
    let (_, asked) = requests(kind)?.into_iter().next().context("a request without an example")?;
    let record = record(kind, &asked);
    let decoded = decode(kind, record.value.as_deref())?;
    let id = request_id(&record, decoded.request_id.as_deref());
    let origin = Origin::new(&record, &decoded, &id);
    let headers = progress_headers(&origin, progress_id(&origin, sequence), NOW);
    let progress = RequestProgress::new(&origin, decoded.problem_id, session, sequence, news);
    Ok(example(summary, &headers, &to_value(progress)?))
}

/// A request that ended in a failure that is kept.
pub fn of_dead_letter(kind: RequestKind, group: &str) -> anyhow::Result<Value> {
    let (_, payload) = requests(kind)?.into_iter().next().context("a request without an example")?;
    let record = record(kind, &payload);
    let code = FailureCode::LlmUnavailable.name();
    let headers = dead_letter_headers(&record, group, code, "no model answered", &format!("{code}: no model answered"));
    Ok(json!([example("No model answered within the deadline", &headers, &payload)]))
}

/// What requests look like, the usual form first.
fn requests(kind: RequestKind) -> anyhow::Result<Vec<(&'static str, Value)>> {
    Ok(match kind {
        RequestKind::FeedbackRequested => vec![("An interview answer", to_value(feedback_requested())?)],
        RequestKind::ResumeInit => vec![
            ("A member with a profile", to_value(resume_init(profile()))?),
            ("A new member", to_value(resume_init(new_member()))?),
        ],
        RequestKind::ResumeAnswer => {
            let text = || Some("Kafka로 주문 이벤트를 처리했습니다.".to_owned());
            let inputs = Some(AnswerInputs { answer: text() });
            let question_id = Some(QUESTION.to_string());
            let answer = || ResumeAnswer { member_id: 7, ..ResumeAnswer::default() };
            vec![
                (
                    "An answer that names its question",
                    to_value(ResumeAnswer { inputs, question_id: question_id.clone(), ..answer() })?,
                ),
                ("An answer to the current question", to_value(ResumeAnswer { answer: text(), ..answer() })?),
                ("The member skips the question", to_value(ResumeAnswer { question_id, ..answer() })?),
            ]
        }
    })
}

fn feedback_requested() -> FeedbackRequested {
    let answer = "TCP는 느리지만 신뢰성이 높고, UDP는 빠릅니다.".to_owned();
    // Its fields are the caller's own.
    let context = [("answer", answer.clone()), ("type", "DAILY".to_owned())];
    FeedbackRequested {
        member_id: 7,
        problem_id: Some(42),
        question: "TCP와 UDP의 차이점은?".to_owned(),
        answer,
        context: Some(context.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()),
        request_id: None,
    }
}

fn resume_init(inputs: Inputs) -> ResumeInit {
    ResumeInit { member_id: 7, inputs, context: None, request_id: None }
}

fn profile() -> Inputs {
    Inputs {
        email: "a@b.kr".to_owned(),
        preferred_job: Some(PreferredJob::Backend),
        certification_count: Some(2),
        project_count: Some(3),
        major_type: Some(MajorType::Major),
        company_name: Some("한빛소프트".to_owned()),
        work_period: Some(18),
        position: Some("백엔드 개발자".to_owned()),
        additional_experiences: Some("사내 해커톤 대상".to_owned()),
    }
}

fn new_member() -> Inputs {
    let none = Some(0);
    Inputs {
        email: "a@b.kr".to_owned(),
        certification_count: none,
        project_count: none,
        work_period: none,
        ..Inputs::default()
    }
}

/// What outcomes look like, and what they answer.
fn outcomes(kind: OutcomeKind) -> Vec<(&'static str, RequestKind, Outcome)> {
    match kind {
        OutcomeKind::FeedbackGenerated => vec![(
            "Feedback",
            RequestKind::FeedbackRequested,
            Outcome::Feedback {
                problem_id: Some(42),
                feedback:
                    "신뢰성과 속도의 차이를 잘 짚었습니다. 연결 과정과 흐름 제어까지 설명하면 더 좋은 답변이 됩니다."
                        .to_owned(),
            },
        )],
        OutcomeKind::ResumeQuestionGenerated => vec![(
            "The first question",
            RequestKind::ResumeInit,
            Outcome::Question {
                session_id: SESSION,
                question_id: QUESTION,
                number: 1,
                max: 3,
                question: "가장 기억에 남는 프로젝트에서 맡은 역할은 무엇이었나요?".to_owned(),
            },
        )],
        OutcomeKind::ResumeCompleted => vec![(
            "The finished résumé",
            RequestKind::ResumeAnswer,
            Outcome::Completed {
                session_id: SESSION,
                object_key: "resume/7/resume_agent_20261122_190000_7d0f6a52.docx".to_owned(),
                degraded: false,
            },
        )],
        OutcomeKind::RequestFailed => vec![
            (
                "No model answered: the same request can be sent again",
                RequestKind::FeedbackRequested,
                Outcome::Failed {
                    problem_id: Some(42),
                    failure: Failure::new(FailureCode::LlmUnavailable, "no model answered"),
                },
            ),
            (
                "A field rule is broken",
                RequestKind::ResumeInit,
                Outcome::Failed {
                    problem_id: None,
                    failure: Invalid { field: "inputs.email", rule: Rule::Email }.into(),
                },
            ),
        ],
    }
}

fn answer(summary: &str, request: RequestKind, outcome: Outcome) -> anyhow::Result<Value> {
    let (_, asked) = requests(request)?.into_iter().next().context("a request without an example")?;
    let record = record(request, &asked);
    let decoded = decode(request, record.value.as_deref())?;
    let id = request_id(&record, decoded.request_id.as_deref());
    let origin = Origin::new(&record, &decoded, &id);
    // The link is added when the outcome is sent.
    let link = match &outcome {
        Outcome::Completed { object_key, .. } => Some(DownloadLink {
            resume_url: format!("https://resumes.s3.ap-northeast-2.amazonaws.com/{object_key}?X-Amz-Signature=..."),
            resume_url_expires_at: timestamp(NOW + time::Duration::minutes(15)),
        }),
        Outcome::Feedback { .. } | Outcome::Question { .. } | Outcome::Failed { .. } => None,
    };
    let saved = outcome.into_saved(&origin, NOW)?;
    let linked = match link {
        Some(link) => Some(saved.json().with(&link)?),
        None => None,
    };
    let payload = serde_json::from_str(linked.as_ref().unwrap_or(saved.json()).get())?;
    Ok(example(summary, &outcome_headers(&origin, &saved), &payload))
}

/// The record that a request came in.
fn record(kind: RequestKind, payload: &Value) -> Record {
    Record {
        kind,
        at: Coordinates { topic: kind.name().into(), partition: 3, offset: 42 },
        time: Some(RecordTime::Create(NOW.unix_timestamp() * 1_000)),
        key: None,
        value: Some(payload.to_string().into_bytes()),
        headers: vec![
            Header::new(CE_ID, "b3c1f0d2-6f0e-4a57-9c55-2f4f5f3f9a10"),
            Header::new(TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ],
    }
}

fn example(summary: &str, headers: &[Header], payload: &Value) -> Value {
    // Bytes that are no text are shown as the characters with their numbers.
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let headers: Map<String, Value> = headers
        .iter()
        .map(|header| (text(&header.name), text(header.value.as_deref().unwrap_or_default()).into()))
        .collect();
    json!({"summary": summary, "headers": headers, "payload": payload})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::header_names::CE_TYPE;

    #[test]
    fn the_worker_accepts_every_request_example() {
        for kind in RequestKind::ALL {
            for (summary, payload) in requests(kind).unwrap() {
                let decoded = decode(kind, record(kind, &payload).value.as_deref()).unwrap();
                assert!(decoded.request.is_ok(), "{summary}");
            }
        }
    }

    #[test]
    fn every_outcome_example_is_of_its_kind() {
        for kind in OutcomeKind::ALL {
            let examples = of_outcome(kind).unwrap();
            let types: Vec<_> =
                examples.as_array().unwrap().iter().map(|example| &example["headers"][CE_TYPE]).collect();
            assert!(!types.is_empty() && types.iter().all(|of| *of == kind.name()), "{types:?}");
        }
    }
}
