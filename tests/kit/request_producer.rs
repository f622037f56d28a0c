//! A producer of requests, as the product's Spring server has one.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;

/// Where a record lies; its text is the id of a request that has no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// A producer as a Spring Kafka application has it, except that it may also send what no Spring would.
pub struct RequestProducer {
    producer: FutureProducer,
}

impl RequestProducer {
    pub fn new(bootstrap: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("message.max.bytes", "4000000")
            .set("linger.ms", "1")
            .create()
            .expect("a producer");
        Self { producer }
    }

    /// Begins a request; [`Request::send`] sends it.
    pub fn request(&self, topic: &str) -> Request<'_> {
        Request {
            producer: &self.producer,
            topic: topic.to_owned(),
            key: None,
            value: None,
            headers: OwnedHeaders::new(),
            timestamp: None,
            partition: None,
        }
    }

    /// Begins a request as Spring makes them: keyed by the member that its value names.
    pub fn ask(&self, topic: &str, value: &Value) -> Request<'_> {
        let request = self.request(topic).value(value.to_string());
        match &value["memberId"] {
            Value::Number(member) => request.key(member.to_string()),
            _ => request,
        }
    }
}

/// A record on its way.
#[must_use = "a request that is not sent is none"]
pub struct Request<'a> {
    producer: &'a FutureProducer,
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: OwnedHeaders,
    timestamp: Option<i64>,
    partition: Option<i32>,
}

impl Request<'_> {
    pub fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub fn value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers = self.headers.insert(Header { key: name, value: Some(value.as_ref()) });
        self
    }

    /// A header that is there but has no value.
    pub fn null_header(mut self, name: &str) -> Self {
        self.headers = self.headers.insert(Header { key: name, value: None::<&[u8]> });
        self
    }

    /// Milliseconds since 1970.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Sends it and waits until the broker has it.
    pub async fn send(self) -> Position {
        let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic).headers(self.headers);
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record.timestamp = self.timestamp;
        record.partition = self.partition;
        let delivery = self
            .producer
            .send(record, Duration::from_secs(30))
            .await
            .unwrap_or_else(|(error, _)| panic!("{} did not take the request: {error}", self.topic));
        Position { topic: self.topic, partition: delivery.partition, offset: delivery.offset }
    }
}
