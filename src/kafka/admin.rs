//! Topics: which are there, what they are like, and making those that are missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::error::KafkaError;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    /// The topic whose records it takes when they cannot be answered; it must take them twice as large, so that
    /// their headers fit.
    pub dead_letters_of: Option<String>,
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub partitions: usize,
    /// `max.message.bytes`; `None` when the broker does not tell.
    pub max_message_bytes: Option<u64>,
    pub cleanup_policy: Option<String>,
}

/// How topics are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    /// `None`: the broker's default.
    pub retention: Option<Duration>,
}

/// How many partitions a new topic has unless somebody says otherwise.
pub const PARTITIONS: i32 = 12;

/// What a broker takes by default as a topic's `max.message.bytes`.
const MESSAGE_MAX_BYTES: u64 = 1_048_588;

/// The `max.message.bytes` of a new dead-letter topic.
pub const DEAD_LETTER_MAX_BYTES: u64 = MESSAGE_MAX_BYTES * 2;

/// Asks brokers about topics, and makes them.
pub struct Admin {
    client: Arc<AdminClient<PlainContext>>,
}

impl Admin {
    /// A client. The brokers need not be there yet.
    pub fn open(connection: &Connection) -> Result<Self, KafkaError> {
        let config = connection.config(&[("allow.auto.create.topics", "false")]);
        Ok(Self { client: Arc::new(AdminClient::from_config_and_context(&config, PlainContext)?) })
    }

    /// How many partitions each of these topics has; those that do not exist are left out.
    pub async fn partitions(&self, topics: &[String]) -> Result<BTreeMap<String, usize>, KafkaError> {
        let (client, topics) = (self.client.clone(), topics.to_vec());
        let asking = tokio::task::spawn_blocking(move || {
            let mut found = BTreeMap::new();
            for topic in topics {
                let partitions = count_partitions(client.inner(), &topic)?;
                if partitions > 0 {
                    found.insert(topic, partitions);
                }
            }
            Ok(found)
        });
        asking.await?
    }

    /// What an existing topic is like.
    pub async fn describe(&self, topic: &str, partitions: usize) -> Result<Found, KafkaError> {
        let described = self.client.describe_configs([&ResourceSpecifier::Topic(topic)], &options()).await?;
        let config = described.into_iter().next().ok_or_else(no_answer)??;
        let value = |name: &str| config.get(name).and_then(|entry| entry.value.clone());
        Ok(Found {
            partitions,
            max_message_bytes: value("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
            cleanup_policy: value("cleanup.policy"),
        })
    }

    /// Makes a topic; one that is there already is left as it is.
    pub async fn create(&self, wanted: &Wanted, shape: Shape) -> Result<(), KafkaError> {
        let retention = shape.retention.map(|retention| retention.as_millis().to_string());
        let large = DEAD_LETTER_MAX_BYTES.to_string();
        let replication = TopicReplication::Fixed(shape.replication.unwrap_or(-1));
        let mut topic = NewTopic::new(&wanted.name, shape.partitions, replication);
        if let Some(retention) = &retention {
            topic = topic.set("retention.ms", retention);
        }
        if wanted.dead_letters_of.is_some() {
            topic = topic.set("max.message.bytes", &large);
        }
        let made = self.client.create_topics([&topic], &options()).await?;
        match made.into_iter().next() {
            Some(Ok(_)) | Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
            Some(Err((_, code))) => Err(code.into()),
            None => Err(no_answer()),
        }
    }
}

fn no_answer() -> KafkaError {
    KafkaError::Request("the broker did not answer".to_owned())
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT))
}

/// How many partitions a topic has; none when it does not exist. Blocks.
pub(super) fn count_partitions<C: ClientContext>(client: &Client<C>, topic: &str) -> KafkaResult<usize> {
    let metadata = client.fetch_metadata(Some(topic), METADATA_TIMEOUT)?;
    Ok(metadata.topics().iter().map(|topic| topic.partitions().len()).sum())
}

/// What is wrong with a topic for the worker, in words; `request` is the topic whose dead letters it takes.
pub fn differences(wanted: &Wanted, found: &Found, request: Option<&Found>) -> Vec<String> {
    let name = &wanted.name;
    let mut differences = Vec::new();
    if found.cleanup_policy.as_deref().is_some_and(|policy| policy.contains("compact")) {
        differences.push(format!("{name} is compacted: records of a member that were not read yet can vanish"));
    }
    if let Some(request) = request {
        if found.partitions < request.partitions {
            differences.push(format!(
                "{name} has {} partitions and its request topic {}: dead letters of the others go where their key says",
                found.partitions, request.partitions
            ));
        }
        let (takes, needs) = (found.max_message_bytes, request.max_message_bytes.unwrap_or(MESSAGE_MAX_BYTES) * 2);
        if takes.is_some_and(|takes| takes < needs) {
            differences.push(format!(
                "{name} takes records of up to {} bytes and should take {needs}: a large request could not be kept",
                takes.unwrap_or_default()
            ));
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted { name: "A-dlt".to_owned(), dead_letters_of: Some("A".to_owned()) }
    }

    fn found(partitions: usize, bytes: u64, policy: &str) -> Found {
        Found { partitions, max_message_bytes: Some(bytes), cleanup_policy: Some(policy.to_owned()) }
    }

    #[test]
    fn a_fitting_dead_letter_topic_differs_in_nothing() {
        let request = found(12, MESSAGE_MAX_BYTES, "delete");
        assert_eq!(differences(&wanted(), &found(12, MESSAGE_MAX_BYTES * 2, "delete"), Some(&request)), [""; 0]);
    }

    #[test]
    fn small_narrow_and_compacted_topics_are_told() {
        let request = found(12, MESSAGE_MAX_BYTES, "delete");
        assert_eq!(differences(&wanted(), &found(3, MESSAGE_MAX_BYTES, "compact,delete"), Some(&request)).len(), 3);
    }
}
