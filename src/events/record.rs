//! A record as it was read from a request topic, and what identifies the request in it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::events::header_names::{CE_ID, REPLAY_COUNT, REPLAY_ORIGINAL_TIMESTAMP};
use crate::events::names::{Digest, name_of};
use crate::events::request::MemberId;

/// Which of the two jobs a request belongs to; each has its own lock per member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    Feedback,
    Resume,
}

impl Flow {
    /// The first part of its keys: `feedback:{7}:lock`, `resume:{7}`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feedback => "feedback",
            Self::Resume => "resume",
        }
    }
}

/// The three kinds of request, one a topic. In JSON they have the names that the product gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RequestKind {
    #[serde(rename = "PROBLEM_FEEDBACK")]
    FeedbackRequested,
    #[serde(rename = "ADVANCED_RESUME_INIT")]
    ResumeInit,
    #[serde(rename = "ADVANCED_RESUME_UPDATE")]
    ResumeAnswer,
}

impl RequestKind {
    pub const ALL: [Self; 3] = [Self::FeedbackRequested, Self::ResumeInit, Self::ResumeAnswer];

    /// The default name of its topic.
    pub fn name(self) -> &'static str {
        match self {
            Self::FeedbackRequested => "FeedbackRequested",
            Self::ResumeInit => "ResumeInit",
            Self::ResumeAnswer => "ResumeAnswer",
        }
    }

    /// Which job it belongs to.
    pub fn flow(self) -> Flow {
        match self {
            Self::FeedbackRequested => Flow::Feedback,
            Self::ResumeInit | Self::ResumeAnswer => Flow::Resume,
        }
    }

    /// What the product calls it in a `RequestFailed` (contract, section 3).
    pub fn event_name(self) -> &'static str {
        match self {
            Self::FeedbackRequested => "PROBLEM_FEEDBACK",
            Self::ResumeInit => "ADVANCED_RESUME_INIT",
            Self::ResumeAnswer => "ADVANCED_RESUME_UPDATE",
        }
    }
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinates {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// A text that is no `topic/partition/offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's place is written as topic/partition/offset")]
pub struct InvalidCoordinates;

impl FromStr for Coordinates {
    type Err = InvalidCoordinates;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (topic, partition, offset) = place(text).ok_or(InvalidCoordinates)?;
        Ok(Self { topic: topic.into(), partition, offset })
    }
}

/// The parts of a text that is a place.
fn place(text: &str) -> Option<(&str, i32, i64)> {
    let mut parts = text.split('/');
    let (topic, partition, offset, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
    (!topic.is_empty() && partition >= 0 && offset >= 0).then_some((topic, partition, offset))
}

/// A record's time, in milliseconds since 1970, and who set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTime {
    Create(i64),
    LogAppend(i64),
}

impl RecordTime {
    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        match self {
            Self::Create(millis) | Self::LogAppend(millis) => millis,
        }
    }

    /// Kafka's name for who set it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Create(_) => "CreateTime",
            Self::LogAppend(_) => "LogAppendTime",
        }
    }
}

/// A record header. Names are bytes because not every client sends UTF-8; a value may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub name: Cow<'static, [u8]>,
    pub value: Option<Vec<u8>>,
}

impl Header {
    /// A header with a text or byte value.
    pub fn new(name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.as_bytes().into(), value: Some(value.into()) }
    }
}

/// A record of a request topic, whatever is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub kind: RequestKind,
    pub at: Coordinates,
    /// `None` when the broker's format has no time.
    pub time: Option<RecordTime>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// The last header of this name, whatever it holds.
pub fn last_header<'a>(headers: &'a [Header], name: &str) -> Option<&'a [u8]> {
    headers.iter().rev().find(|header| *header.name == *name.as_bytes())?.value.as_deref()
}

/// The last header of this name, if it is UTF-8 text and not blank.
pub fn text_header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(last_header(headers, name)?).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

impl Record {
    /// Of what it holds, for the names that are made of it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.value.as_deref().unwrap_or_default())
    }

    /// The last value of a header, if it is UTF-8 text and not blank.
    pub fn text_header(&self, name: &str) -> Option<&str> {
        text_header(&self.headers, name)
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, Vec::len)).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers + size_of::<Self>()
    }
}

/// Longest request id that is used as it came; a longer one is replaced by a name made from it, so that it fits
/// headers whatever it is.
const ID_MAX_BYTES: usize = 1024;

/// A request's id: its `ce_id`, else the id in its value, else where it stands; and how often it was replayed.
pub fn request_id(record: &Record, in_value: Option<&str>) -> String {
    replayed_id(first_id(record, in_value), replay_count(record))
}

/// A request's id before it was ever replayed.
pub fn first_id(record: &Record, in_value: Option<&str>) -> String {
    match record.text_header(CE_ID).or(in_value) {
        Some(id) if id.len() > ID_MAX_BYTES => name_of(&["id", id]).to_string(),
        Some(id) => id.to_owned(),
        None => record.at.to_string(),
    }
}

/// The id of a request on its `count`th replay; 0 is its first way through.
pub fn replayed_id(first: String, count: u64) -> String {
    match count {
        0 => first,
        count => format!("{first}#{count}"),
    }
}

/// How often the record has been replayed; 0 when it never was.
pub fn replay_count(record: &Record) -> u64 {
    record.text_header(REPLAY_COUNT).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// When the request was first sent, in milliseconds since 1970: a replay tells it, in case it was sent by a program that
/// does; else it is the record's own time.
pub fn first_sent(record: &Record) -> Option<i64> {
    let told = record.text_header(REPLAY_ORIGINAL_TIMESTAMP).filter(|_| replay_count(record) > 0);
    told.and_then(|text| text.trim().parse().ok()).or(record.time.map(RecordTime::millis))
}

/// Names a request in the journal: the same for every record of the topic and member with this id. A replay goes by the id
/// that it had first: whatever answered the request, on whichever trip, is its answer.
pub fn request_name(record: &Record, digest: Digest, member: MemberId, request_id: &str) -> Uuid {
    let (member, origin) = (member.to_string(), placed_origin(record, digest, request_id));
    let parts = ["request", &record.at.topic, &member, request_id];
    name_of(&parts.into_iter().chain(origin.as_deref()).collect::<Vec<_>>())
}

/// Names a record in the journal.
pub fn record_name(record: &Record, digest: Digest) -> Uuid {
    name_of(&["record", &record.at.to_string(), &origin(record.time.map(RecordTime::millis), digest)])
}

/// What has to be in the names of a request whose id is a place, so that it is taken for no other that stood there: a topic
/// may be made again, and clusters may share a store. A replayed request keeps its value, and brings its first time along.
pub fn placed_origin(record: &Record, digest: Digest, request_id: &str) -> Option<String> {
    let (topic, ..) = place(request_id.split('#').next()?)?;
    (*topic == *record.at.topic).then(|| {
        let first_sent = match replay_count(record) {
            0 => record.time.map(RecordTime::millis),
            _ => record.text_header(REPLAY_ORIGINAL_TIMESTAMP).and_then(|text| text.trim().parse().ok()),
        };
        origin(first_sent, digest)
    })
}

/// When a record was sent, and what it holds.
fn origin(millis: Option<i64>, Digest(digest): Digest) -> String {
    let digest = digest.hyphenated();
    [&millis.unwrap_or_default().to_string(), "/", digest.encode_lower(&mut Uuid::encode_buffer())].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: Vec<Header>) -> Record {
        Record {
            kind: RequestKind::FeedbackRequested,
            at: Coordinates { topic: "FeedbackRequested".into(), partition: 3, offset: 42 },
            time: None,
            key: None,
            value: None,
            headers,
        }
    }

    #[test]
    fn the_id_is_the_header_then_the_value_then_the_place() {
        assert_eq!(request_id(&record(vec![Header::new("ce_id", "a")]), Some("b")), "a");
        assert_eq!(request_id(&record(vec![Header::new("ce_id", " ")]), Some("b")), "b");
        assert_eq!(request_id(&record(vec![Header::new("ce_id", vec![0xff])]), Some("b")), "b");
        assert_eq!(request_id(&record(vec![]), None), "FeedbackRequested/3/42");
    }

    #[test]
    fn the_last_header_of_a_name_counts() {
        let headers = vec![Header::new("ce_id", "first"), Header::new("ce_id", "last")];
        assert_eq!(request_id(&record(headers), None), "last");
    }

    #[test]
    fn a_replay_makes_another_request_of_it() {
        let headers = vec![Header::new("ce_id", "a"), Header::new(REPLAY_COUNT, "2")];
        assert_eq!(request_id(&record(headers), None), "a#2");
        let headers = vec![Header::new("ce_id", "a"), Header::new(REPLAY_COUNT, "many")];
        assert_eq!(request_id(&record(headers), None), "a");
    }

    #[test]
    fn a_replay_tells_when_the_request_was_first_sent() {
        let sent = |headers| first_sent(&Record { time: Some(RecordTime::Create(9)), ..record(headers) });
        let told = |count, time| vec![Header::new(REPLAY_COUNT, count), Header::new(REPLAY_ORIGINAL_TIMESTAMP, time)];
        assert_eq!(sent(told("1", "5")), Some(5));
        assert_eq!(sent(told("0", "5")), Some(9), "only of a replay");
        assert_eq!(sent(told("1", "yesterday")), Some(9));
        assert_eq!(first_sent(&record(vec![])), None);
    }

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let at = record(vec![]).at;
        assert_eq!(at.to_string().parse(), Ok(at));
        for text in ["", "a", "a/1", "a/1/", "a/-1/2", "a/1/-2", "/1/2", "a/1/2/3", "a/1/x"] {
            assert_eq!(text.parse::<Coordinates>(), Err(InvalidCoordinates), "{text}");
        }
    }

    #[test]
    fn a_huge_id_is_replaced_by_a_name_of_it() {
        let long = "x".repeat(5_000);
        let id = request_id(&record(vec![Header::new("ce_id", long.as_str())]), None);
        assert_eq!(id.len(), 36);
        assert_ne!(id, request_id(&record(vec![Header::new("ce_id", format!("{long}y"))]), None));
    }

    #[test]
    fn two_records_that_stood_at_one_place_have_no_name_in_common() {
        let member = MemberId::new(7).unwrap();
        let names = |record: &Record| {
            let digest = record.digest();
            (request_name(record, digest, member, &request_id(record, None)), record_name(record, digest))
        };
        let old = Record { time: Some(RecordTime::Create(5)), value: Some(b"{}".to_vec()), ..record(vec![]) };
        let later = Record { time: Some(RecordTime::LogAppend(6)), ..old.clone() };
        let other = Record { value: Some(b"{ }".to_vec()), ..old.clone() };
        assert_eq!(names(&old), names(&old.clone()), "it is read again");
        for new in [later, other] {
            assert_ne!(names(&old).0, names(&new).0);
            assert_ne!(names(&old).1, names(&new).1);
        }
    }

    #[test]
    fn a_request_with_an_id_of_its_own_is_the_same_at_any_time_and_place() {
        let member = MemberId::new(7).unwrap();
        for id in ["a", "a/1/2", "FeedbackRequested/3/x"] {
            let first = Record { time: Some(RecordTime::Create(5)), ..record(vec![Header::new("ce_id", id)]) };
            let name = |record: &Record| request_name(record, record.digest(), member, id);
            assert_eq!(name(&first), name(&Record { time: None, value: Some(b"{}".to_vec()), ..first.clone() }));
            assert_eq!(name(&first), name_of(&["request", "FeedbackRequested", "7", id]), "as it always was");
        }
    }

    #[test]
    fn what_named_a_request_by_its_place_names_its_replay_too() {
        let sent = Record { time: Some(RecordTime::Create(5)), value: Some(b"{}".to_vec()), ..record(vec![]) };
        let place = request_id(&sent, None);
        let headers = |sent_at: &str| {
            let count = Header::new(REPLAY_COUNT, "1");
            vec![Header::new(CE_ID, place.as_str()), count, Header::new(REPLAY_ORIGINAL_TIMESTAMP, sent_at)]
        };
        let at = Coordinates { offset: 99, ..sent.at.clone() };
        let replayed = |sent_at| Record {
            at: at.clone(),
            time: Some(RecordTime::Create(9)),
            headers: headers(sent_at),
            ..sent.clone()
        };
        let sent_back_later = |record: &Record| Record { time: Some(RecordTime::Create(10)), ..record.clone() };
        let origin = |record: &Record, id: &str| placed_origin(record, record.digest(), id);
        let again = replayed("5");
        assert_eq!(origin(&again, &request_id(&again, None)), origin(&sent, &place));
        let of_before = replayed("what says nothing");
        assert_eq!(origin(&of_before, &place), origin(&sent_back_later(&of_before), &place));
        let of_another = replayed("4");
        assert_ne!(origin(&of_another, &place), origin(&sent, &place));
    }
}
