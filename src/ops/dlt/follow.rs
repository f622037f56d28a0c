//! How replayed requests end: their outcomes, found by the request's id, or another dead letter where there was
//! nobody to tell.

use std::collections::HashMap;
use std::fmt;

use super::letter::Letter;
use super::plan::id_after_replay;
use crate::events::decode::Undecodable;
use crate::events::header_names::{CE_CAUSATIONID, CE_SUBJECT};
use crate::events::outcome::{OutcomeData, OutcomeKind};
use crate::events::record::{Coordinates, replayed_id, text_header};
use crate::events::request::MemberId;
use crate::kafka::reader::Seen;
use crate::kafka::topics::Topics;

/// The member and the id of the request that an outcome is for, and what it says.
pub fn outcome(seen: &Seen, topics: &Topics) -> Option<(MemberId, String, OutcomeData)> {
    let kind = topics.outcome_kind(&seen.topic)?;
    let member = text_header(&seen.headers, CE_SUBJECT)?.parse().ok()?;
    let id = text_header(&seen.headers, CE_CAUSATIONID)?.to_owned();
    Some((member, id, OutcomeData::read(kind, seen.value.as_deref()?)?))
}

/// How one request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Answered(OutcomeKind),
    /// With this code.
    Failed(String),
    /// Kept again, without an outcome, because it names no member.
    Kept,
}

impl Ending {
    /// What the outcome says of it.
    pub fn of(outcome: &OutcomeData) -> Self {
        let failed = outcome.failure_code().map(|code| Self::Failed(code.name().to_owned()));
        failed.unwrap_or(Self::Answered(outcome.kind()))
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(kind) => f.write_str(kind.name()),
            Self::Failed(code) => write!(f, "{} {code}", OutcomeKind::RequestFailed.name()),
            Self::Kept => f.write_str("kept again: it names no member"),
        }
    }
}

/// The requests that have not ended yet.
pub struct Waiting {
    topics: Topics,
    /// Where each was kept, by its member and new id. A member may have one id in two topics.
    requests: HashMap<(Option<MemberId>, String), Vec<Coordinates>>,
}

impl Waiting {
    /// Nothing to wait for.
    pub fn new(topics: &Topics) -> Self {
        Self { topics: topics.clone(), requests: HashMap::new() }
    }

    /// Waits for the request of this dead letter.
    pub fn add(&mut self, letter: &Letter) {
        self.requests.entry((letter.member, id_after_replay(letter))).or_default().push(letter.at.clone());
    }

    /// How many have not ended.
    pub fn len(&self) -> usize {
        self.requests.values().map(Vec::len).sum()
    }

    /// Whether all have ended.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Looks at a record of an outcome or dead-letter topic: which dead letter's request ended with it, and how.
    pub fn end(&mut self, seen: Seen) -> Option<(Coordinates, Ending)> {
        let (request, ending) = match self.topics.outcome_kind(&seen.topic) {
            Some(_) => {
                let (member, id, data) = outcome(&seen, &self.topics)?;
                ((Some(member), id), Ending::of(&data))
            }
            None => {
                let (letter, _) = Letter::read(seen, &self.topics)?;
                // Where there is a member, the outcome tells more.
                if letter.code.as_deref() != Some(Undecodable::CODE) {
                    return None;
                }
                ((letter.member, replayed_id(letter.id, letter.replays)), Ending::Kept)
            }
        };
        let places = self.requests.get_mut(&request)?;
        let place = places.pop();
        if places.is_empty() {
            self.requests.remove(&request);
        }
        Some((place?, ending))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::letter::tests::{letter, seen, topics};
    use super::*;
    use crate::events::outcome::{FailureCode, samples};
    use crate::events::record::{Header, RequestKind};

    pub(crate) fn outcome(data: &OutcomeData, member: &str, id: &str) -> Seen {
        let headers = vec![Header::new("ce_subject", member), Header::new("ce_causationid", id)];
        Seen { topic: data.kind().name().to_owned(), headers, ..seen(0, data.json().unwrap().get(), &[]) }
    }

    fn waiting_for(letters: &[Letter]) -> Waiting {
        let mut waiting = Waiting::new(&topics());
        letters.iter().for_each(|letter| waiting.add(letter));
        waiting
    }

    #[test]
    fn an_outcome_ends_the_request_that_caused_it_once() {
        let letter = letter(seen(0, r#"{"memberId": 7}"#, &[("ce_id", b"a"), ("replay-count", b"1")]));
        let mut waiting = waiting_for(std::slice::from_ref(&letter));
        for other in [("8", "a#2"), ("7", "a#1"), ("7", "a")] {
            assert_eq!(waiting.end(outcome(&samples::feedback(), other.0, other.1)), None);
        }
        let ended = Some((letter.at, Ending::Answered(OutcomeKind::FeedbackGenerated)));
        assert_eq!(waiting.end(outcome(&samples::feedback(), "7", "a#2")), ended);
        assert!(waiting.is_empty());
        assert_eq!(waiting.end(outcome(&samples::feedback(), "7", "a#2")), None);
    }

    #[test]
    fn a_failure_tells_its_code() {
        let letter = letter(seen(0, r#"{"memberId": 7}"#, &[("ce_id", b"a")]));
        let data = samples::failed(RequestKind::FeedbackRequested, FailureCode::LlmUnavailable);
        let failed = outcome(&data, "7", "a#1");
        let (_, ending) = waiting_for(&[letter]).end(failed).unwrap();
        assert_eq!(ending.to_string(), "RequestFailed LLM_UNAVAILABLE");
    }

    #[test]
    fn who_names_no_member_ends_as_another_dead_letter() {
        let headers: [(&str, &[u8]); 2] = [("ce_id", b"a"), ("kafka_dlt-exception-fqcn", b"UNDECODABLE")];
        let mut waiting = waiting_for(&[letter(seen(0, "nonsense", &headers))]);
        assert_eq!(waiting.end(seen(0, "nonsense", &headers)), None, "that is the one which was sent");
        let again = seen(0, "nonsense", &[headers[0], headers[1], ("replay-count", b"1")]);
        assert_eq!(waiting.end(again).unwrap().1, Ending::Kept);
        assert_eq!(waiting.len(), 0);
    }
}
