//! What is remembered of a member's résumé interview.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::request::ResumeInputs;

/// A member's interview: its inputs, and each question with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Raised by one with every write; a writer that saw another version is refused.
    pub version: u64,
    pub session_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    pub inputs: ResumeInputs,
    /// In the order asked; only the last one may lack its answer.
    pub exchanges: Vec<Exchange>,
}

/// One question, and what the member answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    pub question_id: Uuid,
    pub question: String,
    #[serde(with = "time::serde::rfc3339")]
    pub asked_at: OffsetDateTime,
    /// [`SKIPPED`](crate::events::request::SKIPPED) when the member skipped it; `None` while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// What was paid for on the way to a document, saved before the document is rendered and stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Of the inputs and answers that the draft was made from; another fingerprint makes it worthless.
    pub fingerprint: Uuid,
    pub session_id: Uuid,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// The résumé, once it is written; until then only the decision to write it is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

/// What is kept of interviews that ended, so that a second click on their questions is known as such.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    pub question_ids: Vec<Uuid>,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
}
