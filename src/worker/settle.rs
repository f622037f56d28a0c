//! The end of a record's way: its outcome is handed over, and it is kept as a dead letter where a person has to look.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::events::json::JsonText;
use crate::events::open_enum::OpenEnum;
use crate::events::outcome::{
    DownloadLink, Failure, FailureCode, Origin, Outcome, OutcomeData, OutcomeKind, SavedOutcome, timestamp,
};
use crate::events::record::{Flow, Record};
use crate::events::{headers, outcome};
use crate::failpoint;
use crate::flow_control::place::{LeftToTheNext, Place};
use crate::kafka::outgoing::{OutgoingRecord, RecordRejected};
use crate::worker::work::Worker;

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
                self.with_link(saved.json(), &completed.resume_object_key, place).await?
            }
            OutcomeData::Feedback(_) | OutcomeData::Question(_) | OutcomeData::Failed(_) => None,
        };
        if let Err(rejected) = self.deliver(origin, saved, topic, linked.as_ref()).await {
            self.replace_refused(origin, saved, &rejected).await;
        }
        Ok(())
    }

    /// Sends an outcome, perhaps with a link, until the broker has it.
    async fn deliver(
        &self,
        origin: &Origin<'_>,
        saved: &SavedOutcome,
        topic: &Arc<str>,
        linked: Option<&JsonText>,
    ) -> Result<(), RecordRejected> {
        let outgoing = OutgoingRecord {
            topic: topic.clone(),
            partition: None,
            key: Some(origin.member.to_string().into_bytes()),
            value: Some(linked.unwrap_or(saved.json()).get().into()),
            headers: headers::of_outcome(origin, saved),
        };
        self.producer.send(&outgoing).await?;
        failpoint::reach("sent");
        let code = saved.data().failure_code().map_or("", OpenEnum::name);
        self.metrics.outcomes.with_label_values(&[saved.data().kind().name(), code]).inc();
        Ok(())
    }

    /// An outcome that its topic will never take: the member gets a failure instead, and a person the request.
    async fn replace_refused(&self, origin: &Origin<'_>, saved: &SavedOutcome, rejected: &RecordRejected) {
        let kind = saved.data().kind();
        let reason = format!("{} was refused: {rejected}", kind.name());
        self.give_up(origin.record, kind.name(), &rejected.to_string());
        let problem_id = match saved.data() {
            OutcomeData::Feedback(feedback) => feedback.problem_id,
            OutcomeData::Question(_) | OutcomeData::Completed(_) => None,
            OutcomeData::Failed(failed) => {
                // Most failures are kept as dead letters anyhow.
                if failed.code.known().is_none_or(|code| !code.dead_letters()) {
                    self.dead_letter(origin.record, FailureCode::Internal.name(), &reason).await;
                }
                return;
            }
        };
        let failure = Outcome::Failed { problem_id, failure: Failure::new(FailureCode::Internal, reason.as_str()) };
        let failed = async {
            let topic = self.settings.topics.outcomes.get(&OutcomeKind::RequestFailed);
            let (Some(topic), Ok(failed)) = (topic, failure.into_saved(origin, OffsetDateTime::now_utc())) else {
                return;
            };
            if let Err(rejected) = self.deliver(origin, &failed, topic, None).await {
                self.give_up(origin.record, failed.data().kind().name(), &rejected.to_string());
            }
        };
        tokio::join!(failed, self.dead_letter(origin.record, FailureCode::Internal.name(), &reason));
    }

    /// A finished résumé with a download link that is signed now. What cannot be signed here the next owner may sign.
    async fn with_link(
        &self,
        completed: &JsonText,
        key: &str,
        place: &Place,
    ) -> Result<Option<JsonText>, LeftToTheNext> {
        let link = match self.documents.link(key).await {
            Ok(link) => link,
            Err(_) => place.wait(self.agent.documents.link(key)).await?,
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
