//! Reads topics without a group, from their beginning: for tools and demonstrations.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::events::record::Header;
use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::wire;

/// A record as it stands in its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);
const BUFFERED: usize = 256;

/// Every record of `topics` as it comes, until the receiver is dropped. Blocks while it finds the partitions.
pub fn follow(connection: &Connection, topics: &[String]) -> KafkaResult<mpsc::Receiver<Seen>> {
    let config = connection.config(&[
        // librdkafka wants a name; nothing is joined or committed.
        ("group.id", "ssammu-reader"),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("allow.auto.create.topics", "false"),
    ]);
    let consumer: BaseConsumer<PlainContext> = BaseConsumer::from_config_and_context(&config, PlainContext)?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        let metadata = consumer.fetch_metadata(Some(topic), METADATA_TIMEOUT)?;
        for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        }
    }
    consumer.assign(&list)?;
    let (sender, receiver) = mpsc::channel(BUFFERED);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let Some(Ok(message)) = consumer.poll(POLL) else { continue };
            let seen = Seen {
                topic: message.topic().to_owned(),
                partition: message.partition(),
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().map(<[u8]>::to_vec),
                headers: wire::headers(&message),
            };
            if sender.blocking_send(seen).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
