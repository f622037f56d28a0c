//! What a member's browser is told: server-sent events made from records (contract, section 3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use url::Url;

use crate::events::outcome::{FailureCode, OutcomeKind};
use crate::events::record::Header;
use crate::gateway::entry::{Entry, Role};
use crate::gateway::history::Delivery;

/// A server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub event: &'static str,
    pub data: String,
}

impl Entry {
    /// The id of the event that shows the record.
    pub fn record_event_id(&self) -> String {
        format!("{}-{}", self.millis, self.place())
    }

    /// The id of the event that an outcome causes.
    pub fn outcome_event_id(&self) -> Option<String> {
        match &self.role {
            Role::Outcome { id, .. } => Some(format!("{}-{id}", self.millis)),
            Role::Request { .. } => None,
        }
    }
}

/// The events of one delivery: with `records` the record first. `base` is what links begin with.
pub fn messages(delivery: &Delivery, records: bool, base: &str) -> Vec<Message> {
    let record = (records && !delivery.record_told).then(|| record(delivery));
    record.into_iter().chain(outcome(&delivery.entry, base)).collect()
}

/// The event of the contract; none for a request, and none for a stale answer: the member has what the first click
/// brought.
fn outcome(entry: &Entry, base: &str) -> Option<Message> {
    let Role::Outcome { kind, .. } = &entry.role else { return None };
    let value = entry.value();
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (event, data) = match kind {
        OutcomeKind::FeedbackGenerated => {
            let mut data = serde_json::Map::new();
            for name in ["problemId", "feedback"] {
                data.extend(value.get(name).map(|field| (name.to_owned(), field.clone())));
            }
            ("problem-feedback", Value::Object(data).to_string())
        }
        OutcomeKind::ResumeQuestionGenerated => match value.get("questionNumber").and_then(Value::as_u64)? {
            1 => ("advanced-resume-init", json!({"question": text("question")?}).to_string()),
            _ => {
                let data = json!({"type": "in-progress", "question": text("question")?});
                ("advanced-resume-update", data.to_string())
            }
        },
        OutcomeKind::ResumeCompleted => {
            let url = download_url(base, text("resumeObjectKey")?)?;
            ("advanced-resume-update", json!({"type": "complete", "resumeDownloadUrl": url}).to_string())
        }
        OutcomeKind::RequestFailed if text("code") == Some(FailureCode::StaleAnswer.name()) => return None,
        OutcomeKind::RequestFailed => {
            let event = match text("eventName")? {
                "PROBLEM_FEEDBACK" => "problem-feedback-error",
                "ADVANCED_RESUME_INIT" => "advanced-resume-init-error",
                "ADVANCED_RESUME_UPDATE" => "advanced-resume-update-error",
                _ => return None,
            };
            (event, text("message")?.to_owned())
        }
    };
    Some(Message { id: entry.outcome_event_id()?, event, data })
}

/// Shows the record as it stands in Kafka.
fn record(delivery: &Delivery) -> Message {
    let Delivery { entry, took, .. } = delivery;
    let seen = &entry.seen;
    let headers: Vec<[String; 2]> = seen.headers.iter().map(shown).collect();
    let mut data = json!({
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
        "timestamp": entry.millis,
        "key": seen.key.as_deref().map(bytes_as_text),
        "headers": headers,
        "value": entry.value(),
    });
    if let (Some(took), Some(data)) = (took, data.as_object_mut()) {
        data.insert("tookMs".to_owned(), (*took).into());
    }
    Message { id: entry.record_event_id(), event: "record", data: data.to_string() }
}

fn shown(header: &Header) -> [String; 2] {
    [bytes_as_text(&header.name), header.value.as_deref().map(bytes_as_text).unwrap_or_default()]
}

fn bytes_as_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => text.to_owned(),
        _ => format!("base64:{}", STANDARD.encode(bytes)),
    }
}

/// Where the gateway serves a document.
fn download_url(base: &str, key: &str) -> Option<String> {
    let mut url = Url::parse(base).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().push("documents").extend(key.split('/'));
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gateway::entry::tests::{asked, outcome as entry};

    fn told(entry: Entry, records: bool) -> Vec<Message> {
        let delivery = Delivery { entry: Arc::new(entry), record_told: false, took: Some(1_480) };
        messages(&delivery, records, "http://localhost:8000")
    }

    fn event(topic: &str, value: &str) -> Option<(String, String)> {
        let mut told = told(entry(topic, 5, "a", "r", value), false);
        assert!(told.len() < 2);
        told.pop().map(|message| (message.event.to_owned(), message.data))
    }

    fn expect(topic: &str, value: &str, name: &str, data: &str) {
        assert_eq!(event(topic, value), Some((name.to_owned(), data.to_owned())));
    }

    #[test]
    fn events_and_their_data_are_those_of_the_contract() {
        let feedback = r#"{"memberId":7,"problemId":42,"feedback":"좋습니다."}"#;
        expect("FeedbackGenerated", feedback, "problem-feedback", r#"{"problemId":42,"feedback":"좋습니다."}"#);
        expect("FeedbackGenerated", r#"{"feedback":"."}"#, "problem-feedback", r#"{"feedback":"."}"#);
        let first = r#"{"questionNumber":1,"question":"q?"}"#;
        expect("ResumeQuestionGenerated", first, "advanced-resume-init", r#"{"question":"q?"}"#);
        let second = r#"{"questionNumber":2,"question":"q?"}"#;
        let data = r#"{"type":"in-progress","question":"q?"}"#;
        expect("ResumeQuestionGenerated", second, "advanced-resume-update", data);
        let completed = r#"{"resumeObjectKey":"resume/7/이력서 1.docx"}"#;
        let url = "http://localhost:8000/documents/resume/7/%EC%9D%B4%EB%A0%A5%EC%84%9C%201.docx";
        let data = format!(r#"{{"type":"complete","resumeDownloadUrl":"{url}"}}"#);
        expect("ResumeCompleted", completed, "advanced-resume-update", &data);
    }

    #[test]
    fn a_failure_is_an_event_of_its_own_flow_with_the_message_as_it_is() {
        for (name, event) in [
            ("PROBLEM_FEEDBACK", "problem-feedback-error"),
            ("ADVANCED_RESUME_INIT", "advanced-resume-init-error"),
            ("ADVANCED_RESUME_UPDATE", "advanced-resume-update-error"),
        ] {
            let value = json!({"eventName": name, "code": "LLM_UNAVAILABLE", "message": "잠시 후"}).to_string();
            expect("RequestFailed", &value, event, "잠시 후");
        }
    }

    #[test]
    fn a_stale_answer_and_a_broken_outcome_are_no_events() {
        let stale = r#"{"eventName":"ADVANCED_RESUME_UPDATE","code":"STALE_ANSWER","message":"m"}"#;
        assert_eq!(event("RequestFailed", stale), None);
        for (topic, value) in [
            ("ResumeQuestionGenerated", "{}"),
            ("ResumeCompleted", "no json"),
            ("RequestFailed", "{}"),
            ("RequestFailed", r#"{"eventName":"OTHER","message":"m"}"#),
        ] {
            assert_eq!(event(topic, value), None, "{topic} {value}");
        }
    }

    #[test]
    fn a_record_is_told_before_the_event_that_it_causes() {
        let told = told(entry("FeedbackGenerated", 5, "a", "r", r#"{"feedback":"."}"#), true);
        let ids: Vec<_> = told.iter().map(|message| (message.event, message.id.as_str())).collect();
        assert_eq!(ids, [("record", "5-FeedbackGenerated/3/5"), ("problem-feedback", "5-a")]);
        let data: Value = serde_json::from_str(&told[0].data).unwrap();
        let expected = json!({"topic": "FeedbackGenerated", "partition": 3, "offset": 5, "timestamp": 5, "key": "7",
            "headers": [["ce_id", "a"], ["ce_subject", "7"], ["ce_causationid", "r"]],
            "value": {"feedback": "."}, "tookMs": 1480});
        assert_eq!(data, expected);
    }

    #[test]
    fn a_request_is_a_record_only() {
        assert_eq!(told(asked(1, "r"), false), []);
        assert_eq!(told(asked(1, "r"), true).len(), 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_base64() {
        assert_eq!(bytes_as_text(&[0, 0, 1, 2]), "base64:AAABAg==");
        assert_eq!(bytes_as_text(&[255]), "base64:/w==");
        assert_eq!(bytes_as_text("한글 a\tb".as_bytes()), "한글 a\tb");
    }
}
