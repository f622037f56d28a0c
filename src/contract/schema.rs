//! JSON Schemas of everything on the wire, made from the types.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::events::decode;
use crate::events::outcome::{
    DownloadLink, FeedbackGenerated, OutcomeKind, RequestFailed, ResumeCompleted, ResumeQuestionGenerated,
};
use crate::events::record::RequestKind;

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
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    request_id: Option<String>,
}

/// A member starts the advanced résumé.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct ResumeInit {
    #[schemars(range(min = 1))]
    member_id: i64,
    inputs: Inputs,
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    request_id: Option<String>,
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
    /// Given back as it came in every outcome: up to 1,024 bytes of JSON.
    context: Option<Map<String, Value>>,
    /// The request's id where it has no `ce_id` header; `eventId` is read, too.
    request_id: Option<String>,
}

/// The wrapper that the product's server sends.
#[derive(JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "the shape is what counts: requests are read by events::decode")]
struct AnswerInputs {
    #[schemars(length(max = decode::ANSWER_MAX))]
    answer: Option<String>,
}

/// The finished résumé.
#[derive(JsonSchema)]
#[schemars(rename = "ResumeCompleted")]
#[expect(dead_code, reason = "the shape is what counts: the link stands behind the fields that are saved")]
struct LinkedResume {
    #[serde(flatten)]
    completed: ResumeCompleted,
    #[serde(flatten)]
    link: DownloadLink,
}

/// Everything that is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Request(RequestKind),
    Outcome(OutcomeKind),
}

impl Event {
    /// Every event: requests, then outcomes.
    pub fn all() -> impl Iterator<Item = Self> {
        let outcomes = OutcomeKind::ALL.into_iter().map(Self::Outcome);
        RequestKind::ALL.into_iter().map(Self::Request).chain(outcomes)
    }

    /// Its name, which is also the default name of its topic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request(kind) => kind.name(),
            Self::Outcome(kind) => kind.name(),
        }
    }

    /// Its schema as a document of its own.
    pub fn schema(self) -> Schema {
        let settings = self.settled(SchemaSettings::draft2020_12());
        (self.shape().whole)(&mut settings.into_generator())
    }

    /// Its schema, and those it refers to, by name: for a document that keeps all of them in one place. `path` is a
    /// JSON pointer to that place. Draft 7 is what AsyncAPI's own schemas are made of.
    pub fn parts(self, path: &'static str) -> Map<String, Value> {
        let settings = SchemaSettings::draft07().with(|settings| settings.definitions_path = path.into());
        let mut generator = self.settled(settings).into_generator();
        (self.shape().part)(&mut generator);
        generator.take_definitions(true)
    }

    /// Of what is read, an optional field may be null or absent. Of what is written, it is left out, and nothing is
    /// null.
    fn settled(self, settings: SchemaSettings) -> SchemaSettings {
        match self {
            Self::Request(_) => settings.for_deserialize(),
            Self::Outcome(_) => settings.for_serialize(),
        }
    }

    fn shape(self) -> Shape {
        match self {
            Self::Request(RequestKind::FeedbackRequested) => Shape::of::<FeedbackRequested>(),
            Self::Request(RequestKind::ResumeInit) => Shape::of::<ResumeInit>(),
            Self::Request(RequestKind::ResumeAnswer) => Shape::of::<ResumeAnswer>(),
            Self::Outcome(OutcomeKind::FeedbackGenerated) => Shape::of::<FeedbackGenerated>(),
            Self::Outcome(OutcomeKind::ResumeQuestionGenerated) => Shape::of::<ResumeQuestionGenerated>(),
            Self::Outcome(OutcomeKind::ResumeCompleted) => Shape::of::<LinkedResume>(),
            Self::Outcome(OutcomeKind::RequestFailed) => Shape::of::<RequestFailed>(),
        }
    }
}

/// The two ways to write a type's schema down: with all that it refers to, and as a part among others.
struct Shape {
    whole: fn(&mut SchemaGenerator) -> Schema,
    part: fn(&mut SchemaGenerator) -> Schema,
}

impl Shape {
    fn of<T: JsonSchema>() -> Self {
        Self { whole: SchemaGenerator::root_schema_for::<T>, part: SchemaGenerator::subschema_for::<T> }
    }
}
