//! From an outcome of the worker to a reply of the old HTTP API, to the letter: its callers refuse a field that they do
//! not know.

use axum::http::StatusCode;
use serde::Serialize;

use crate::events::open_enum::OpenEnum;
use crate::events::outcome::{
    FailureCode, FeedbackGenerated, OutcomeData, RequestFailed, ResumeCompleted, ResumeQuestionGenerated,
};
use crate::events::record::RequestKind;
use crate::gateway::entry::Entry;
use crate::gateway::refusal::FailureBody;
use crate::gateway::requests::{Asked, Spelling};

/// What the envelope of a feedback says to people.
const FEEDBACK_MADE: &str = "피드백이 생성되었습니다.";

/// A call of the old HTTP API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `POST /feedback/create`: what the product's backend calls.
    FeedbackInEnvelope,
    /// `POST /api/v1/feedback/create`
    Feedback,
    /// `POST /api/v1/resume/agent/init`
    Init,
    /// `POST /api/v1/resume/agent/update`
    Update,
}

impl Call {
    /// What it becomes for the worker.
    pub fn kind(self) -> RequestKind {
        match self {
            Self::FeedbackInEnvelope | Self::Feedback => RequestKind::FeedbackRequested,
            Self::Init => RequestKind::ResumeInit,
            Self::Update => RequestKind::ResumeAnswer,
        }
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<'a> {
    pub status: StatusCode,
    pub body: Body<'a>,
}

/// Its body: fields and their order are the old API's.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Body<'a> {
    Enveloped {
        http_status_code: u16,
        message: &'static str,
        data: Feedback<'a>,
    },
    Feedback(Feedback<'a>),
    Question {
        #[serde(flatten)]
        member: Option<Member>,
        #[serde(skip_serializing_if = "Option::is_none")]
        is_complete: Option<bool>,
        question: &'a str,
    },
    Completed {
        #[serde(flatten)]
        member: Option<Member>,
        is_complete: bool,
        resume_object_key: &'a str,
    },
    Failed(FailureBody<'a>),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Feedback<'a> {
    #[serde(flatten)]
    member: Option<Member>,
    feedback: &'a str,
}

/// The member, spelled as in the request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Member {
    #[serde(rename_all = "camelCase")]
    Camel {
        member_id: i64,
    },
    Snake {
        member_id: i64,
    },
}

impl Member {
    fn of(asked: &Asked) -> Option<Self> {
        let member_id = asked.member.get();
        asked.spelling.map(|spelling| match spelling {
            Spelling::Camel => Self::Camel { member_id },
            Spelling::Snake => Self::Snake { member_id },
        })
    }
}

/// The reply to a call that ended in `outcome`; `None` when that is no outcome of the contract.
pub fn reply<'a>(call: Call, asked: &Asked, outcome: &'a Entry) -> Option<Reply<'a>> {
    let member = Member::of(asked);
    let body = match outcome.data()? {
        OutcomeData::Feedback(FeedbackGenerated { feedback, .. }) if call == Call::FeedbackInEnvelope => {
            let (http_status_code, message) = (StatusCode::OK.as_u16(), FEEDBACK_MADE);
            Body::Enveloped { http_status_code, message, data: Feedback { member, feedback } }
        }
        OutcomeData::Feedback(FeedbackGenerated { feedback, .. }) => {
            Body::Feedback(Feedback { member: None, feedback })
        }
        OutcomeData::Question(ResumeQuestionGenerated { question, .. }) => {
            Body::Question { member, is_complete: (call == Call::Update).then_some(false), question }
        }
        OutcomeData::Completed(ResumeCompleted { resume_object_key, .. }) => {
            Body::Completed { member, is_complete: true, resume_object_key }
        }
        OutcomeData::Failed(failed) => return Some(failure(failed)),
    };
    Some(Reply { status: StatusCode::OK, body })
}

/// Whether the answer came too late for its question.
pub fn is_stale(outcome: &Entry) -> bool {
    let code = outcome.data().and_then(OutcomeData::failure_code);
    code.and_then(OpenEnum::known) == Some(FailureCode::StaleAnswer)
}

fn failure(failed: &RequestFailed) -> Reply<'_> {
    let body = FailureBody {
        code: failed.code.name(),
        message: &failed.message,
        retryable: failed.retryable,
        request_id: Some(&failed.request_id),
        field: failed.field.as_deref(),
    };
    // A newer worker may know codes that this gateway does not.
    let status = failed.code.known().map_or(StatusCode::INTERNAL_SERVER_ERROR, status);
    Reply { status, body: Body::Failed(body) }
}

fn status(code: FailureCode) -> StatusCode {
    match code {
        FailureCode::InvalidRequest => StatusCode::BAD_REQUEST,
        FailureCode::InputTooLong => StatusCode::PAYLOAD_TOO_LARGE,
        FailureCode::NoActiveSession => StatusCode::NOT_FOUND,
        FailureCode::StaleAnswer => StatusCode::CONFLICT,
        FailureCode::LlmBadOutput => StatusCode::BAD_GATEWAY,
        FailureCode::LlmUnavailable | FailureCode::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        FailureCode::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        FailureCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::json;
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::events::outcome::{OutcomeKind, samples};
    use crate::gateway::entry::tests::{asked as request, outcome, with_value};
    use crate::gateway::requests::Fresh;

    const CALLS: [Call; 4] = [Call::FeedbackInEnvelope, Call::Feedback, Call::Init, Call::Update];

    fn asked(call: Call, body: &str) -> Asked {
        let headers = HeaderMap::from_iter([(axum::http::header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let now = OffsetDateTime::UNIX_EPOCH;
        let fresh = Fresh { id: Uuid::nil(), number: 0, now, patience: Default::default(), proven: None };
        Asked::read(call.kind(), &headers, body.as_bytes(), &fresh).unwrap()
    }

    /// The reply to the letter, the order of fields too.
    fn body(call: Call, request: &str, data: &OutcomeData) -> String {
        let outcome = outcome(data, 1, "a", "r");
        let reply = reply(call, &asked(call, request), &outcome).unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        serde_json::to_string(&reply.body).unwrap()
    }

    #[test]
    fn replies_are_those_of_the_old_server() {
        let feedback = |call, request| body(call, request, &samples::feedback());
        assert_eq!(feedback(Call::Feedback, r#"{"memberId":7}"#), r#"{"feedback":"좋습니다."}"#);
        let envelope = |data| format!(r#"{{"httpStatusCode":200,"message":"{FEEDBACK_MADE}","data":{data}}}"#);
        let enveloped = |request| feedback(Call::FeedbackInEnvelope, request);
        assert_eq!(enveloped(r#"{"memberId":7}"#), envelope(r#"{"memberId":7,"feedback":"좋습니다."}"#));
        assert_eq!(enveloped(r#"{"member_id":"7"}"#), envelope(r#"{"member_id":7,"feedback":"좋습니다."}"#));
        assert_eq!(enveloped("{}"), envelope(r#"{"feedback":"좋습니다."}"#));

        for name in ["memberId", "member_id"] {
            let request = format!(r#"{{"{name}":7}}"#);
            let first = body(Call::Init, &request, &samples::question(1));
            assert_eq!(first, format!(r#"{{"{name}":7,"question":"1?"}}"#));
            let next = body(Call::Update, &request, &samples::question(2));
            assert_eq!(next, format!(r#"{{"{name}":7,"isComplete":false,"question":"2?"}}"#));
            for call in [Call::Init, Call::Update] {
                let done = body(call, &request, &samples::completed("resume/7/a.docx"));
                assert_eq!(done, format!(r#"{{"{name}":7,"isComplete":true,"resumeObjectKey":"resume/7/a.docx"}}"#));
            }
        }
    }

    #[test]
    fn every_failure_has_its_status_and_tells_its_code() {
        let expected = [
            ("INVALID_REQUEST", 400),
            ("INPUT_TOO_LONG", 413),
            ("NO_ACTIVE_SESSION", 404),
            ("STALE_ANSWER", 409),
            ("LLM_UNAVAILABLE", 503),
            ("LLM_BAD_OUTPUT", 502),
            ("STORAGE_UNAVAILABLE", 503),
            ("DEADLINE_EXCEEDED", 504),
            ("INTERNAL", 500),
            ("A_NEW_ONE", 500),
        ];
        assert_eq!(expected.len(), FailureCode::ALL.len() + 1);
        for (code, status) in expected {
            let fields =
                json!({"code": code, "message": "m", "retryable": true, "requestId": "r", "field": "question"});
            let mut value = fields.clone();
            for (name, more) in [
                ("memberId", 7.into()),
                ("eventName", json!("PROBLEM_FEEDBACK")),
                ("requestTopic", "FeedbackRequested".into()),
            ] {
                value[name] = more;
            }
            let failed = with_value(OutcomeKind::RequestFailed, 1, "a", "r", &value.to_string());
            let call = Call::Feedback;
            let reply = reply(call, &asked(call, "{}"), &failed).unwrap();
            let body = serde_json::to_string(&reply.body).unwrap();
            assert_eq!((reply.status.as_u16(), body), (status, fields.to_string()), "{code}");
            assert_eq!(is_stale(&failed), code == "STALE_ANSWER");
        }
    }

    #[test]
    fn what_is_no_outcome_is_no_reply() {
        for call in CALLS {
            let asked = asked(call, r#"{"memberId":7}"#);
            for kind in OutcomeKind::ALL {
                assert_eq!(reply(call, &asked, &with_value(kind, 1, "a", "r", "{}")), None, "{kind:?}");
            }
            assert_eq!(reply(call, &asked, &request(1, "r")), None);
        }
    }
}
