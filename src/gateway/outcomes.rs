//! From an outcome of the worker to a reply of the old HTTP API, to the letter: its callers refuse a field that they do
//! not know.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::events::outcome::{FailureCode, OutcomeKind};
use crate::events::record::RequestKind;
use crate::gateway::entry::{Entry, Role};
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
pub struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

/// The reply to a call that ended in `outcome`; `None` when that is no outcome of the contract.
pub fn reply(call: Call, asked: &Asked, outcome: &Entry) -> Option<Reply> {
    let Role::Outcome { kind, .. } = &outcome.role else { return None };
    let value = outcome.value();
    let field = |name: &str| value.get(name).cloned();
    let mut body = Map::new();
    let mut add = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
    match kind {
        OutcomeKind::FeedbackGenerated if call == Call::FeedbackInEnvelope => {
            let mut data = Map::from_iter(member(asked));
            data.insert("feedback".to_owned(), field("feedback")?);
            add("httpStatusCode", StatusCode::OK.as_u16().into());
            add("message", FEEDBACK_MADE.into());
            add("data", data.into());
        }
        OutcomeKind::FeedbackGenerated => add("feedback", field("feedback")?),
        OutcomeKind::ResumeQuestionGenerated => {
            member(asked).into_iter().for_each(|(name, member)| add(&name, member));
            if call == Call::Update {
                add("isComplete", false.into());
            }
            add("question", field("question")?);
        }
        OutcomeKind::ResumeCompleted => {
            member(asked).into_iter().for_each(|(name, member)| add(&name, member));
            add("isComplete", true.into());
            add("resumeObjectKey", field("resumeObjectKey")?);
        }
        OutcomeKind::RequestFailed => return failure(&value),
    }
    Some(Reply { status: StatusCode::OK, body: body.into() })
}

/// The member, spelled as in the request.
fn member(asked: &Asked) -> Option<(String, Value)> {
    asked.spelling.map(|spelling: Spelling| (spelling.member().to_owned(), asked.member.get().into()))
}

/// Whether the answer came too late for its question.
pub fn is_stale(outcome: &Entry) -> bool {
    matches!(outcome.role, Role::Outcome { kind: OutcomeKind::RequestFailed, .. })
        && outcome.value().get("code").and_then(Value::as_str) == Some(FailureCode::StaleAnswer.name())
}

fn failure(value: &Value) -> Option<Reply> {
    let code = value.get("code").and_then(Value::as_str)?;
    let status = FailureCode::ALL.into_iter().find(|known| known.name() == code).map(status);
    let mut body = Map::new();
    for name in ["code", "message", "retryable", "requestId", "field"] {
        body.extend(value.get(name).map(|field| (name.to_owned(), field.clone())));
    }
    // A newer worker may know codes that this gateway does not.
    Some(Reply { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body: Value::Object(body) })
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
    use crate::gateway::entry::tests::{asked as request, outcome};
    use crate::gateway::requests::Fresh;

    const CALLS: [Call; 4] = [Call::FeedbackInEnvelope, Call::Feedback, Call::Init, Call::Update];

    fn asked(call: Call, body: &str) -> Asked {
        let headers = HeaderMap::from_iter([(axum::http::header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let fresh = Fresh { id: Uuid::nil(), number: 0, now: OffsetDateTime::UNIX_EPOCH, patience: Default::default() };
        Asked::read(call.kind(), &headers, body.as_bytes(), &fresh).unwrap()
    }

    /// The reply to the letter, the order of fields too.
    fn body(call: Call, request: &str, topic: &str, value: &str) -> String {
        let reply = reply(call, &asked(call, request), &outcome(topic, 1, "a", "r", value)).unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        reply.body.to_string()
    }

    #[test]
    fn replies_are_those_of_the_old_server() {
        let feedback = |call, request| body(call, request, "FeedbackGenerated", r#"{"memberId":7,"feedback":"f"}"#);
        assert_eq!(feedback(Call::Feedback, r#"{"memberId":7}"#), r#"{"feedback":"f"}"#);
        let envelope = |data| format!(r#"{{"httpStatusCode":200,"message":"{FEEDBACK_MADE}","data":{data}}}"#);
        let enveloped = |request| feedback(Call::FeedbackInEnvelope, request);
        assert_eq!(enveloped(r#"{"memberId":7}"#), envelope(r#"{"memberId":7,"feedback":"f"}"#));
        assert_eq!(enveloped(r#"{"member_id":"7"}"#), envelope(r#"{"member_id":7,"feedback":"f"}"#));
        assert_eq!(enveloped("{}"), envelope(r#"{"feedback":"f"}"#));

        for name in ["memberId", "member_id"] {
            let request = format!(r#"{{"{name}":7}}"#);
            let question = r#"{"memberId":7,"isComplete":false,"questionNumber":1,"question":"q?"}"#;
            let first = body(Call::Init, &request, "ResumeQuestionGenerated", question);
            assert_eq!(first, format!(r#"{{"{name}":7,"question":"q?"}}"#));
            let next = body(Call::Update, &request, "ResumeQuestionGenerated", question);
            assert_eq!(next, format!(r#"{{"{name}":7,"isComplete":false,"question":"q?"}}"#));
            let completed = r#"{"memberId":7,"isComplete":true,"resumeObjectKey":"resume/7/a.docx","resumeUrl":"u"}"#;
            for call in [Call::Init, Call::Update] {
                let done = body(call, &request, "ResumeCompleted", completed);
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
            value["memberId"] = 7.into();
            value["eventName"] = "PROBLEM_FEEDBACK".into();
            let failed = outcome("RequestFailed", 1, "a", "r", &value.to_string());
            let call = Call::Feedback;
            let reply = reply(call, &asked(call, "{}"), &failed).unwrap();
            assert_eq!((reply.status.as_u16(), reply.body), (status, fields), "{code}");
            assert_eq!(is_stale(&failed), code == "STALE_ANSWER");
        }
    }

    #[test]
    fn what_is_no_outcome_is_no_reply() {
        for call in CALLS {
            let asked = asked(call, r#"{"memberId":7}"#);
            for topic in ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted", "RequestFailed"] {
                assert_eq!(reply(call, &asked, &outcome(topic, 1, "a", "r", "{}")), None, "{topic}");
            }
            assert_eq!(reply(call, &asked, &request(1, "r")), None);
        }
    }
}
