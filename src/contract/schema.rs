//! JSON Schemas of everything on the wire, made from the types.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::events::outcome::{
    DownloadLink, FeedbackGenerated, OutcomeKind, RequestFailed, ResumeCompleted, ResumeQuestionGenerated,
};
use crate::events::progress::{self, RequestProgress};
use crate::events::record::RequestKind;
use crate::events::request::data::{FeedbackRequested, ResumeAnswer, ResumeInit};

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
    Progress,
}

impl Event {
    /// Every event: requests, then outcomes, then progress.
    pub fn all() -> impl Iterator<Item = Self> {
        let outcomes = OutcomeKind::ALL.into_iter().map(Self::Outcome);
        RequestKind::ALL.into_iter().map(Self::Request).chain(outcomes).chain([Self::Progress])
    }

    /// Its name, which is also the default name of its topic.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request(kind) => kind.name(),
            Self::Outcome(kind) => kind.name(),
            Self::Progress => progress::NAME,
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
            Self::Outcome(_) | Self::Progress => settings.for_serialize(),
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
            Self::Progress => Shape::of::<RequestProgress>(),
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
