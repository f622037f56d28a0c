//! A dead letter, and the request in it.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::events::decode::decode;
use crate::events::header_names::{
    EXCEPTION_FQCN, ORIGINAL_OFFSET, ORIGINAL_PARTITION, ORIGINAL_TIMESTAMP, ORIGINAL_TOPIC,
};
use crate::events::names::name_of;
use crate::events::record::{
    Coordinates, Header, Record, RecordTime, first_id, first_sent, last_header, replay_count, text_header,
};
use crate::events::request::MemberId;
use crate::kafka::reader::Seen;
use crate::kafka::topics::Topics;
use crate::ops::text;

/// What is to be known of a dead letter, without what lies in it: there may be more of them than fit into memory. Where a
/// header stands several times, the last one counts: it is of the latest trip.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// Where it lies.
    pub at: Coordinates,
    /// When it was kept.
    pub time: Option<RecordTime>,
    pub original: Original,
    /// Why it was kept.
    pub code: Option<String>,
    /// By its value, else by its key.
    pub member: Option<MemberId>,
    /// The request's id before any replay.
    pub id: String,
    /// How often it has been replayed.
    pub replays: u64,
    /// When the request was first sent, in milliseconds since 1970.
    pub first_sent: Option<i64>,
    /// About how much memory all of it takes, in bytes.
    pub size: usize,
}

/// What lies in a dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// All of them, those of the dead letter too.
    pub headers: Vec<Header>,
}

/// Where a dead letter came from, as far as its headers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    pub topic: Arc<str>,
    pub partition: Option<i32>,
    pub offset: Option<i64>,
}

impl fmt::Display for Original {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<i64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        write!(f, "{}/{}/{}", self.topic, number(self.partition.map(i64::from)), number(self.offset))
    }
}

impl Letter {
    /// Reads a record of a dead-letter topic; `None` when the topic is none of ours.
    pub fn read(seen: Seen, topics: &Topics) -> Option<(Self, Contents)> {
        let (request_topic, kind) =
            topics.requests().into_iter().find(|(topic, _)| topics.dead_letters(topic) == seen.topic)?;
        let at = Coordinates { topic: seen.topic.into(), partition: seen.partition, offset: seen.offset };
        let original = Original {
            topic: text_header(&seen.headers, ORIGINAL_TOPIC).map_or(request_topic, Arc::from),
            partition: last_header(&seen.headers, ORIGINAL_PARTITION)
                .and_then(|bytes| bytes.try_into().ok())
                .map(i32::from_be_bytes),
            offset: last_header(&seen.headers, ORIGINAL_OFFSET).and_then(long),
        };
        // What the worker called the request: its place, where it had no id of its own.
        let place = match (original.partition, original.offset) {
            (Some(partition), Some(offset)) => Coordinates { topic: original.topic.clone(), partition, offset },
            _ => at.clone(),
        };
        let sent = last_header(&seen.headers, ORIGINAL_TIMESTAMP).and_then(long).filter(|millis| *millis >= 0);
        let (kept, sent) = (seen.time, sent.map(RecordTime::Create));
        let request = Record { kind, at: place, time: sent, key: seen.key, value: seen.value, headers: seen.headers };
        let decoded = decode(kind, request.value.as_deref()).ok();
        let id_in_value = decoded.as_ref().and_then(|decoded| decoded.request_id.as_deref());
        let id = first_id(&request, id_in_value);
        let key = request.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        let letter = Self {
            at,
            time: kept,
            original,
            code: request.text_header(EXCEPTION_FQCN).map(str::to_owned),
            member: decoded.as_ref().map(|decoded| decoded.member).or_else(|| key.and_then(|key| key.parse().ok())),
            id,
            replays: replay_count(&request),
            first_sent: first_sent(&request),
            size: request.size(),
        };
        Some((letter, Contents { key: request.key, value: request.value, headers: request.headers }))
    }

    /// Names the request, whatever it was replayed.
    pub fn request(&self) -> Uuid {
        request(&self.original.topic, self.member, &self.id)
    }

    /// By age; letters of the same moment by their place.
    pub fn age(&self) -> (Option<i64>, &Coordinates) {
        (self.time.map(RecordTime::millis), &self.at)
    }

    /// What a list shows of it: nothing that the member wrote.
    pub fn summary(&self) -> Summary {
        Summary {
            at: self.at.to_string(),
            time: text::instant(self.time.map(RecordTime::millis)),
            original: text::printable(self.original.to_string().as_bytes()),
            code: self.code.as_deref().map(|code| text::printable(code.as_bytes())),
            member: self.member,
            replays: self.replays,
            answered: None,
            answer_unknown: false,
            member_erased: false,
        }
    }
}

/// Names a request by its first id, which belongs to its topic and member.
pub fn request(topic: &str, member: Option<MemberId>, id: &str) -> Uuid {
    let member = member.map(|member| member.to_string()).unwrap_or_default();
    name_of(&["dead letters of", topic, &member, id])
}

/// The value of one of Spring's 8-byte headers.
pub fn long(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// A dead letter in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub at: String,
    pub time: String,
    pub original: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    pub replays: u64,
    /// How the request was answered since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<String>,
    /// It may have been: outcomes from then are no longer kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub answer_unknown: bool,
    /// Its member was erased after it was sent: it is not replayed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub member_erased: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, time, original, code, member, replays, answered, answer_unknown, member_erased } = self;
        let code = code.as_deref().unwrap_or("-");
        let member = member.map_or_else(|| "-".to_owned(), |member| member.to_string());
        write!(f, "{at}  {time}  from {original}  {code}  member {member}  replays {replays}")?;
        match answered {
            Some(answered) => write!(f, "  answered {answered}")?,
            None if *answer_unknown => f.write_str("  perhaps answered")?,
            None => {}
        }
        if *member_erased { f.write_str("  member erased") } else { Ok(()) }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Settings;

    pub(crate) fn topics() -> Topics {
        Settings::defaults().unwrap().check().unwrap().topics
    }

    /// A record of `FeedbackRequested-dlt`, at partition 1, offset 5, that came from partition 2, offset 9.
    pub(crate) fn seen(time: i64, value: &str, headers: &[(&'static str, &[u8])]) -> Seen {
        let mut all = vec![
            Header::new("kafka_dlt-original-topic", "FeedbackRequested"),
            Header::new("kafka_dlt-original-partition", 2_i32.to_be_bytes()),
            Header::new("kafka_dlt-original-offset", 9_i64.to_be_bytes()),
        ];
        all.extend(headers.iter().map(|(name, value)| Header::new(name, *value)));
        Seen {
            topic: "FeedbackRequested-dlt".to_owned(),
            partition: 1,
            offset: 5,
            time: Some(RecordTime::Create(time)),
            key: Some(b"7".to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: all,
        }
    }

    pub(crate) fn parts(seen: Seen) -> (Letter, Contents) {
        Letter::read(seen, &topics()).unwrap()
    }

    pub(crate) fn letter(seen: Seen) -> Letter {
        parts(seen).0
    }

    #[test]
    fn a_letter_tells_where_it_came_from_and_why() {
        let headers: [(&str, &[u8]); 2] = [("kafka_dlt-exception-fqcn", b"INTERNAL"), ("replay-count", b"2")];
        let letter = letter(seen(1_000, r#"{"memberId": 7}"#, &headers));
        assert_eq!(letter.at.to_string(), "FeedbackRequested-dlt/1/5");
        assert_eq!(letter.original.to_string(), "FeedbackRequested/2/9");
        assert_eq!((letter.code.as_deref(), letter.member, letter.replays), (Some("INTERNAL"), MemberId::new(7), 2));
        assert_eq!(
            letter.summary().to_string(),
            "FeedbackRequested-dlt/1/5  1970-01-01T00:00:01Z  from FeedbackRequested/2/9  INTERNAL  member 7  replays 2"
        );
    }

    #[test]
    fn what_may_have_been_answered_is_told() {
        let summary = Summary { answer_unknown: true, ..letter(seen(1_000, "", &[])).summary() };
        assert!(summary.to_string().ends_with("  perhaps answered"), "{summary}");
        assert_eq!(serde_json::to_value(summary).unwrap()["answer_unknown"], true);
    }

    #[test]
    fn that_its_member_was_erased_is_told_beside_its_answer() {
        let answered = Some("FeedbackGenerated".to_owned());
        let summary = Summary { answered, member_erased: true, ..letter(seen(1_000, "", &[])).summary() };
        assert!(summary.to_string().ends_with("  answered FeedbackGenerated  member erased"), "{summary}");
        assert_eq!(serde_json::to_value(summary).unwrap()["member_erased"], true);
    }

    #[test]
    fn the_id_is_the_one_that_the_worker_gave_it() {
        let id = |value: &str, headers: &[(&'static str, &[u8])]| letter(seen(0, value, headers)).id;
        assert_eq!(id(r#"{"memberId": 7, "requestId": "r"}"#, &[("ce_id", b"c")]), "c");
        assert_eq!(id(r#"{"memberId": 7, "requestId": "r"}"#, &[]), "r");
        assert_eq!(id(r#"{"memberId": 7}"#, &[]), "FeedbackRequested/2/9");
        assert_eq!(id("not json", &[("replay-count", b"3")]), "FeedbackRequested/2/9");
    }

    #[test]
    fn the_latest_trip_counts() {
        let letter = letter(seen(0, "", &[("kafka_dlt-original-offset", &12_i64.to_be_bytes())]));
        assert_eq!(letter.original.offset, Some(12));
    }

    #[test]
    fn headers_of_the_wrong_size_or_none_at_all_hurt_nobody() {
        let odd =
            letter(seen(0, "", &[("kafka_dlt-original-partition", b"12"), ("kafka_dlt-original-topic", b"\xff")]));
        assert_eq!(odd.original.to_string(), "FeedbackRequested/?/9");
        let bare = letter(Seen { headers: vec![], key: None, value: None, ..seen(0, "", &[]) });
        assert_eq!(bare.original.to_string(), "FeedbackRequested/?/?");
        assert_eq!((bare.id.as_str(), bare.member, bare.code), ("FeedbackRequested-dlt/1/5", None, None));
        assert!(Letter::read(Seen { topic: "Other-dlt".to_owned(), ..seen(0, "", &[]) }, &topics()).is_none());
    }

    #[test]
    fn without_a_value_the_key_names_the_member() {
        assert_eq!(letter(seen(0, "not json", &[])).member, MemberId::new(7));
        assert_eq!(letter(Seen { key: Some(b"seven".to_vec()), ..seen(0, "", &[]) }).member, None);
    }

    #[test]
    fn a_letter_knows_when_its_request_was_first_sent() {
        let sent = |millis: i64, more: &[(&'static str, &[u8])]| {
            let millis = millis.to_be_bytes();
            letter(seen(9_000, "", &[&[("kafka_dlt-original-timestamp", millis.as_slice())], more].concat())).first_sent
        };
        assert_eq!(sent(2_000, &[]), Some(2_000));
        assert_eq!(sent(2_000, &[("replay-count", b"1"), ("replay-original-timestamp", b"1000")]), Some(1_000));
        assert_eq!(sent(-1, &[]), None);
    }
}
