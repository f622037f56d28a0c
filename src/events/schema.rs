//! JSON Schemas of everything on the wire, made from the types.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use crate::events::decode;
use crate::events::outcome::{FeedbackGenerated, RequestFailed, ResumeCompleted, ResumeQuestionGenerated};

/// A member asks for feedback on an interview answer. Names are read in camelCase and snake_case, unknown fields
/// are ignored, null is the same as absent, and whole numbers may also come as text.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct FeedbackRequested {
    #[schemars(range(min = 1))]
    member_id: i64,
    /// Echoed in the outcome.
    problem_id: Option<i64>,
    /// Not blank.
    #[schemars(length(min = 1, max = decode::QUESTION_MAX))]
    question: String,
    /// Not blank.
    #[schemars(length(min = 1, max = decode::ANSWER_MAX))]
    answer: String,
}

/// A member starts the advanced résumé.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct ResumeInit {
    #[schemars(range(min = 1))]
    member_id: i64,
    inputs: Inputs,
}

/// What the member entered. A new member has nulls.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct Inputs {
    /// With an `@`.
    #[schemars(length(max = decode::EMAIL_MAX), regex(pattern = "@"))]
    email: String,
    /// `BACKEND`, `FRONTEND`, `DEVOPS`, `AI`, or any other text, which is shown as it is.
    preferred_job: Option<String>,
    #[schemars(extend("enum" = ["MAJOR", "NON_MAJOR", null]))]
    major_type: Option<String>,
    certification_count: Option<u64>,
    project_count: Option<u64>,
    /// Months.
    work_period: Option<u64>,
    #[schemars(length(max = decode::COMPANY_NAME_MAX))]
    company_name: Option<String>,
    #[schemars(length(max = decode::POSITION_MAX))]
    position: Option<String>,
    #[schemars(length(max = decode::ADDITIONAL_EXPERIENCES_MAX))]
    additional_experiences: Option<String>,
}

/// A member answers the question on screen: in `inputs.answer` or in `answer`. Blank or absent means that the
/// question was skipped.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct ResumeAnswer {
    #[schemars(range(min = 1))]
    member_id: i64,
    #[schemars(length(max = decode::ANSWER_MAX))]
    answer: Option<String>,
    inputs: Option<AnswerInputs>,
    /// The id of the question that is being answered.
    question_id: Option<String>,
}

/// The wrapper that the product's server sends.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct AnswerInputs {
    #[schemars(length(max = decode::ANSWER_MAX))]
    answer: Option<String>,
}

/// Every event's name and schema.
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("FeedbackRequested", schema::<FeedbackRequested>()),
        ("ResumeInit", schema::<ResumeInit>()),
        ("ResumeAnswer", schema::<ResumeAnswer>()),
        ("FeedbackGenerated", schema::<FeedbackGenerated>()),
        ("ResumeQuestionGenerated", schema::<ResumeQuestionGenerated>()),
        ("ResumeCompleted", schema::<ResumeCompleted>()),
        ("RequestFailed", schema::<RequestFailed>()),
    ]
}

/// A schema as it stands in its file.
pub fn text(schema: &Schema) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}
