//! Whole outcomes for tests: of member 7, without a context.

use uuid::Uuid;

use super::{FailureCode, FeedbackGenerated, OutcomeData, RequestFailed, ResumeCompleted, ResumeQuestionGenerated};
use crate::events::open_enum::OpenEnum;
use crate::events::record::RequestKind;

pub fn feedback() -> OutcomeData {
    OutcomeData::Feedback(FeedbackGenerated {
        member_id: 7,
        problem_id: None,
        feedback: "좋습니다.".to_owned(),
        context: None,
    })
}

/// The id of question number `number`.
pub fn question_id(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}

pub fn question(number: u32) -> OutcomeData {
    OutcomeData::Question(ResumeQuestionGenerated {
        member_id: 7,
        is_complete: false,
        session_id: Uuid::nil(),
        question_id: question_id(number),
        question_number: number,
        max_questions: 3,
        question: format!("{number}?"),
        context: None,
    })
}

pub fn completed(key: &str) -> OutcomeData {
    OutcomeData::Completed(ResumeCompleted {
        member_id: 7,
        is_complete: true,
        session_id: Uuid::nil(),
        resume_object_key: key.to_owned(),
        degraded: false,
        context: None,
    })
}

/// Of the request `r`.
pub fn failed(request: RequestKind, code: FailureCode) -> OutcomeData {
    OutcomeData::Failed(Box::new(RequestFailed {
        member_id: 7,
        event_name: OpenEnum::Known(request),
        code: OpenEnum::Known(code),
        message: code.message().to_owned(),
        retryable: code.retryable(),
        request_topic: request.name().to_owned(),
        request_id: "r".to_owned(),
        problem_id: None,
        field: None,
        context: None,
    }))
}
