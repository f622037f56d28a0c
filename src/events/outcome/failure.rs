//! Why a request fails, and what that means for everybody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Scope;
use crate::events::decode::Invalid;
use crate::events::open_enum::OpenEnum;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

    /// What the member may be shown, in Korean.
    pub fn message(self) -> &'static str {
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

impl OpenEnum<FailureCode> {
    /// Its name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Known(code) => code.name(),
            Self::Other(name) => name,
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
