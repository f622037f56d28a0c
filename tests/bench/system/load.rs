//! Requests as Spring sends them.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use serde_json::{Value, json};

const FLUSH: Duration = Duration::from_secs(60);
const FULL: Duration = Duration::from_millis(50);

/// Sends requests, each keyed by its member.
pub struct Sender {
    producer: BaseProducer<Deliveries>,
}

/// What the broker did not take: how many records, and why the last one.
#[derive(Default)]
struct Deliveries {
    failed: Mutex<Option<(u64, KafkaError)>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let before = failed.as_ref().map_or(0, |(count, _)| *count);
            *failed = Some((before + 1, error.clone()));
        }
    }
}

impl Sender {
    /// `linger_ms`: how long a record may wait for company.
    pub fn open(bootstrap: &str, linger_ms: u32) -> anyhow::Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap);
        config.set("enable.idempotence", "true");
        config.set("linger.ms", linger_ms.to_string());
        config.set("partitioner", "murmur2_random");
        Ok(Self { producer: config.create_with_context(Deliveries::default())? })
    }

    /// Hands a request to the producer, which sends it by itself.
    pub fn send(&self, topic: &str, member: u64, value: &Value) -> anyhow::Result<()> {
        let (key, value) = (member.to_string(), value.to_string());
        let mut record = BaseRecord::to(topic).key(&key).payload(&value);
        while let Err((error, again)) = self.producer.send(record) {
            let KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) = error else { return Err(error.into()) };
            record = again;
            self.producer.poll(FULL);
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Returns when the broker has everything.
    pub fn flush(&self) -> anyhow::Result<()> {
        let flushed = self.producer.flush(FLUSH);
        flushed.with_context(|| format!("{} requests are not delivered yet", self.producer.in_flight_count()))?;
        match &*self.producer.context().failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((count, error)) => anyhow::bail!("{count} requests could not be delivered: {error}"),
            None => Ok(()),
        }
    }
}

/// An ordinary feedback request, longer by `padding` bytes.
pub fn feedback(member: u64, padding: usize) -> Value {
    json!({
        "memberId": member,
        "problemId": 42,
        "question": "TCP와 UDP의 차이점을 설명하고, 각각 어떤 서비스에 어울리는지 말해 주세요.",
        "answer": format!("TCP는 연결을 맺고 순서를 지켜 주지만 느리고, UDP는 빠르지만 유실될 수 있습니다. {}", "x".repeat(padding)),
    })
}

/// What a member enters before the interview.
pub fn resume_init(member: u64) -> Value {
    json!({"memberId": member, "inputs": {
        "email": format!("member{member}@careerbee.co.kr"), "preferred_job": "BACKEND", "certification_count": 2,
        "project_count": 3, "major_type": "MAJOR", "company_name": "주식회사 커리어비", "work_period": 20,
        "position": "백엔드 개발자", "additional_experiences": "교내 알고리즘 동아리를 운영했습니다.",
    }})
}

/// An answer to the question on the member's screen.
pub fn resume_answer(member: u64) -> Value {
    let answer = "주문 이벤트를 Kafka로 옮기고 재처리를 설계해 응답 시간을 820ms에서 210ms로 줄였습니다.";
    json!({"memberId": member, "answer": answer})
}

/// Feedback requests that come at their own times, however long the answers take: what a slow system delays is counted
/// from when each should have been sent.
pub struct OpenLoop {
    sending: JoinHandle<anyhow::Result<Vec<(u64, Instant)>>>,
}

impl OpenLoop {
    /// Starts to send `rate` a second for `length`, at random times, members counted up from `first_member`.
    pub fn start(bootstrap: &str, topic: &str, first_member: u64, rate: f64, length: Duration) -> anyhow::Result<Self> {
        let (sender, topic) = (Sender::open(bootstrap, 0)?, topic.to_owned());
        // The same times for the worker and the floor.
        let mut random = StdRng::seed_from_u64(6);
        let sending = thread::spawn(move || {
            let (mut due, mut sent) = (Instant::now(), Vec::new());
            let end = due + length;
            for member in first_member.. {
                due += Duration::from_secs_f64(-(1.0 - random.random::<f64>()).ln() / rate);
                if due >= end {
                    break;
                }
                thread::sleep(due.saturating_duration_since(Instant::now()));
                sender.send(&topic, member, &feedback(member, 0))?;
                sent.push((member, due));
            }
            sender.flush()?;
            Ok(sent)
        });
        Ok(Self { sending })
    }

    /// Each member with the time at which its request should have been sent.
    pub fn finish(self) -> anyhow::Result<Vec<(u64, Instant)>> {
        self.sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?
    }
}
