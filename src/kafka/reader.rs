//! Reads topics without a group, for tools and demonstrations: nothing is joined, nothing committed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as RdKafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::events::record::{Header, RecordTime};
use crate::kafka::client::{self, BrokerReAdd, Connection, Heard};
use crate::kafka::error::{DENIED, KafkaError, is_denied};
use crate::kafka::wire;

/// A record as it stands in its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// `None` when the broker's format has no time.
    pub time: Option<RecordTime>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// Where following begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first record that is still there.
    Beginning,
    /// With the first record that comes after the call.
    Now,
    /// At these offsets, by topic and partition; a partition without one from its beginning.
    At(Offsets),
}

/// An offset for each partition of some topics.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// How long one question to the brokers may take.
pub(super) const ASKING: Duration = Duration::from_secs(5);
pub(super) const POLL: Duration = Duration::from_millis(100);
/// How often topics and partitions are looked for that were not there before.
const LOOK: Duration = Duration::from_secs(5);
const BUFFERED: usize = 256;
/// What is listened to when something has failed.
const NEWS_MAX: usize = 100;

pub(super) type Reader = BaseConsumer<ReaderContext>;

/// Every record of `topics` as it comes, until the receiver is dropped. What is made later, a topic or a partition, is
/// read from its beginning. Blocks while it finds the partitions.
///
/// # Errors
/// When the brokers cannot be asked for the partitions; an outage later is waited for.
pub fn follow(connection: &Connection, topics: &[String], start: &Start) -> Result<mpsc::Receiver<Seen>, KafkaError> {
    let consumer = open(connection)?;
    let mut following = Following { consumer, topics: topics.to_vec(), found: BTreeSet::new() };
    following.look(start)?;
    let (sender, receiver) = mpsc::channel(BUFFERED);
    let bootstrap = connection.bootstrap.clone();
    std::thread::spawn(move || following.hand_out(&sender, &bootstrap));
    Ok(receiver)
}

struct Following {
    consumer: Reader,
    topics: Vec<String>,
    /// The partitions that are read.
    found: BTreeSet<(String, i32)>,
}

impl Following {
    /// Reads the partitions that it did not read before.
    fn look(&mut self, start: &Start) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        let mut new = Vec::new();
        for topic in &self.topics {
            for partition in partitions(&self.consumer, topic)? {
                let place = (topic.clone(), partition);
                if self.found.contains(&place) {
                    continue;
                }
                let offset = match start {
                    Start::Beginning => Offset::Beginning,
                    // Asked for here: left to the client, "the end" would be wherever it is at the first fetch.
                    Start::Now => Offset::Offset(watermarks(&self.consumer, topic, partition)?.1),
                    Start::At(offsets) => {
                        offsets.get(&place).map_or(Offset::Beginning, |offset| Offset::Offset(*offset))
                    }
                };
                list.add_partition_offset(topic, partition, offset)?;
                new.push(place);
            }
        }
        if !new.is_empty() {
            self.consumer.incremental_assign(&list)?;
            self.found.extend(new);
        }
        Ok(())
    }

    fn hand_out(mut self, sender: &mpsc::Sender<Seen>, bootstrap: &str) {
        let mut looked = Instant::now();
        while !sender.is_closed() {
            if looked.elapsed() >= LOOK {
                if let Err(error) = self.look(&Start::Beginning) {
                    tracing::debug!(%error, "the partitions could not be looked at");
                }
                looked = Instant::now();
            }
            self.consumer.context().re_add.run(self.consumer.client(), bootstrap);
            let message = match self.consumer.poll(POLL) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    if is_denied(&error) && client::is_news(&format!("reading {error}")) {
                        tracing::warn!(%error, "a topic may not be read: what comes there is not seen");
                    }
                    continue;
                }
                None => continue,
            };
            if sender.blocking_send(seen(&message)).is_err() {
                return;
            }
        }
    }
}

/// Writes the client's log, and brings the client back when all brokers were lost.
#[derive(Debug, Default)]
pub(super) struct ReaderContext {
    re_add: BrokerReAdd,
    pub heard: Heard,
}

impl ClientContext for ReaderContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.heard.note_line(facility, line);
        client::log(level, facility, line);
    }

    fn error(&self, error: RdKafkaError, reason: &str) {
        self.re_add.note(&error);
        self.heard.note(&error, reason);
        tracing::debug!(%error, reason, "Kafka reader error");
    }
}

impl ConsumerContext for ReaderContext {}

pub(super) fn open(connection: &Connection) -> KafkaResult<Reader> {
    let config = connection.config(&[
        // librdkafka wants a name; nothing is joined or committed.
        ("group.id", "ssammu-reader"),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("allow.auto.create.topics", "false"),
        // A broker answers when it has something; the embedded one only when the wait is over.
        ("fetch.wait.max.ms", "100"),
    ]);
    Reader::from_config_and_context(&config, ReaderContext::default())
}

/// Why the brokers could not be asked, with what the client says by itself.
pub(super) fn explain(consumer: &Reader, error: RdKafkaError) -> KafkaError {
    // It says so when it is polled, a line at a time; a line of its log is none of what a poll gives.
    for _ in 0..NEWS_MAX {
        let _ = consumer.poll(Duration::ZERO);
    }
    match KafkaError::from(error) {
        KafkaError::Request(error) => KafkaError::Request(consumer.context().heard.explain(error)),
        other => other,
    }
}

/// The partitions of a topic; none when it does not exist.
///
/// # Errors
/// When the brokers cannot be asked, or do not tell.
pub(super) fn partitions(consumer: &Reader, topic: &str) -> Result<Vec<i32>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), ASKING).map_err(|error| explain(consumer, error))?;
    if metadata.topics().iter().any(|topic| topic.error() == Some(DENIED)) {
        return Err(KafkaError::DeniedTopics(vec![topic.to_owned()]));
    }
    Ok(metadata.topics().iter().flat_map(MetadataTopic::partitions).map(|partition| partition.id()).collect())
}

/// Where a partition begins and ends.
///
/// # Errors
/// When the brokers cannot be asked, or do not tell.
pub(super) fn watermarks(consumer: &Reader, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
    consumer.fetch_watermarks(topic, partition, ASKING).map_err(|error| match is_denied(&error) {
        true => KafkaError::DeniedReading(topic.to_owned()),
        false => explain(consumer, error),
    })
}

/// Copies a message out of librdkafka.
pub(super) fn seen(message: &BorrowedMessage<'_>) -> Seen {
    Seen {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        time: wire::time(message.timestamp()),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: wire::headers(message),
    }
}
