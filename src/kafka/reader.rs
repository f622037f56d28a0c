//! Reads topics without a group, for tools and demonstrations: nothing is joined, nothing committed.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::events::record::{Header, RecordTime};
use crate::kafka::client::{Connection, PlainContext};
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

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first record that is still there.
    Beginning,
    /// With the first record that comes after the call.
    Now,
}

/// How long one question to the brokers may take.
pub(super) const ASKING: Duration = Duration::from_secs(5);
pub(super) const POLL: Duration = Duration::from_millis(100);
const BUFFERED: usize = 256;

pub(super) type Reader = BaseConsumer<PlainContext>;

/// Every record of `topics` as it comes, until the receiver is dropped. Blocks while it finds the partitions.
pub fn follow(connection: &Connection, topics: &[String], start: Start) -> KafkaResult<mpsc::Receiver<Seen>> {
    let consumer = open(connection)?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in partitions(&consumer, topic)? {
            let offset = match start {
                Start::Beginning => Offset::Beginning,
                // Asked for here: left to the client, "the end" would be wherever it is at the first fetch.
                Start::Now => Offset::Offset(consumer.fetch_watermarks(topic, partition, ASKING)?.1),
            };
            list.add_partition_offset(topic, partition, offset)?;
        }
    }
    consumer.assign(&list)?;
    let (sender, receiver) = mpsc::channel(BUFFERED);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let Some(Ok(message)) = consumer.poll(POLL) else { continue };
            if sender.blocking_send(seen(&message)).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

pub(super) fn open(connection: &Connection) -> KafkaResult<Reader> {
    let config = connection.config(&[
        // librdkafka wants a name; nothing is joined or committed.
        ("group.id", "ssammu-reader"),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("allow.auto.create.topics", "false"),
    ]);
    Reader::from_config_and_context(&config, PlainContext)
}

/// The partitions of a topic; none when it does not exist.
pub(super) fn partitions(consumer: &Reader, topic: &str) -> KafkaResult<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ASKING)?;
    Ok(metadata.topics().iter().flat_map(MetadataTopic::partitions).map(|partition| partition.id()).collect())
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
