//! What a consumer group has committed, as `kafka-consumer-groups` shows it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::kit::wait::eventually;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A group's commits for one topic; it looks on and is no member.
#[derive(Clone, Debug)]
pub struct Commits {
    pub bootstrap: String,
    pub group: String,
    pub topic: String,
    pub partitions: i32,
}

/// A commit of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// 0 where nothing was committed.
    pub offset: i64,
    pub metadata: String,
}

impl Commit {
    /// How many records after the offset the worker's map calls done.
    pub fn done_behind(&self) -> u32 {
        let map = self.metadata.strip_prefix("s1:").and_then(|map| STANDARD_NO_PAD.decode(map).ok());
        map.unwrap_or_default().iter().map(|byte| byte.count_ones()).sum()
    }
}

impl Commits {
    async fn ask<T: Send + 'static>(&self, ask: impl FnOnce(&BaseConsumer, &Self) -> T + Send + 'static) -> T {
        let commits = self.clone();
        let asking = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", &commits.bootstrap)
                .set("group.id", &commits.group)
                .set("enable.auto.commit", "false")
                .create()
                .expect("a client");
            ask(&consumer, &commits)
        });
        asking.await.expect("the broker answers")
    }

    /// The commit of each partition.
    pub async fn all(&self) -> Vec<Commit> {
        self.ask(|consumer, commits| {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&commits.topic, 0, commits.partitions - 1);
            let list = consumer.committed_offsets(list, TIMEOUT).expect("the coordinator answers");
            let elements = list.elements();
            elements
                .iter()
                .map(|element| match element.offset() {
                    Offset::Offset(offset) => Commit { offset, metadata: element.metadata().to_owned() },
                    _ => Commit::default(),
                })
                .collect()
        })
        .await
    }

    /// Commits as any program may that is no member.
    pub async fn write(&self, partition: i32, offset: i64, metadata: &'static str) {
        // A coordinator that has just been chosen is loading its groups and says so.
        let write = || {
            self.ask(move |consumer, commits| {
                let mut list = TopicPartitionList::new();
                let mut element = list.add_partition(&commits.topic, partition);
                element.set_offset(Offset::Offset(offset)).expect("an offset");
                element.set_metadata(metadata);
                consumer.commit(&list, CommitMode::Sync).ok()
            })
        };
        eventually("a commit to a group without members", write).await;
    }

    /// Waits until everything that is in the topic now is committed.
    pub async fn reach_the_end(&self) {
        let ends: Vec<i64> = self
            .ask(|consumer, commits| {
                let end = |partition| consumer.fetch_watermarks(&commits.topic, partition, TIMEOUT);
                (0..commits.partitions).map(|partition| end(partition).expect("watermarks").1).collect()
            })
            .await;
        let what = format!("group {} has committed all of {}, {ends:?}", self.group, self.topic);
        eventually(&what, || async {
            let commits = self.all().await;
            commits.iter().map(|commit| commit.offset).eq(ends.iter().copied()).then_some(())
        })
        .await;
    }
}
