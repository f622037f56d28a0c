//! Deleting the oldest records of topics (DeleteRecords).

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as RdKafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::error::{KafkaError, is_denied};
use crate::kafka::reader::{self, ASKING};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// A partition's records from before a moment: from its first offset up to, and without, another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    pub topic: String,
    pub partition: i32,
    start: i64,
    end: i64,
}

impl Older {
    /// How many they are. In a topic that is compacted, or written in transactions, there may be fewer.
    pub fn count(&self) -> i64 {
        self.end - self.start
    }
}

/// What these topics hold now from before a moment, in milliseconds since 1970: up to the first record of that moment or
/// later, so that what stands behind that, out of order, is none of it. Blocks.
///
/// # Errors
/// When the brokers cannot be asked.
pub fn older(connection: &Connection, topics: &[String], before: i64) -> Result<Vec<Older>, KafkaError> {
    let consumer = reader::open(connection)?;
    let mut all = Vec::new();
    for topic in topics {
        let mut times = TopicPartitionList::new();
        let mut spans = Vec::new();
        for partition in reader::partitions(&consumer, topic)? {
            // Asked for first: what comes meanwhile is not found by its time either.
            spans.push((partition, reader::watermarks(&consumer, topic, partition)?));
            times.add_partition_offset(topic, partition, Offset::Offset(before.max(0)))?;
        }
        let found = consumer.offsets_for_times(times, ASKING).map_err(|error| reader::explain(&consumer, error))?;
        for (partition, (start, end)) in spans {
            let element = found.find_partition(topic, partition);
            let end = match element.map(|element| (element.error(), element.offset())) {
                Some((Ok(()), Offset::Offset(offset))) => offset.min(end),
                // No record is that young.
                Some((Ok(()), Offset::End)) => end,
                Some((Err(error), _)) => return Err(reader::explain(&consumer, error)),
                Some((Ok(()), _)) | None => {
                    return Err(KafkaError::Request(format!("{topic}/{partition}: no offset for a time is told")));
                }
            };
            if start < end {
                all.push(Older { topic: topic.clone(), partition, start, end });
            }
        }
    }
    Ok(all)
}

/// Deletes them, and says of each whether that was done.
///
/// # Errors
/// When the brokers cannot be asked.
pub async fn delete(connection: &Connection, older: &[Older]) -> Result<Vec<Result<(), KafkaError>>, KafkaError> {
    if older.is_empty() {
        return Ok(Vec::new());
    }
    let client = AdminClient::from_config_and_context(&connection.config(&[]), PlainContext)?;
    let mut ends = TopicPartitionList::new();
    for Older { topic, partition, end, .. } in older {
        ends.add_partition_offset(topic, *partition, Offset::Offset(*end))?;
    }
    let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
    let deleted = client.delete_records(&ends, &options).await;
    // Dropping clients blocks.
    tokio::task::spawn_blocking(move || drop(client)).await?;
    let deleted = deleted?;
    let result = |older: &Older| match deleted.find_partition(&older.topic, older.partition) {
        Some(element) => element.error().map_err(|error| explain(&older.topic, error)),
        None => Err(KafkaError::Request("the broker did not answer".to_owned())),
    };
    Ok(older.iter().map(result).collect())
}

fn explain(topic: &str, error: RdKafkaError) -> KafkaError {
    if is_denied(&error) {
        return KafkaError::DeniedDeleting(topic.to_owned());
    }
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::PolicyViolation) => {
            KafkaError::Request(format!("{topic} is compacted and takes no deletion (cleanup.policy)"))
        }
        _ => error.into(),
    }
}
