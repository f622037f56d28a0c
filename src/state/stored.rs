//! The stored form of sessions, drafts and outcomes: JSON, the same in every store.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Begin, Change, Claim, StateError, Write, keys};
use crate::events::outcome::SavedOutcome;
use crate::events::record::Flow;
use crate::state::session::Ended;

/// How many questions of ended sessions are remembered; the oldest are forgotten first.
const ENDED_QUESTIONS: usize = 64;

/// A stored value as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StateError> {
    serde_json::to_string(value).map_err(|_| StateError::Fault("a value cannot be written as JSON".to_owned()))
}

/// A [`Change`] as a store takes it: keys and JSON.
pub(super) struct StoredChange {
    pub session: Option<StoredSession>,
    /// The journal entry: its key and its value.
    pub outcome: Option<(String, String)>,
}

/// A [`SessionChange`](super::SessionChange) with its values as JSON.
pub(super) struct StoredSession {
    pub expected: Option<u64>,
    pub session: Write<String>,
    pub draft: Write<String>,
    pub ended: Write<String>,
}

impl StoredChange {
    pub(super) fn new(claim: &Claim, change: &Change) -> Result<Self, StateError> {
        let session = match (&change.session, claim.flow) {
            (None, Flow::Feedback | Flow::Resume) => None,
            (Some(_), Flow::Feedback) => return Err(StateError::Fault("feedback has no session".to_owned())),
            (Some(session), Flow::Resume) => Some(StoredSession {
                expected: session.expected,
                session: write_json(&session.session)?,
                draft: write_json(&session.draft)?,
                ended: match &session.ended {
                    Write::Put(ended) => Write::Put(to_json(&latest(ended))?),
                    other => write_json(other)?,
                },
            }),
        };
        let outcome = match &change.outcome {
            None => None,
            Some((scope, outcome)) => Some((keys::outcome(claim, *scope), to_json(outcome)?)),
        };
        Ok(Self { session, outcome })
    }
}

fn write_json<T: Serialize>(write: &Write<T>) -> Result<Write<String>, StateError> {
    Ok(match write {
        Write::Keep => Write::Keep,
        Write::Put(value) => Write::Put(to_json(value)?),
        Write::Delete => Write::Delete,
    })
}

fn latest(ended: &Ended) -> Ended {
    let old = ended.question_ids.len().saturating_sub(ENDED_QUESTIONS);
    Ended { question_ids: ended.question_ids.iter().skip(old).copied().collect(), ..*ended }
}

/// A journal entry. One that cannot be read is a fault: to guess would be to answer twice.
pub(super) fn outcome(json: &[u8]) -> Result<SavedOutcome, StateError> {
    parse(json).ok_or_else(|| StateError::Fault("a saved outcome cannot be read".to_owned()))
}

/// What [`MemberState::begin`](super::MemberState::begin) shows of a member whose lock is ours.
///
/// A draft or a list of ended questions that cannot be read is as good as none: the one is made again, the other
/// only tells a late click from a stray one.
pub(super) fn open(claim: &Claim, session: Option<&[u8]>, draft: Option<&[u8]>, ended: Option<&[u8]>) -> Begin {
    let readable = match session {
        None => None,
        Some(json) => match parse(json) {
            Some(session) => Some(session),
            None => return Begin::Unreadable { version: version(json) },
        },
    };
    Begin::Open {
        session: readable,
        draft: draft.and_then(|json| parse_or_warn(claim, "draft", json)),
        ended: ended.and_then(|json| parse_or_warn(claim, "list of ended questions", json)),
    }
}

/// The version of a stored session, whatever else it holds; `None` when there is none to be found.
pub(super) fn version(json: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    parse::<Versioned>(json).map(|session| session.version)
}

fn parse_or_warn<T: DeserializeOwned>(claim: &Claim, what: &str, json: &[u8]) -> Option<T> {
    let value = parse(json);
    if value.is_none() {
        tracing::warn!(member = claim.member.get(), "the stored {what} cannot be read and is ignored");
    }
    value
}

/// serde's message is dropped on purpose: it may quote what a member wrote.
pub(super) fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_the_latest_64_ended_questions_are_kept() {
        let question_ids: Vec<Uuid> = (0..70).map(Uuid::from_u128).collect();
        let ended = Ended { question_ids, ended_at: OffsetDateTime::UNIX_EPOCH };
        assert_eq!(latest(&ended).question_ids, (6..70).map(Uuid::from_u128).collect::<Vec<_>>());
    }

    #[test]
    fn the_version_of_a_session_is_found_even_when_the_rest_is_foreign() {
        assert_eq!(version(br#"{"version": 3, "mood": "new"}"#), Some(3));
        assert_eq!(version(br#"{"version": "3"}"#), None);
        assert_eq!(version(b"\xff{"), None);
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written_by_this_program_or_an_earlier_one() {
        let json = r#"{"id":"00000000-0000-0000-0000-000000000001","time":"2026-11-22T10:00:00Z",
            "type":"FeedbackGenerated","data":{"memberId":7,"feedback":"."}}"#;
        let saved = outcome(json.as_bytes()).unwrap();
        assert_eq!(saved.json().get(), r#"{"memberId":7,"feedback":"."}"#);
        assert_eq!(outcome(to_json(&saved).unwrap().as_bytes()).unwrap(), saved);
    }

    #[test]
    fn an_outcome_that_cannot_be_read_is_a_fault_that_quotes_nothing() {
        let error = outcome(br#"{"id": "my secret"}"#).unwrap_err();
        assert!(matches!(&error, StateError::Fault(_)) && !error.to_string().contains("secret"));
    }
}
