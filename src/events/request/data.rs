//! Requests as the product writes them; they are read by [`decode`], which takes more than this.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::events::decode;
use crate::events::request::{MajorType, PreferredJob};

/// A member asks for feedback on an interview answer. Names are read in camelCase and snake_case, unknown fields
/// are ignored, null is the same as absent, and whole numbers may also come as text.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackRequested {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    /// Echoed in the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem_id: Option<i64>,
    /// Not blank.
    #[schemars(length(min = 1, max = decode::QUESTION_MAX))]
    pub question: String,
    /// Not blank.
    #[schemars(length(min = 1, max = decode::ANSWER_MAX))]
    pub answer: String,
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A member starts the advanced résumé.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeInit {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    pub inputs: Inputs,
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What the member entered. A new member has nulls.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Inputs {
    /// With an `@`.
    #[schemars(length(max = decode::EMAIL_MAX), regex(pattern = "@"))]
    pub email: String,
    /// `BACKEND`, `FRONTEND`, `DEVOPS`, `AI`, or any other text, which is shown as it is.
    #[schemars(with = "Option<String>")]
    pub preferred_job: Option<PreferredJob>,
    pub certification_count: Option<u64>,
    pub project_count: Option<u64>,
    #[schemars(with = "Option<String>", extend("enum" = ["MAJOR", "NON_MAJOR", null]))]
    pub major_type: Option<MajorType>,
    #[schemars(length(max = decode::COMPANY_NAME_MAX))]
    pub company_name: Option<String>,
    /// Months.
    pub work_period: Option<u64>,
    #[schemars(length(max = decode::POSITION_MAX))]
    pub position: Option<String>,
    #[schemars(length(max = decode::ADDITIONAL_EXPERIENCES_MAX))]
    pub additional_experiences: Option<String>,
}

/// A member answers the question on screen: in `inputs.answer` or in `answer`. Blank or absent means that the
/// question was skipped.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResumeAnswer {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    #[schemars(length(max = decode::ANSWER_MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<AnswerInputs>,
    /// The id of the question that is being answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question_id: Option<String>,
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The wrapper that the product's server sends.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct AnswerInputs {
    #[schemars(length(max = decode::ANSWER_MAX))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}
