//! What all our Kafka clients share: their settings, their log, and the way back when the brokers were gone.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fmt::{self, Display};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::bindings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaConfRes;

/// Properties that the worker's guarantees rest on; nobody may set them.
pub const RESERVED: [&str; 12] = [
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "isolation.level",
    "acks",
    "request.required.acks",
    "enable.idempotence",
    "transactional.id",
    "enable.partition.eof",
];

/// Whether librdkafka has a property of this name.
pub fn is_property(name: &str) -> bool {
    let tried = ClientConfig::new().set(name, "").create_native_config();
    !matches!(tried, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)))
}

/// Whether a property's value is nobody's business.
pub fn is_secret(name: &str) -> bool {
    ["password", "secret", "pem", "oauthbearer.config"].iter().any(|secret| name.to_ascii_lowercase().contains(secret))
}

/// How to reach the brokers. Shown without its properties' values.
#[derive(Clone)]
pub struct Connection {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// librdkafka properties of the operator's (TLS, SASL, group protocol). They may hold secrets.
    pub properties: Vec<(String, String)>,
}

impl Connection {
    /// A client's settings: ours, then the operator's.
    pub fn config(&self, ours: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        if !self.bootstrap.is_empty() {
            config.set("bootstrap.servers", &self.bootstrap);
        }
        config.set("client.id", "ssammu-worker");
        // A broker that comes back is met again within a second, not ten.
        config.set("reconnect.backoff.max.ms", "1000");
        // Our own context writes the log, at the level that RUST_LOG sets.
        config.set_log_level(RDKafkaLogLevel::Info);
        for (name, value) in ours {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    /// The operator's value of a property.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().rev().find(|(property, _)| property == name).map(|(_, value)| value.as_str())
    }

    /// Which of the operator's properties librdkafka does not take, in words and without their values.
    pub fn problems(&self) -> Vec<String> {
        let refused = self.properties.iter().filter_map(|(name, value)| {
            if matches!(name.as_str(), "sasl.mechanism" | "sasl.mechanisms")
                && value.eq_ignore_ascii_case("OAUTHBEARER")
            {
                return Some(format!("{name}: the worker fetches no tokens, which OAUTHBEARER needs"));
            }
            if RESERVED.contains(&name.as_str()) {
                return Some(format!("{name} is set by the worker itself"));
            }
            let tried = ClientConfig::new().set(name, value).create_native_config();
            tried.err().map(|_| match is_property(name) {
                true => format!("{name} has a value that is not allowed"),
                // It may be a piece of a value.
                false => "one is none that librdkafka has".to_owned(),
            })
        });
        refused.collect()
    }

    /// Why a client cannot be made of properties that are good one by one: one does not go with another, or names a file
    /// that cannot be read. The text holds no secret.
    pub fn conflict(&self, error: KafkaError) -> String {
        let KafkaError::ClientCreation(reason) = error else { return "they do not fit together".to_owned() };
        let mut secrets = self.properties.iter().filter(|(name, value)| is_secret(name) && !value.is_empty());
        if secrets.any(|(_, value)| reason.contains(value)) { "they do not fit together".to_owned() } else { reason }
    }

    /// The same properties, and no brokers: a client of it connects to nothing.
    pub fn to_nowhere(&self) -> Self {
        Self { bootstrap: String::new(), ..self.clone() }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.properties.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "Connection({} {})", self.bootstrap, names.join(" "))
    }
}

/// A client that is made to see whether it can be, and says nothing.
#[derive(Debug, Default)]
pub struct SilentContext;

impl ClientContext for SilentContext {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _line: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for SilentContext {}

impl ProducerContext for SilentContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

/// How long after the loss of all brokers the bootstrap addresses are added again.
const RE_ADD_AFTER: Duration = Duration::from_secs(1);

/// Re-adds the brokers when all of them were lost. librdkafka 2.12 can throw its last broker away for good
/// (confluentinc/librdkafka#5301); adding the bootstrap addresses again, which is harmless when nothing is wrong,
/// brings the client back.
#[derive(Debug, Default)]
pub struct BrokerReAdd(Mutex<Option<Instant>>);

impl BrokerReAdd {
    /// Takes note of a client error.
    pub fn note(&self, error: &KafkaError) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown)
            && let Ok(mut due) = self.0.lock()
        {
            due.get_or_insert_with(|| Instant::now() + RE_ADD_AFTER);
        }
    }

    /// Whether it is time to add the brokers again.
    fn is_due(&self) -> bool {
        let Ok(mut due) = self.0.lock() else { return false };
        due.take_if(|due| *due <= Instant::now()).is_some()
    }

    /// Adds the bootstrap addresses again when that is due.
    pub fn run<C: ClientContext>(&self, client: &Client<C>, bootstrap: &str) {
        if self.is_due()
            && let Ok(list) = CString::new(bootstrap)
        {
            // SAFETY: the client outlives the call, and librdkafka copies the list.
            unsafe { bindings::rd_kafka_brokers_add(client.native_ptr(), list.as_ptr()) };
        }
    }
}

/// What a client said last about its trouble: its calls fail with little more than a code, and the cause (a handshake, a
/// password) is in what the client says by itself.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Option<(Instant, String)>>);

/// How long what a client said may be the cause of what fails.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

impl Heard {
    /// Takes note of a client error and its words.
    pub fn note(&self, error: &KafkaError, reason: &str) {
        // That all brokers are down follows from what was said before.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown)
            && let Ok(mut last) = self.0.lock()
        {
            *last = Some((Instant::now(), reason.to_owned()));
        }
    }

    /// Takes note of a line of the client's log. That a broker hangs up is no error to it, and may be the cause all the same.
    pub fn note_line(&self, facility: &str, line: &str) {
        let said = line.split_once("]: ").map_or(line, |(_, said)| said);
        if facility == "FAIL"
            && was_hung_up_on(said)
            && let Ok(mut last) = self.0.lock()
        {
            *last = Some((Instant::now(), said.to_owned()));
        }
    }

    /// An error, with what the client said by itself not long ago.
    pub fn explain(&self, error: impl Display) -> String {
        let last = self.0.lock().ok().and_then(|last| last.clone());
        match last.filter(|(at, _)| at.elapsed() < HEARD_WITHIN) {
            Some((_, reason)) if was_hung_up_on(&reason) => format!("{error}: {reason}; {PROTOCOL}"),
            Some((_, reason)) => format!("{error}: {reason}"),
            None => error.to_string(),
        }
    }
}

/// What may be behind a connection that is closed as soon as it is used: a listener does not say what it wants.
const PROTOCOL: &str = "if that is so at each try, security.protocol may be another than the listener's";

/// Whether a broker closed a connection without a word within a second.
fn was_hung_up_on(reason: &str) -> bool {
    let after = reason.split_once(" (after ").and_then(|(_, after)| after.split_once("ms in state "));
    after.is_some_and(|(lasted, state)| {
        let is_in_use = state.starts_with("UP") || state.starts_with("APIVERSION");
        is_in_use && lasted.parse().is_ok_and(|lasted: u64| lasted < 1_000)
    })
}

/// Lines of librdkafka's that were written: each client says the same at each of its tries.
#[derive(Debug, Default)]
struct Written(BTreeMap<String, Instant>);

static WRITTEN: Mutex<Written> = Mutex::new(Written(BTreeMap::new()));

/// A line is written again after it was not heard for so long.
const QUIET: Duration = Duration::from_secs(60);
/// Different lines that are kept apart.
const WRITTEN_MAX: usize = 256;

impl Written {
    /// Whether this line is news.
    fn is_new(&mut self, line: &str, now: Instant) -> bool {
        // Which thread says it, how long it took, and which of many ports or correlations it is about, differ each time.
        let said = line.rsplit_once("]: ").map_or(line, |(_, said)| said);
        let said = said.split_once(" (after ").map_or(said, |(said, _)| said);
        let said: String = said.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        if self.0.len() >= WRITTEN_MAX {
            self.0.retain(|_, heard| now.duration_since(*heard) < QUIET);
        }
        if self.0.len() >= WRITTEN_MAX && !self.0.contains_key(&said) {
            return false;
        }
        let before = self.0.insert(said, now);
        before.is_none_or(|heard| now.duration_since(heard) >= QUIET)
    }
}

/// Whether this was not said within the last minute.
pub fn is_news(line: &str) -> bool {
    WRITTEN.lock().is_ok_and(|mut written| written.is_new(line, Instant::now()))
}

/// Writes librdkafka's log lines into ours; what it repeats, once.
pub fn log(level: RDKafkaLogLevel, facility: &str, line: &str) {
    // The operator's properties go to consumers and producers alike; each ignores the other's.
    let level = if facility == "CONFWARN" { RDKafkaLogLevel::Info } else { level };
    let is_loud = matches!(
        level,
        RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
    );
    let level = if is_loud && !is_news(line) { RDKafkaLogLevel::Info } else { level };
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{line}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::debug!(target: "librdkafka", facility, "{line}"),
        RDKafkaLogLevel::Debug => tracing::trace!(target: "librdkafka", facility, "{line}"),
    }
}

/// A client that only writes its log and asks questions (metadata, admin).
#[derive(Debug, Default)]
pub struct PlainContext;

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client error");
    }
}

impl ConsumerContext for PlainContext {}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(properties: &[(&str, &str)]) -> Connection {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Connection { bootstrap: "localhost:9092".to_owned(), properties }
    }

    #[test]
    fn properties_are_checked_without_showing_their_values() {
        let problems = connection(&[
            ("sasl.password", "s3cret"),
            ("group.id", "mine"),
            ("no.such.thing", "s3cret"),
            ("session.timeout.ms", "s3cret"),
        ])
        .problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems.iter().all(|problem| !problem.contains("s3cret")));
        let shown = format!("{:?}", connection(&[("sasl.password", "s3cret")]));
        assert_eq!(shown, "Connection(localhost:9092 sasl.password)");
    }

    #[test]
    fn the_operators_properties_win_over_ours() {
        let config = connection(&[("linger.ms", "7")]).config(&[("linger.ms", "5")]);
        assert_eq!(config.get("linger.ms"), Some("7"));
    }

    #[test]
    fn what_is_said_at_each_try_is_written_once() {
        let refused = |port, tries| {
            format!(
                "[thrd:127.0.0.1:{port}/bootstrap]: 127.0.0.1:{port}/bootstrap: Connect to ipv4#127.0.0.1:{port} failed: \
                 Connection refused (after {tries}ms in state CONNECT, {tries} identical error(s) suppressed)"
            )
        };
        let (mut written, start) = (Written::default(), Instant::now());
        let said = (0..100).filter(|second| {
            written.is_new(&refused(9092 + second % 3, *second), start + Duration::from_secs(*second))
        });
        assert_eq!(said.count(), 1);
        assert!(written.is_new("[thrd:x]: x: SSL handshake failed (after 3ms in state SSL_HANDSHAKE)", start));
        assert!(written.is_new(&refused(9092, 0), start + Duration::from_secs(99) + QUIET));
    }

    #[test]
    fn an_error_comes_with_what_the_client_said_by_itself() {
        let heard = Heard::default();
        assert_eq!(heard.explain("no answer"), "no answer");
        let failed = |code| KafkaError::Global(code);
        heard.note(&failed(RDKafkaErrorCode::SSL), "ssl://kafka:9093: SSL handshake failed");
        heard.note(&failed(RDKafkaErrorCode::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(heard.explain("no answer"), "no answer: ssl://kafka:9093: SSL handshake failed");
        let hung_up = "ssl://kafka:9093: Send failed: SSL transport error: Broken pipe (after 0ms in state UP)";
        heard.note(&failed(RDKafkaErrorCode::BrokerTransportFailure), hung_up);
        assert_eq!(heard.explain("no answer"), format!("no answer: {hung_up}; {PROTOCOL}"));
        let heard = Heard::default();
        heard.note_line(
            "FAIL",
            &format!("[thrd:{0}]: {0}: Disconnected (after 3ms in state UP)", "kafka:9093/bootstrap"),
        );
        let told = format!("no answer: kafka:9093/bootstrap: Disconnected (after 3ms in state UP); {PROTOCOL}");
        assert_eq!(heard.explain("no answer"), told);
        let after_long = "kafka:9092: Disconnected (after 5000ms in state UP)";
        heard.note(&failed(RDKafkaErrorCode::BrokerTransportFailure), after_long);
        assert_eq!(heard.explain("no answer"), format!("no answer: {after_long}"));
    }
}
