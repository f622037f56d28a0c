//! Outcomes: what every request that names a member ends in (contract, section 3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::events::decode::Invalid;
use crate::events::json::JsonText;
use crate::events::record::{Coordinates, Record, RequestKind, name_of};
use crate::events::request::MemberId;

/// The four kinds of outcome, one a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    FeedbackGenerated,
    ResumeQuestionGenerated,
    ResumeCompleted,
    RequestFailed,
}

impl OutcomeKind {
    pub const ALL: [Self; 4] =
        [Self::FeedbackGenerated, Self::ResumeQuestionGenerated, Self::ResumeCompleted, Self::RequestFailed];

    /// The `ce_type`, which is also the default name of its topic.
    pub fn name(self) -> &'static str {
        match self {
            Self::FeedbackGenerated => "FeedbackGenerated",
            Self::ResumeQuestionGenerated => "ResumeQuestionGenerated",
            Self::ResumeCompleted => "ResumeCompleted",
            Self::RequestFailed => "RequestFailed",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The feedback on an interview answer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackGenerated {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub problem_id: Option<i64>,
    /// Whole sentences.
    #[schemars(length(min = 1, max = 1000))]
    pub feedback: String,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<JsonText>,
}

/// The next question of the résumé interview.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeQuestionGenerated {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    /// Always false.
    #[schemars(extend("const" = false))]
    pub is_complete: bool,
    pub session_id: Uuid,
    /// To be sent back with the answer.
    pub question_id: Uuid,
    /// From 1.
    #[schemars(range(min = 1))]
    pub question_number: u32,
    #[schemars(range(min = 1))]
    pub max_questions: u32,
    #[schemars(length(min = 1, max = 500))]
    pub question: String,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<JsonText>,
}

/// The finished résumé.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeCompleted {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub is_complete: bool,
    pub session_id: Uuid,
    /// Where the document is in the bucket.
    pub resume_object_key: String,
    /// The model did not write the résumé: it was laid out from the member's own inputs and answers.
    pub degraded: bool,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<JsonText>,
    /// Added at each sending; what is remembered has none.
    #[serde(flatten)]
    #[schemars(with = "DownloadLink")]
    pub link: Option<DownloadLink>,
}

/// A download link, signed when the event was sent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DownloadLink {
    /// A download link, signed when the event was sent.
    pub resume_url: String,
    /// When the link stops working.
    #[schemars(extend("format" = "date-time"))]
    pub resume_url_expires_at: String,
}

/// A request that could not be answered.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestFailed {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    #[schemars(extend("enum" = ["PROBLEM_FEEDBACK", "ADVANCED_RESUME_INIT", "ADVANCED_RESUME_UPDATE"]))]
    pub event_name: &'static str,
    pub code: FailureCode,
    /// Korean; may be shown to the member.
    pub message: String,
    /// Whether the same request can succeed when it is sent again.
    pub retryable: bool,
    /// The topic that the request came from.
    pub request_topic: String,
    pub request_id: String,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub problem_id: Option<i64>,
    /// The field that broke a rule; with `INVALID_REQUEST` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub field: Option<&'static str>,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<JsonText>,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureCode {
    /// A field rule is broken.
    InvalidRequest,
    /// It cannot fit the model's context.
    InputTooLong,
    /// An answer came for a session that never began, is finished, or has expired.
    NoActiveSession,
    /// The answer belongs to an earlier question.
    StaleAnswer,
    /// No model answered within the deadline.
    LlmUnavailable,
    /// The model answered, but never with anything usable.
    LlmBadOutput,
    /// The document could not be stored within the deadline.
    StorageUnavailable,
    /// The request was too old, or its caller had gone, when its turn came.
    DeadlineExceeded,
    /// A fault of the worker.
    Internal,
}

impl FailureCode {
    pub const ALL: [Self; 9] = [
        Self::InvalidRequest,
        Self::InputTooLong,
        Self::NoActiveSession,
        Self::StaleAnswer,
        Self::LlmUnavailable,
        Self::LlmBadOutput,
        Self::StorageUnavailable,
        Self::DeadlineExceeded,
        Self::Internal,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InputTooLong => "INPUT_TOO_LONG",
            Self::NoActiveSession => "NO_ACTIVE_SESSION",
            Self::StaleAnswer => "STALE_ANSWER",
            Self::LlmUnavailable => "LLM_UNAVAILABLE",
            Self::LlmBadOutput => "LLM_BAD_OUTPUT",
            Self::StorageUnavailable => "STORAGE_UNAVAILABLE",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same request can succeed when it is sent again.
    pub fn retryable(self) -> bool {
        match self {
            Self::InvalidRequest | Self::InputTooLong | Self::NoActiveSession | Self::StaleAnswer => false,
            Self::LlmUnavailable
            | Self::LlmBadOutput
            | Self::StorageUnavailable
            | Self::DeadlineExceeded
            | Self::Internal => true,
        }
    }

    /// Whether a person may want to run the request again after a fix, so that it is also kept as a dead letter.
    pub fn dead_letters(self) -> bool {
        match self {
            Self::LlmUnavailable | Self::LlmBadOutput | Self::StorageUnavailable | Self::Internal => true,
            Self::InvalidRequest
            | Self::InputTooLong
            | Self::NoActiveSession
            | Self::StaleAnswer
            | Self::DeadlineExceeded => false,
        }
    }

    /// For whom the failure is remembered.
    pub fn scope(self) -> Scope {
        if self.retryable() { Scope::Record } else { Scope::Request }
    }

    fn message(self) -> &'static str {
        match self {
            Self::InvalidRequest => "요청 내용이 올바르지 않습니다. 입력한 내용을 확인해 주세요.",
            Self::InputTooLong => "입력한 내용이 너무 길어 처리할 수 없습니다. 내용을 줄여서 다시 시도해 주세요.",
            Self::NoActiveSession => "진행 중인 이력서 작성이 없습니다. 처음부터 다시 시작해 주세요.",
            Self::StaleAnswer => "이미 지나간 질문에 대한 답변입니다. 화면에 보이는 질문에 답변해 주세요.",
            Self::LlmUnavailable => "지금은 AI가 응답하지 않습니다. 잠시 후 다시 시도해 주세요.",
            Self::LlmBadOutput => "AI가 알맞은 결과를 만들지 못했습니다. 다시 시도해 주세요.",
            Self::StorageUnavailable => "이력서 파일을 저장하지 못했습니다. 잠시 후 다시 시도해 주세요.",
            Self::DeadlineExceeded => "요청이 밀려 제때 처리하지 못했습니다. 다시 시도해 주세요.",
            Self::Internal => "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해 주세요.",
        }
    }
}

/// Why a request ends in a failure, with what operators should know. No part of it comes from a member.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {reason}", code.name())]
pub struct Failure {
    pub code: FailureCode,
    /// For logs and dead letters, in English.
    pub reason: String,
    pub invalid: Option<Invalid>,
}

impl Failure {
    pub fn new(code: FailureCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), invalid: None }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self { code: FailureCode::InvalidRequest, reason: invalid.to_string(), invalid: Some(invalid) }
    }
}

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

/// An answered request, as the journal keeps it: all that is needed to send the same event again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedOutcome {
    /// The `ce_id`.
    pub id: Uuid,
    /// The `ce_time`, RFC 3339.
    pub time: String,
    /// The outcome's type: the default name of its topic.
    #[serde(rename = "type")]
    pub kind: String,
    /// The event, but for a download link: that is signed at each sending.
    pub data: JsonText,
}

/// The request that an outcome answers.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    pub record: &'a Record,
    pub member: MemberId,
    pub request_id: &'a str,
    pub context: Option<&'a JsonText>,
}

impl Outcome {
    /// Which topic it goes to.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Feedback { .. } => OutcomeKind::FeedbackGenerated,
            Self::Question { .. } => OutcomeKind::ResumeQuestionGenerated,
            Self::Completed { .. } => OutcomeKind::ResumeCompleted,
            Self::Failed { .. } => OutcomeKind::RequestFailed,
        }
    }

    /// For whom it is remembered.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Failed { failure, .. } => failure.code.scope(),
            Self::Feedback { .. } | Self::Question { .. } | Self::Completed { .. } => Scope::Request,
        }
    }

    /// The event as it is remembered: everything but the download link, which is signed at each sending.
    pub fn into_saved(self, origin: &Origin<'_>, now: OffsetDateTime) -> Result<SavedOutcome, serde_json::Error> {
        let (kind, scope) = (self.kind(), self.scope());
        let (member_id, context) = (origin.member.get(), origin.context.cloned());
        let data = match self {
            Self::Feedback { problem_id, feedback } => {
                JsonText::of(&FeedbackGenerated { member_id, problem_id, feedback, context })
            }
            Self::Question { session_id, question_id, number, max, question } => {
                JsonText::of(&ResumeQuestionGenerated {
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
            Self::Completed { session_id, object_key, degraded } => JsonText::of(&ResumeCompleted {
                member_id,
                is_complete: true,
                session_id,
                resume_object_key: object_key,
                degraded,
                context,
                link: None,
            }),
            Self::Failed { problem_id, failure } => JsonText::of(&RequestFailed {
                member_id,
                event_name: origin.record.kind.event_name(),
                code: failure.code,
                message: match &failure.invalid {
                    Some(invalid) => invalid.message(),
                    None => failure.code.message().to_owned(),
                },
                retryable: failure.code.retryable(),
                request_topic: origin.record.at.topic.to_string(),
                request_id: origin.request_id.to_owned(),
                problem_id,
                field: failure.invalid.as_ref().map(|invalid| invalid.field),
                context,
            }),
        }?;
        Ok(SavedOutcome {
            id: outcome_id(origin, kind, scope),
            time: timestamp(now),
            kind: kind.name().to_owned(),
            data,
        })
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
    let member = origin.member.to_string();
    name_of(&["outcome", &origin.record.at.topic, &member, origin.request_id, kind.name(), &record])
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
