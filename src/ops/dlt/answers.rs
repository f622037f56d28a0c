//! Which requests were answered since they were kept. The outcome topics tell: they remember for longer than the worker's
//! journal, and know answers of every trip.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use time::OffsetDateTime;
use uuid::Uuid;

use super::follow::{self, Ending};
use super::letter::{Letter, request};
use crate::config::Config;
use crate::events::outcome::OutcomeData;
use crate::events::record::RecordTime;
use crate::kafka::error::KafkaError;
use crate::kafka::reader::Seen;
use crate::kafka::retention;
use crate::kafka::snapshot::{self, Snapshot};
use crate::kafka::topics::Topics;
use crate::telemetry::log;

/// How far clocks of producers and workers may be apart, in milliseconds: an outcome is no answer to what was sent after it.
const SKEW_MS: i64 = 300_000;

/// Requests, and what answered them.
pub struct Answers {
    topics: Topics,
    asked: HashMap<Uuid, Asked>,
    found: HashMap<Uuid, Ending>,
    /// Outcomes from before this moment may be gone; in milliseconds since 1970.
    horizon: i64,
}

/// A request of which an answer is looked for.
struct Asked {
    /// When it was first sent; the start of time where that is unknown.
    sent: i64,
    /// The most that any of its dead letters had been replayed: whatever answers it may have been one replay later.
    replays: u64,
}

impl Answers {
    /// Of no request yet.
    pub fn new(topics: &Topics) -> Self {
        Self { topics: topics.clone(), asked: HashMap::new(), found: HashMap::new(), horizon: 0 }
    }

    /// Looks for what answered the request of this dead letter, on whichever trip; any of its dead letters had been replayed
    /// so often at most.
    pub fn look_for(&mut self, letter: &Letter, replays: u64) {
        self.asked.insert(letter.request(), Asked { sent: letter.first_sent.unwrap_or(0), replays });
    }

    /// What answered the request of this dead letter, if something did.
    pub fn of(&self, letter: &Letter) -> Option<&Ending> {
        self.found.get(&letter.request())
    }

    /// Whether a request of which no answer was found may have had one: its dead letter is older than the oldest outcomes.
    pub fn is_unknown(&self, letter: &Letter) -> bool {
        self.of(letter).is_none() && letter.time.is_some_and(|time| time.millis() < self.horizon)
    }

    /// Takes a record of an outcome topic into account. Who may try again was not answered.
    pub fn see(&mut self, seen: &Seen) {
        let Some((member, id, data)) = follow::outcome(seen, &self.topics) else { return };
        let ids = [Some((id.as_str(), 0)), replayed(&id)];
        for topic in answered_topics(&data, &self.topics) {
            for (id, count) in ids.into_iter().flatten() {
                let request = request(topic, Some(member), id);
                let is_its = |asked: &Asked| {
                    let is_later = |time: RecordTime| time.millis() >= asked.sent.saturating_sub(SKEW_MS);
                    count <= asked.replays.saturating_add(1) && seen.time.is_none_or(is_later)
                };
                if self.asked.get(&request).is_some_and(is_its) {
                    self.found.insert(request, Ending::of(&data));
                }
            }
        }
    }

    /// Reads what the outcome topics hold now.
    pub async fn read(mut self, config: &Config) -> anyhow::Result<Self> {
        let Some(since) = self.asked.values().map(|asked| asked.sent.saturating_sub(SKEW_MS)).min() else {
            return Ok(self);
        };
        let outcomes: Vec<String> = config.topics.outcomes.values().map(ToString::to_string).collect();
        let (kafka, topics) = (config.kafka.clone(), super::existing(config, &outcomes).await?);
        let mut by_size = Vec::new();
        match retention::kept(&kafka, &topics).await {
            Ok(kept) => {
                self.horizon = kept.shortest.map_or(0, before_now);
                by_size = kept.by_size;
            }
            Err(error) => {
                log::tell(format_args!("how long outcomes are kept is not known: {error}"));
                // What has no answer now may have had one.
                self.horizon = i64::MAX;
            }
        }
        let reading = tokio::task::spawn_blocking(move || {
            self.horizon = self.horizon.max(snapshot::cut_at(&kafka, &by_size)?.unwrap_or(0));
            Snapshot::take(&kafka, &topics, Some(since))?.read(|seen| self.see(&seen))?;
            Ok(self)
        });
        reading.await.map_err(KafkaError::from).flatten().context("the outcomes could not be read")
    }
}

/// The moment so long ago, in milliseconds since 1970.
fn before_now(time: Duration) -> i64 {
    let moment = time::Duration::try_from(time).ok().and_then(|time| OffsetDateTime::now_utc().checked_sub(time));
    moment.and_then(|moment| i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok()).unwrap_or(0)
}

/// The topics of the requests that this outcome may have answered.
fn answered_topics<'a>(outcome: &'a OutcomeData, topics: &'a Topics) -> Vec<&'a str> {
    match outcome {
        OutcomeData::Feedback(_) => vec![&topics.feedback_requested],
        OutcomeData::Question(question) if question.question_number <= 1 => vec![&topics.resume_init],
        OutcomeData::Question(_) => vec![&topics.resume_answer],
        // An init may lead to a résumé at once.
        OutcomeData::Completed(_) => vec![&topics.resume_init, &topics.resume_answer],
        OutcomeData::Failed(failed) if failed.retryable => vec![],
        OutcomeData::Failed(failed) => vec![&failed.request_topic],
    }
}

/// The id that a request had before it was replayed so often, as the worker writes it (`ID#COUNT`). An id of a producer's
/// may look the same.
fn replayed(id: &str) -> Option<(&str, u64)> {
    let (first, digits) = id.rsplit_once('#')?;
    let count = digits.parse().ok().filter(|count: &u64| *count > 0 && count.to_string() == digits)?;
    Some((first, count))
}

#[cfg(test)]
mod tests {
    use super::super::follow::tests::outcome;
    use super::super::letter::tests::{letter, seen, topics};
    use super::*;
    use crate::events::outcome::{FailureCode, OutcomeKind, samples};
    use crate::events::record::RequestKind;

    /// What answered a feedback request of member 7 with the id `a`, which was replayed once, by these outcomes.
    fn answer(outcomes: &[Seen]) -> Option<Ending> {
        let letter = letter(seen(0, r#"{"memberId": 7}"#, &[("ce_id", b"a"), ("replay-count", b"1")]));
        let mut answers = Answers::new(&topics());
        answers.look_for(&letter, letter.replays);
        outcomes.iter().for_each(|seen| answers.see(seen));
        answers.of(&letter).cloned()
    }

    #[test]
    fn an_answer_on_any_trip_is_the_requests() {
        let answered = Some(Ending::Answered(OutcomeKind::FeedbackGenerated));
        for id in ["a", "a#1", "a#2"] {
            assert_eq!(answer(&[outcome(&samples::feedback(), "7", id)]), answered, "{id}");
        }
    }

    #[test]
    fn what_is_for_another_request_answers_nothing() {
        for (member, id) in
            [("8", "a"), ("7", "b"), ("7", "a#b"), ("7", "a#1#1"), ("x", "a"), ("7", "a#0"), ("7", "a#01")]
        {
            assert_eq!(answer(&[outcome(&samples::feedback(), member, id)]), None, "{member} {id}");
        }
        assert_eq!(answer(&[outcome(&samples::question(1), "7", "a")]), None, "an init of the same id");
    }

    #[test]
    fn an_id_of_a_producers_that_looks_like_a_replay_is_none() {
        assert_eq!(
            answer(&[outcome(&samples::feedback(), "7", "a#3")]),
            None,
            "it was replayed once, and perhaps once more"
        );
        assert_eq!(answer(&[outcome(&samples::feedback(), "7", "a#20261127")]), None);
    }

    #[test]
    fn who_may_try_again_was_not_answered() {
        let failed = |code| outcome(&samples::failed(RequestKind::FeedbackRequested, code), "7", "a");
        assert_eq!(answer(&[failed(FailureCode::LlmUnavailable)]), None);
        let refused = Some(Ending::Failed("INPUT_TOO_LONG".to_owned()));
        assert_eq!(answer(&[failed(FailureCode::InputTooLong), failed(FailureCode::LlmUnavailable)]), refused);
    }

    #[test]
    fn what_is_older_than_the_oldest_outcomes_may_have_been_answered() {
        let letter = letter(seen(1_000, r#"{"memberId": 7}"#, &[("ce_id", b"a")]));
        let mut answers = Answers { horizon: 1_001, ..Answers::new(&topics()) };
        answers.look_for(&letter, 0);
        assert!(answers.is_unknown(&letter));
        assert!(!Answers { horizon: 1_000, ..Answers::new(&topics()) }.is_unknown(&letter));
        answers.see(&outcome(&samples::feedback(), "7", "a"));
        assert!(!answers.is_unknown(&letter), "its answer is there all the same");
    }

    #[test]
    fn an_outcome_from_before_the_request_was_sent_is_another_ones() {
        let sent = 10 * SKEW_MS;
        let millis = sent.to_be_bytes();
        let headers: [(&str, &[u8]); 2] = [("ce_id", b"a"), ("kafka_dlt-original-timestamp", &millis)];
        let letter = letter(seen(0, r#"{"memberId": 7}"#, &headers));
        for (time, is_answer) in [(sent - SKEW_MS - 1, false), (sent - SKEW_MS, true)] {
            let mut answers = Answers::new(&topics());
            answers.look_for(&letter, 0);
            let time = Some(RecordTime::Create(time));
            answers.see(&Seen { time, ..outcome(&samples::feedback(), "7", "a") });
            assert_eq!(answers.of(&letter).is_some(), is_answer);
        }
    }
}
