//! A record of a request or outcome topic that belongs to a member.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::events::decode::decode;
use crate::events::header_names::{CE_CAUSATIONID, CE_ID, CE_SUBJECT};
use crate::events::outcome::{OutcomeData, OutcomeKind};
use crate::events::record::{Coordinates, Record, RecordTime, RequestKind, request_id, text_header};
use crate::events::request::MemberId;
use crate::kafka::reader::Seen;
use crate::kafka::topics::Topics;

/// Longest `ce_id` that an event id is made of, in bytes; longer ones are none of the worker's.
const ID_MAX_BYTES: usize = 128;

/// A record that a member may be told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub seen: Seen,
    pub member: MemberId,
    /// The record's time in milliseconds since 1970; 0 when it has none.
    pub millis: i64,
    pub role: Role,
}

/// What the record is.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    Request {
        kind: RequestKind,
        /// As the worker finds it.
        id: String,
    },
    Outcome {
        kind: OutcomeKind,
        /// What it says; `None` when it is none of the contract.
        data: Option<OutcomeData>,
        /// Its `ce_id`, or its place when that is no id.
        id: String,
        /// The id of the request that caused it.
        request: Option<String>,
    },
}

impl Entry {
    /// Reads a record; `None` when the topic is none of these, or it names no member.
    pub fn read(seen: Seen, topics: &Topics) -> Option<Self> {
        let millis = seen.time.map_or(0, RecordTime::millis);
        let (member, role) = match topics.outcome_kind(&seen.topic) {
            Some(kind) => {
                let member = text_header(&seen.headers, CE_SUBJECT)?.parse().ok()?;
                let id = text_header(&seen.headers, CE_ID).filter(|id| is_plain(id));
                let id = id.map_or_else(|| place(&seen), str::to_owned);
                let request = text_header(&seen.headers, CE_CAUSATIONID).map(str::to_owned);
                let data = OutcomeData::read(kind, seen.value.as_deref().unwrap_or_default());
                (member, Role::Outcome { kind, data, id, request })
            }
            None => {
                let (_, kind) = topics.requests().into_iter().find(|(topic, _)| topic.as_ref() == seen.topic)?;
                request(&seen, kind)?
            }
        };
        Some(Self { seen, member, millis, role })
    }

    /// Where it stands, as `topic/partition/offset`.
    pub fn place(&self) -> String {
        place(&self.seen)
    }

    /// What it says, if it is an outcome.
    pub fn data(&self) -> Option<&OutcomeData> {
        match &self.role {
            Role::Outcome { data, .. } => data.as_ref(),
            Role::Request { .. } => None,
        }
    }

    /// Its value as it is shown; text where it is no JSON. A field that only its text can hold, such as a context with a number that is
    /// too large for anybody, is told as that text, and the others as they are.
    pub fn value(&self) -> Value {
        let bytes = self.seen.value.as_deref().unwrap_or_default();
        if let Ok(value) = serde_json::from_slice(bytes) {
            return value;
        }
        match serde_json::from_slice::<BTreeMap<String, &RawValue>>(bytes) {
            Ok(fields) => fields
                .into_iter()
                .map(|(name, raw)| (name, serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().into())))
                .collect::<Map<String, Value>>()
                .into(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned().into(),
        }
    }

    /// The document that it tells of, where that lies in a folder of its member's.
    pub fn document(&self) -> Option<&str> {
        let is_own = |key: &&String| key.rsplit('/').nth(1) == Some(self.member.to_string().as_str());
        match self.data()? {
            OutcomeData::Completed(completed) => Some(&completed.resume_object_key).filter(is_own).map(String::as_str),
            OutcomeData::Feedback(_) | OutcomeData::Question(_) | OutcomeData::Failed(_) => None,
        }
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, Vec::len);
        let headers: usize = self.seen.headers.iter().map(|header| header.name.len() + bytes(&header.value)).sum();
        // An outcome is kept as it came and as it was read.
        let times = if self.data().is_some() { 2 } else { 1 };
        size_of::<Self>() + bytes(&self.seen.key) + times * bytes(&self.seen.value) + headers
    }
}

fn request(seen: &Seen, kind: RequestKind) -> Option<(MemberId, Role)> {
    let decoded = decode(kind, seen.value.as_deref()).ok()?;
    let record = Record {
        kind,
        at: Coordinates { topic: seen.topic.as_str().into(), partition: seen.partition, offset: seen.offset },
        time: seen.time,
        key: None,
        value: None,
        headers: seen.headers.clone(),
    };
    let id = request_id(&record, decoded.request_id.as_deref());
    Some((decoded.member, Role::Request { kind, id }))
}

fn place(seen: &Seen) -> String {
    format!("{}/{}/{}", seen.topic, seen.partition, seen.offset)
}

/// Whether it can stand in an event id, which must not hold a line's end.
fn is_plain(id: &str) -> bool {
    id.len() <= ID_MAX_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::events::outcome::samples;
    use crate::events::record::Header;

    pub fn topics() -> Topics {
        Settings::defaults().unwrap().check().unwrap().topics
    }

    /// A record of member 7 in partition 3 of `topic`; its time is its offset.
    pub fn seen(topic: &str, offset: i64, value: &str, headers: &[(&'static str, &str)]) -> Seen {
        Seen {
            topic: topic.to_owned(),
            partition: 3,
            offset,
            time: Some(RecordTime::Create(offset)),
            key: Some(b"7".to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: headers.iter().map(|(name, value)| Header::new(name, *value)).collect(),
        }
    }

    /// An outcome for member 7, caused by the request `request`.
    pub fn outcome(data: &OutcomeData, offset: i64, id: &str, request: &str) -> Entry {
        with_value(data.kind(), offset, id, request, data.json().unwrap().get())
    }

    /// The same with any value.
    pub fn with_value(kind: OutcomeKind, offset: i64, id: &str, request: &str, value: &str) -> Entry {
        let headers = [("ce_id", id), ("ce_subject", "7"), ("ce_causationid", request)];
        Entry::read(seen(kind.name(), offset, value, &headers), &topics()).unwrap()
    }

    /// A feedback request of member 7.
    pub fn asked(offset: i64, id: &str) -> Entry {
        let headers = [("ce_id", id)];
        Entry::read(seen("FeedbackRequested", offset, r#"{"memberId": 7}"#, &headers), &topics()).unwrap()
    }

    #[test]
    fn a_request_is_read_with_the_id_that_the_worker_finds() {
        assert_eq!(asked(5, "a").role, Role::Request { kind: RequestKind::FeedbackRequested, id: "a".to_owned() });
        let by_place = seen("ResumeInit", 9, r#"{"member_id": "7"}"#, &[]);
        let entry = Entry::read(by_place, &topics()).unwrap();
        assert_eq!((entry.member.get(), entry.millis), (7, 9));
        assert_eq!(entry.role, Role::Request { kind: RequestKind::ResumeInit, id: "ResumeInit/3/9".to_owned() });
    }

    #[test]
    fn what_names_no_member_is_nobodys() {
        for (topic, value) in [("ResumeInit", "{}"), ("ResumeInit", "x"), ("FeedbackGenerated", "{}"), ("Other", "{}")]
        {
            assert_eq!(Entry::read(seen(topic, 1, value, &[]), &topics()), None, "{topic} {value}");
        }
    }

    #[test]
    fn an_id_that_could_break_an_event_is_replaced_by_the_place() {
        for id in ["a\nid: b", "가", &"x".repeat(200), "a b"] {
            let entry = outcome(&samples::feedback(), 4, id, "r");
            let Role::Outcome { id, .. } = entry.role else { panic!("an outcome") };
            assert_eq!(id, "FeedbackGenerated/3/4");
        }
    }

    #[test]
    fn a_value_that_is_no_json_is_text() {
        assert_eq!(with_value(OutcomeKind::FeedbackGenerated, 4, "a", "r", "no {json").value(), "no {json");
    }

    #[test]
    fn a_context_that_nobody_can_read_hides_no_other_field() {
        let text = r#"{"memberId":7,"feedback":"f","context":{"n":1e999}}"#;
        let entry = with_value(OutcomeKind::FeedbackGenerated, 4, "a", "r", text);
        let value = entry.value();
        assert_eq!((&value["feedback"], &value["context"]), (&"f".into(), &r#"{"n":1e999}"#.into()));
        assert!(matches!(entry.data(), Some(OutcomeData::Feedback(data)) if data.feedback == "f"));
    }
}
