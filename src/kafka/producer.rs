//! Sends outcomes and dead letters, and does not give up on a broker that is away.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::flow_control::backoff::Backoff;
use crate::kafka::admin::count_partitions;
use crate::kafka::client::{self, Connection, Rescue};
use crate::kafka::outbox::{Outbox, Parcel, Refused};
use crate::kafka::wire;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// Larger than any record that a topic takes: the broker decides, not the client.
const MESSAGE_MAX_BYTES: &str = "100000000";

/// How long records wait for others after some have left; then they leave together, so that the client's threads and the
/// broker are woken once for all of them.
const DEPARTURES: Duration = Duration::from_millis(10);

/// How often acknowledgements are looked for while there are any to come: a thread that waits for them would wake the
/// runtime for each.
const LOOK: Duration = Duration::from_millis(2);
/// How often librdkafka's own news is looked at while nothing is sent.
const IDLE_LOOK: Duration = Duration::from_millis(100);

type Acknowledgement = KafkaResult<()>;
type Waiter = oneshot::Sender<Acknowledgement>;

/// An idempotent producer that acknowledges what all replicas have.
pub struct KafkaOutbox {
    connection: Connection,
    producer: Mutex<Arc<Polled>>,
    rescue: Arc<Rescue>,
    /// When records leave that are ready before that moment.
    next_departure: Mutex<Instant>,
}

/// A producer, and the word that something was handed to it.
struct Polled {
    producer: BaseProducer<Context>,
    sent: Arc<Notify>,
}

impl KafkaOutbox {
    /// Opens the producer. The brokers need not be there yet. Must be called inside a Tokio runtime.
    pub fn open(connection: &Connection) -> KafkaResult<Self> {
        let rescue = Arc::new(Rescue::default());
        let producer = Mutex::new(create(connection, &rescue)?);
        Ok(Self { connection: connection.clone(), producer, rescue, next_departure: Mutex::new(Instant::now()) })
    }

    fn producer(&self) -> Arc<Polled> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When a record leaves that is ready now: at once, unless others left just before.
    fn departure(&self) -> Instant {
        let mut next = self.next_departure.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if *next > now {
            return *next;
        }
        *next = now + DEPARTURES;
        now
    }

    /// Replaces the producer when it is dead for good.
    fn replace_if_fatal(&self) {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            tracing::error!(%code, reason, "the Kafka producer is dead; opening another");
            match create(&self.connection, &self.rescue) {
                Ok(new) => {
                    let dead = std::mem::replace(&mut *producer, new);
                    // Dropping a producer blocks.
                    tokio::task::spawn_blocking(move || drop(dead));
                }
                Err(error) => tracing::error!(%error, "the Kafka producer could not be opened"),
            }
        }
    }

    /// Whether these topics exist; for readiness.
    ///
    /// # Errors
    /// Which do not, or that the brokers cannot be asked.
    pub async fn check_topics(&self, topics: &[String]) -> Result<(), String> {
        let missing = self.missing(topics).await?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!("topics are missing: {}; `ssammu-worker topics` makes them", missing.join(", ")))
    }

    async fn missing(&self, topics: &[String]) -> Result<Vec<String>, String> {
        let (producer, topics) = (self.producer(), topics.to_vec());
        self.rescue.run(producer.client(), &self.connection.bootstrap);
        let asking = tokio::task::spawn_blocking(move || {
            let mut missing = Vec::new();
            for topic in topics {
                if count_partitions(producer.client(), &topic).map_err(|error| error.to_string())? == 0 {
                    missing.push(topic);
                }
            }
            Ok(missing)
        });
        asking.await.map_err(|error| error.to_string())?
    }

    /// Waits until everything is sent, at most `limit`. Blocks.
    pub fn flush(&self, limit: Duration) {
        if let Err(error) = self.producer().producer.flush(limit) {
            tracing::warn!(%error, "not everything could be sent before the end");
        }
    }
}

fn create(connection: &Connection, rescue: &Arc<Rescue>) -> KafkaResult<Arc<Polled>> {
    let config = connection.config(&[
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("compression.type", "lz4"),
        // Enough for the records that leave together.
        ("linger.ms", "0.5"),
        ("delivery.timeout.ms", "30000"),
        // A topic that is not there is known within a second; the worker waits for it itself.
        ("topic.metadata.propagation.max.ms", "1000"),
        ("message.max.bytes", MESSAGE_MAX_BYTES),
        // A broker refuses a batch whole: one that holds more than a record stays below what any topic takes.
        ("batch.size", "131072"),
        // Topics are made by people, never by accident.
        ("allow.auto.create.topics", "false"),
        // The partition that a Java producer would choose for the same key.
        ("partitioner", "murmur2_random"),
    ]);
    let producer = BaseProducer::from_config_and_context(&config, Context { rescue: rescue.clone() })?;
    let polled = Arc::new(Polled { producer, sent: Arc::default() });
    tokio::spawn(poll(Arc::downgrade(&polled), polled.sent.clone()));
    Ok(polled)
}

/// Looks for acknowledgements for as long as anybody may wait for one.
async fn poll(polled: Weak<Polled>, sent: Arc<Notify>) {
    while let Some(is_waiting) = polled.upgrade().map(|polled| polled.look()) {
        if is_waiting {
            sleep(LOOK).await;
        } else {
            // Nothing is sent as long as nobody says so.
            let _ = timeout(IDLE_LOOK, sent.notified()).await;
        }
    }
}

#[async_trait]
impl Outbox for KafkaOutbox {
    async fn send(&self, parcel: &Parcel) -> Result<(), Refused> {
        let mut partition = parcel.partition;
        let mut attempt = 0;
        loop {
            sleep_until(self.departure()).await;
            let producer = self.producer();
            let Err(error) = producer.send(parcel, partition).await else { return Ok(()) };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::UnknownPartition) if partition.is_some() => partition = None,
                Some(
                    RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize
                    | RDKafkaErrorCode::InvalidRecord
                    | RDKafkaErrorCode::InvalidTopic,
                ) => return Err(Refused(error.to_string())),
                // Whether a timed-out record was stored is unknown: it is sent again, with the same id.
                _ => {
                    tracing::warn!(topic = %parcel.topic, %error, attempt, "sending again");
                    self.rescue.run(producer.client(), &self.connection.bootstrap);
                    self.replace_if_fatal();
                    tokio::time::sleep(BACKOFF.jittered(attempt)).await;
                    attempt = attempt.saturating_add(1);
                }
            }
        }
    }

    async fn check(&self) -> Result<(), String> {
        let producer = self.producer();
        self.rescue.run(producer.client(), &self.connection.bootstrap);
        let asking = tokio::task::spawn_blocking(move || {
            producer.client().fetch_metadata(Some("__consumer_offsets"), Duration::from_secs(2)).map(|_| ())
        });
        asking.await.map_err(|error| error.to_string())?.map_err(|error: KafkaError| error.to_string())
    }
}

impl Polled {
    fn client(&self) -> &Client<Context> {
        self.producer.client()
    }

    /// Takes in all news; whether more is to come.
    fn look(&self) -> bool {
        let mut before = 0;
        loop {
            // Records without an acknowledgement, and news that nobody has looked at.
            let open = self.producer.in_flight_count();
            if open == before {
                return open > 0;
            }
            before = open;
            self.producer.poll(Duration::ZERO);
        }
    }

    /// Sends a record once, and waits for its acknowledgement.
    async fn send(&self, parcel: &Parcel, partition: Option<i32>) -> Acknowledgement {
        let (waiter, acknowledged) = oneshot::channel();
        let mut record =
            BaseRecord::with_opaque_to(&parcel.topic, Box::new(waiter)).headers(wire::owned_headers(&parcel.headers));
        record.key = parcel.key.as_deref();
        record.payload = parcel.value.as_deref();
        record.partition = partition;
        self.producer.send(record).map_err(|(error, _)| error)?;
        self.sent.notify_one();
        acknowledged.await.unwrap_or(Err(KafkaError::Canceled))
    }
}

struct Context {
    rescue: Arc<Rescue>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.rescue.note(&error);
        tracing::debug!(%error, reason, "Kafka producer error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Waiter>;

    fn delivery(&self, result: &DeliveryResult<'_>, waiter: Box<Waiter>) {
        // Who has stopped waiting misses nothing.
        let _ = waiter.send(result.as_ref().map(drop).map_err(|(error, _)| error.clone()));
    }
}
