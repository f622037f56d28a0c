//! Outcomes: what every request that names a member ends in (contract, section 3).

mod data;
mod failure;
#[cfg(test)]
pub mod samples;
mod saved;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

pub use self::data::{
    DownloadLink, FeedbackGenerated, OutcomeData, OutcomeKind, RequestFailed, ResumeCompleted, ResumeQuestionGenerated,
};
pub use self::failure::{Failure, FailureCode};
pub use self::saved::SavedOutcome;
use crate::events::decode::{Decoded, Invalid};
use crate::events::json::JsonText;
use crate::events::names::{Digest, name_of};
use crate::events::open_enum::OpenEnum;
use crate::events::record::{Coordinates, Record, RequestKind, placed_origin};
use crate::events::request::MemberId;

/// What a request ended in, before it has an id and a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Feedback { problem_id: Option<i64>, feedback: String },
    Question { session_id: Uuid, question_id: Uuid, number: u32, max: u32, question: String },
    Completed { session_id: Uuid, object_key: String, degraded: bool },
    Failed { problem_id: Option<i64>, failure: Failure },
}

/// For whom an outcome is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For the request id: whoever asks again gets it again.
    Request,
    /// For the record alone: a retryable failure.
    Record,
}

/// The request that an outcome answers.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    pub record: &'a Record,
    /// Of the record.
    pub digest: Digest,
    pub member: MemberId,
    pub request_id: &'a str,
    pub context: Option<&'a JsonText>,
}

impl<'a> Origin<'a> {
    /// Of what was decoded from a record, under this id.
    pub fn new(record: &'a Record, decoded: &'a Decoded, request_id: &'a str) -> Self {
        let (digest, member, context) = (record.digest(), decoded.member, decoded.context.as_ref());
        Self { record, digest, member, request_id, context }
    }
}

impl Outcome {
    /// For whom it is remembered.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Failed { failure, .. } => failure.code.scope(),
            Self::Feedback { .. } | Self::Question { .. } | Self::Completed { .. } => Scope::Request,
        }
    }

    /// Why it is a failure, if it is one: for people, and never for members.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { failure, .. } => Some(&failure.reason),
            Self::Feedback { .. } | Self::Question { .. } | Self::Completed { .. } => None,
        }
    }

    /// The event as it is remembered: everything but the download link, which is signed at each sending.
    pub fn into_saved(self, origin: &Origin<'_>, now: OffsetDateTime) -> Result<SavedOutcome, serde_json::Error> {
        let scope = self.scope();
        let (member_id, context) = (origin.member.get(), origin.context.cloned());
        let data = match self {
            Self::Feedback { problem_id, feedback } => {
                OutcomeData::Feedback(FeedbackGenerated { member_id, problem_id, feedback, context })
            }
            Self::Question { session_id, question_id, number, max, question } => {
                OutcomeData::Question(ResumeQuestionGenerated {
                    member_id,
                    is_complete: false,
                    session_id,
                    question_id,
                    question_number: number,
                    max_questions: max,
                    question,
                    context,
                })
            }
            Self::Completed { session_id, object_key, degraded } => OutcomeData::Completed(ResumeCompleted {
                member_id,
                is_complete: true,
                session_id,
                resume_object_key: object_key,
                degraded,
                context,
            }),
            Self::Failed { problem_id, failure: Failure { code, invalid, .. } } => {
                OutcomeData::Failed(Box::new(RequestFailed {
                    member_id,
                    event_name: OpenEnum::Known(origin.record.kind),
                    code: OpenEnum::Known(code),
                    message: invalid.as_ref().map_or_else(|| code.message().to_owned(), Invalid::message),
                    retryable: code.retryable(),
                    request_topic: origin.record.at.topic.to_string(),
                    request_id: origin.request_id.to_owned(),
                    problem_id,
                    field: invalid.map(|invalid| invalid.field.into()),
                    context,
                }))
            }
        };
        SavedOutcome::new(outcome_id(origin, data.kind(), scope), timestamp(now), data)
    }
}

/// The `ce_id`: the same request always gives the same one, so that a consumer can drop a repeat.
fn outcome_id(origin: &Origin<'_>, kind: OutcomeKind, scope: Scope) -> Uuid {
    let record = match scope {
        Scope::Request => String::new(),
        Scope::Record => {
            let Coordinates { partition, offset, .. } = &origin.record.at;
            format!("{partition}/{offset}")
        }
    };
    let placed = placed_origin(origin.record, origin.digest, origin.request_id);
    let member = origin.member.to_string();
    let parts = ["outcome", &origin.record.at.topic, &member, origin.request_id, kind.name(), &record];
    name_of(&parts.into_iter().chain(placed.as_deref()).collect::<Vec<_>>())
}

/// ISO-8601 in UTC, to the millisecond.
pub fn timestamp(time: OffsetDateTime) -> String {
    let utc = time.to_offset(time::UtcOffset::UTC);
    let millis = utc.replace_millisecond(utc.millisecond()).unwrap_or(utc);
    // Formatting fails only for years that RFC 3339 cannot write.
    millis.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// What a request of this kind is called in messages to people.
pub fn describe(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::FeedbackRequested => "feedback request",
        RequestKind::ResumeInit => "résumé init",
        RequestKind::ResumeAnswer => "résumé answer",
    }
}

#[cfg(test)]
mod tests;
