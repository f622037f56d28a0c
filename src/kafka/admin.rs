//! Topics: which are there, what they are like, and making those that are missing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError as RdKafkaError, KafkaResult, RDKafkaErrorCode};

use crate::kafka::client::{Connection, PlainContext};
use crate::kafka::error::{DENIED, KafkaError};
use crate::kafka::reader::{self, Reader};
use crate::kafka::topics::Topics;

const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A topic as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub name: String,
    pub purpose: Purpose,
}

/// What a topic is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Requests,
    Outcomes,
    Progress,
    /// It takes this topic's records when they cannot be answered; twice as large, so that their headers fit.
    DeadLettersOf(String),
}

impl Wanted {
    /// All topics that the worker reads or writes.
    pub fn all(topics: &Topics) -> Vec<Self> {
        let requests = topics.requests().map(|(topic, _)| topic);
        let purpose = |name: &String| {
            if let Some(topic) = requests.iter().find(|topic| topics.dead_letters(topic) == *name) {
                return Purpose::DeadLettersOf(topic.to_string());
            }
            if topics.progress.as_deref() == Some(name.as_str()) {
                return Purpose::Progress;
            }
            if requests.iter().any(|topic| topic.as_ref() == name) { Purpose::Requests } else { Purpose::Outcomes }
        };
        topics.all().into_iter().map(|name| Self { purpose: purpose(&name), name }).collect()
    }

    /// The topic whose dead letters it takes.
    pub fn dead_letters_of(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::DeadLettersOf(topic) => Some(topic),
            Purpose::Requests | Purpose::Outcomes | Purpose::Progress => None,
        }
    }
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub partitions: usize,
    /// `max.message.bytes`; `None` when the broker does not tell.
    pub max_message_bytes: Option<u64>,
    pub cleanup_policy: Option<String>,
    /// `retention.ms`; -1 for ever.
    pub retention_ms: Option<i64>,
}

impl Found {
    fn is_endless(&self) -> bool {
        self.retention_ms.is_some_and(|milliseconds| milliseconds < 0)
    }
}

/// What brokers tell of topics to whoever may know of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// How many partitions each of those has that exist.
    pub partitions: BTreeMap<String, usize>,
    /// Those that one broker alone holds, though there are others.
    pub held_by_one: Vec<String>,
    /// How many brokers there are.
    pub brokers: usize,
}

/// How topics are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub partitions: i32,
    /// `None`: the broker's default.
    pub replication: Option<i32>,
    /// How long records are kept, and dead letters: what members wrote has an end.
    pub retention: Duration,
    pub dead_letter_retention: Duration,
    /// Progress is of no use once its request is answered.
    pub progress_retention: Duration,
}

/// How many partitions a new topic has unless somebody says otherwise.
pub const PARTITIONS: i32 = 12;

/// What a broker takes by default as a topic's `max.message.bytes`.
const MESSAGE_MAX_BYTES: u64 = 1_048_588;

/// The `max.message.bytes` of a new dead-letter topic.
pub const DEAD_LETTER_MAX_BYTES: u64 = MESSAGE_MAX_BYTES * 2;

/// The least `max.message.bytes` of an outcome topic: the longest résumé, with its escapes and headers, and every batch of
/// small ones.
const OUTCOME_MAX_BYTES: u64 = 256 * 1024;

/// Asks brokers about topics, and makes them.
pub struct Admin {
    client: Arc<AdminClient<PlainContext>>,
    /// Asks for what is there. Unlike the other it also says why brokers cannot be asked.
    reader: Arc<Reader>,
}

impl Admin {
    /// A client. The brokers need not be there yet.
    pub fn open(connection: &Connection) -> Result<Self, KafkaError> {
        let config = connection.config(&[("allow.auto.create.topics", "false")]);
        let client = Arc::new(AdminClient::from_config_and_context(&config, PlainContext)?);
        Ok(Self { client, reader: Arc::new(reader::open(connection)?) })
    }

    /// What there is of these topics.
    ///
    /// # Errors
    /// [`KafkaError::DeniedTopics`] where it is not told whether some of them exist.
    pub async fn inventory(&self, topics: Vec<String>) -> Result<Inventory, KafkaError> {
        let reader = self.reader.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let mut inventory = Inventory::default();
            let mut denied = Vec::new();
            for topic in topics {
                let found = match reader.client().fetch_metadata(Some(&topic), METADATA_TIMEOUT) {
                    Ok(found) => found,
                    Err(error) => return Err(reader::explain(&reader, error)),
                };
                inventory.brokers = inventory.brokers.max(found.brokers().len());
                let partitions: Vec<_> = found.topics().iter().flat_map(|topic| topic.partitions()).collect();
                if found.topics().iter().any(|topic| topic.error() == Some(DENIED)) {
                    denied.push(topic);
                } else if !partitions.is_empty() {
                    if partitions.iter().any(|partition| partition.replicas().len() == 1) {
                        inventory.held_by_one.push(topic.clone());
                    }
                    inventory.partitions.insert(topic, partitions.len());
                }
            }
            if denied.is_empty() { Ok(inventory) } else { Err(KafkaError::DeniedTopics(denied)) }
        });
        asking.await?
    }

    /// What an existing topic is like.
    ///
    /// # Errors
    /// Also when it may not be looked at.
    pub async fn describe(&self, topic: &str, partitions: usize) -> Result<Found, KafkaError> {
        let described = self.client.describe_configs([&ResourceSpecifier::Topic(topic)], &options()).await?;
        let config = described.into_iter().next().ok_or_else(no_answer)??;
        // Whoever may not look is told of no setting at all.
        if config.entries.is_empty() {
            return Err(KafkaError::Request("its settings are not told (DescribeConfigs is denied)".to_owned()));
        }
        let value = |name: &str| config.get(name).and_then(|entry| entry.value.clone());
        Ok(Found {
            partitions,
            max_message_bytes: value("max.message.bytes").and_then(|bytes| bytes.parse().ok()),
            cleanup_policy: value("cleanup.policy"),
            retention_ms: value("retention.ms").and_then(|milliseconds| milliseconds.parse().ok()),
        })
    }

    /// Makes a topic; one that is there already is left as it is.
    pub async fn create(&self, wanted: &Wanted, shape: Shape) -> Result<(), KafkaError> {
        let retention = match wanted.purpose {
            Purpose::Requests | Purpose::Outcomes => shape.retention,
            Purpose::DeadLettersOf(_) => shape.dead_letter_retention,
            Purpose::Progress => shape.progress_retention,
        };
        let retention = retention.as_millis().to_string();
        let large = DEAD_LETTER_MAX_BYTES.to_string();
        let replication = TopicReplication::Fixed(shape.replication.unwrap_or(-1));
        let mut topic = NewTopic::new(&wanted.name, shape.partitions, replication).set("retention.ms", &retention);
        match wanted.purpose {
            Purpose::Requests | Purpose::Outcomes => {}
            Purpose::DeadLettersOf(_) => topic = topic.set("max.message.bytes", &large),
            // A broker deletes whole segments, and by default begins another after a week.
            Purpose::Progress => topic = topic.set("segment.ms", &retention),
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
///
/// # Errors
/// When the brokers cannot be asked, or do not tell.
pub(super) fn count_partitions<C: ClientContext>(client: &Client<C>, topic: &str) -> KafkaResult<usize> {
    let metadata = client.fetch_metadata(Some(topic), METADATA_TIMEOUT)?;
    if metadata.topics().iter().any(|topic| topic.error() == Some(DENIED)) {
        return Err(RdKafkaError::MetadataFetch(DENIED.into()));
    }
    Ok(metadata.topics().iter().map(|topic| topic.partitions().len()).sum())
}

/// What is wrong with the topics of outcomes, in words: how they are set up, and that one of several brokers alone holds
/// them.
///
/// # Errors
/// When they cannot be looked at.
pub async fn concerns(connection: &Connection, topics: &Topics) -> Result<Vec<String>, KafkaError> {
    let admin = Admin::open(connection)?;
    let concerns = look_for_concerns(&admin, topics).await;
    // Dropping clients blocks.
    tokio::task::spawn_blocking(move || drop(admin)).await?;
    concerns
}

async fn look_for_concerns(admin: &Admin, topics: &Topics) -> Result<Vec<String>, KafkaError> {
    let outcomes = Wanted::all(topics).into_iter().filter(|wanted| wanted.purpose == Purpose::Outcomes);
    let outcomes: Vec<Wanted> = outcomes.collect();
    let inventory = admin.inventory(outcomes.iter().map(|wanted| wanted.name.clone()).collect()).await?;
    let mut concerns = Vec::new();
    for wanted in outcomes {
        let Some(partitions) = inventory.partitions.get(&wanted.name) else { continue };
        match admin.describe(&wanted.name, *partitions).await {
            Ok(found) => concerns.extend(differences(&wanted, &found, None)),
            // Who may not look can work all the same.
            Err(error) => {
                tracing::debug!(topic = wanted.name, %error, "how a topic is set up is not known");
                break;
            }
        }
    }
    if inventory.brokers > 1 && !inventory.held_by_one.is_empty() {
        let topics = inventory.held_by_one.join(", ");
        concerns.push(format!("one replica holds {topics}: with its broker goes what is in them"));
    }
    Ok(concerns)
}

/// What is wrong with a topic for the worker, in words; `request` is the topic whose dead letters it takes.
pub fn differences(wanted: &Wanted, found: &Found, request: Option<&Found>) -> Vec<String> {
    let name = &wanted.name;
    let mut differences = Vec::new();
    let is_compacted = found.cleanup_policy.as_deref().is_some_and(|policy| policy.contains("compact"));
    if is_compacted {
        differences.push(format!("{name} is compacted: records of a member that were not read yet can vanish"));
    }
    if found.is_endless() {
        differences.push(format!("{name} keeps what members wrote for ever (retention.ms)"));
    }
    if wanted.purpose == Purpose::Outcomes
        && let Some(takes) = found.max_message_bytes.filter(|takes| *takes < OUTCOME_MAX_BYTES)
    {
        differences.push(format!(
            "{name} takes records of up to {takes} bytes (max.message.bytes) and should take {OUTCOME_MAX_BYTES}: an outcome \
             that it refuses becomes a failure"
        ));
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

/// That a topic keeps what members wrote longer than it may, in words. That one keeps it for ever is a difference anyhow. How
/// many bytes it may keep is no end: what fits stays.
pub fn kept_too_long(wanted: &Wanted, found: &Found, max_age: Duration) -> Option<String> {
    let kept = Duration::from_millis(u64::try_from(found.retention_ms?).ok()?);
    let told = |duration: Duration| {
        let days = duration.as_secs_f64() / 86_400.0;
        format!("{}{}", if days.fract() == 0.0 { "" } else { "about " }, days.ceil())
    };
    (kept > max_age).then(|| {
        format!(
            "{} keeps what members wrote for {} days (retention.ms), and may for {} (PERSONAL_DATA_MAX_AGE)",
            wanted.name,
            told(kept),
            told(max_age)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_longer_than_it_may_be_is_told_in_days() {
        const DAY: i64 = 86_400_000;
        let kept = |retention_ms, days: u64| {
            let found = Found { retention_ms, ..found(1, MESSAGE_MAX_BYTES, "delete") };
            kept_too_long(&wanted(), &found, Duration::from_secs(days * 86_400))
        };
        for fitting in [Some(35 * DAY), Some(1), Some(0), Some(-1), None] {
            assert_eq!(kept(fitting, 35), None, "{fitting:?}");
        }
        let told = kept(Some(90 * DAY), 35).unwrap();
        assert!(told.starts_with("A-dlt keeps what members wrote for 90 days") && told.contains("for 35 "), "{told}");
        assert!(kept(Some(35 * DAY + 1), 35).unwrap().contains("about 36 days"));
        assert!(kept(Some(i64::MAX), 35).is_some());
    }

    fn wanted() -> Wanted {
        Wanted { name: "A-dlt".to_owned(), purpose: Purpose::DeadLettersOf("A".to_owned()) }
    }

    fn found(partitions: usize, bytes: u64, policy: &str) -> Found {
        Found {
            partitions,
            max_message_bytes: Some(bytes),
            cleanup_policy: Some(policy.to_owned()),
            retention_ms: Some(1),
        }
    }

    #[test]
    fn an_outcome_topic_that_takes_small_records_only_or_has_no_end_is_told() {
        let outcomes = Wanted { name: "A".to_owned(), purpose: Purpose::Outcomes };
        assert_eq!(differences(&outcomes, &found(1, OUTCOME_MAX_BYTES, "delete"), None), [""; 0]);
        let endless = Found { retention_ms: Some(-1), ..found(1, OUTCOME_MAX_BYTES - 1, "delete") };
        let told = differences(&outcomes, &endless, None);
        assert!(told.len() == 2 && told[0].contains("for ever") && told[1].contains("262143"), "{told:?}");
    }

    #[test]
    fn a_progress_topic_may_take_small_records_and_has_an_end_as_others() {
        let progress = Wanted { name: "A".to_owned(), purpose: Purpose::Progress };
        assert_eq!(differences(&progress, &found(1, 10_000, "delete"), None), [""; 0]);
        let endless = Found { retention_ms: Some(-1), ..found(1, 10_000, "compact") };
        assert_eq!(differences(&progress, &endless, None).len(), 2);
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
