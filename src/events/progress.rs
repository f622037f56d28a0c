//! Progress: how far a request is, told while it is worked (contract, section 3a). Best effort: nobody has to read it, and
//! nothing rests on it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events::json::JsonText;
use crate::events::names::name_of;
use crate::events::open_enum::OpenEnum;
use crate::events::outcome::Origin;
use crate::events::record::{RequestKind, placed_origin};

/// The `ce_type`, which is also the default name of the topic.
pub const NAME: &str = "RequestProgress";

/// Most characters of a section's heading; a longer one is cut off.
pub const SECTION_MAX: usize = 100;

/// What a request is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Its turn has not come, or what it needs is away.
    Waiting,
    /// The model writes.
    Writing,
    /// The document goes to the store.
    Storing,
}

impl Stage {
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Writing, Self::Storing];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Writing => "WRITING",
            Self::Storing => "STORING",
        }
    }
}

/// What there is to tell of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum News {
    Waiting,
    /// All whole sentences of its feedback so far.
    Text(String),
    /// The heading of the résumé that is being written; and how much is written, in percent, where that is known.
    Section {
        heading: String,
        percent: Option<u8>,
    },
    Storing,
}

impl News {
    /// What the request is at.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Waiting => Stage::Waiting,
            Self::Text(_) | Self::Section { .. } => Stage::Writing,
            Self::Storing => Stage::Storing,
        }
    }
}

/// Says nothing of what a member is told.
impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "News({})", self.stage().name())
    }
}

/// How far a request is. Whoever shows it passes over what is not above the last `sequence`, and all that comes after the
/// outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestProgress {
    #[schemars(range(min = 1))]
    pub member_id: i64,
    #[schemars(with = "String", extend("enum" = RequestKind::ALL.map(RequestKind::event_name)))]
    pub event_name: OpenEnum<RequestKind>,
    pub request_id: String,
    /// As the request had it; left out when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub problem_id: Option<i64>,
    /// Of a résumé, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Uuid")]
    pub session_id: Option<Uuid>,
    /// Rises within a request: milliseconds since its own time, as far as clocks agree.
    pub sequence: u64,
    #[schemars(with = "Stage")]
    pub stage: OpenEnum<Stage>,
    /// All whole sentences of a feedback so far; with `WRITING` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = 1000))]
    pub text: Option<String>,
    /// The heading of the résumé that is being written; with `WRITING` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = SECTION_MAX))]
    pub section: Option<String>,
    /// How much of the résumé is written: an estimate that never goes back within a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u8", range(min = 0, max = 99))]
    pub percent: Option<u8>,
}

impl RequestProgress {
    /// What is told of a request.
    pub fn new(
        origin: &Origin<'_>,
        problem_id: Option<i64>,
        session_id: Option<Uuid>,
        sequence: u64,
        news: News,
    ) -> Self {
        let stage = OpenEnum::Known(news.stage());
        let (text, section, percent) = match news {
            News::Waiting | News::Storing => (None, None, None),
            News::Text(text) => (Some(text), None, None),
            News::Section { heading, percent } => (None, Some(heading), percent),
        };
        Self {
            member_id: origin.member.get(),
            event_name: OpenEnum::Known(origin.record.kind),
            request_id: origin.request_id.to_owned(),
            problem_id,
            session_id,
            sequence,
            stage,
            text,
            section,
            percent,
        }
    }

    /// Reads one; `None` where it is none. What a newer program adds is passed over. serde's message is dropped on purpose:
    /// it may quote what a member is told.
    pub fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// As JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON; plain data always can.
    pub fn json(&self) -> Result<JsonText, serde_json::Error> {
        JsonText::of(self)
    }
}

/// The `ce_id`: of the request and the sequence.
pub fn progress_id(origin: &Origin<'_>, sequence: u64) -> Uuid {
    let placed = placed_origin(origin.record, origin.digest, origin.request_id);
    let (member, sequence) = (origin.member.to_string(), sequence.to_string());
    let parts = ["progress", &origin.record.at.topic, &member, origin.request_id, &sequence];
    name_of(&parts.into_iter().chain(placed.as_deref()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::events::decode::decode;
    use crate::events::record::{Coordinates, Record, RecordTime};

    fn record(kind: RequestKind, value: &Value) -> Record {
        Record {
            kind,
            at: Coordinates { topic: kind.name().into(), partition: 3, offset: 42 },
            time: Some(RecordTime::Create(1_000)),
            key: None,
            value: Some(value.to_string().into_bytes()),
            headers: Vec::new(),
        }
    }

    fn told(record: &Record, session: Option<Uuid>, sequence: u64, news: News) -> Value {
        let decoded = decode(record.kind, record.value.as_deref()).unwrap();
        let origin = Origin::new(record, &decoded, "r");
        let progress = RequestProgress::new(&origin, decoded.problem_id, session, sequence, news);
        let json = progress.json().unwrap();
        assert_eq!(RequestProgress::read(json.get().as_bytes()), Some(progress));
        serde_json::from_str(json.get()).unwrap()
    }

    #[test]
    fn each_stage_says_what_the_contract_says_and_echoes_no_context() {
        let value = json!({"memberId": 7, "problemId": 42, "question": "Q", "answer": "A", "context": {"a": 1}});
        let feedback = record(RequestKind::FeedbackRequested, &value);
        assert_eq!(
            told(&feedback, None, 2_130, News::Text("좋습니다.".to_owned())),
            json!({"memberId": 7, "eventName": "PROBLEM_FEEDBACK", "requestId": "r", "problemId": 42, "sequence": 2130,
                "stage": "WRITING", "text": "좋습니다."})
        );
        let answer = record(RequestKind::ResumeAnswer, &json!({"memberId": 7, "answer": "A"}));
        let section = |percent| News::Section { heading: "프로젝트".to_owned(), percent };
        assert_eq!(
            told(&answer, Some(Uuid::nil()), 31_400, section(Some(60))),
            json!({"memberId": 7, "eventName": "ADVANCED_RESUME_UPDATE", "requestId": "r", "sessionId": Uuid::nil(),
                "sequence": 31400, "stage": "WRITING", "section": "프로젝트", "percent": 60})
        );
        assert_eq!(told(&answer, None, 1, section(None))["percent"], Value::Null);
        for (news, stage) in [(News::Waiting, "WAITING"), (News::Storing, "STORING")] {
            assert_eq!(
                told(&answer, None, 1, news),
                json!({"memberId": 7, "eventName": "ADVANCED_RESUME_UPDATE", "requestId": "r", "sequence": 1,
                    "stage": stage})
            );
        }
    }

    #[test]
    fn an_id_is_that_of_the_request_and_the_sequence() {
        let value = json!({"memberId": 7, "question": "Q", "answer": "A"});
        let id = |request_id: &str, sequence, record: &Record| {
            let decoded = decode(record.kind, record.value.as_deref()).unwrap();
            progress_id(&Origin::new(record, &decoded, request_id), sequence)
        };
        let sent = record(RequestKind::FeedbackRequested, &value);
        assert_eq!(id("r", 1, &sent), id("r", 1, &sent.clone()));
        assert_ne!(id("r", 1, &sent), id("r", 2, &sent));
        assert_ne!(id("r", 1, &sent), id("s", 1, &sent));
        let made_again = Record { time: Some(RecordTime::Create(2_000)), ..sent.clone() };
        let place = sent.at.to_string();
        assert_ne!(id(&place, 1, &sent), id(&place, 1, &made_again));
        assert_eq!(id("r", 1, &sent), id("r", 1, &made_again));
    }

    #[test]
    fn a_stage_of_a_newer_program_is_read_by_its_name() {
        let json =
            br#"{"memberId":7,"eventName":"PROBLEM_FEEDBACK","requestId":"r","sequence":1,"stage":"RESTING","x":1}"#;
        assert_eq!(RequestProgress::read(json).unwrap().stage, OpenEnum::Other("RESTING".to_owned()));
        assert_eq!(RequestProgress::read(b"{}"), None);
    }
}
