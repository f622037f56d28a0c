//! The producer of progress: it sends each record once, at once or never, and knows whether its topic is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError as RdKafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::kafka::admin::count_partitions;
use crate::kafka::client::{self, BrokerReAdd, Connection};
use crate::kafka::error::{KafkaError, is_denied};
use crate::kafka::outgoing::OutgoingRecord;
use crate::kafka::telling::{Dropped, Teller};
use crate::kafka::wire;

/// What this producer rests on, whatever the operator sets for the one of outcomes: what is late is not sent at all.
const FIXED: [(&str, &str); 10] = [
    ("enable.idempotence", "false"),
    ("acks", "1"),
    ("message.send.max.retries", "0"),
    ("message.timeout.ms", "1000"),
    ("queue.buffering.max.messages", "2000"),
    ("queue.buffering.max.kbytes", "4096"),
    ("linger.ms", "0.5"),
    ("topic.metadata.propagation.max.ms", "1000"),
    ("allow.auto.create.topics", "false"),
    // The partition that a Java producer would choose for the same key.
    ("partitioner", "murmur2_random"),
];

/// How often news of the client is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How often a topic that is missing is asked for, and how often one of which nothing is known because no broker told.
const ASK_AGAIN: Duration = Duration::from_secs(30);
const ASK_SOON: Duration = Duration::from_secs(5);

/// Tells progress in its topic.
pub struct KafkaTeller {
    connection: Connection,
    topic: Arc<str>,
    producer: BaseProducer<Context>,
    standing: Arc<Standing>,
    re_add: Arc<BrokerReAdd>,
}

/// What is known of the topic.
struct Standing {
    is_there: AtomicBool,
    /// Something could not be sent: it may be gone.
    doubted: Notify,
    said: Mutex<Said>,
    topic: Arc<str>,
}

/// What the log has said last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    Missing,
    Denied,
}

impl KafkaTeller {
    /// Opens the producer; `dropped` is told of what could not be sent. Neither the brokers nor the topic need be there yet.
    ///
    /// # Errors
    /// When the client cannot be opened with these settings.
    pub fn open(
        connection: &Connection,
        topic: Arc<str>,
        dropped: impl Fn(Dropped) + Send + Sync + 'static,
    ) -> Result<Self, KafkaError> {
        let mut config = connection.config(&[("compression.type", "lz4")]);
        for (name, value) in FIXED {
            config.set(name, value);
        }
        let standing = Arc::new(Standing {
            is_there: AtomicBool::new(false),
            doubted: Notify::new(),
            said: Mutex::new(Said::Nothing),
            topic: topic.clone(),
        });
        let re_add = Arc::new(BrokerReAdd::default());
        let context = Context { re_add: re_add.clone(), standing: standing.clone(), dropped: Box::new(dropped) };
        let producer = BaseProducer::from_config_and_context(&config, context)?;
        Ok(Self { connection: connection.clone(), topic, producer, standing, re_add })
    }

    /// Looks for news of what was sent, and whether the topic is there, for ever.
    pub async fn run(self: Arc<Self>) {
        tokio::join!(self.look(), self.ask());
    }

    async fn look(&self) {
        loop {
            self.hear_all();
            self.re_add.run(self.producer.client(), &self.connection.bootstrap);
            sleep(LOOK).await;
        }
    }

    /// Hears all the news that there is. One poll that does not wait hears one, and each partition acknowledges for itself:
    /// what is not heard of counts as not sent, until there is no room for more.
    fn hear_all(&self) {
        loop {
            let before = self.producer.in_flight_count();
            self.producer.poll(Duration::ZERO);
            if self.producer.in_flight_count() >= before {
                return;
            }
        }
    }

    async fn ask(self: &Arc<Self>) {
        loop {
            let teller = self.clone();
            let asking = tokio::task::spawn_blocking(move || count_partitions(teller.producer.client(), &teller.topic));
            let found = asking.await.unwrap_or(Err(RdKafkaError::Canceled));
            let pause = match found {
                Ok(0) => {
                    self.standing.is_missing(Said::Missing);
                    ASK_AGAIN
                }
                Ok(_) => {
                    self.standing.is_found();
                    ASK_SOON
                }
                Err(error) if is_denied(&error) => {
                    self.standing.is_missing(Said::Denied);
                    ASK_AGAIN
                }
                // That brokers are away is told elsewhere.
                Err(error) => {
                    tracing::debug!(topic = %self.topic, %error, "whether progress can be told is not known");
                    ASK_SOON
                }
            };
            sleep(pause).await;
            // One that is there is asked for again when something could not be sent, and else now and then.
            if self.standing.is_there.load(Ordering::Relaxed) {
                let _ = timeout(ASK_AGAIN, self.standing.doubted.notified()).await;
            }
        }
    }
}

impl Teller for KafkaTeller {
    fn is_heard(&self) -> bool {
        self.standing.is_there.load(Ordering::Relaxed)
    }

    fn tell(&self, record: &OutgoingRecord) -> Result<(), Dropped> {
        let mut told = BaseRecord::to(&record.topic).headers(wire::owned_headers(&record.headers));
        told.key = record.key.as_deref();
        told.payload = record.value.as_deref();
        match self.producer.send::<[u8], [u8]>(told) {
            Ok(()) => Ok(()),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => Err(Dropped::Behind),
            Err((error, _)) => Err(self.standing.dropped(&error)),
        }
    }
}

impl Standing {
    /// It is there, as far as the brokers tell. Whether it may be written is known when something was.
    fn is_found(&self) {
        if *self.said() == Said::Missing {
            self.is_told();
        }
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Something was stored in it.
    fn is_told(&self) {
        if std::mem::replace(&mut *self.said(), Said::Nothing) != Said::Nothing {
            tracing::info!(topic = %self.topic, "progress is told from now on");
        }
    }

    /// It is not there, or may not be used, which is the same. That is said once.
    fn is_missing(&self, why: Said) {
        self.is_there.store(false, Ordering::Relaxed);
        if std::mem::replace(&mut *self.said(), why) == Said::Nothing {
            let reason = if why == Said::Denied { "an ACL forbids it" } else { "the topic is missing" };
            tracing::warn!(
                topic = %self.topic,
                reason,
                "no progress is told: `ssammu-worker topics` makes the topic, TOPIC_REQUEST_PROGRESS=off says that this is meant"
            );
        }
    }

    /// A record was not stored.
    fn dropped(&self, error: &RdKafkaError) -> Dropped {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                self.is_missing(Said::Denied);
                Dropped::Refused
            }
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                self.is_missing(Said::Missing);
                Dropped::Refused
            }
            Some(RDKafkaErrorCode::MessageTimedOut | RDKafkaErrorCode::QueueFull) => {
                self.doubted.notify_one();
                Dropped::Late
            }
            _ => {
                self.doubted.notify_one();
                Dropped::Refused
            }
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Context {
    re_add: Arc<BrokerReAdd>,
    standing: Arc<Standing>,
    dropped: Box<dyn Fn(Dropped) + Send + Sync>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client::log(level, facility, line);
    }

    fn error(&self, error: RdKafkaError, reason: &str) {
        self.re_add.note(&error);
        tracing::debug!(%error, reason, "Kafka progress producer error");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.standing.is_told(),
            Err((error, _)) => (self.dropped)(self.standing.dropped(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::embedded::EmbeddedBroker;

    /// Each acknowledges for itself.
    const PARTITIONS: i32 = 200;

    #[tokio::test]
    async fn however_many_acknowledgements_come_they_make_room_at_the_next_look() {
        let broker = EmbeddedBroker::start().unwrap();
        broker.create_topic("RequestProgress", PARTITIONS).unwrap();
        let connection = Connection { bootstrap: broker.address().unwrap(), properties: vec![] };
        let teller = Arc::new(KafkaTeller::open(&connection, "RequestProgress".into(), |_| {}).unwrap());
        let told = async {
            while !teller.is_heard() {
                sleep(LOOK).await;
            }
            for number in 0..PARTITIONS * 5 {
                let (key, value) = (Some(number.to_string().into_bytes()), Some(b"{}".to_vec()));
                let topic = teller.topic.clone();
                teller.tell(&OutgoingRecord { topic, partition: None, key, value, headers: Vec::new() }).unwrap();
            }
            while teller.producer.in_flight_count() > 0 {
                sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = teller.clone().run() => {}
            told = timeout(LOOK * 100, told) => told.unwrap(),
        }
        // Dropping clients blocks.
        tokio::task::spawn_blocking(move || drop((teller, broker))).await.unwrap();
    }
}
