//! What a replay sends, and what it leaves.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::letter::{Contents, Letter};
use crate::events::header_names::{CE_ID, DEAD_LETTER_PREFIX, REPLAY_COUNT, REPLAY_ORIGINAL_TIMESTAMP};
use crate::events::record::{Coordinates, Header, replayed_id, text_header};
use crate::kafka::outgoing::OutgoingRecord;

/// What becomes of the dead letters that an operator selected.
#[derive(Debug, PartialEq)]
pub struct Plan {
    /// To be sent in this order: the oldest first.
    pub send: Vec<Letter>,
    pub left: Left,
}

/// How many are left where they are, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Replayed as often as is allowed.
    pub looping: usize,
    /// The same request was kept again later: only its latest dead letter is sent.
    pub superseded: usize,
    /// They came from a topic that is not a request topic of these settings.
    pub foreign: usize,
    /// Their request was answered since.
    pub answered: usize,
    /// Their member was erased since.
    pub erased: usize,
    /// Nobody knows whether their request was answered since.
    pub unknown: usize,
    /// Beyond `--limit`.
    pub beyond_limit: usize,
}

/// Why a dead letter is not to be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Answered,
    Erased,
    Unknown,
}

/// Builds a [`Plan`] from dead letters in any order; it keeps only those that may be sent.
pub struct Planner {
    request_topics: Vec<Arc<str>>,
    requests: HashMap<Uuid, Request>,
    left: Left,
}

/// What is known of one request.
struct Request {
    /// How often its latest dead letter was replayed, and when and where that was kept.
    latest: (u64, Option<i64>, Coordinates),
    /// The latest dead letter, if it was selected.
    selected: Option<Letter>,
}

impl Planner {
    /// A plan for these request topics.
    pub fn new(request_topics: Vec<Arc<str>>) -> Self {
        Self { request_topics, requests: HashMap::new(), left: Left::default() }
    }

    /// Takes a dead letter into account. One that was not selected still supersedes an earlier one.
    pub fn add(&mut self, letter: Letter, selected: bool) {
        if !self.request_topics.contains(&letter.original.topic) {
            self.left.foreign += usize::from(selected);
            return;
        }
        let (time, at) = letter.age();
        let rank = (letter.replays, time, at.clone());
        let superseded = match self.requests.entry(letter.request()) {
            Entry::Vacant(place) => {
                place.insert(Request { latest: rank, selected: selected.then_some(letter) });
                false
            }
            Entry::Occupied(mut known) if known.get().latest < rank => {
                let newer = Request { latest: rank, selected: selected.then_some(letter) };
                known.insert(newer).selected.is_some()
            }
            Entry::Occupied(_) => selected,
        };
        self.left.superseded += usize::from(superseded);
    }

    /// The dead letters that may be sent, one a request.
    pub fn candidates(&self) -> impl Iterator<Item = &Letter> {
        self.requests.values().filter_map(|request| request.selected.as_ref())
    }

    /// The plan: nothing is sent that is settled or has been replayed `max_replays` times, and at most `limit` in all.
    pub fn finish(self, max_replays: u64, limit: Option<usize>, settled: impl Fn(&Letter) -> Option<Settled>) -> Plan {
        let mut left = self.left;
        let mut send = Vec::new();
        for letter in self.requests.into_values().filter_map(|request| request.selected) {
            match settled(&letter) {
                Some(Settled::Answered) => left.answered += 1,
                Some(Settled::Erased) => left.erased += 1,
                Some(Settled::Unknown) => left.unknown += 1,
                None if letter.replays >= max_replays => left.looping += 1,
                None => send.push(letter),
            }
        }
        send.sort_by(|a, b| a.age().cmp(&b.age()));
        left.beyond_limit = send.len().saturating_sub(limit.unwrap_or(usize::MAX));
        send.truncate(limit.unwrap_or(usize::MAX));
        Plan { send, left }
    }
}

impl Plan {
    /// How many are sent, by code.
    pub fn by_code(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for letter in &self.send {
            *counts.entry(letter.code.as_deref().unwrap_or("-")).or_default() += 1;
        }
        counts
    }
}

/// The id that the request will have: the worker takes it for a new one, and for the same one when it is sent twice.
pub fn id_after_replay(letter: &Letter) -> String {
    replayed_id(letter.id.clone(), letter.replays.saturating_add(1))
}

/// The request as it goes back: as it came the first time, except that it says its id, how often it was replayed, and when
/// it was first sent.
pub fn outgoing(letter: &Letter, contents: Contents) -> OutgoingRecord {
    let Contents { key, value, mut headers } = contents;
    let is_ours = |name: &[u8]| [REPLAY_COUNT, REPLAY_ORIGINAL_TIMESTAMP].iter().any(|ours| name == ours.as_bytes());
    headers.retain(|header| !header.name.starts_with(DEAD_LETTER_PREFIX.as_bytes()) && !is_ours(&header.name));
    // The new record stands elsewhere, so a request that is called after its place would get another id.
    if text_header(&headers, CE_ID).is_none() {
        headers.push(Header::new(CE_ID, letter.id.as_str()));
    }
    headers.push(Header::new(REPLAY_COUNT, letter.replays.saturating_add(1).to_string()));
    headers.extend(letter.first_sent.map(|millis| Header::new(REPLAY_ORIGINAL_TIMESTAMP, millis.to_string())));
    let partition = letter.original.partition.filter(|partition| *partition >= 0);
    OutgoingRecord { topic: letter.original.topic.clone(), partition, key, value, headers }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{letter, parts, seen, topics};
    use super::*;
    use crate::events::record::{Record, RequestKind, request_id};
    use crate::kafka::reader::Seen;

    fn planner() -> Planner {
        Planner::new(topics().requests().map(|(topic, _)| topic).to_vec())
    }

    /// A dead letter of request `id` at this offset, kept at the time of its offset.
    fn of(id: &str, offset: i64, replays: u64) -> Letter {
        let replays = replays.to_string();
        let headers: [(&str, &[u8]); 2] = [("ce_id", id.as_bytes()), ("replay-count", replays.as_bytes())];
        letter(Seen { offset, ..seen(offset, r#"{"memberId": 7}"#, &headers) })
    }

    fn offsets(plan: &Plan) -> Vec<i64> {
        plan.send.iter().map(|letter| letter.at.offset).collect()
    }

    #[test]
    fn a_request_goes_back_as_it_came_with_its_id_and_count() {
        let headers: [(&str, &[u8]); 4] =
            [("a", b"1"), ("kafka_dlt-exception-fqcn", b"INTERNAL"), ("replay-count", b"1"), ("a", b"\xff")];
        let (letter, contents) = parts(seen(0, "the value", &headers));
        let outgoing = outgoing(&letter, contents);
        assert_eq!((outgoing.topic.as_ref(), outgoing.partition), ("FeedbackRequested", Some(2)));
        assert_eq!((outgoing.key.as_deref(), outgoing.value.as_deref()), (Some(&b"7"[..]), Some(&b"the value"[..])));
        assert_eq!(
            outgoing.headers,
            [
                Header::new("a", "1"),
                Header::new("a", vec![0xff]),
                Header::new("ce_id", "FeedbackRequested/2/9"),
                Header::new("replay-count", "2"),
            ]
        );
    }

    #[test]
    fn an_id_that_came_with_the_request_stays_as_it_is() {
        let (letter, contents) = parts(seen(0, "", &[("ce_id", b"mine")]));
        assert_eq!(
            outgoing(&letter, contents).headers,
            [Header::new("ce_id", "mine"), Header::new("replay-count", "1")]
        );
    }

    #[test]
    fn every_trip_says_when_the_request_was_first_sent() {
        let sent = 1_000_i64.to_be_bytes();
        let mut headers = vec![("kafka_dlt-original-timestamp", sent.as_slice())];
        let expected = Some(&Header::new("replay-original-timestamp", "1000"));
        let (letter, contents) = parts(seen(0, "", &headers));
        assert_eq!(outgoing(&letter, contents).headers.last(), expected);
        let later = 5_000_i64.to_be_bytes();
        headers = vec![("replay-count", b"1"), ("replay-original-timestamp", b"1000")];
        headers.push(("kafka_dlt-original-timestamp", &later));
        let (letter, contents) = parts(seen(0, "", &headers));
        let again = outgoing(&letter, contents).headers;
        assert_eq!(again.last(), expected);
        assert_eq!(again.len(), 3, "its id, its count, its time");
    }

    #[test]
    fn the_worker_gives_it_the_id_that_we_wait_for() {
        let ids = ["c", " ", &"x".repeat(3_000)];
        for (id, value) in ids.iter().zip([r#"{"memberId": 7}"#, r#"{"memberId": 7, "requestId": "r"}"#, "nonsense"]) {
            let (letter, contents) = parts(seen(0, value, &[("ce_id", id.as_bytes()), ("replay-count", b"4")]));
            let OutgoingRecord { topic, key, value, headers, .. } = outgoing(&letter, contents);
            let at = Coordinates { topic, partition: 0, offset: 1_000 };
            let record = Record { kind: RequestKind::FeedbackRequested, at, time: None, key, value, headers };
            assert_eq!(request_id(&record, None), id_after_replay(&letter));
        }
    }

    #[test]
    fn only_the_latest_letter_of_a_request_is_sent() {
        let mut planner = planner();
        for letter in [of("a", 1, 0), of("b", 2, 0), of("a", 4, 1), of("a", 3, 1), of("b", 5, 0)] {
            planner.add(letter, true);
        }
        let plan = planner.finish(3, None, |_| None);
        assert_eq!(offsets(&plan), [4, 5]);
        assert_eq!(plan.left, Left { superseded: 3, ..Left::default() });
    }

    #[test]
    fn a_letter_that_was_not_selected_still_supersedes_an_earlier_one() {
        for order in [[0, 1], [1, 0]] {
            let letters = [(of("a", 1, 0), true), (of("a", 2, 1), false)];
            let mut planner = planner();
            for index in order {
                let (letter, selected) = letters[index].clone();
                planner.add(letter, selected);
            }
            let plan = planner.finish(3, None, |_| None);
            assert_eq!((offsets(&plan), plan.left.superseded), (vec![], 1), "{order:?}");
        }
    }

    #[test]
    fn loops_strangers_and_what_is_beyond_the_limit_are_left_and_counted() {
        let mut planner = planner();
        for letter in [of("a", 4, 3), of("b", 3, 2), of("c", 2, 0), of("d", 1, 0), of("e", 0, 4)] {
            planner.add(letter, true);
        }
        planner.add(letter(seen(0, "", &[("kafka_dlt-original-topic", b"Elsewhere")])), true);
        let plan = planner.finish(3, Some(2), |_| None);
        assert_eq!(offsets(&plan), [1, 2]);
        assert_eq!(plan.left, Left { looping: 2, foreign: 1, beyond_limit: 1, ..Left::default() });
        assert_eq!(plan.by_code(), BTreeMap::from([("-", 2)]));
    }

    #[test]
    fn what_was_answered_or_erased_is_left_and_no_earlier_letter_takes_its_place() {
        let mut planner = planner();
        for letter in [of("a", 1, 0), of("a", 2, 1), of("b", 3, 0), of("c", 4, 0), of("d", 5, 9), of("e", 6, 0)] {
            planner.add(letter, true);
        }
        let plan = planner.finish(3, None, |letter| match letter.id.as_str() {
            "a" | "d" => Some(Settled::Answered),
            "b" => Some(Settled::Erased),
            "e" => Some(Settled::Unknown),
            _ => None,
        });
        assert_eq!(offsets(&plan), [4]);
        assert_eq!(plan.left, Left { answered: 2, erased: 1, unknown: 1, superseded: 1, ..Left::default() });
    }

    #[test]
    fn one_id_of_two_members_is_two_requests() {
        let mut planner = planner();
        planner.add(letter(seen(0, r#"{"memberId": 7}"#, &[("ce_id", b"a")])), true);
        planner.add(letter(Seen { offset: 6, ..seen(0, r#"{"memberId": 8}"#, &[("ce_id", b"a")]) }), true);
        assert_eq!(planner.finish(3, None, |_| None).send.len(), 2);
    }
}
