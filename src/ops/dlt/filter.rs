//! Which dead letters are meant.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::letter::Letter;
use crate::events::request::MemberId;

/// As it stands on the command line.
#[derive(Args)]
pub struct Filter {
    /// Only with this code, such as LLM_UNAVAILABLE; may be given several times
    #[arg(long, value_name = "CODE")]
    code: Vec<String>,
    /// Only those kept since: RFC 3339, or how long ago (2h)
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Only those kept before: RFC 3339, or how long ago (10m)
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
    /// Only of this member
    #[arg(long, value_name = "ID")]
    member: Option<MemberId>,
    /// Only of this request topic; may be given several times [default: all three]
    #[arg(long, value_name = "TOPIC")]
    pub(super) topic: Vec<String>,
    /// At most this many, the oldest first
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<usize>,
}

/// A moment, as a person gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    At(OffsetDateTime),
    Ago(Duration),
}

/// A text that names no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither RFC 3339, such as 2026-11-22T19:00:00+09:00, nor a duration, such as 2h")]
pub struct InvalidWhen;

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::At);
        at.or_else(|| humantime::parse_duration(text).ok().map(Self::Ago)).ok_or(InvalidWhen)
    }
}

impl When {
    /// Milliseconds since 1970; the beginning of time for what lies before it.
    pub(super) fn millis(self, now: OffsetDateTime) -> i64 {
        let at = match self {
            Self::At(at) => Some(at),
            Self::Ago(ago) => time::Duration::try_from(ago).ok().and_then(|ago| now.checked_sub(ago)),
        };
        at.and_then(|at| i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000_000)).ok()).unwrap_or(0).max(0)
    }
}

/// A filter at a given time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Request topics.
    pub topics: Vec<String>,
    pub codes: Vec<String>,
    /// In milliseconds since 1970, by the dead letter's own time.
    pub since: Option<i64>,
    /// As `since`; it is the first moment that is too late.
    pub until: Option<i64>,
    pub member: Option<MemberId>,
}

impl Filter {
    /// What it means now, for these request topics.
    pub fn selection(&self, topics: Vec<String>, now: OffsetDateTime) -> Selection {
        Selection {
            topics,
            codes: self.code.clone(),
            since: self.since.map(|since| since.millis(now)),
            until: self.until.map(|until| until.millis(now)),
            member: self.member,
        }
    }
}

impl Selection {
    /// Whether a dead letter is meant. One without a time never lies between two times.
    pub fn takes(&self, letter: &Letter) -> bool {
        let time = letter.time.map(|time| time.millis());
        (self.codes.is_empty()
            || self.codes.iter().any(|code| letter.code.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(code))))
            && self.since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| time.is_some_and(|time| time < until))
            && self.member.is_none_or(|member| letter.member == Some(member))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::letter::tests::{letter, seen};
    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn everything() -> Selection {
        Selection { topics: vec![], codes: vec![], since: None, until: None, member: None }
    }

    #[test]
    fn a_moment_is_a_date_or_a_time_ago() {
        let millis = |text: &str| text.parse::<When>().map(|when| when.millis(NOW));
        assert_eq!(millis("2026-11-22T19:00:00+09:00"), millis("0s"));
        assert_eq!(millis("1970-01-01T00:00:01.5Z"), Ok(1_500));
        assert_eq!(millis("2h").unwrap() + 7_200_000, millis("0s").unwrap());
        assert_eq!(millis("1900-01-01T00:00:00Z"), Ok(0));
        assert_eq!(millis("100000000years"), Ok(0));
        for text in ["", "yesterday", "2026-11-22", "-2h"] {
            assert_eq!(millis(text), Err(InvalidWhen), "{text}");
        }
    }

    #[test]
    fn each_filter_leaves_out_what_it_does_not_mean() {
        let letter = letter(seen(1_000, r#"{"memberId": 7}"#, &[("kafka_dlt-exception-fqcn", b"LLM_UNAVAILABLE")]));
        let takes = |selection: Selection| selection.takes(&letter);
        assert!(takes(everything()));
        let codes = |codes: &[&str]| codes.iter().map(ToString::to_string).collect();
        assert!(takes(Selection { codes: codes(&["INTERNAL", "llm_unavailable"]), ..everything() }));
        assert!(!takes(Selection { codes: codes(&["INTERNAL"]), ..everything() }));
        assert!(takes(Selection { since: Some(1_000), until: Some(1_001), ..everything() }));
        assert!(!takes(Selection { since: Some(1_001), ..everything() }));
        assert!(!takes(Selection { until: Some(1_000), ..everything() }));
        assert!(takes(Selection { member: MemberId::new(7), ..everything() }));
        assert!(!takes(Selection { member: MemberId::new(8), ..everything() }));
    }

    #[test]
    fn a_letter_without_a_code_or_a_time_is_only_taken_by_who_does_not_ask_for_them() {
        let letter = letter(crate::kafka::reader::Seen { time: None, ..seen(0, "", &[]) });
        assert!(everything().takes(&letter));
        assert!(!Selection { codes: vec!["INTERNAL".to_owned()], ..everything() }.takes(&letter));
        assert!(!Selection { since: Some(0), ..everything() }.takes(&letter));
        assert!(!Selection { until: Some(i64::MAX), ..everything() }.takes(&letter));
    }
}
