//! What is remembered for members, within bounds and for a while: so that who was away is told what it missed, and a
//! repeat is told to nobody.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::events::request::MemberId;
use crate::gateway::entry::{Entry, Role};
use crate::gateway::interview::{self, Answers, Told};

/// How much is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub members: usize,
    /// Of each member.
    pub entries: usize,
    /// Of each member.
    pub bytes: usize,
    /// Of all members together.
    pub total_bytes: usize,
    /// How old it may be; `None`: as old as it likes.
    pub age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members: 10_000, entries: 200, bytes: 1024 * 1024, total_bytes: 64 * 1024 * 1024, age: None }
    }
}

/// What a reader of events had last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEvent {
    id: String,
    millis: i64,
}

impl LastEvent {
    /// Reads an event id, which begins with milliseconds since 1970; just those stand for a moment, 0 for everything.
    pub fn parse(text: &str) -> Option<Self> {
        let millis = text.split_once('-').map_or(text, |(millis, _)| millis);
        Some(Self { id: text.to_owned(), millis: millis.parse().ok()? })
    }

    /// A moment in milliseconds since 1970; what came later is not had.
    pub fn at(millis: i64) -> Self {
        Self { id: millis.to_string(), millis }
    }

    /// Everything up to this entry is had.
    pub fn of(entry: &Entry) -> Self {
        let id = entry.outcome_event_id().unwrap_or_else(|| entry.record_event_id());
        Self { id, millis: entry.millis }
    }
}

/// What a reader of events is to be told of one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    pub entry: Arc<Entry>,
    /// Whether the record itself was told already, and only its outcome is due.
    pub record_told: bool,
    /// Milliseconds from its request to this outcome, where both are known.
    pub took: Option<i64>,
}

/// The memory.
#[derive(Debug)]
pub struct History {
    limits: Limits,
    members: HashMap<MemberId, Remembered>,
    /// Members by when they were last heard of, so that the most silent one is forgotten first.
    order: BTreeMap<u64, MemberId>,
    documents: HashSet<String>,
    bytes: usize,
    counter: u64,
}

#[derive(Debug, Default)]
struct Remembered {
    entries: VecDeque<Arc<Entry>>,
    /// From when on each of them counts as old, in milliseconds since 1970.
    since: VecDeque<i64>,
    told: Told,
    bytes: usize,
    /// Its key in the order.
    heard: u64,
}

/// Where an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind all others: it has just come.
    Last,
    /// By its time: the past is read partition by partition.
    ByTime,
}

impl History {
    /// Nothing is remembered yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            members: HashMap::new(),
            order: BTreeMap::new(),
            documents: HashSet::new(),
            bytes: 0,
            counter: 0,
        }
    }

    /// Remembers an entry that came at this moment, in milliseconds since 1970; `None` when it is a repeat of one that is
    /// remembered.
    pub fn remember(&mut self, entry: &Arc<Entry>, place: Place, now: i64) -> Option<Delivery> {
        self.counter = self.counter.saturating_add(1);
        let member = self.members.entry(entry.member).or_default();
        if member.entries.iter().any(|known| repeats(entry, known)) {
            return None;
        }
        self.order.remove(&member.heard);
        member.heard = self.counter;
        self.order.insert(self.counter, entry.member);
        let index = match place {
            Place::Last => member.entries.len(),
            Place::ByTime => member.entries.partition_point(|known| moment(known) <= moment(entry)),
        };
        member.entries.insert(index, entry.clone());
        // A clock of a producer's that is ahead keeps nothing longer.
        let since = if entry.millis > 0 { entry.millis.min(now) } else { now };
        member.since.insert(index, since);
        member.bytes = member.bytes.saturating_add(entry.size());
        self.bytes = self.bytes.saturating_add(entry.size());
        self.documents.extend(entry.document().map(str::to_owned));
        let took = took(&member.entries, entry);
        self.forget();
        Some(Delivery { entry: entry.clone(), record_told: false, took })
    }

    /// What is remembered of a member after its last event.
    pub fn after(&self, member: MemberId, last: &LastEvent) -> Vec<Delivery> {
        let Some(member) = self.members.get(&member) else { return Vec::new() };
        let known = member.entries.iter().enumerate().find_map(|(index, entry)| {
            if entry.record_event_id() == last.id {
                Some((index, true))
            } else if entry.outcome_event_id().is_some_and(|id| id == last.id) {
                Some((index.saturating_add(1), false))
            } else {
                None
            }
        });
        let delivery = |entry: &Arc<Entry>, record_told| Delivery {
            entry: entry.clone(),
            record_told,
            took: took(&member.entries, entry),
        };
        match known {
            Some((first, record_told)) => {
                let rest = member.entries.iter().skip(first).enumerate();
                rest.map(|(index, entry)| delivery(entry, record_told && index == 0)).collect()
            }
            None => {
                let later = member.entries.iter().filter(|entry| entry.millis > last.millis);
                later.map(|entry| delivery(entry, false)).collect()
            }
        }
    }

    /// The last that is remembered of a member.
    pub fn last(&self, member: MemberId) -> Option<&Arc<Entry>> {
        self.members.get(&member)?.entries.back()
    }

    /// What an answer of this member that names no question is an answer to.
    pub fn answers(&self, member: MemberId) -> Answers {
        self.members.get(&member).map_or(Answers::Unknown, |known| interview::answers(&known.entries, &known.told))
    }

    /// What this member should see of its interview now.
    pub fn standing(&self, member: MemberId) -> Option<Arc<Entry>> {
        interview::latest(&self.members.get(&member)?.entries).cloned()
    }

    /// What this gateway has seen happen to a member's outcomes; `None` when nothing is remembered of it.
    pub fn told(&mut self, member: MemberId) -> Option<&mut Told> {
        self.members.get_mut(&member).map(|known| &mut known.told)
    }

    /// How many members are remembered, and how many bytes of them.
    pub fn size(&self) -> (usize, usize) {
        (self.members.len(), self.bytes)
    }

    /// Whether this document belongs to a résumé that is remembered.
    pub fn has_document(&self, key: &str) -> bool {
        self.documents.contains(key)
    }

    /// Drops what is too old at this moment, in milliseconds since 1970.
    pub fn forget_old(&mut self, now: i64) {
        let Some(age) = self.limits.age else { return };
        let oldest = now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let (documents, order, total) = (&mut self.documents, &mut self.order, &mut self.bytes);
        self.members.retain(|_, member| {
            let mut since = member.since.iter();
            member.entries.retain(|entry| {
                let is_kept = since.next().is_some_and(|since| *since >= oldest);
                if !is_kept {
                    member.bytes = member.bytes.saturating_sub(entry.size());
                    *total = total.saturating_sub(entry.size());
                    entry.document().map(|key| documents.remove(key));
                }
                is_kept
            });
            member.since.retain(|since| *since >= oldest);
            if member.entries.is_empty() {
                order.remove(&member.heard);
            }
            !member.entries.is_empty()
        });
    }

    /// Keeps within the limits: first the newest member's, then all together.
    fn forget(&mut self) {
        if let Some(member) = self.order.last_key_value().and_then(|(_, newest)| self.members.get_mut(newest)) {
            let over =
                |member: &Remembered| member.entries.len() > self.limits.entries || member.bytes > self.limits.bytes;
            while over(member)
                && let Some(entry) = member.entries.pop_front()
            {
                member.since.pop_front();
                let size = entry.size();
                member.bytes = member.bytes.saturating_sub(size);
                self.bytes = self.bytes.saturating_sub(size);
                if let Some(key) = entry.document() {
                    self.documents.remove(key);
                }
            }
        }
        while (self.members.len() > self.limits.members || self.bytes > self.limits.total_bytes)
            && let Some((_, silent)) = self.order.pop_first()
        {
            let Some(member) = self.members.remove(&silent) else { continue };
            self.bytes = self.bytes.saturating_sub(member.bytes);
            for key in member.entries.iter().filter_map(|entry| entry.document()) {
                self.documents.remove(key);
            }
        }
    }
}

/// Whether it is the same record, or the same outcome.
fn repeats(entry: &Entry, known: &Entry) -> bool {
    let at = |entry: &Entry| (entry.seen.partition, entry.seen.offset);
    if at(entry) == at(known) && entry.seen.topic == known.seen.topic {
        return true;
    }
    match (&entry.role, &known.role) {
        (Role::Outcome { id, .. }, Role::Outcome { id: known, .. }) => id == known,
        (Role::Request { .. } | Role::Outcome { .. }, _) => false,
    }
}

/// Orders the past; in one millisecond a request comes before an outcome.
fn moment(entry: &Entry) -> (i64, bool) {
    (entry.millis, matches!(entry.role, Role::Outcome { .. }))
}

fn took(entries: &VecDeque<Arc<Entry>>, outcome: &Entry) -> Option<i64> {
    let Role::Outcome { request: Some(request), .. } = &outcome.role else { return None };
    // A request may have been sent several times; the last one before the outcome is what was waited for.
    let sent = entries.iter().filter(|entry| matches!(&entry.role, Role::Request { id, .. } if id == request));
    let latest = sent.map(|entry| entry.millis).filter(|millis| *millis <= outcome.millis).max()?;
    outcome.millis.checked_sub(latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::samples;
    use crate::gateway::entry::tests::{asked, outcome, seen, topics};

    const SMALL: Limits =
        Limits { members: 2, entries: 3, bytes: 10_000, total_bytes: 20_000, age: Some(Duration::from_millis(100)) };

    /// When everything comes.
    const NOW: i64 = 1_000;

    fn feedback(millis: i64, id: &str, request: &str) -> Arc<Entry> {
        Arc::new(outcome(&samples::feedback(), millis, id, request))
    }

    fn of_member(member: i64, offset: i64, length: usize) -> Arc<Entry> {
        let value = format!(r#"{{"memberId": {member}, "x": "{}"}}"#, "x".repeat(length));
        Arc::new(Entry::read(seen("ResumeInit", offset, &value, &[]), &topics()).unwrap())
    }

    fn member(id: i64) -> MemberId {
        MemberId::new(id).unwrap()
    }

    fn last(text: &str) -> LastEvent {
        LastEvent::parse(text).unwrap()
    }

    fn times(history: &History, id: i64, text: &str) -> Vec<i64> {
        history.after(member(id), &last(text)).iter().map(|delivery| delivery.entry.millis).collect()
    }

    fn with(entries: &[Arc<Entry>], place: Place) -> History {
        let mut history = History::new(SMALL);
        for entry in entries {
            history.remember(entry, place, NOW);
        }
        history
    }

    #[test]
    fn who_was_away_gets_what_came_after_the_last_event() {
        let history = with(&[feedback(1, "a", "r"), feedback(2, "b", "r"), feedback(3, "c", "r")], Place::Last);
        assert_eq!(times(&history, 7, "1-a"), [2, 3]);
        assert_eq!(times(&history, 7, "3-c"), [0; 0]);
        assert_eq!(times(&history, 7, "0"), [1, 2, 3]);
        assert_eq!(times(&history, 8, "0"), [0; 0]);
    }

    #[test]
    fn an_id_that_is_no_longer_remembered_stands_for_its_moment() {
        let history = with(&[feedback(1, "a", "r"), feedback(2, "b", "r"), feedback(3, "c", "r")], Place::Last);
        assert_eq!(times(&history, 7, "2-gone"), [3]);
        assert_eq!(LastEvent::parse("not an id"), None);
        assert_eq!(LastEvent::parse(""), None);
    }

    #[test]
    fn after_a_records_event_comes_its_outcomes_event() {
        let history = with(&[feedback(1, "a", "r"), feedback(2, "b", "r")], Place::Last);
        let told = history.after(member(7), &last("1-FeedbackGenerated/3/1"));
        let told: Vec<_> = told.iter().map(|delivery| (delivery.entry.millis, delivery.record_told)).collect();
        assert_eq!(told, [(1, true), (2, false)]);
    }

    #[test]
    fn a_repeat_is_told_to_nobody() {
        let mut history = with(&[feedback(1, "a", "r")], Place::Last);
        assert_eq!(history.remember(&feedback(2, "a", "r"), Place::Last, NOW), None);
        assert_eq!(history.remember(&feedback(1, "other", "r"), Place::Last, NOW), None, "the same record, read again");
        assert!(history.remember(&feedback(3, "b", "r"), Place::Last, NOW).is_some());
        let (once, again) = (Arc::new(asked(4, "r")), Arc::new(asked(5, "r")));
        assert!(history.remember(&once, Place::Last, NOW).is_some());
        assert!(history.remember(&again, Place::Last, NOW).is_some(), "a request that is sent twice is two records");
    }

    #[test]
    fn the_past_is_put_in_order_and_the_present_is_as_it_comes() {
        let entries = [feedback(3, "c", "r"), feedback(1, "a", "r"), Arc::new(asked(1, "r"))];
        let order = |place| {
            let told = with(&entries, place).after(member(7), &last("0"));
            told.iter().map(|delivery| delivery.entry.place()).collect::<Vec<_>>()
        };
        let (third, first, request) = ("FeedbackGenerated/3/3", "FeedbackGenerated/3/1", "FeedbackRequested/3/1");
        assert_eq!(order(Place::ByTime), [request, first, third]);
        assert_eq!(order(Place::Last), [third, first, request]);
    }

    #[test]
    fn an_outcome_took_as_long_as_since_the_last_time_its_request_was_sent() {
        let mut history = with(&[Arc::new(asked(10, "r")), Arc::new(asked(20, "r"))], Place::Last);
        assert_eq!(history.remember(&feedback(25, "a", "r"), Place::Last, NOW).unwrap().took, Some(5));
        assert_eq!(history.remember(&feedback(30, "b", "unknown"), Place::Last, NOW).unwrap().took, None);
        let early = with(&[feedback(25, "a", "r"), Arc::new(asked(20, "r"))], Place::ByTime);
        assert_eq!(early.after(member(7), &last("20-FeedbackRequested/3/20")).last().unwrap().took, Some(5));
    }

    #[test]
    fn a_member_keeps_the_newest_entries() {
        let mut history = with(&(1..=5).map(|offset| of_member(7, offset, 0)).collect::<Vec<_>>(), Place::Last);
        assert_eq!(times(&history, 7, "0"), [3, 4, 5]);
        history.remember(&of_member(7, 6, 8_000), Place::Last, NOW);
        history.remember(&of_member(7, 7, 8_000), Place::Last, NOW);
        assert_eq!(times(&history, 7, "0"), [7]);
        history.remember(&of_member(7, 8, 50_000), Place::Last, NOW);
        assert_eq!(times(&history, 7, "0"), [0; 0]);
        assert_eq!(history.bytes, 0);
    }

    #[test]
    fn the_member_that_was_silent_longest_is_forgotten_first() {
        let mut history = with(&[of_member(1, 1, 0), of_member(2, 2, 0), of_member(1, 3, 0)], Place::Last);
        history.remember(&of_member(3, 4, 0), Place::Last, NOW);
        assert_eq!((times(&history, 1, "0").len(), times(&history, 2, "0").len()), (2, 0));
        history.remember(&of_member(1, 5, 9_000), Place::Last, NOW);
        history.remember(&of_member(3, 6, 9_000), Place::Last, NOW);
        history.remember(&of_member(3, 7, 8_000), Place::Last, NOW);
        assert!(history.bytes <= SMALL.total_bytes && history.members.len() == history.order.len());
    }

    #[test]
    fn only_documents_of_remembered_resumes_are_known() {
        let completed = outcome(&samples::completed("resume/7/a.docx"), 1, "a", "r");
        let mut history = with(&[Arc::new(completed)], Place::Last);
        assert!(history.has_document("resume/7/a.docx") && !history.has_document("resume/7/b.docx"));
        (2..=4).for_each(|offset| drop(history.remember(&of_member(7, offset, 0), Place::Last, NOW)));
        assert!(!history.has_document("resume/7/a.docx"));
    }

    #[test]
    fn what_is_too_old_is_forgotten_with_its_document_and_so_is_a_member_of_whom_nothing_is_left() {
        let completed = Arc::new(outcome(&samples::completed("resume/7/a.docx"), 900, "a", "r"));
        let mut history = with(&[completed, feedback(950, "b", "r"), of_member(8, 901, 0)], Place::Last);
        history.forget_old(1_000);
        assert_eq!((times(&history, 7, "0"), times(&history, 8, "0")), (vec![900, 950], vec![901]));
        history.forget_old(1_001);
        assert_eq!((times(&history, 7, "0"), history.has_document("resume/7/a.docx")), (vec![950], false));
        history.forget_old(1_050);
        assert_eq!((times(&history, 7, "0"), times(&history, 8, "0")), (vec![950], vec![]));
        history.forget_old(1_051);
        assert_eq!((history.members.len(), history.order.len(), history.bytes), (0, 0, 0));
        assert!(history.remember(&feedback(950, "b", "r"), Place::Last, 1_051).is_some(), "it begins anew");
    }

    #[test]
    fn what_a_producers_clock_puts_into_the_future_is_as_old_as_it_has_been_known() {
        let timeless = Arc::new(Entry { millis: 0, ..asked(3, "r") });
        let mut history = with(&[feedback(5_000, "a", "r"), timeless], Place::Last);
        history.forget_old(NOW + 100);
        assert_eq!(history.after(member(7), &LastEvent::at(-1)).len(), 2);
        history.forget_old(NOW + 101);
        assert_eq!(history.after(member(7), &LastEvent::at(-1)).len(), 0);
    }

    #[test]
    fn without_an_age_nothing_is_too_old() {
        let mut history = History::new(Limits { age: None, ..SMALL });
        history.remember(&feedback(1, "a", "r"), Place::Last, NOW);
        history.forget_old(i64::MAX);
        assert_eq!(times(&history, 7, "0"), [1]);
    }
}
