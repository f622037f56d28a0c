//! What records say of themselves has to agree: whoever may write to one topic could else show a member what is another's.
//! A record that names one member in its key, its headers and its value is believed; nothing else can be known of it here.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::events::decode;
use crate::events::header_names::CE_SUBJECT;
use crate::events::record::text_header;
use crate::events::request::MemberId;
use crate::gateway::entry::{Entry, Role};
use crate::gateway::progress::Progress;
use crate::kafka::reader::Seen;

/// What the name of a document ends in.
const DOCUMENT: &str = ".docx";

/// Passes over what does not agree, and tells it.
#[derive(Default)]
pub struct Trust {
    passed_over: AtomicU64,
}

impl Trust {
    /// An entry, unless it is an outcome that does not agree. Requests are members' own words: the value alone says whose.
    pub fn entry(&self, entry: Entry) -> Option<Entry> {
        let agrees = match &entry.role {
            Role::Request { .. } => true,
            Role::Outcome { data, .. } => {
                let named = decode::member(entry.seen.value.as_deref().unwrap_or_default());
                // What is none of the contract is shown as it stands, to whom key and headers name.
                let is_meant = named.map_or(data.is_none(), |named| named == entry.member);
                is_meant && is_keyed(&entry.seen, entry.member)
            }
        };
        self.told(agrees, &entry.seen).then_some(entry)
    }

    /// How far a request is, unless it does not agree.
    pub fn progress(&self, progress: Progress) -> Option<Progress> {
        let subject = text_header(&progress.seen.headers, CE_SUBJECT);
        let is_meant = subject.is_none_or(|subject| subject.parse() == Ok(progress.member));
        let agrees = is_meant && is_keyed(&progress.seen, progress.member);
        self.told(agrees, &progress.seen).then_some(progress)
    }

    /// Tells the first, the second, the fourth and so on, by its place and by nothing that stands in it.
    fn told(&self, agrees: bool, seen: &Seen) -> bool {
        if !agrees {
            let count = self.passed_over.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            if count.is_power_of_two() {
                let Seen { topic, partition, offset, .. } = seen;
                tracing::warn!(
                    topic,
                    partition,
                    offset,
                    count,
                    "a record whose key, ce_subject and memberId are not one member's is passed over: who else may write there?"
                );
            }
        }
        agrees
    }
}

/// Whether the key names the member, or is missing: what the worker sends always has one.
fn is_keyed(seen: &Seen, member: MemberId) -> bool {
    seen.key.as_ref().is_none_or(|key| *key == member.to_string().into_bytes())
}

/// Whose document lies under a key: `<prefix><member>/<name>.docx`; `None` for anything else that a bucket may hold.
pub fn owner(prefix: &str, key: &str) -> Option<MemberId> {
    let (member, name) = key.strip_prefix(prefix)?.split_once('/')?;
    let is_document = name.len() > DOCUMENT.len() && name.ends_with(DOCUMENT) && !name.contains('/');
    let owner: MemberId = member.parse().ok().filter(|_| is_document)?;
    // One spelling alone: what the worker writes.
    (owner.to_string() == member).then_some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::{OutcomeKind, samples};
    use crate::gateway::entry::tests::{asked, outcome, seen, topics, with_value};
    use crate::gateway::progress::tests::progress;

    fn is_believed(entry: Entry) -> bool {
        Trust::default().entry(entry).is_some()
    }

    /// Member 7's by its headers, with this key and value.
    fn of(key: Option<&str>, value: &str) -> Entry {
        let mut seen = seen("FeedbackGenerated", 1, value, &[("ce_id", "a"), ("ce_subject", "7")]);
        seen.key = key.map(|key| key.as_bytes().to_vec());
        Entry::read(seen, &topics()).unwrap()
    }

    const SEVEN: &str = r#"{"memberId":7,"feedback":"f"}"#;

    #[test]
    fn the_workers_own_outcomes_are_believed() {
        for data in [samples::feedback(), samples::question(1), samples::completed("resume/7/a.docx")] {
            assert!(is_believed(outcome(&data, 1, "a", "r")));
        }
        assert!(is_believed(asked(1, "a")));
    }

    #[test]
    fn an_outcome_whose_members_differ_is_nobodys() {
        assert!(is_believed(of(Some("7"), SEVEN)) && is_believed(of(None, SEVEN)));
        for (key, value) in [
            (Some("8"), SEVEN),
            (Some(""), SEVEN),
            (Some("07"), SEVEN),
            (Some("7"), r#"{"memberId":8,"feedback":"f"}"#),
            (None, r#"{"memberId":8,"feedback":"f"}"#),
            (Some("7"), r#"{"memberId":0,"feedback":"f"}"#),
            // Not of the contract, and of another member all the same.
            (Some("7"), r#"{"memberId":8}"#),
            (Some("7"), r#"{"member_id":"8"}"#),
            (Some("7"), r#"{"memberId":7,"memberId":8,"feedback":"f"}"#),
        ] {
            assert!(!is_believed(of(key, value)), "{key:?} {value}");
        }
    }

    #[test]
    fn what_is_none_of_the_contract_is_shown_to_whom_it_names() {
        assert!(is_believed(with_value(OutcomeKind::FeedbackGenerated, 1, "a", "r", "no {json")));
        let mut tombstone = of(Some("7"), SEVEN).seen;
        tombstone.value = None;
        assert!(is_believed(Entry::read(tombstone, &topics()).unwrap()));
    }

    #[test]
    fn progress_is_told_to_nobody_but_its_member() {
        let told = |key: Option<&str>, subject: Option<&str>| {
            let mut progress = progress("r", 1, "a");
            progress.seen.key = key.map(|key| key.as_bytes().to_vec());
            progress.seen.headers =
                subject.map(|subject| crate::events::record::Header::new(CE_SUBJECT, subject)).into_iter().collect();
            Trust::default().progress(progress).is_some()
        };
        assert!(told(Some("7"), Some("7")) && told(None, None) && told(Some("7"), None));
        assert!(!told(Some("8"), Some("7")) && !told(Some("7"), Some("8")) && !told(None, Some("8")));
    }

    #[test]
    fn a_document_lies_below_its_members_folder() {
        let of = |key: &str| owner("resume/", key).map(MemberId::get);
        assert_eq!(of("resume/7/resume_agent_1.docx"), Some(7));
        for key in [
            "resume/7/a.pdf",
            "resume/7/.docx",
            "resume/7/b/a.docx",
            "resume/7/../8/a.docx",
            "resume/+7/a.docx",
            "resume/07/a.docx",
            "resume/x/a.docx",
            "resume/a.docx",
            "other/7/a.docx",
            "7/a.docx",
            "",
        ] {
            assert_eq!(of(key), None, "{key}");
        }
        assert_eq!(owner("", "7/a.docx").map(MemberId::get), Some(7));
    }
}
