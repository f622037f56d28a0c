//! From an outcome of the worker to a reply of the old HTTP API.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::events::outcome::{FailureCode, OutcomeKind};
use crate::events::record::RequestKind;
use crate::gateway::entry::{Entry, Role};

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

/// The reply to a request of `kind` that ended in `outcome`; `None` when that is no outcome of the contract.
pub fn reply(kind: RequestKind, outcome: &Entry) -> Option<Reply> {
    let Role::Outcome { kind: outcome_kind, .. } = &outcome.role else { return None };
    let value = outcome.value();
    let body = match outcome_kind {
        OutcomeKind::FeedbackGenerated => json!({"feedback": value.get("feedback")?}),
        OutcomeKind::ResumeQuestionGenerated => {
            let question = value.get("question")?;
            let mut body = of_member(outcome);
            if kind == RequestKind::ResumeAnswer {
                body.insert("isComplete".to_owned(), false.into());
            }
            body.insert("question".to_owned(), question.clone());
            Value::Object(body)
        }
        OutcomeKind::ResumeCompleted => {
            let mut body = of_member(outcome);
            body.insert("isComplete".to_owned(), true.into());
            body.insert("resumeObjectKey".to_owned(), value.get("resumeObjectKey")?.clone());
            Value::Object(body)
        }
        OutcomeKind::RequestFailed => return failure(&value),
    };
    Some(Reply { status: StatusCode::OK, body })
}

/// The member under both names: Spring's record reads one, the Python server sent the other.
fn of_member(outcome: &Entry) -> Map<String, Value> {
    let member = Value::from(outcome.member.get());
    Map::from_iter([("member_id".to_owned(), member.clone()), ("memberId".to_owned(), member)])
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
    use super::*;
    use crate::gateway::entry::tests::{asked, outcome};

    fn body(kind: RequestKind, topic: &str, value: &str) -> Value {
        let reply = reply(kind, &outcome(topic, 1, "a", "r", value)).unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        reply.body
    }

    #[test]
    fn replies_are_those_of_the_old_server() {
        let feedback = body(RequestKind::FeedbackRequested, "FeedbackGenerated", r#"{"memberId":7,"feedback":"f"}"#);
        assert_eq!(feedback, json!({"feedback": "f"}));
        let question = r#"{"memberId":7,"isComplete":false,"questionNumber":1,"question":"q?"}"#;
        let init = body(RequestKind::ResumeInit, "ResumeQuestionGenerated", question);
        assert_eq!(init, json!({"member_id": 7, "memberId": 7, "question": "q?"}));
        let update = body(RequestKind::ResumeAnswer, "ResumeQuestionGenerated", question);
        assert_eq!(update, json!({"member_id": 7, "memberId": 7, "isComplete": false, "question": "q?"}));
        let done = json!({"member_id": 7, "memberId": 7, "isComplete": true, "resumeObjectKey": "resume/7/a.docx"});
        let completed = r#"{"memberId":7,"isComplete":true,"resumeObjectKey":"resume/7/a.docx","resumeUrl":"u"}"#;
        for kind in [RequestKind::ResumeAnswer, RequestKind::ResumeInit] {
            assert_eq!(body(kind, "ResumeCompleted", completed), done);
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
            let reply = reply(RequestKind::FeedbackRequested, &failed).unwrap();
            assert_eq!((reply.status.as_u16(), reply.body), (status, fields), "{code}");
        }
    }

    #[test]
    fn what_is_no_outcome_is_no_reply() {
        for topic in ["FeedbackGenerated", "ResumeQuestionGenerated", "ResumeCompleted", "RequestFailed"] {
            assert_eq!(reply(RequestKind::ResumeInit, &outcome(topic, 1, "a", "r", "{}")), None, "{topic}");
        }
        assert_eq!(reply(RequestKind::FeedbackRequested, &asked(1, "r")), None);
    }
}
