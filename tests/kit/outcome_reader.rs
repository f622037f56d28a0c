//! A consumer of what the worker sends, as the SSE gateway and the people who look after dead letters have one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kit::schemas;
use crate::kit::topics::{OUTCOMES, Topics};
use crate::kit::wait::PATIENCE;

/// A record as it was read.
#[derive(Clone, Debug)]
pub struct Record {
    pub topic: String,
    /// The default name of its topic: an outcome's type, or for a dead letter the request topic.
    pub kind: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    pub fn is_dead_letter(&self) -> bool {
        self.topic.ends_with("-dlt")
    }

    /// The value as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        self.value.as_deref().and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default()
    }

    /// The member whom an outcome is for.
    pub fn member(&self) -> Option<i64> {
        self.json()["memberId"].as_i64()
    }

    /// The bytes of each header of that name, in order.
    pub fn headers_named(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|(key, _)| key == name).filter_map(|(_, value)| value.as_deref()).collect()
    }

    /// The one header of that name as text. Panics when there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.headers_named(name);
        assert!(values.len() < 2, "{} headers are called {name}", values.len());
        values.first().map(|value| std::str::from_utf8(value).expect("the header is text"))
    }

    /// Whether it is the outcome of the request that has this `ce_id`.
    pub fn answers(&self, request: &str) -> bool {
        !self.is_dead_letter() && self.header("ce_causationid") == Some(request)
    }

    /// Everything in a line, for failures.
    fn line(&self) -> String {
        let bytes = self.value.as_deref().unwrap_or_default();
        let start: String = String::from_utf8_lossy(bytes).chars().take(300).collect();
        let code = self.headers_named("kafka_dlt-exception-fqcn").last().map(|code| String::from_utf8_lossy(code));
        format!("{}/{}/{} {} {start}", self.topic, self.partition, self.offset, code.unwrap_or_default())
    }
}

/// Reads all outcomes and dead letters of a test's topics from the beginning, committed ones only.
pub struct OutcomeReader {
    records: Arc<Mutex<Vec<Record>>>,
    news: watch::Receiver<usize>,
    /// How many outcomes of a member have been handed out by [`OutcomeReader::next`].
    seen: Mutex<HashMap<i64, usize>>,
    reader: JoinHandle<()>,
    consumer: Arc<StreamConsumer>,
}

impl OutcomeReader {
    pub async fn open(bootstrap: &str, topics: &Topics, partitions: i32) -> Self {
        let names: Vec<String> = OUTCOMES.iter().map(|kind| topics.of(kind)).chain(topics.dead_letters()).collect();
        Self::over(bootstrap, topics, &names, partitions).await
    }

    /// Reads these topics instead.
    pub async fn over(bootstrap: &str, topics: &Topics, names: &[String], partitions: i32) -> Self {
        let consumer: Arc<StreamConsumer> = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", format!("outcome-reader-{}", topics.suffix))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "50")
            .create()
            .map(Arc::new)
            .expect("a consumer");
        let mut assignment = TopicPartitionList::new();
        for topic in names {
            for partition in 0..partitions {
                assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
            }
        }
        consumer.assign(&assignment).expect("the partitions are there");
        let records = Arc::new(Mutex::new(Vec::new()));
        let (sender, news) = watch::channel(0);
        let (topics, list, source) = (topics.clone(), records.clone(), consumer.clone());
        let reader = tokio::spawn(async move {
            loop {
                // Errors are the client's own reconnecting; what never comes is told by the test that waits for it.
                if let Ok(message) = source.recv().await {
                    let mut list = list.lock().expect("the list of records");
                    list.push(read(&message, &topics));
                    sender.send_replace(list.len());
                }
            }
        });
        Self { records, news, seen: Mutex::default(), reader, consumer }
    }

    /// What has come so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("the list of records").clone()
    }

    /// All that is in the topics by now.
    pub async fn everything(&self) -> Vec<Record> {
        let consumer = self.consumer.clone();
        let counting = tokio::task::spawn_blocking(move || {
            let assignment = consumer.assignment().expect("an assignment");
            let ends = |topic: &str, partition| consumer.fetch_watermarks(topic, partition, PATIENCE);
            let elements = assignment.elements();
            let all = elements.iter().map(|place| ends(place.topic(), place.partition()).expect("watermarks"));
            all.map(|(first, end)| end - first).sum::<i64>()
        });
        let count = usize::try_from(counting.await.expect("the broker answers")).expect("a count");
        self.wait_for(&format!("record {count}"), |records| (records.len() >= count).then(|| records.to_vec())).await
    }

    /// A member's outcomes so far, in the order of reading.
    pub fn of(&self, member: i64) -> Vec<Record> {
        self.records()
            .into_iter()
            .filter(|record| !record.is_dead_letter() && record.member() == Some(member))
            .collect()
    }

    /// The dead letters so far that carry this value.
    pub fn dead_letters(&self, value: &[u8]) -> Vec<Record> {
        self.records()
            .into_iter()
            .filter(|record| record.is_dead_letter() && record.value.as_deref().unwrap_or_default() == value)
            .collect()
    }

    /// Waits until `find` finds something among the records. Panics after [`PATIENCE`], showing what did come.
    pub async fn wait_for<T>(&self, what: &str, find: impl FnMut(&[Record]) -> Option<T>) -> T {
        self.wait_at_most(PATIENCE, what, find).await
    }

    /// [`OutcomeReader::wait_for`] with another limit.
    pub async fn wait_at_most<T>(
        &self,
        limit: Duration,
        what: &str,
        mut find: impl FnMut(&[Record]) -> Option<T>,
    ) -> T {
        let mut news = self.news.clone();
        let search = async {
            loop {
                news.borrow_and_update();
                if let Some(found) = find(&self.records()) {
                    return found;
                }
                news.changed().await.expect("the reader runs");
            }
        };
        match tokio::time::timeout(limit, search).await {
            Ok(found) => found,
            Err(_) => {
                let lines: Vec<String> = self.records().iter().map(Record::line).collect();
                panic!("{what} did not come within {limit:?}; what came:\n{}", lines.join("\n"));
            }
        }
    }

    /// The member's next outcome, of whatever kind: the first call gives the first, the second call the second.
    /// It is valid by its schema.
    pub async fn next(&self, member: i64) -> Record {
        let number = {
            let mut seen = self.seen.lock().expect("the numbers");
            let number = seen.entry(member).or_default();
            *number += 1;
            *number
        };
        let what = format!("outcome {number} of member {member}");
        let of_member = |record: &&Record| !record.is_dead_letter() && record.member() == Some(member);
        let find = |records: &[Record]| records.iter().filter(of_member).nth(number - 1).cloned();
        let record = self.wait_for(&what, find).await;
        schemas::assert_valid(&record.kind, &record.json());
        record
    }

    /// The member's next outcome, which must be of this kind.
    pub async fn expect(&self, member: i64, kind: &str) -> Record {
        let record = self.next(member).await;
        assert_eq!(record.kind, kind, "another outcome came: {}", record.line());
        record
    }

    /// The member's next outcome, which must be a failure with this code.
    pub async fn expect_failure(&self, member: i64, code: &str) -> Record {
        let record = self.expect(member, "RequestFailed").await;
        assert_eq!(record.json()["code"], code, "another failure came: {}", record.line());
        record
    }

    /// The first dead letter with this value.
    pub async fn dead_letter(&self, value: &[u8]) -> Record {
        self.wait_for("the dead letter", |records| {
            records
                .iter()
                .find(|record| record.is_dead_letter() && record.value.as_deref().unwrap_or_default() == value)
                .cloned()
        })
        .await
    }
}

impl Drop for OutcomeReader {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn read(message: &impl Message, topics: &Topics) -> Record {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
    });
    Record {
        topic: message.topic().to_owned(),
        kind: topics.kind(message.topic()).to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
