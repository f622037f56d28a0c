//! The stored form of sessions, drafts and outcomes: JSON, the same in every store.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::format::{self, Format, Newer};
use super::{Begin, Change, Claim, StateError, Write, keys};
use crate::events::outcome::SavedOutcome;
use crate::events::record::Flow;
use crate::state::session::Session;

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
                    Write::Put(ended) => Write::Put(to_json(&ended.clone().latest())?),
                    other => write_json(other)?,
                },
            }),
        };
        let outcome = match &change.outcome {
            None => None,
            Some((scope, outcome)) => Some((keys::outcome(claim, *scope), entry(outcome)?)),
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

/// A journal entry as JSON.
pub(super) fn entry(outcome: &SavedOutcome) -> Result<String, StateError> {
    #[derive(Serialize)]
    struct Entry<'a> {
        format: u32,
        #[serde(flatten)]
        outcome: &'a SavedOutcome,
    }
    to_json(&Entry { format: format::OUTCOME.written, outcome })
}

/// A journal entry. One that cannot be read says all the same that there was an answer: to give another would be to answer
/// twice.
pub(super) fn outcome(json: &[u8]) -> Result<SavedOutcome, StateError> {
    let read = read(format::OUTCOME, json).map_err(|newer| StateError::AnsweredUnreadably(newer.to_string()))?;
    read.ok_or_else(|| StateError::AnsweredUnreadably("the stored outcome cannot be read".to_owned()))
}

/// What a store has of a member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found<'a> {
    pub session: Option<&'a [u8]>,
    /// The session's version, as a change will find it.
    pub version: Option<u64>,
    pub draft: Option<&'a [u8]>,
    pub ended: Option<&'a [u8]>,
}

impl Found<'_> {
    /// What [`MemberState::begin`](super::MemberState::begin) shows of a member whose lock is ours.
    pub fn show(&self, claim: &Claim) -> Begin {
        self.read(claim).unwrap_or_else(Begin::Newer)
    }

    /// A draft or a list of ended questions that is damaged is as good as none: the one is made again, the other only
    /// tells a late click from a stray one.
    fn read(&self, claim: &Claim) -> Result<Begin, Newer> {
        let draft = read_or_warn(format::DRAFT, claim, self.draft)?;
        let ended = read_or_warn(format::ENDED, claim, self.ended)?;
        let Some(json) = self.session else {
            return Ok(Begin::Open { session: None, draft, ended });
        };
        Ok(match read::<Session>(format::SESSION, json)? {
            // A change that expects another version than the store finds would be refused for ever.
            Some(session) if Some(session.version) == self.version => {
                Begin::Open { session: Some(session), draft, ended }
            }
            Some(_) | None => Begin::Unreadable { version: self.version },
        })
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

fn read_or_warn<T: DeserializeOwned>(format: Format, claim: &Claim, json: Option<&[u8]>) -> Result<Option<T>, Newer> {
    let Some(json) = json else { return Ok(None) };
    let value = read(format, json)?;
    if value.is_none() {
        tracing::warn!(member = claim.member.get(), "the stored {} cannot be read and is ignored", format.kind);
    }
    Ok(value)
}

/// Saved data; `None` when it is damaged.
pub(super) fn read<T: DeserializeOwned>(format: Format, json: &[u8]) -> Result<Option<T>, Newer> {
    format.check(json)?;
    Ok(parse(json))
}

/// serde's message is dropped on purpose: it may quote what a member wrote.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn an_outcome_that_cannot_be_read_is_an_answer_all_the_same_and_quotes_nothing() {
        let error = outcome(br#"{"id": "my secret"}"#).unwrap_err();
        assert!(matches!(&error, StateError::AnsweredUnreadably(_)) && !error.to_string().contains("secret"));
    }

    const NEWER: &[u8] = br#"{"format": 2, "version": 5, "mood": "new"}"#;

    fn claim() -> Claim {
        let id = uuid::Uuid::from_u128(1);
        let member = crate::events::request::MemberId::new(7).unwrap();
        Claim { flow: Flow::Resume, member, request: id, record: id, sent_at: None, token: id }
    }

    #[test]
    fn a_newer_format_anywhere_is_left_alone() {
        let none = Found::default();
        let session = Found { session: Some(NEWER), version: Some(5), ..none };
        let damaged = Found { session: Some(b"damaged"), ..none };
        for found in [
            session,
            Found { draft: Some(NEWER), ..none },
            Found { ended: Some(NEWER), ..none },
            Found { draft: Some(NEWER), ..damaged },
        ] {
            assert!(matches!(found.show(&claim()), Begin::Newer(_)), "{found:?}");
        }
        assert_eq!(damaged.show(&claim()), Begin::Unreadable { version: None });
        assert_eq!(
            Found { draft: Some(b"damaged"), ended: Some(b"damaged"), ..none }.show(&claim()),
            Begin::Open { session: None, draft: None, ended: None }
        );
    }

    #[test]
    fn an_outcome_of_a_newer_format_is_not_read_although_it_could_be() {
        let json = include_str!("../../tests/golden/feedback.1.json");
        assert!(outcome(json.as_bytes()).is_ok());
        let newer = json.replace(r#""format":1"#, r#""format":2"#);
        let error = outcome(newer.as_bytes()).unwrap_err().to_string();
        let reason = "the stored outcome has format 2, of a newer program; this one reads up to 1";
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_session_at_a_version_that_a_change_would_not_find_cannot_be_gone_on_with() {
        let json = to_json(&crate::state::session::tests::asked(1)).unwrap();
        let found = |version| Found { session: Some(json.as_bytes()), version, ..Found::default() };
        assert!(matches!(found(Some(0)).show(&claim()), Begin::Open { session: Some(_), .. }));
        for version in [None, Some(1)] {
            assert_eq!(found(version).show(&claim()), Begin::Unreadable { version });
        }
    }
}
