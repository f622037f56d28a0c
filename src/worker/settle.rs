//! The end of a record's way: its outcome is handed over, and it is kept as a dead letter where a person has to look.

use std::time::Duration;

use crate::documents::DocumentError;
use crate::events::json::JsonText;
use crate::events::open_enum::OpenEnum;
use crate::events::outcome::{DownloadLink, FailureCode, Origin, OutcomeData, SavedOutcome, timestamp};
use crate::events::record::{Flow, Record};
use crate::events::{headers, outcome};
use crate::failpoint;
use crate::flow_control::backoff::Backoff;
use crate::kafka::outgoing::OutgoingRecord;
use crate::worker::place::{LeftToTheNext, Place};
use crate::worker::work::Worker;

const LINK_BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

impl Worker {
    /// Sends the outcome, and the dead letter where a person may want to run the request again.
    pub(super) async fn settle(
        &self,
        origin: &Origin<'_>,
        saved: &SavedOutcome,
        reason: Option<&str>,
        place: &Place,
    ) -> Result<(), LeftToTheNext> {
        // One that only a newer worker knows is none that this one keeps dead letters for.
        let code = saved.data().failure_code().and_then(OpenEnum::known);
        let dead_letter = async {
            if let Some(code) = code.filter(|code| code.dead_letters()) {
                self.dead_letter(origin.record, code.name(), reason.unwrap_or("it failed in an earlier try")).await;
            }
        };
        tokio::join!(self.send(origin, saved, place), dead_letter).0?;
        let (member, at) = (origin.member, &origin.record.at);
        match code {
            None => tracing::debug!(outcome = saved.data().kind().name(), "answered"),
            Some(code) if code.dead_letters() => {
                tracing::warn!(%member, record = %at, code = code.name(), reason, "a {} failed", outcome::describe(origin.record.kind));
            }
            Some(code) => tracing::info!(%member, record = %at, code = code.name(), reason, "refused"),
        }
        Ok(())
    }

    async fn send(&self, origin: &Origin<'_>, saved: &SavedOutcome, place: &Place) -> Result<(), LeftToTheNext> {
        let kind = saved.data().kind();
        let Some(topic) = self.settings.topics.outcomes.get(&kind) else {
            tracing::error!(record = %origin.record.at, outcome = kind.name(), "no topic is set for the outcome");
            self.dead_letter(origin.record, FailureCode::Internal.name(), "no topic is set for the outcome").await;
            return Ok(());
        };
        let linked = match saved.data() {
            OutcomeData::Completed(completed) => {
                self.with_link(origin.record, saved.json(), &completed.resume_object_key, place).await?
            }
            OutcomeData::Feedback(_) | OutcomeData::Question(_) | OutcomeData::Failed(_) => None,
        };
        let outgoing = OutgoingRecord {
            topic: topic.clone(),
            partition: None,
            key: Some(origin.member.to_string().into_bytes()),
            value: Some(linked.as_ref().unwrap_or(saved.json()).get().into()),
            headers: headers::of_outcome(origin, saved),
        };
        match self.producer.send(&outgoing).await {
            Ok(()) => {
                failpoint::reach("sent");
                let code = saved.data().failure_code().map_or("", OpenEnum::name);
                self.metrics.outcomes.with_label_values(&[kind.name(), code]).inc();
            }
            Err(rejected) => self.give_up(origin.record, "outcome", &rejected.to_string()),
        }
        Ok(())
    }

    /// A finished résumé with a download link that is signed now. What cannot be signed here the next owner may sign.
    async fn with_link(
        &self,
        record: &Record,
        completed: &JsonText,
        key: &str,
        place: &Place,
    ) -> Result<Option<JsonText>, LeftToTheNext> {
        let failed = |error: DocumentError, attempt: u32| {
            tracing::warn!(record = %record.at, %error, attempt, "no link could be signed; trying again");
        };
        let link = match self.documents.link(key).await {
            Ok(link) => link,
            Err(error) => {
                failed(error, 0);
                place.wait(LINK_BACKOFF.retry_forever(|| self.documents.link(key), failed)).await?
            }
        };
        let link = DownloadLink { resume_url: link.url, resume_url_expires_at: timestamp(link.expires_at) };
        Ok(completed.with(&link).ok())
    }

    /// Keeps a record as a dead letter, byte by byte.
    pub(super) async fn dead_letter(&self, record: &Record, code: &str, reason: &str) {
        let group = match record.kind.flow() {
            Flow::Feedback => &self.settings.feedback_group,
            Flow::Resume => &self.settings.resume_group,
        };
        let chain = format!("{code}: {reason}\n\tat {}", record.at);
        let outgoing = OutgoingRecord {
            topic: self.settings.topics.dead_letters(&record.at.topic).into(),
            partition: Some(record.at.partition),
            key: record.key.clone(),
            value: record.value.clone(),
            headers: headers::of_dead_letter(record, group, code, reason, &chain),
        };
        match self.producer.send(&outgoing).await {
            Ok(()) => {
                self.metrics.dead_letters.with_label_values(&[code]).inc();
                tracing::warn!(record = %record.at, code, reason, "kept as a dead letter");
            }
            Err(rejected) => self.give_up(record, "dead letter", &rejected.to_string()),
        }
    }

    /// Rejected for good: the broker will never take it. The record stays in its topic for as long as that keeps it,
    /// and the log says where.
    fn give_up(&self, record: &Record, what: &str, reason: &str) {
        self.metrics.refused_records.inc();
        tracing::error!(record = %record.at, what, reason, "a record was refused by the broker");
    }
}
