//! What a member's browser is told: server-sent events made from records (contract, section 3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::events::open_enum::OpenEnum;
use crate::events::outcome::{
    FailureCode, FeedbackGenerated, OutcomeData, RequestFailed, ResumeCompleted, ResumeQuestionGenerated,
};
use crate::events::progress::Stage;
use crate::events::record::{Flow, Header, RequestKind};
use crate::gateway::entry::{Entry, Role};
use crate::gateway::history::Delivery;
use crate::gateway::progress::Progress;
use crate::kafka::reader::Seen;

/// A server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where a browser goes on that comes back; `None` leaves that where it is.
    pub id: Option<String>,
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

/// The events of one step of progress: with `records` the record first, by a name of its own, since it is not told again.
pub fn progress_messages(progress: &Progress, records: bool) -> Vec<Message> {
    let record =
        records.then(|| Message { id: None, event: "progress-record", data: progress_record(progress).to_string() });
    record.into_iter().chain(how_far(progress)).collect()
}

fn how_far(progress: &Progress) -> Option<Message> {
    let said = &progress.said;
    let (event, data) = match progress.kind.flow() {
        Flow::Feedback => (
            "problem-feedback-progress",
            Data::FeedbackProgress { problem_id: said.problem_id, text: said.text.as_deref() },
        ),
        Flow::Resume => (
            "advanced-resume-progress",
            Data::ResumeProgress { stage: &said.stage, section: said.section.as_deref(), percent: said.percent },
        ),
    };
    Some(Message { id: None, event, data: serde_json::to_string(&data).ok()? })
}

/// What the frontend gets with an event (contract, section 3); with a failure it gets the message alone.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Data<'a> {
    Feedback {
        #[serde(skip_serializing_if = "Option::is_none")]
        problem_id: Option<i64>,
        feedback: &'a str,
    },
    FirstQuestion {
        question: &'a str,
    },
    Update(Update<'a>),
    FeedbackProgress {
        #[serde(skip_serializing_if = "Option::is_none")]
        problem_id: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
    },
    ResumeProgress {
        stage: &'a OpenEnum<Stage>,
        #[serde(skip_serializing_if = "Option::is_none")]
        section: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        percent: Option<u8>,
    },
}

/// How an interview goes on.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Update<'a> {
    InProgress { question: &'a str },
    Complete { resume_download_url: String },
}

/// The event of the contract; none for a request, and none for a stale answer: the member has what the first click
/// brought.
fn outcome(entry: &Entry, base: &str) -> Option<Message> {
    let (event, data) = match entry.data()? {
        OutcomeData::Feedback(FeedbackGenerated { problem_id, feedback, .. }) => {
            ("problem-feedback", Data::Feedback { problem_id: *problem_id, feedback })
        }
        OutcomeData::Question(ResumeQuestionGenerated { question_number: 1, question, .. }) => {
            ("advanced-resume-init", Data::FirstQuestion { question })
        }
        OutcomeData::Question(ResumeQuestionGenerated { question, .. }) => {
            ("advanced-resume-update", Data::Update(Update::InProgress { question }))
        }
        OutcomeData::Completed(ResumeCompleted { resume_object_key, .. }) => {
            let resume_download_url = download_url(base, resume_object_key)?;
            ("advanced-resume-update", Data::Update(Update::Complete { resume_download_url }))
        }
        OutcomeData::Failed(failed) => return failure(entry, failed),
    };
    Some(Message { id: Some(entry.outcome_event_id()?), event, data: serde_json::to_string(&data).ok()? })
}

fn failure(entry: &Entry, failed: &RequestFailed) -> Option<Message> {
    if failed.code.known() == Some(FailureCode::StaleAnswer) {
        return None;
    }
    let event = match failed.event_name.known()? {
        RequestKind::FeedbackRequested => "problem-feedback-error",
        RequestKind::ResumeInit => "advanced-resume-init-error",
        RequestKind::ResumeAnswer => "advanced-resume-update-error",
    };
    Some(Message { id: Some(entry.outcome_event_id()?), event, data: failed.message.clone() })
}

/// Shows the record as it stands in Kafka.
fn record(delivery: &Delivery) -> Message {
    let Delivery { entry, took, .. } = delivery;
    let mut data = as_it_stands(&entry.seen, entry.millis, entry.value());
    if let (Some(took), Some(data)) = (took, data.as_object_mut()) {
        data.insert("tookMs".to_owned(), (*took).into());
    }
    Message { id: Some(entry.record_event_id()), event: "record", data: data.to_string() }
}

fn progress_record(progress: &Progress) -> Value {
    let value = serde_json::from_slice(progress.seen.value.as_deref().unwrap_or_default()).unwrap_or_default();
    as_it_stands(&progress.seen, progress.millis(), value)
}

fn as_it_stands(seen: &Seen, millis: i64, value: Value) -> Value {
    let headers: Vec<[String; 2]> = seen.headers.iter().map(shown).collect();
    json!({
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
        "timestamp": millis,
        "key": seen.key.as_deref().map(bytes_as_text),
        "headers": headers,
        "value": value,
    })
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
    use crate::events::outcome::{OutcomeKind, samples};
    use crate::gateway::entry::tests::{asked, outcome, seen, with_value};
    use crate::gateway::progress::tests::progress;

    fn told(entry: Entry, records: bool) -> Vec<Message> {
        let delivery = Delivery { entry: Arc::new(entry), record_told: false, took: Some(1_480) };
        messages(&delivery, records, "http://localhost:8000")
    }

    fn event(entry: Entry) -> Option<(String, String)> {
        let mut told = told(entry, false);
        assert!(told.len() < 2);
        told.pop().map(|message| (message.event.to_owned(), message.data))
    }

    fn expect(data: &OutcomeData, name: &str, expected: &str) {
        assert_eq!(event(outcome(data, 5, "a", "r")), Some((name.to_owned(), expected.to_owned())));
    }

    #[test]
    fn events_and_their_data_are_those_of_the_contract() {
        expect(&samples::feedback(), "problem-feedback", r#"{"feedback":"좋습니다."}"#);
        let value = r#"{"memberId":7,"problemId":42,"feedback":"좋습니다."}"#;
        let of_a_problem = OutcomeData::read(OutcomeKind::FeedbackGenerated, value.as_bytes()).unwrap();
        expect(&of_a_problem, "problem-feedback", r#"{"problemId":42,"feedback":"좋습니다."}"#);
        expect(&samples::question(1), "advanced-resume-init", r#"{"question":"1?"}"#);
        expect(&samples::question(2), "advanced-resume-update", r#"{"type":"in-progress","question":"2?"}"#);
        let url = "http://localhost:8000/documents/resume/7/%EC%9D%B4%EB%A0%A5%EC%84%9C%201.docx";
        let data = format!(r#"{{"type":"complete","resumeDownloadUrl":"{url}"}}"#);
        expect(&samples::completed("resume/7/이력서 1.docx"), "advanced-resume-update", &data);
    }

    #[test]
    fn a_failure_is_an_event_of_its_own_flow_with_the_message_as_it_is() {
        for (kind, event) in [
            (RequestKind::FeedbackRequested, "problem-feedback-error"),
            (RequestKind::ResumeInit, "advanced-resume-init-error"),
            (RequestKind::ResumeAnswer, "advanced-resume-update-error"),
        ] {
            let code = FailureCode::LlmUnavailable;
            expect(&samples::failed(kind, code), event, code.message());
        }
    }

    #[test]
    fn a_stale_answer_and_a_broken_outcome_are_no_events() {
        let stale = samples::failed(RequestKind::ResumeAnswer, FailureCode::StaleAnswer);
        assert_eq!(event(outcome(&stale, 5, "a", "r")), None);
        let failed = samples::failed(RequestKind::ResumeAnswer, FailureCode::Internal).json().unwrap();
        let of_a_new_kind = failed.get().replace("ADVANCED_RESUME_UPDATE", "OTHER");
        for (kind, value) in [
            (OutcomeKind::ResumeQuestionGenerated, "{}"),
            (OutcomeKind::ResumeCompleted, "no json"),
            (OutcomeKind::RequestFailed, "{}"),
            (OutcomeKind::RequestFailed, &of_a_new_kind),
        ] {
            assert_eq!(event(with_value(kind, 5, "a", "r", value)), None, "{kind:?} {value}");
        }
    }

    #[test]
    fn a_record_is_told_before_the_event_that_it_causes() {
        let told = told(outcome(&samples::feedback(), 5, "a", "r"), true);
        let ids: Vec<_> = told.iter().map(|message| (message.event, message.id.as_deref().unwrap())).collect();
        assert_eq!(ids, [("record", "5-FeedbackGenerated/3/5"), ("problem-feedback", "5-a")]);
        let data: Value = serde_json::from_str(&told[0].data).unwrap();
        let expected = json!({"topic": "FeedbackGenerated", "partition": 3, "offset": 5, "timestamp": 5, "key": "7",
            "headers": [["ce_id", "a"], ["ce_subject", "7"], ["ce_causationid", "r"]],
            "value": {"memberId": 7, "feedback": "좋습니다."}, "tookMs": 1480});
        assert_eq!(data, expected);
    }

    #[test]
    fn a_request_is_a_record_only() {
        assert_eq!(told(asked(1, "r"), false), []);
        assert_eq!(told(asked(1, "r"), true).len(), 1);
    }

    #[test]
    fn progress_is_an_event_without_an_id_and_without_what_it_does_not_say() {
        let told = |event_name: &str, rest: &str| {
            let value = format!(r#"{{"memberId":7,"eventName":"{event_name}","requestId":"r","sequence":5,{rest}}}"#);
            let progress = Progress::read(seen("RequestProgress", 5, &value, &[])).unwrap();
            let mut told = progress_messages(&progress, false);
            assert_eq!(told.len(), 1);
            told.pop().map(|message| (message.id, message.event, message.data)).unwrap()
        };
        for (event_name, rest, event, data) in [
            (
                "PROBLEM_FEEDBACK",
                r#""problemId":42,"stage":"WRITING","text":"좋습니다.""#,
                "problem-feedback-progress",
                r#"{"problemId":42,"text":"좋습니다."}"#,
            ),
            ("PROBLEM_FEEDBACK", r#""stage":"WAITING""#, "problem-feedback-progress", "{}"),
            (
                "ADVANCED_RESUME_UPDATE",
                r#""stage":"WRITING","section":"프로젝트","percent":60"#,
                "advanced-resume-progress",
                r#"{"stage":"WRITING","section":"프로젝트","percent":60}"#,
            ),
            ("ADVANCED_RESUME_INIT", r#""stage":"WAITING""#, "advanced-resume-progress", r#"{"stage":"WAITING"}"#),
            (
                "ADVANCED_RESUME_UPDATE",
                r#""stage":"A_NEW_ONE""#,
                "advanced-resume-progress",
                r#"{"stage":"A_NEW_ONE"}"#,
            ),
        ] {
            assert_eq!(told(event_name, rest), (None, event, data.to_owned()));
        }
    }

    #[test]
    fn the_record_of_progress_has_a_name_of_its_own_and_no_id_either() {
        let told = progress_messages(&progress("r", 5, "좋습니다."), true);
        assert_eq!(
            told.iter().map(|message| message.event).collect::<Vec<_>>(),
            ["progress-record", "problem-feedback-progress"]
        );
        assert!(told.iter().all(|message| message.id.is_none()));
        let data: Value = serde_json::from_str(&told[0].data).unwrap();
        assert_eq!((&data["offset"], &data["value"]["sequence"]), (&json!(5), &json!(5)));
        assert_eq!(data["headers"], json!([["ce_causationid", "r"]]));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_base64() {
        assert_eq!(bytes_as_text(&[0, 0, 1, 2]), "base64:AAABAg==");
        assert_eq!(bytes_as_text(&[255]), "base64:/w==");
        assert_eq!(bytes_as_text("한글 a\tb".as_bytes()), "한글 a\tb");
    }
}
