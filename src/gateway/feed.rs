//! Reads the request and outcome topics for the gateway: first the past, so that members can be told what they missed,
//! then what comes. Every instance reads every partition, without a group: an event stream may be open anywhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::flow_control::backoff::Backoff;
use crate::gateway::entry::Entry;
use crate::gateway::hub::Hub;
use crate::gateway::progress::Progress;
use crate::gateway::trust::Trust;
use crate::kafka::client::Connection;
use crate::kafka::error::KafkaError;
use crate::kafka::producer::KafkaProducer;
use crate::kafka::reader::{Offsets, Seen, Start, follow};
use crate::kafka::snapshot::Snapshot;
use crate::kafka::topics::Topics;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(200), cap: Duration::from_secs(5) };

/// What is read, and from where.
#[derive(Clone)]
pub struct Feed {
    pub connection: Connection,
    pub topics: Topics,
    /// Where the past begins, in milliseconds since 1970; `None`: with the first record.
    pub since: Option<i64>,
    pub hub: Arc<Hub>,
    pub trust: Arc<Trust>,
}

impl Feed {
    /// Reads for as long as it is awaited. Brokers that are away are waited for, and so are topics that do not exist.
    ///
    /// # Errors
    /// When reading ends by itself, which it is not meant to.
    pub async fn run(self) -> anyhow::Result<()> {
        let ends = until_done("the past", || self.clone().read_past()).await;
        let start = Start::At(ends);
        let names = self.names();
        let begin = || {
            let (connection, names, start) = (self.connection.clone(), names.clone(), start.clone());
            async move { spawn_blocking(move || follow(&connection, &names, &start)).await? }
        };
        let mut coming: mpsc::Receiver<Seen> = until_done("the present", begin).await;
        self.hub.set_caught_up();
        while let Some(seen) = coming.recv().await {
            if let Some(entry) = self.entry(seen) {
                self.hub.take_in(entry);
            }
        }
        anyhow::bail!("the topics can no longer be read")
    }

    /// The topics that are read.
    pub fn names(&self) -> Vec<String> {
        let requests = self.topics.requests().map(|(topic, _)| topic);
        requests.iter().chain(self.topics.outcomes.values()).map(ToString::to_string).collect()
    }

    fn entry(&self, seen: Seen) -> Option<Entry> {
        self.trust.entry(Entry::read(seen, &self.topics)?)
    }

    /// Recalls what was there before, and tells where it ends. What was recalled before a failure is not recalled twice.
    async fn read_past(self) -> Result<Offsets, KafkaError> {
        let reading = spawn_blocking(move || {
            let snapshot = Snapshot::take(&self.connection, &self.names(), self.since)?;
            let ends = snapshot.ends().clone();
            snapshot.read(|seen| {
                if let Some(entry) = self.entry(seen) {
                    self.hub.recall(entry);
                }
            })?;
            Ok(ends)
        });
        reading.await?
    }
}

/// Reads how far requests are, beside everything else: who waits for an outcome waits for nothing of this.
pub struct ProgressFeed {
    pub connection: Connection,
    pub topic: Arc<str>,
    pub hub: Arc<Hub>,
    pub trust: Arc<Trust>,
}

impl ProgressFeed {
    /// Reads what comes from now on, for as long as it is awaited. Where there is no such topic that is told once, and it is
    /// looked for.
    ///
    /// # Errors
    /// When reading ends by itself, which it is not meant to.
    pub async fn run(self, kafka: Arc<KafkaProducer>) -> anyhow::Result<()> {
        let topics = [self.topic.to_string()];
        let found = until_done("the topic of progress", || async {
            match kafka.check_topics(&topics).await {
                Err(error @ KafkaError::Request(_)) => Err(error),
                told => Ok(told),
            }
        });
        if let Err(error) = found.await {
            tracing::warn!(%error, "members are not shown how far their requests are");
        }
        let begin = || {
            let (connection, topics) = (self.connection.clone(), topics.clone());
            async move { spawn_blocking(move || follow(&connection, &topics, &Start::Now)).await? }
        };
        let mut coming = until_done("progress", begin).await;
        while let Some(seen) = coming.recv().await {
            if let Some(progress) = Progress::read(seen).and_then(|progress| self.trust.progress(progress)) {
                self.hub.tell(progress);
            }
        }
        anyhow::bail!("the topic of progress can no longer be read")
    }
}

/// Does it again until it is done.
async fn until_done<T, F>(what: &str, act: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, KafkaError>>,
{
    let failed = |error: KafkaError, attempt| tracing::debug!(%error, what, attempt, "Kafka cannot be read yet");
    BACKOFF.retry_forever(act, failed).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::record::Header;
    use crate::events::request::MemberId;
    use crate::gateway::entry::tests::topics;
    use crate::gateway::history::{LastEvent, Limits};
    use crate::kafka::embedded::EmbeddedBroker;
    use crate::kafka::outgoing::{OutgoingRecord, Producer};

    async fn send(producer: &KafkaProducer, id: &str) {
        let outgoing = OutgoingRecord {
            topic: "FeedbackGenerated".into(),
            partition: None,
            key: Some(b"7".to_vec()),
            value: Some(br#"{"memberId":7,"feedback":"."}"#.to_vec()),
            headers: vec![Header::new("ce_id", id), Header::new("ce_subject", "7"), Header::new("ce_causationid", "r")],
        };
        producer.send(&outgoing).await.unwrap();
    }

    /// Sends progress of member 7's request.
    async fn tell(producer: &KafkaProducer, request: &str, sequence: u64) {
        let value = format!(
            r#"{{"memberId":7,"eventName":"PROBLEM_FEEDBACK","requestId":"{request}","sequence":{sequence},
                "stage":"WRITING","text":"."}}"#
        );
        let outgoing = OutgoingRecord {
            topic: "RequestProgress".into(),
            partition: None,
            key: Some(b"7".to_vec()),
            value: Some(value.into_bytes()),
            headers: vec![],
        };
        producer.send(&outgoing).await.unwrap();
    }

    #[tokio::test]
    async fn progress_is_read_from_the_end_of_its_topic_and_whatever_is_no_progress_is_passed_over() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("RequestProgress", 2).unwrap();
        let connection = Connection { bootstrap: broker.address().unwrap(), properties: vec![] };
        let producer = Arc::new(KafkaProducer::open(&connection).unwrap());
        tell(&producer, "past", 1).await;
        let hub = Hub::new(Limits::default());
        let mut stream = hub.subscribe(MemberId::new(7).unwrap(), None);
        let feed = ProgressFeed { connection, topic: "RequestProgress".into(), hub, trust: Arc::default() };
        let reading = tokio::spawn(feed.run(producer.clone()));
        // It begins at some moment: what is told until then is the past, too.
        let mut sequence = 0;
        let first = loop {
            sequence += 1;
            tell(&producer, "present", sequence).await;
            tokio::select! {
                told = stream.progress.recv() => break told.unwrap(),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        };
        assert_eq!(first.said.request_id, "present");
        reading.abort();
    }

    #[tokio::test]
    async fn the_past_is_recalled_and_what_comes_is_told_although_topics_are_missing() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("FeedbackGenerated", 2).unwrap();
        let connection = Connection { bootstrap: broker.address().unwrap(), properties: vec![] };
        let producer = KafkaProducer::open(&connection).unwrap();
        send(&producer, "past").await;
        let hub = Hub::new(Limits::default());
        let feed = Feed { connection, topics: topics(), since: None, hub: hub.clone(), trust: Arc::default() };
        let reading = tokio::spawn(feed.run());
        hub.caught_up().await;
        let mut stream = hub.subscribe(MemberId::new(7).unwrap(), LastEvent::parse("0"));
        assert_eq!(stream.missed.len(), 1);
        send(&producer, "present").await;
        assert!(stream.coming.recv().await.unwrap().entry.outcome_event_id().unwrap().ends_with("-present"));
        reading.abort();
    }
}
