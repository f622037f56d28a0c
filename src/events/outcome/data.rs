//! What outcomes say: the data of each kind of event, as it stands on the wire (contract, section 3).

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::FailureCode;
use crate::events::json::JsonText;
use crate::events::open_enum::OpenEnum;
use crate::events::record::{Flow, RequestKind};

/// The four kinds of outcome, one a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

    /// Whether a request of this kind can end in it.
    pub fn can_answer(self, request: RequestKind) -> bool {
        match self {
            Self::FeedbackGenerated => request.flow() == Flow::Feedback,
            Self::ResumeQuestionGenerated | Self::ResumeCompleted => request.flow() == Flow::Resume,
            Self::RequestFailed => true,
        }
    }
}

/// What an outcome says.
#[derive(Clone, Debug, PartialEq)]
pub enum OutcomeData {
    Feedback(FeedbackGenerated),
    Question(ResumeQuestionGenerated),
    Completed(ResumeCompleted),
    /// In a box: it is the rarest, and twice as large as any other.
    Failed(Box<RequestFailed>),
}

impl OutcomeData {
    /// Reads an outcome of this kind; `None` where it is none. Forward compatible: what a newer program adds is passed
    /// over. serde's message is dropped on purpose: it may quote what a member wrote.
    pub fn read(kind: OutcomeKind, json: &[u8]) -> Option<Self> {
        let data = match kind {
            OutcomeKind::FeedbackGenerated => serde_json::from_slice(json).map(Self::Feedback),
            OutcomeKind::ResumeQuestionGenerated => serde_json::from_slice(json).map(Self::Question),
            OutcomeKind::ResumeCompleted => serde_json::from_slice(json).map(Self::Completed),
            OutcomeKind::RequestFailed => serde_json::from_slice(json).map(Self::Failed),
        };
        data.ok()
    }

    /// As JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON; plain data always can.
    pub fn json(&self) -> Result<JsonText, serde_json::Error> {
        match self {
            Self::Feedback(data) => JsonText::of(data),
            Self::Question(data) => JsonText::of(data),
            Self::Completed(data) => JsonText::of(data),
            Self::Failed(data) => JsonText::of(data),
        }
    }

    /// Why the request failed, if it did.
    pub fn failure_code(&self) -> Option<&OpenEnum<FailureCode>> {
        match self {
            Self::Failed(failed) => Some(&failed.code),
            Self::Feedback(_) | Self::Question(_) | Self::Completed(_) => None,
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Feedback(_) => OutcomeKind::FeedbackGenerated,
            Self::Question(_) => OutcomeKind::ResumeQuestionGenerated,
            Self::Completed(_) => OutcomeKind::ResumeCompleted,
            Self::Failed(_) => OutcomeKind::RequestFailed,
        }
    }
}

/// The feedback on an interview answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// The finished résumé, but for its [`DownloadLink`], which is signed at each sending and stands behind these fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestFailed {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    #[schemars(with = "String", extend("enum" = RequestKind::ALL.map(RequestKind::event_name)))]
    pub event_name: OpenEnum<RequestKind>,
    #[schemars(with = "FailureCode")]
    pub code: OpenEnum<FailureCode>,
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
    pub field: Option<Cow<'static, str>>,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<JsonText>,
}
