//! Reads what topics hold at one moment, and then ends: what comes meanwhile is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError as RdKafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::events::record::{Coordinates, RecordTime};
use crate::kafka::client::Connection;
use crate::kafka::error::{KafkaError, is_denied};
use crate::kafka::position::Partition;
use crate::kafka::reader::{self, ASKING, Offsets, POLL, Reader, Seen};

/// How long reading goes on without any progress.
const PATIENCE: Duration = Duration::from_secs(30);

/// What some topics held when this was taken.
pub struct Snapshot {
    consumer: Reader,
    topics: Vec<(String, Vec<Span>)>,
    ends: Offsets,
}

/// A partition's records from one offset up to, and without, another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    partition: i32,
    start: i64,
    end: i64,
}

impl Snapshot {
    /// What `topics` hold now; of topics that do not exist, nothing. With `since` (milliseconds since 1970) each
    /// partition begins with its first record of that time or later; records after it may still be older. Blocks
    /// while it asks the brokers.
    pub fn take(connection: &Connection, topics: &[String], since: Option<i64>) -> Result<Self, KafkaError> {
        let consumer = reader::open(connection)?;
        let (mut all, mut ends) = (Vec::new(), Offsets::new());
        for topic in topics {
            let mut spans = spans_of(&consumer, topic, since)?;
            ends.extend(spans.iter().map(|span| ((topic.clone(), span.partition), span.end)));
            spans.retain(|span| span.start < span.end);
            all.push((topic.clone(), spans));
        }
        Ok(Self { consumer, topics: all, ends })
    }

    /// Where each partition goes on after it.
    pub fn ends(&self) -> &Offsets {
        &self.ends
    }

    /// Hands each record to `each`: topic by topic, and each partition in its order. Blocks until all are read.
    ///
    /// # Errors
    /// When the brokers stop answering.
    pub fn read(self, mut each: impl FnMut(Seen)) -> Result<(), KafkaError> {
        for (topic, spans) in &self.topics {
            read_spans(&self.consumer, topic, spans, &mut each)?;
        }
        Ok(())
    }
}

/// One record; `None` when there is none at that place (any more). Blocks.
///
/// # Errors
/// When the brokers cannot be asked.
pub fn read_one(connection: &Connection, at: &Coordinates) -> Result<Option<Seen>, KafkaError> {
    Ok(read_these(connection, &BTreeSet::from([at.clone()]))?.pop())
}

/// The records at these places, those that are (still) there. Of each partition all is read from the first place to the
/// last, and what lies between is dropped. Blocks.
///
/// # Errors
/// When the brokers cannot be asked.
pub fn read_these(connection: &Connection, places: &BTreeSet<Coordinates>) -> Result<Vec<Seen>, KafkaError> {
    let consumer = reader::open(connection)?;
    let mut topics: BTreeMap<&str, BTreeMap<i32, Span>> = BTreeMap::new();
    for Coordinates { topic, partition, offset } in places {
        let (partition, end) = (*partition, offset.saturating_add(1));
        let span = Span { partition, start: *offset, end };
        topics.entry(topic).or_default().entry(partition).or_insert(span).end = end;
    }
    let mut found = Vec::new();
    for (topic, spans) in topics {
        let there = reader::partitions(&consumer, topic)?;
        let mut readable = Vec::new();
        for Span { partition, start, end } in spans.into_values().filter(|span| there.contains(&span.partition)) {
            let (low, high) = reader::watermarks(&consumer, topic, partition)?;
            let span = Span { partition, start: start.max(low), end: end.min(high) };
            readable.extend((span.start < span.end).then_some(span));
        }
        // Where a record itself was removed, the next one is another, or beyond the end.
        read_spans(&consumer, topic, &readable, &mut |seen: Seen| {
            let at = Coordinates { topic: seen.topic.as_str().into(), partition: seen.partition, offset: seen.offset };
            if places.contains(&at) {
                found.push(seen);
            }
        })?;
    }
    Ok(found)
}

/// The latest moment from before which some of these topics' partitions have lost records, in milliseconds since 1970: the
/// time of the first one that is left. Blocks.
///
/// # Errors
/// When the brokers cannot be asked.
pub fn cut_at(connection: &Connection, topics: &[String]) -> Result<Option<i64>, KafkaError> {
    let consumer = reader::open(connection)?;
    let mut firsts = BTreeSet::new();
    for topic in topics {
        let spans = spans_of(&consumer, topic, None)?.into_iter();
        let cut = spans.filter(|span| span.start > 0 && span.start < span.end);
        firsts.extend(cut.map(|span| Coordinates {
            topic: topic.as_str().into(),
            partition: span.partition,
            offset: span.start,
        }));
    }
    let found = read_these(connection, &firsts)?;
    Ok(found.iter().filter_map(|seen| seen.time.map(RecordTime::millis)).max())
}

/// Whether any record lies in a partition from one offset up to, and without, another: there may be gaps, and marks of
/// transactions. Blocks.
///
/// # Errors
/// When it cannot be read.
pub fn holds_any(connection: &Connection, partition: &Partition, from: i64, end: i64) -> Result<bool, KafkaError> {
    let consumer = reader::open(connection)?;
    let Partition { topic, number } = partition;
    // What was before the log's beginning is not there any more.
    let (first, _) = reader::watermarks(&consumer, topic, *number)?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, *number, Offset::Offset(from.max(first)))?;
    consumer.assign(&list)?;
    let until = Instant::now() + ASKING;
    let mut reason = "the brokers do not answer".to_owned();
    while Instant::now() < until {
        match consumer.poll(POLL) {
            Some(Ok(message)) => return Ok(message.offset() < end),
            Some(Err(RdKafkaError::PartitionEOF(_))) => return Ok(false),
            Some(Err(error)) if is_denied(&error) => return Err(KafkaError::DeniedReading(topic.to_string())),
            Some(Err(error)) => reason = consumer.context().heard.explain(error),
            None => {}
        }
    }
    Err(KafkaError::Request(reason))
}

fn spans_of(consumer: &Reader, topic: &str, since: Option<i64>) -> Result<Vec<Span>, KafkaError> {
    let mut spans = Vec::new();
    for partition in reader::partitions(consumer, topic)? {
        let (start, end) = reader::watermarks(consumer, topic, partition)?;
        spans.push(Span { partition, start, end });
    }
    if let Some(since) = since {
        let mut times = TopicPartitionList::new();
        for span in &spans {
            times.add_partition_offset(topic, span.partition, Offset::Offset(since.max(0)))?;
        }
        let found = consumer.offsets_for_times(times, ASKING).map_err(|error| reader::explain(consumer, error))?;
        for span in &mut spans {
            span.start = match found.find_partition(topic, span.partition).map(|element| element.offset()) {
                Some(Offset::Offset(offset)) => offset.max(span.start),
                // No record is that young.
                _ => span.end,
            };
        }
    }
    Ok(spans)
}

fn read_spans(consumer: &Reader, topic: &str, spans: &[Span], each: &mut impl FnMut(Seen)) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    for span in spans {
        list.add_partition_offset(topic, span.partition, Offset::Offset(span.start))?;
    }
    consumer.assign(&list)?;
    let mut ends: BTreeMap<i32, i64> = spans.iter().map(|span| (span.partition, span.end)).collect();
    let mut progress = Instant::now();
    let mut reason = "the brokers do not answer".to_owned();
    while !ends.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let Some(end) = ends.get(&message.partition()).copied() else { continue };
                progress = Instant::now();
                if message.offset() < end {
                    each(reader::seen(&message));
                }
                if message.offset().saturating_add(1) >= end {
                    ends.remove(&message.partition());
                }
            }
            // The last offsets may hold no record: removed by compaction, or the marks of a transaction.
            Some(Err(RdKafkaError::PartitionEOF(partition))) => {
                ends.remove(&partition);
                progress = Instant::now();
            }
            Some(Err(error)) if is_denied(&error) => return Err(KafkaError::DeniedReading(topic.to_owned())),
            Some(Err(error)) => reason = consumer.context().heard.explain(error),
            None => {}
        }
        if progress.elapsed() > PATIENCE {
            // With the client's latest error, if it had one.
            return Err(KafkaError::Request(format!("{topic} could not be read to its end: {reason}")));
        }
    }
    consumer.unassign()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kafka::embedded::EmbeddedBroker;
    use crate::kafka::outgoing::{OutgoingRecord, Producer};
    use crate::kafka::producer::KafkaProducer;
    use crate::kafka::reader::{Start, follow};

    /// A broker with a topic of two partitions, and a way to send to it.
    struct Kafka {
        _broker: EmbeddedBroker,
        connection: Connection,
        producer: KafkaProducer,
        topics: Vec<String>,
    }

    impl Kafka {
        fn start() -> Self {
            let broker = EmbeddedBroker::start().unwrap();
            let topics = vec!["A".to_owned(), "B".to_owned()];
            for topic in &topics {
                broker.create_topic(topic, 2).unwrap();
            }
            let connection = Connection { bootstrap: broker.address().unwrap(), properties: vec![] };
            let producer = KafkaProducer::open(&connection).unwrap();
            Self { _broker: broker, connection, producer, topics }
        }

        async fn send(&self, topic: &str, partition: i32, value: &str) {
            let topic = Arc::from(topic);
            let value = Some(value.as_bytes().to_vec());
            let outgoing = OutgoingRecord { topic, partition: Some(partition), key: None, value, headers: vec![] };
            self.producer.send(&outgoing).await.unwrap();
        }

        fn take(&self) -> Snapshot {
            Snapshot::take(&self.connection, &self.topics, None).unwrap()
        }
    }

    fn values(snapshot: Snapshot) -> Vec<String> {
        let mut values = Vec::new();
        snapshot.read(|seen| values.push(String::from_utf8(seen.value.unwrap()).unwrap())).unwrap();
        values.sort_unstable();
        values
    }

    #[tokio::test]
    async fn a_snapshot_holds_what_was_there_and_nothing_that_came_later() {
        let kafka = Kafka::start();
        for (topic, partition, value) in [("A", 0, "a0"), ("A", 1, "a1"), ("A", 1, "a2"), ("B", 1, "b0")] {
            kafka.send(topic, partition, value).await;
        }
        let snapshot = kafka.take();
        for partition in [0, 1] {
            kafka.send("A", partition, "late").await;
            kafka.send("B", partition, "late").await;
        }
        assert_eq!(values(snapshot), ["a0", "a1", "a2", "b0"]);
    }

    #[tokio::test]
    async fn empty_and_missing_topics_hold_nothing() {
        let kafka = Kafka::start();
        assert_eq!(values(kafka.take()), [""; 0]);
    }

    #[tokio::test]
    async fn one_record_is_found_at_its_place_only() {
        let kafka = Kafka::start();
        kafka.send("A", 1, "first").await;
        kafka.send("A", 1, "second").await;
        let at = |topic: &str, partition, offset| Coordinates { topic: topic.into(), partition, offset };
        let found = read_one(&kafka.connection, &at("A", 1, 1)).unwrap().unwrap();
        assert_eq!((found.offset, found.value.as_deref()), (1, Some(b"second".as_slice())));
        assert!(matches!(found.time, Some(RecordTime::Create(_))));
        for nowhere in [at("A", 1, 2), at("A", 0, 0), at("A", 2, 0)] {
            assert_eq!(read_one(&kafka.connection, &nowhere).unwrap(), None, "{nowhere}");
        }
    }

    #[tokio::test]
    async fn a_partition_is_looked_at_from_one_offset_to_another() {
        let kafka = Kafka::start();
        kafka.send("A", 0, "first").await;
        kafka.send("A", 0, "second").await;
        let partition = Partition { topic: "A".into(), number: 0 };
        let holds_any = |from, end| holds_any(&kafka.connection, &partition, from, end).unwrap();
        assert_eq!([holds_any(0, 2), holds_any(1, 2), holds_any(1, 1), holds_any(2, 9)], [true, true, false, false]);
    }

    #[tokio::test]
    async fn records_are_found_by_their_places_and_nothing_that_lies_between() {
        let kafka = Kafka::start();
        for (topic, partition, value) in [("A", 0, "a0"), ("A", 1, "a1"), ("A", 1, "-"), ("A", 1, "a2"), ("B", 1, "b0")]
        {
            kafka.send(topic, partition, value).await;
        }
        let at = |topic: &str, partition, offset| Coordinates { topic: topic.into(), partition, offset };
        let places = [at("A", 0, 0), at("A", 1, 0), at("A", 1, 2), at("A", 1, 9), at("B", 1, 0), at("Nowhere", 0, 0)];
        let found = read_these(&kafka.connection, &places.into()).unwrap();
        let values = found.into_iter().map(|seen| String::from_utf8(seen.value.unwrap()).unwrap());
        assert_eq!(values.collect::<BTreeSet<_>>(), ["a0", "a1", "a2", "b0"].map(str::to_owned).into());
    }

    #[tokio::test]
    async fn who_follows_from_now_sees_only_what_comes() {
        let kafka = Kafka::start();
        kafka.send("A", 0, "before").await;
        let mut arriving = follow(&kafka.connection, &kafka.topics, &Start::Now).unwrap();
        kafka.send("A", 0, "after").await;
        assert_eq!(arriving.recv().await.unwrap().value.as_deref(), Some(b"after".as_slice()));
    }

    #[tokio::test]
    async fn who_follows_from_the_ends_of_a_snapshot_misses_nothing_and_sees_nothing_twice() {
        let kafka = Kafka::start();
        kafka.send("A", 0, "before").await;
        let snapshot = kafka.take();
        for (topic, partition, value) in [("A", 0, "a0"), ("A", 1, "a1"), ("B", 0, "b0")] {
            kafka.send(topic, partition, value).await;
        }
        let start = Start::At(snapshot.ends().clone());
        assert_eq!(values(snapshot), ["before"]);
        let mut arriving = follow(&kafka.connection, &kafka.topics, &start).unwrap();
        let mut came = Vec::new();
        while came.len() < 3 {
            came.push(String::from_utf8(arriving.recv().await.unwrap().value.unwrap()).unwrap());
        }
        came.sort_unstable();
        assert_eq!(came, ["a0", "a1", "b0"]);
    }

    #[tokio::test]
    async fn a_topic_that_is_made_later_is_followed_from_its_beginning() {
        let kafka = Kafka::start();
        let topics = ["A".to_owned(), "Later".to_owned()];
        let mut arriving = follow(&kafka.connection, &topics, &Start::Now).unwrap();
        kafka._broker.create_topic("Later", 1).unwrap();
        kafka.send("Later", 0, "first").await;
        assert_eq!(arriving.recv().await.unwrap().value.as_deref(), Some(b"first".as_slice()));
    }
}
