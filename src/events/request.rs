//! Requests, as they are after decoding and checking.

pub mod data;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What `<미응답>` stands for: the member skipped the question (contract, section 2).
pub const SKIPPED: &str = "<미응답>";

/// A member of the service: a Java `long` above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(i64);

impl MemberId {
    /// The member with this number, or `None` when it is not above 0.
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// A text that is no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member is a whole number above 0")]
pub struct InvalidMember;

impl FromStr for MemberId {
    type Err = InvalidMember;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().and_then(Self::new).ok_or(InvalidMember)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An interview answer that a member wants feedback on.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedbackRequest {
    /// Echoed in the outcome.
    pub problem_id: Option<i64>,
    /// The interview question: not blank, up to 1,000 characters.
    pub question: String,
    /// The member's answer: not blank, up to 4,000 characters.
    pub answer: String,
}

/// What a member enters before the résumé interview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeInputs {
    /// With an `@`, up to 254 characters.
    pub email: String,
    pub preferred_job: Option<PreferredJob>,
    pub major_type: Option<MajorType>,
    pub certification_count: u64,
    pub project_count: u64,
    /// Months worked.
    pub work_period: u64,
    pub company_name: Option<String>,
    pub position: Option<String>,
    pub additional_experiences: Option<String>,
}

/// The job that a member looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum PreferredJob {
    Backend,
    Frontend,
    Devops,
    Ai,
    /// Any other text; shown as it is.
    Other(String),
}

impl PreferredJob {
    /// The Korean label for prompts and documents.
    pub fn label(&self) -> &str {
        match self {
            Self::Backend => "백엔드",
            Self::Frontend => "프론트엔드",
            Self::Devops => "DevOps",
            Self::Ai => "AI",
            Self::Other(text) => text,
        }
    }
}

impl From<String> for PreferredJob {
    fn from(text: String) -> Self {
        match text.as_str() {
            "BACKEND" => Self::Backend,
            "FRONTEND" => Self::Frontend,
            "DEVOPS" => Self::Devops,
            "AI" => Self::Ai,
            _ => Self::Other(text),
        }
    }
}

impl From<PreferredJob> for String {
    fn from(job: PreferredJob) -> Self {
        match job {
            PreferredJob::Backend => "BACKEND".to_owned(),
            PreferredJob::Frontend => "FRONTEND".to_owned(),
            PreferredJob::Devops => "DEVOPS".to_owned(),
            PreferredJob::Ai => "AI".to_owned(),
            PreferredJob::Other(text) => text,
        }
    }
}

/// Whether the member studied the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MajorType {
    Major,
    NonMajor,
}

impl MajorType {
    /// The Korean label for prompts and documents.
    pub fn label(self) -> &'static str {
        match self {
            Self::Major => "전공",
            Self::NonMajor => "비전공",
        }
    }
}

/// A member's answer to the question on screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeAnswer {
    /// `None` when the member skipped the question.
    pub answer: Option<String>,
    /// The question that is being answered, when the producer names it.
    pub question_id: Option<String>,
}

/// A request that passed the field rules.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Feedback(FeedbackRequest),
    ResumeInit(ResumeInputs),
    ResumeAnswer(ResumeAnswer),
}
