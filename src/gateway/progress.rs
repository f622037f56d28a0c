//! How far members' requests are, as `RequestProgress` tells it (contract, section 3a): best effort, for the event streams that
//! are open. Nothing of it is kept but what tells news from what is late, doubled or comes after the outcome.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use crate::events::progress::RequestProgress;
use crate::events::record::{RecordTime, RequestKind};
use crate::events::request::MemberId;
use crate::gateway::entry::{Entry, Role};
use crate::gateway::waiting::answers;
use crate::kafka::reader::Seen;

/// Requests that are remembered, of all members together; those that were heard of first are forgotten first.
const REMEMBERED: usize = 8_192;

/// A record that tells how far a request is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub seen: Seen,
    pub member: MemberId,
    pub kind: RequestKind,
    pub said: RequestProgress,
}

impl Progress {
    /// Reads a record; `None` when it is none of the contract.
    pub fn read(seen: Seen) -> Option<Self> {
        let said = RequestProgress::read(seen.value.as_deref()?)?;
        let (member, kind) = (MemberId::new(said.member_id)?, said.event_name.known()?);
        Some(Self { seen, member, kind, said })
    }

    /// The record's time in milliseconds since 1970; 0 when it has none.
    pub fn millis(&self) -> i64 {
        self.seen.time.map_or(0, RecordTime::millis)
    }
}

/// What is known of requests that are worked, and of those that have ended.
#[derive(Debug, Default)]
pub struct Going {
    requests: HashMap<u64, Known>,
    /// In the order in which they were first heard of.
    order: VecDeque<u64>,
    /// Ids may be of any length: a hash stands for a request.
    names: RandomState,
}

#[derive(Debug, Default)]
struct Known {
    /// The last sequence that was news.
    last: Option<u64>,
    /// When its outcome came.
    ended: Option<i64>,
}

impl Going {
    /// Whether this is news: above the last of its request, and before its outcome.
    pub fn is_news(&mut self, progress: &Progress) -> bool {
        let sequence = progress.said.sequence;
        let known = self.known(progress.member, progress.kind, &progress.said.request_id);
        let is_news = known.ended.is_none() && known.last.is_none_or(|last| last < sequence);
        if is_news {
            known.last = Some(sequence);
        }
        is_news
    }

    /// Whether its request has ended meanwhile.
    pub fn is_over(&self, progress: &Progress) -> bool {
        let name = self.names.hash_one((progress.member, progress.kind, &progress.said.request_id));
        self.requests.get(&name).is_some_and(|known| known.ended.is_some())
    }

    /// Learns from a record that a request has ended, or that one which had is asked anew.
    pub fn learn(&mut self, entry: &Entry) {
        match &entry.role {
            Role::Outcome { kind, data, request: Some(request), .. } => {
                for asked in RequestKind::ALL.into_iter().filter(|asked| answers(*asked, *kind, data.as_ref())) {
                    *self.known(entry.member, asked, request) = Known { last: None, ended: Some(entry.millis) };
                }
            }
            Role::Request { kind, id } => {
                let name = self.names.hash_one((entry.member, kind, id));
                if let Some(known) = self.requests.get_mut(&name)
                    // Topics are not read in step: the request that has ended may be read after its outcome.
                    && known.ended.is_some_and(|ended| ended < entry.millis)
                {
                    *known = Known::default();
                }
            }
            Role::Outcome { request: None, .. } => {}
        }
    }

    fn known(&mut self, member: MemberId, kind: RequestKind, id: &str) -> &mut Known {
        let name = self.names.hash_one((member, kind, id));
        if !self.requests.contains_key(&name) {
            self.order.push_back(name);
            if self.order.len() > REMEMBERED
                && let Some(first) = self.order.pop_front()
            {
                self.requests.remove(&first);
            }
        }
        self.requests.entry(name).or_default()
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::events::outcome::{FailureCode, samples};
    use crate::gateway::entry::tests::{asked, outcome, seen, with_value};

    /// Progress of member 7's feedback request `id`.
    pub fn progress(id: &str, sequence: u64, text: &str) -> Progress {
        let value = format!(
            r#"{{"memberId":7,"eventName":"PROBLEM_FEEDBACK","requestId":"{id}","problemId":42,"sequence":{sequence},
                "stage":"WRITING","text":"{text}","aNewField":1}}"#
        );
        Progress::read(seen("RequestProgress", 5, &value, &[("ce_causationid", id)])).unwrap()
    }

    /// The same of any kind of request.
    fn of(event_name: &str, id: &str, sequence: u64) -> Progress {
        let value = format!(
            r#"{{"memberId":7,"eventName":"{event_name}","requestId":"{id}","sequence":{sequence},"stage":"WAITING"}}"#
        );
        Progress::read(seen("RequestProgress", 5, &value, &[])).unwrap()
    }

    #[test]
    fn what_is_none_of_the_contract_is_no_progress() {
        for value in [
            "no json",
            "{}",
            r#"{"memberId":0,"eventName":"PROBLEM_FEEDBACK","requestId":"r","sequence":1,"stage":"WAITING"}"#,
            r#"{"memberId":7,"eventName":"A_NEW_ONE","requestId":"r","sequence":1,"stage":"WAITING"}"#,
            r#"{"memberId":7,"eventName":"PROBLEM_FEEDBACK","requestId":"r","sequence":"x","stage":"WAITING"}"#,
        ] {
            assert_eq!(Progress::read(seen("RequestProgress", 1, value, &[])), None, "{value}");
        }
        assert!(Progress::read(Seen { value: None, ..seen("RequestProgress", 1, "", &[]) }).is_none());
    }

    #[test]
    fn only_what_is_above_the_last_sequence_of_its_request_is_news() {
        let mut going = Going::default();
        let news = [("r", 300, true), ("r", 300, false), ("r", 200, false), ("s", 200, true), ("r", 301, true)];
        for (id, sequence, expected) in news {
            assert_eq!(going.is_news(&progress(id, sequence, "a")), expected, "{id} {sequence}");
        }
    }

    #[test]
    fn nothing_is_news_after_the_outcome_whichever_way_it_came() {
        let mut going = Going::default();
        assert!(going.is_news(&progress("r", 1, "a")));
        going.learn(&outcome(&samples::feedback(), 10, "o", "r"));
        assert!(!going.is_news(&progress("r", 2, "ab")) && going.is_over(&progress("r", 1, "a")));
        assert!(going.is_news(&progress("s", 1, "a")) && !going.is_over(&progress("s", 1, "a")));
        for kind in RequestKind::ALL {
            let name = kind.event_name();
            going.learn(&outcome(&samples::failed(kind, FailureCode::Internal), 10, name, name));
            assert!(!going.is_news(&of(name, name, 1)), "{name}");
        }
        going.learn(&outcome(&samples::completed("k"), 10, "c", "last"));
        assert!(!going.is_news(&of("ADVANCED_RESUME_UPDATE", "last", 1)));
    }

    #[test]
    fn one_id_in_two_topics_means_two_requests() {
        let mut going = Going::default();
        assert!(going.is_news(&of("ADVANCED_RESUME_INIT", "r", 5)));
        assert!(going.is_news(&of("ADVANCED_RESUME_UPDATE", "r", 5)));
        going.learn(&outcome(&samples::question(1), 10, "q", "r"));
        assert!(!going.is_news(&of("ADVANCED_RESUME_INIT", "r", 6)));
        assert!(going.is_news(&of("ADVANCED_RESUME_UPDATE", "r", 6)));
    }

    #[test]
    fn a_request_that_is_asked_anew_after_its_outcome_begins_anew() {
        let mut going = Going::default();
        assert!(going.is_news(&progress("r", 60_000, "a")));
        let failed = samples::failed(RequestKind::FeedbackRequested, FailureCode::LlmUnavailable);
        going.learn(&outcome(&failed, 100, "f", "r"));
        going.learn(&asked(90, "r"));
        assert!(!going.is_news(&progress("r", 60_001, "ab")), "the request that has ended, read late");
        going.learn(&asked(110, "r"));
        assert!(going.is_news(&progress("r", 500, "b")));
    }

    #[test]
    fn a_request_that_is_sent_twice_goes_on_from_the_last_sequence() {
        let mut going = Going::default();
        assert!(going.is_news(&progress("r", 900, "a")));
        going.learn(&asked(1_000, "r"));
        assert!(!going.is_news(&progress("r", 800, "a")));
    }

    #[test]
    fn an_outcome_that_cannot_be_read_ends_whatever_it_may_answer() {
        use crate::events::outcome::OutcomeKind::FeedbackGenerated;
        let mut going = Going::default();
        going.learn(&with_value(FeedbackGenerated, 5, "o", "r", "no json"));
        assert!(!going.is_news(&progress("r", 1, "a")));
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let mut going = Going::default();
        for number in 0..REMEMBERED + 10 {
            assert!(going.is_news(&progress(&number.to_string(), 5, "a")));
        }
        assert_eq!((going.requests.len(), going.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!going.is_news(&progress("10", 5, "a")), "still remembered");
        assert!(going.is_news(&progress("9", 5, "a")), "forgotten");
    }
}
