//! The idempotent producer, which sends outcomes and dead letters and does not give up on a broker that is away.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as RdKafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::flow_control::backoff::Backoff;
use crate::flow_control::trouble::Trouble;
use crate::kafka::admin::count_partitions;
use crate::kafka::client::{self, BrokerReAdd, Connection, Heard, SilentContext};
use crate::kafka::error::{KafkaError, is_denied};
use crate::kafka::outgoing::{OutgoingRecord, Producer, RecordRejected};
use crate::kafka::wire;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(2) };

/// Larger than any record that a topic takes: the broker decides, not the client.
const MESSAGE_MAX_BYTES: &str = "100000000";

/// Linger: how long records wait for others after some have left. Then they leave together, so that the client's threads
/// and the broker are woken once for all of them.
const LINGER: Duration = Duration::from_millis(10);

/// How often acknowledgements are looked for while there are any to come: a thread that waits for them would wake the
/// runtime for each.
const LOOK: Duration = Duration::from_millis(2);
/// How often librdkafka's own news is looked at while nothing is sent.
const IDLE_LOOK: Duration = Duration::from_millis(100);

type Acknowledgement = KafkaResult<()>;
type Waiter = oneshot::Sender<Acknowledgement>;

/// An idempotent producer that acknowledges what all replicas have.
pub struct KafkaProducer {
    connection: Connection,
    producer: Mutex<Arc<Polled>>,
    /// One that sends each record alone, for those whose batches were refused; opened when it is needed.
    alone: Mutex<Option<Arc<Polled>>>,
    re_add: Arc<BrokerReAdd>,
    /// Records that are not acknowledged yet: for what is wrong with the brokers, and for what is wrong with a topic.
    unacknowledged: Arc<Trouble>,
    refused_by_topic: Arc<Trouble>,
    /// When records leave that are ready before that moment.
    lingers_until: Mutex<Instant>,
}

/// A producer, and the word that something was handed to it.
struct Polled {
    producer: BaseProducer<Context>,
    sent: Arc<Notify>,
}

impl KafkaProducer {
    /// Opens the producer. The brokers need not be there yet. Must be called inside a Tokio runtime.
    pub fn open(connection: &Connection) -> Result<Self, KafkaError> {
        let re_add = Arc::new(BrokerReAdd::default());
        let producer = Mutex::new(create(connection, &re_add, &[])?);
        Ok(Self {
            connection: connection.clone(),
            producer,
            alone: Mutex::default(),
            re_add,
            unacknowledged: Trouble::new("KAFKA_BOOTSTRAP_SERVERS, KAFKA_PROPERTIES"),
            refused_by_topic: Trouble::new("the topic, its replicas, and the ACLs on it"),
            lingers_until: Mutex::new(Instant::now()),
        })
    }

    /// Records that no broker has acknowledged yet.
    pub fn unacknowledged(&self) -> &Arc<Trouble> {
        &self.unacknowledged
    }

    /// Those of them that their topic does not take.
    pub fn refused_by_topic(&self) -> &Arc<Trouble> {
        &self.refused_by_topic
    }

    /// Waits until something is wrong for long; what.
    pub async fn lasting_trouble(&self) -> String {
        loop {
            tokio::select! {
                () = self.unacknowledged.lasts() => {}
                () = self.refused_by_topic.lasts() => {}
            }
            if let Some(reason) = self.refused_by_topic.lasting().or_else(|| self.unacknowledged.lasting()) {
                return reason;
            }
        }
    }

    fn producer(&self) -> Arc<Polled> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The producer whose batches hold one record.
    fn alone(&self) -> Result<Arc<Polled>, KafkaError> {
        let mut alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(polled) = alone.as_ref().filter(|polled| polled.client().fatal_error().is_none()) {
            return Ok(polled.clone());
        }
        let new = create(&self.connection, &self.re_add, &[("batch.num.messages", "1")])?;
        if let Some(dead) = alone.replace(new.clone()) {
            // Dropping a producer blocks.
            tokio::task::spawn_blocking(move || drop(dead));
        }
        Ok(new)
    }

    /// When a record leaves that is ready now: at once, unless others left just before.
    fn leaves_at(&self) -> Instant {
        let mut until = self.lingers_until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if *until > now {
            return *until;
        }
        *until = now + LINGER;
        now
    }

    /// Replaces the producer when it is dead for good; why it is.
    fn replace_if_fatal(&self) -> Option<String> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, reason) = producer.client().fatal_error()?;
        match create(&self.connection, &self.re_add, &[]) {
            Ok(new) => {
                let dead = std::mem::replace(&mut *producer, new);
                // Dropping a producer blocks.
                tokio::task::spawn_blocking(move || drop(dead));
            }
            Err(error) => tracing::error!(%error, "the Kafka producer could not be opened"),
        }
        Some(reason)
    }

    /// Whether these topics exist, and may be known of; for readiness.
    ///
    /// # Errors
    /// Which do not or may not, or that the brokers cannot be asked.
    pub async fn check_topics(&self, topics: &[String]) -> Result<(), KafkaError> {
        let (producer, topics) = (self.producer(), topics.to_vec());
        self.re_add.run(producer.client(), &self.connection.bootstrap);
        tokio::task::spawn_blocking(move || {
            let (mut missing, mut denied) = (Vec::new(), Vec::new());
            for topic in topics {
                match count_partitions(producer.client(), &topic) {
                    Ok(0) => missing.push(topic),
                    Ok(_) => {}
                    Err(error) if is_denied(&error) => denied.push(topic),
                    Err(error) => return Err(KafkaError::Request(producer.explain(error))),
                }
            }
            match (denied.is_empty(), missing.is_empty()) {
                (true, true) => Ok(()),
                (true, false) => Err(KafkaError::MissingTopics(missing)),
                (false, _) => Err(KafkaError::DeniedTopics(denied)),
            }
        })
        .await?
    }

    /// Waits until everything is sent, at most `limit`. Blocks.
    pub fn flush(&self, limit: Duration) {
        if let Err(error) = self.producer().producer.flush(limit) {
            tracing::warn!(%error, "not everything could be sent before the end");
        }
    }
}

fn settings(connection: &Connection) -> ClientConfig {
    connection.config(&[
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
    ])
}

/// Why no producer can be made of these properties, if none can.
pub fn problem(connection: &Connection) -> Option<String> {
    let made: KafkaResult<BaseProducer<SilentContext>> =
        settings(&connection.to_nowhere()).create_with_context(SilentContext);
    made.err().map(|error| connection.conflict(error))
}

fn create(
    connection: &Connection,
    re_add: &Arc<BrokerReAdd>,
    fixed: &[(&str, &str)],
) -> Result<Arc<Polled>, KafkaError> {
    let mut config = settings(connection);
    for (name, value) in fixed {
        config.set(*name, *value);
    }
    let context = Context { re_add: re_add.clone(), heard: Heard::default() };
    let producer = BaseProducer::from_config_and_context(&config, context)?;
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
impl Producer for KafkaProducer {
    async fn send(&self, outgoing: &OutgoingRecord) -> Result<(), RecordRejected> {
        let mut partition = outgoing.partition;
        let mut attempt = 0;
        let mut is_alone = false;
        let mut waiting = self.unacknowledged.enter();
        loop {
            let producer = if is_alone {
                match self.alone() {
                    Ok(alone) => alone,
                    // That no client can be opened now says nothing about the record.
                    Err(error) => {
                        waiting.because(error.to_string());
                        sleep(BACKOFF.jittered(attempt)).await;
                        attempt = attempt.saturating_add(1);
                        continue;
                    }
                }
            } else {
                sleep_until(self.leaves_at()).await;
                self.producer()
            };
            let Err(error) = producer.send(outgoing, partition).await else { return Ok(()) };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::UnknownPartition) if partition.is_some() => partition = None,
                // A broker refuses a batch whole, for the sake of its size or of one record in it.
                Some(
                    RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize
                    | RDKafkaErrorCode::InvalidRecord,
                ) if !is_alone => {
                    tracing::debug!(topic = %outgoing.topic, %error, "a batch was refused; sending its records one by one");
                    is_alone = true;
                }
                Some(
                    RDKafkaErrorCode::MessageSizeTooLarge
                    | RDKafkaErrorCode::InvalidMessageSize
                    | RDKafkaErrorCode::InvalidRecord
                    | RDKafkaErrorCode::InvalidTopic,
                ) => return Err(RecordRejected(error.to_string())),
                // Whether a timed-out record was stored is unknown: it is sent again, with the same id.
                _ => {
                    tracing::debug!(topic = %outgoing.topic, %error, attempt, "sending again");
                    if is_of_topic(&error) {
                        waiting = waiting.moved_to(&self.refused_by_topic);
                    }
                    waiting.because(format!("{} takes no records: {}", outgoing.topic, producer.explain(error)));
                    self.re_add.run(producer.client(), &self.connection.bootstrap);
                    if let Some(reason) = self.replace_if_fatal() {
                        tracing::error!(reason, "the Kafka producer was dead; another is open");
                    }
                    tokio::time::sleep(BACKOFF.jittered(attempt)).await;
                    attempt = attempt.saturating_add(1);
                }
            }
        }
    }

    async fn check(&self) -> Result<(), KafkaError> {
        // Without the right to write it dies of itself: that is known before anything waits to be sent.
        if let Some(reason) = self.replace_if_fatal() {
            return Err(KafkaError::Request(format!("no record can be sent: {reason}; see the ACLs of the user")));
        }
        let producer = self.producer();
        self.re_add.run(producer.client(), &self.connection.bootstrap);
        let asking = tokio::task::spawn_blocking(move || {
            let asked = producer.client().fetch_metadata(Some("__consumer_offsets"), Duration::from_secs(2));
            asked.map(drop).map_err(|error| KafkaError::Request(producer.explain(error)))
        });
        asking.await?
    }
}

impl Polled {
    fn client(&self) -> &Client<Context> {
        self.producer.client()
    }

    /// An error, with what the client said by itself.
    fn explain(&self, error: impl Display) -> String {
        self.client().context().heard.explain(error)
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
    async fn send(&self, outgoing: &OutgoingRecord, partition: Option<i32>) -> Acknowledgement {
        let (waiter, acknowledged) = oneshot::channel();
        let mut record = BaseRecord::with_opaque_to(&outgoing.topic, Box::new(waiter))
            .headers(wire::owned_headers(&outgoing.headers));
        record.key = outgoing.key.as_deref();
        record.payload = outgoing.value.as_deref();
        record.partition = partition;
        self.producer.send(record).map_err(|(error, _)| error)?;
        self.sent.notify_one();
        acknowledged.await.unwrap_or(Err(RdKafkaError::Canceled))
    }
}

/// Whether it is the topic that does not take a record, and not a broker that is away.
fn is_of_topic(error: &RdKafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::NotEnoughReplicas
                | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
                | RDKafkaErrorCode::PolicyViolation
        )
    )
}

struct Context {
    re_add: Arc<BrokerReAdd>,
    heard: Heard,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.heard.note_line(facility, line);
        client::log(level, facility, line);
    }

    fn error(&self, error: RdKafkaError, reason: &str) {
        self.re_add.note(&error);
        self.heard.note(&error, reason);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::embedded::EmbeddedBroker;

    #[tokio::test]
    async fn a_missing_right_to_write_is_known_before_anything_is_sent_and_forgotten_once_it_is_there() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.deny_writing(true).unwrap();
        let connection = Connection { bootstrap: broker.address().unwrap(), properties: vec![] };
        let producer = KafkaProducer::open(&connection).unwrap();
        let until = async |is_ready: bool| {
            loop {
                let checked = producer.check().await;
                if checked.is_ok() == is_ready {
                    break checked;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let told = until(false).await.unwrap_err().to_string();
        assert!(told.contains("uthorization failed") && told.contains("ACL"), "{told}");
        broker.deny_writing(false).unwrap();
        until(true).await.unwrap();
    }
}
