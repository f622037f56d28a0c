//! A member's interview as it goes by in Kafka: the question that is open now, and the one that the member was last
//! shown. The two differ when an answer's outcome came after its caller had gone.

use std::collections::VecDeque;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::expiry;
use crate::events::header_names::{CE_EXPIRYTIME, CE_TIME};
use crate::events::outcome::OutcomeData;
use crate::events::record::{RequestKind, text_header};
use crate::gateway::entry::{Entry, Role};

/// Most shown questions, and most unheard requests, that are remembered of a member.
const REMEMBERED: usize = 16;

/// What this gateway has seen happen to outcomes, which the records do not tell.
#[derive(Debug, Default)]
pub struct Told {
    /// Outcomes that reached a caller or an event stream, by their ids.
    shown: VecDeque<String>,
    /// Requests whose callers went before the outcome came.
    unheard: VecDeque<String>,
}

impl Told {
    /// An outcome reached somebody.
    pub fn show(&mut self, outcome: &str) {
        remember(&mut self.shown, outcome);
    }

    /// The caller of a request has gone without its outcome.
    pub fn leave(&mut self, request: &str) {
        remember(&mut self.unheard, request);
    }
}

fn remember(ids: &mut VecDeque<String>, id: &str) {
    if !ids.iter().any(|known| known == id) {
        ids.push_back(id.to_owned());
        ids.drain(..ids.len().saturating_sub(REMEMBERED));
    }
}

/// What an answer that names no question is an answer to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// The question that the member was last shown.
    Question(Uuid),
    /// Nothing yet: this question is open, and nobody was shown it.
    Unseen(Arc<Entry>),
    /// Nothing yet: the interview is only beginning, and who began it did not wait for that.
    Coming,
    /// The member's interview is over, or nothing is remembered of it: the worker decides.
    Unknown,
}

/// What an answer would be an answer to now.
pub fn answers(entries: &VecDeque<Arc<Entry>>, told: &Told) -> Answers {
    let steps = entries.iter().filter(|entry| is_step(entry));
    let shown = steps.filter(|entry| was_shown(entry, entries, told)).max_by_key(|entry| made_at(entry));
    if let Some(id) = shown.and_then(|entry| question_id(entry)) {
        return Answers::Question(id);
    }
    match latest(entries).filter(|entry| question_id(entry).is_some()) {
        Some(open) => Answers::Unseen(open.clone()),
        None if entries.iter().any(|entry| is_coming(entry, entries, told)) => Answers::Coming,
        None => Answers::Unknown,
    }
}

/// What the member should see now: the question that is open, or the résumé that ended the interview.
pub fn latest(entries: &VecDeque<Arc<Entry>>) -> Option<&Arc<Entry>> {
    entries.iter().filter(|entry| is_step(entry)).max_by_key(|entry| made_at(entry))
}

/// The id of the question that an outcome asks.
pub fn question_id(entry: &Entry) -> Option<Uuid> {
    match entry.data()? {
        OutcomeData::Question(question) => Some(question.question_id),
        OutcomeData::Feedback(_) | OutcomeData::Completed(_) | OutcomeData::Failed(_) => None,
    }
}

/// Whether it is a step of an interview.
fn is_step(entry: &Entry) -> bool {
    matches!(entry.data(), Some(OutcomeData::Question(_) | OutcomeData::Completed(_)))
}

/// Whether it begins an interview whose first question has not been seen, and nobody waits for that.
fn is_coming(entry: &Entry, entries: &VecDeque<Arc<Entry>>, told: &Told) -> bool {
    let Role::Request { kind: RequestKind::ResumeInit, id } = &entry.role else { return false };
    let has_ended =
        |entry: &Arc<Entry>| matches!(&entry.role, Role::Outcome { request: Some(request), .. } if request == id);
    told.unheard.contains(id) && !entries.iter().any(has_ended)
}

/// When the worker made it, however often it was sent since; topics and partitions are read side by side.
fn made_at(entry: &Entry) -> OffsetDateTime {
    let time = text_header(&entry.seen.headers, CE_TIME).and_then(expiry::read);
    time.unwrap_or_else(|| at(entry))
}

/// When the record was written.
fn at(entry: &Entry) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(entry.millis) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Whether a step reached the member. Who waits for events gets them sooner or later. Who waits for a reply has
/// gone when its request has expired, or when this gateway saw it go.
fn was_shown(step: &Entry, entries: &VecDeque<Arc<Entry>>, told: &Told) -> bool {
    let Role::Outcome { id, request, .. } = &step.role else { return false };
    if told.shown.contains(id) {
        return true;
    }
    let Some(request) = request else { return true };
    if told.unheard.contains(request) {
        return false;
    }
    let sent = entries.iter().filter(|entry| matches!(&entry.role, Role::Request { id, .. } if id == request));
    // Sent several times: the last one that was there is who hears it.
    let Some(sent) = sent.max_by_key(|entry| entry.millis) else { return true };
    match text_header(&sent.seen.headers, CE_EXPIRYTIME).and_then(expiry::read) {
        Some(expires) => at(step) <= expires,
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome::{FailureCode, samples};
    use crate::gateway::entry::tests::{outcome, seen, topics};

    /// Question number `number`, made and sent at `millis`, for the request `request`.
    fn question(number: u32, millis: i64, request: &str) -> Arc<Entry> {
        Arc::new(outcome(&samples::question(number), millis, &format!("o{number}"), request))
    }

    /// The résumé, for a request that is not remembered.
    fn completed(millis: i64) -> Arc<Entry> {
        Arc::new(outcome(&samples::completed("resume/7/a.docx"), millis, "done", "gone"))
    }

    /// A request whose caller waits until 90 s after 1970.
    fn request(id: &str, millis: i64) -> Arc<Entry> {
        let headers = [("ce_id", id), ("ce_expirytime", "1970-01-01T00:01:30Z")];
        Arc::new(Entry::read(seen("ResumeAnswer", millis, r#"{"memberId": 7}"#, &headers), &topics()).unwrap())
    }

    fn now(entries: &[Arc<Entry>], told: &Told) -> Answers {
        answers(&entries.iter().cloned().collect(), told)
    }

    fn named(number: u32) -> Answers {
        Answers::Question(samples::question_id(number))
    }

    #[test]
    fn an_answer_is_to_the_question_that_was_last_shown() {
        let told = Told::default();
        assert_eq!(now(&[], &told), Answers::Unknown);
        assert_eq!(now(&[question(1, 10, "a"), question(2, 20, "b")], &told), named(2));
        // In whatever order topics and partitions are read.
        assert_eq!(now(&[question(2, 20, "b"), question(1, 10, "a"), completed(5)], &told), named(2));
        assert_eq!(now(&[question(3, 20, "b"), completed(30)], &told), Answers::Unknown, "it is over");
    }

    #[test]
    fn a_question_that_came_after_its_caller_had_gone_was_not_shown() {
        let told = Told::default();
        let late = [question(1, 10, "a"), request("b", 20), question(2, 90_001, "b")];
        assert_eq!(now(&late, &told), named(1));
        let in_time = [question(1, 10, "a"), request("b", 20), question(2, 90_000, "b")];
        assert_eq!(now(&in_time, &told), named(2));
    }

    #[test]
    fn an_interview_that_is_only_beginning_has_no_question_to_answer_yet() {
        let init = Entry::read(seen("ResumeInit", 20, r#"{"memberId": 7}"#, &[("ce_id", "i")]), &topics()).unwrap();
        let (init, mut told) = (Arc::new(init), Told::default());
        assert_eq!(now(std::slice::from_ref(&init), &told), Answers::Unknown, "whoever began it waits for it");
        told.leave("i");
        assert_eq!(now(std::slice::from_ref(&init), &told), Answers::Coming);
        assert_eq!(now(&[completed(10), init.clone()], &told), Answers::Coming);
        let failed = samples::failed(RequestKind::ResumeInit, FailureCode::LlmUnavailable);
        let failed = outcome(&failed, 30, "f", "i");
        assert_eq!(now(&[init, Arc::new(failed)], &told), Answers::Unknown);
    }

    #[test]
    fn a_resume_that_nobody_was_shown_does_not_end_the_interview_on_screen() {
        let done = outcome(&samples::completed("resume/7/a.docx"), 90_001, "done", "c");
        let entries = [question(3, 10, "b"), request("c", 20), Arc::new(done)];
        assert_eq!(now(&entries, &Told::default()), named(3));
    }

    #[test]
    fn what_the_gateway_saw_counts_for_more_than_times() {
        let entries = [question(1, 10, "a"), request("b", 20), question(2, 30, "b")];
        let mut told = Told::default();
        told.leave("b");
        assert_eq!(now(&entries, &told), named(1), "a proxy cut the caller off");
        told.show("o2");
        assert_eq!(now(&entries, &told), named(2), "an event stream told it all the same");
    }

    #[test]
    fn a_question_that_nobody_was_shown_is_not_answered() {
        let late = question(1, 90_001, "a");
        let entries = [request("a", 20), late.clone()];
        assert_eq!(now(&entries, &Told::default()), Answers::Unseen(late.clone()));
        let new_interview = [completed(10), request("a", 20), late.clone()];
        assert_eq!(now(&new_interview, &Told::default()), Answers::Unseen(late));
    }

    #[test]
    fn the_latest_step_is_the_one_that_was_made_last() {
        let step = |entries: &[Arc<Entry>]| latest(&entries.iter().cloned().collect()).map(|entry| entry.millis);
        assert_eq!(step(&[completed(30), question(1, 40, "a"), request("b", 50)]), Some(40));
        assert_eq!(step(&[question(3, 20, "a"), completed(30)]), Some(30));
        assert_eq!(step(&[request("b", 50)]), None);
        // A repeat is sent later, and is as old as it was.
        let headers = [("ce_id", "old"), ("ce_subject", "7"), ("ce_time", "1970-01-01T00:00:00.005Z")];
        let value = samples::question(1).json().unwrap();
        let repeat = Entry::read(seen("ResumeQuestionGenerated", 60, value.get(), &headers), &topics());
        assert_eq!(step(&[Arc::new(repeat.unwrap()), question(2, 40, "a")]), Some(40));
    }

    #[test]
    fn what_was_told_is_bounded() {
        let mut told = Told::default();
        (0..100).for_each(|number| told.show(&number.to_string()));
        (0..100).for_each(|_| told.leave("the same"));
        assert_eq!((told.shown.len(), told.unheard.len()), (REMEMBERED, 1));
        assert!(told.shown.contains(&"99".to_owned()));
    }
}
