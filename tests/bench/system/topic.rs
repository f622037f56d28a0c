//! A look at a topic from outside: how much is in it, and when each record was sent.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const ASKING: Duration = Duration::from_secs(10);

/// A topic and how many partitions it has.
#[derive(Clone)]
pub struct Topic {
    pub bootstrap: String,
    pub name: String,
    pub partitions: i32,
}

impl Topic {
    /// A reader of the whole topic that belongs to no group.
    pub fn reader(&self) -> anyhow::Result<BaseConsumer> {
        let reader: BaseConsumer = self.client()?;
        reader.assign(&self.at(Offset::Beginning)?)?;
        Ok(reader)
    }

    /// Whether clients can use it, all its partitions: a broker may take a moment to tell of what it has made.
    pub fn is_usable(&self) -> anyhow::Result<bool> {
        Ok(Counter::open(self)?.count().is_ok())
    }

    fn client(&self) -> anyhow::Result<BaseConsumer> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config.set("group.id", "bench");
        config.set("enable.auto.commit", "false");
        config.set("fetch.queue.backoff.ms", "10");
        Ok(config.create()?)
    }

    fn at(&self, offset: Offset) -> anyhow::Result<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(&self.name, partition, offset)?;
        }
        Ok(list)
    }

    /// When each of its first `count` records was sent by its producer, in milliseconds, sorted.
    pub fn times(&self, count: usize) -> anyhow::Result<Vec<f64>> {
        let reader = self.reader()?;
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            let message = reader.poll(ASKING);
            let message =
                message.with_context(|| format!("{} of {count} records of {} can be read", times.len(), self.name))?;
            times.push(message?.timestamp().to_millis().context("a record has no time")? as f64);
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }
}

/// Counts a topic's records without reading them, which takes next to nothing from the machine.
pub struct Counter {
    client: BaseConsumer,
    topic: Topic,
}

impl Counter {
    pub fn open(topic: &Topic) -> anyhow::Result<Self> {
        Ok(Self { client: topic.client()?, topic: topic.clone() })
    }

    /// How many records there are.
    pub fn count(&self) -> anyhow::Result<u64> {
        // To the broker, this time is the end of the log.
        let ends = self.client.offsets_for_times(self.topic.at(Offset::End)?, ASKING)?;
        let ends: HashMap<(String, i32), Offset> = ends.to_topic_map();
        let mut count = 0;
        for offset in ends.values() {
            if let Offset::Offset(end) = offset {
                count += u64::try_from(*end)?;
            }
        }
        Ok(count)
    }
}
