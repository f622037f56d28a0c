//! Whose dead letters are from before their member was erased (`session delete`): they do not come back.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::letter::Letter;
use crate::config::Config;
use crate::events::record::RecordTime;
use crate::events::request::MemberId;
use crate::ops;
use crate::state::StateError;
use crate::state::erasure::{Erasure, is_erased};
use crate::telemetry::log;

/// How long whoever only shows something waits for Redis.
const PATIENCE: Duration = Duration::from_secs(3);

/// When members were erased, of those who were.
#[derive(Debug, Default)]
pub struct Erasures(HashMap<MemberId, i64>);

impl Erasures {
    /// Of the members of these letters.
    pub async fn of(state: &dyn Erasure, letters: impl Iterator<Item = &Letter>) -> Result<Self, StateError> {
        let members: BTreeSet<MemberId> = letters.filter_map(|letter| letter.member).collect();
        let mut erased = HashMap::new();
        for member in members {
            erased.extend(state.erased_at(member).await?.map(|at| (member, at)));
        }
        Ok(Self(erased))
    }

    /// The same for whoever only shows letters, and can do without: where it is not known, that is told.
    pub async fn to_show(config: &Config, letters: impl Iterator<Item = &Letter>) -> Self {
        let mut letters = letters.filter(|letter| letter.member.is_some()).peekable();
        if letters.peek().is_none() {
            return Self::default();
        }
        let read =
            async { Ok::<_, anyhow::Error>(Self::of(&ops::redis_within(config, PATIENCE).await?, letters).await?) };
        read.await.unwrap_or_else(|error| {
            log::tell(format_args!("whose data was erased is not known: {error:#}"));
            Self::default()
        })
    }

    /// Whether the request is from before its member was erased.
    pub fn holds(&self, letter: &Letter) -> bool {
        let sent = letter.first_sent.or(letter.time.map(RecordTime::millis));
        is_erased(letter.member.and_then(|member| self.0.get(&member).copied()), sent)
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::{letter, seen};
    use super::*;

    #[test]
    fn a_request_from_before_its_member_was_erased_does_not_come_back() {
        let erased = |member, at| Erasures(HashMap::from([(MemberId::new(member).unwrap(), at)]));
        let sent = 2_000_i64.to_be_bytes();
        let letter = letter(seen(5_000, r#"{"memberId": 7}"#, &[("kafka_dlt-original-timestamp", &sent)]));
        assert!(erased(7, 2_000).holds(&letter), "it was kept after that, and sent before");
        assert!(!erased(7, 1_999).holds(&letter) && !erased(8, 2_000).holds(&letter));
        assert!(!Erasures::default().holds(&letter));
    }
}
