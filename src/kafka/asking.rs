//! What a group's member asks the brokers. Each question blocks, and has a thread of its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::kafka::error::KafkaError;
use crate::kafka::position::{MAP_PREFIX, Partition, Position, Start};
use crate::kafka::topic_ids::{TopicId, topic_ids};

/// How long one question to a broker may take.
const ASKING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long nobody asks for a coordinator that has just not answered.
const AGAIN: Duration = Duration::from_millis(100);

/// Errors after which a coordinator may still answer.
const AWAY: [RDKafkaErrorCode; 4] = [
    RDKafkaErrorCode::WaitingForCoordinator,
    RDKafkaErrorCode::OperationTimedOut,
    RDKafkaErrorCode::BrokerTransportFailure,
    RDKafkaErrorCode::AllBrokersDown,
];

/// How long each of the two questions for topics' ids may take: an assignment waits for them.
const IDS_TIMEOUT: Duration = Duration::from_secs(1);

/// The ids of topics; those that no broker told are left out.
pub type TopicIds = HashMap<Arc<str>, TopicId>;

/// Where a group begins, and in which topics.
#[derive(Debug)]
pub struct Committed {
    pub starts: Vec<(Partition, Start)>,
    pub topics: TopicIds,
}

/// Where partitions end, and in which topics; those that no broker told are left out.
#[derive(Debug)]
pub struct Ends {
    pub ends: Vec<(Partition, i64)>,
    pub topics: TopicIds,
}

/// How many members a group has.
pub fn members<C: ConsumerContext>(consumer: &BaseConsumer<C>, group: &str) -> Result<usize, KafkaError> {
    let groups = consumer.fetch_group_list(Some(group), ASKING_TIMEOUT)?;
    Ok(groups.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum())
}

/// Where the member of a group is that has this `group.instance.id`, as the broker sees it.
pub fn address_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
    instance: &str,
) -> Result<Option<String>, KafkaError> {
    let groups = consumer.fetch_group_list(Some(group), ASKING_TIMEOUT)?;
    let mut members = groups.groups().iter().filter(|found| found.name() == group).flat_map(|found| found.members());
    let named = members.find(|member| is_named(member.id(), instance));
    Ok(named.map(|member| member.client_host().trim_start_matches('/').to_owned()))
}

/// Whether a member's id is that of a static member: the broker makes it of the name and a UUID.
fn is_named(id: &str, instance: &str) -> bool {
    let rest = id.strip_prefix(instance).and_then(|rest| rest.strip_prefix('-'));
    rest.is_some_and(|rest| Uuid::try_parse(rest).is_ok())
}

/// What the group has committed for `partitions`. On the last try a topic of which that cannot be told holds up no other.
pub fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
    is_last_try: bool,
) -> Result<Committed, KafkaError> {
    let mut starts = Vec::new();
    if is_last_try {
        let mut partitions = partitions.to_vec();
        partitions.sort();
        let by_topic = partitions.chunk_by(|one, other| one.topic == other.topic);
        for of_topic in by_topic {
            match committed_offsets(consumer, of_topic) {
                Ok(known) => starts.extend(known),
                Err(error) => {
                    let topic = of_topic.first().map(|partition| &*partition.topic);
                    tracing::warn!(topic, %error, "committed offsets cannot be read: beginning where librdkafka finds them");
                    starts.extend(of_topic.iter().map(|partition| (partition.clone(), Start::Unknown)));
                }
            }
        }
    } else {
        starts = committed_offsets(consumer, partitions)?;
    }
    // What has a map may know of records that the log has lost.
    let mapped = |(partition, start): &(Partition, Start)| match start {
        Start::At { position, .. } if position.metadata.len() > MAP_PREFIX.len() => Some(partition.clone()),
        _ => None,
    };
    let mapped: Vec<Partition> = starts.iter().filter_map(mapped).collect();
    let ends: HashMap<Partition, i64> = if mapped.is_empty() {
        HashMap::new()
    } else {
        log_ends(consumer, &mapped).unwrap_or_default().into_iter().collect()
    };
    for (partition, start) in &mut starts {
        if let Start::At { end, .. } = start {
            *end = ends.get(partition).copied();
        }
    }
    Ok(Committed { starts, topics: ids(consumer, partitions) })
}

/// Where each partition ends now: one after its last record that is committed.
pub fn ends<C: ConsumerContext>(consumer: &BaseConsumer<C>, partitions: &[Partition]) -> Result<Ends, KafkaError> {
    Ok(Ends { ends: log_ends(consumer, partitions)?, topics: ids(consumer, partitions) })
}

/// Waits until the group's coordinator answers, or it is known that it will not answer this member. Blocks.
pub fn wait_for_coordinator<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    while let Err(error) = consumer.committed_offsets(list.clone(), ASKING_TIMEOUT) {
        if !matches!(error.rdkafka_error_code(), Some(code) if AWAY.contains(&code)) {
            return;
        }
        // The client mostly waits by itself.
        std::thread::sleep(AGAIN);
    }
}

fn committed_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
) -> Result<Vec<(Partition, Start)>, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.number);
    }
    let list = consumer.committed_offsets(list, ASKING_TIMEOUT)?;
    let start = |partition: &Partition| {
        let element = list
            .find_partition(&partition.topic, partition.number)
            .ok_or_else(|| KafkaError::Request("the coordinator left a partition out".to_owned()))?;
        element.error()?;
        let start = match element.offset() {
            Offset::Offset(offset) => {
                let position = Position { offset, metadata: element.metadata().to_owned() };
                Start::At { position, end: None }
            }
            _ => Start::Never,
        };
        Ok((partition.clone(), start))
    };
    partitions.iter().map(start).collect()
}

fn log_ends<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[Partition],
) -> Result<Vec<(Partition, i64)>, KafkaError> {
    // To the broker, this time is the end of the log.
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(&partition.topic, partition.number, Offset::End)?;
    }
    let list = consumer.offsets_for_times(list, ASKING_TIMEOUT)?;
    let end = |partition: &Partition| match list.find_partition(&partition.topic, partition.number)?.offset() {
        Offset::Offset(end) => Some((partition.clone(), end)),
        _ => None,
    };
    Ok(partitions.iter().filter_map(end).collect())
}

/// Without them a topic that was made again is found out by its offsets, where these are smaller.
fn ids<C: ConsumerContext>(consumer: &BaseConsumer<C>, partitions: &[Partition]) -> TopicIds {
    let topics: BTreeSet<Arc<str>> = partitions.iter().map(|partition| partition.topic.clone()).collect();
    let topics: Vec<Arc<str>> = topics.into_iter().collect();
    if topics.is_empty() {
        return TopicIds::new();
    }
    let ids =
        consumer.fetch_metadata(topics.first().map(|topic| &**topic), IDS_TIMEOUT).map_err(KafkaError::from).and_then(
            // SAFETY: the consumer is borrowed, and so is its client.
            |metadata| unsafe {
                topic_ids(consumer.client().native_ptr(), metadata.orig_broker_id(), &topics, IDS_TIMEOUT)
            },
        );
    ids.unwrap_or_else(|error| {
        tracing::debug!(%error, "the ids of topics could not be asked for");
        TopicIds::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_member_is_known_by_its_id_and_no_other_for_it() {
        let id = format!("worker-1-{}", Uuid::nil());
        assert!(is_named(&id, "worker-1"));
        assert!(!is_named(&id, "worker") && !is_named(&id, "worker-11") && !is_named("worker-1-", "worker-1"));
    }
}
