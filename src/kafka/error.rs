//! Why Kafka could not be used.

use rdkafka::error::{KafkaError as RdKafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use tokio::sync::oneshot::error::RecvError;
use tokio::task::JoinError;

/// What brokers say of a topic that we may not know of.
pub(super) const DENIED: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;

/// Whether a topic could not be asked for because we may not know of it.
pub(super) fn is_denied(error: &RdKafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed)
}

/// Why Kafka could not be used. The text never holds a property's value, which may be a secret, nor what a member wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// A client could not be opened with these settings: another try cannot succeed until a person changes them.
    #[error("Kafka client: {0}")]
    Open(String),
    /// The brokers were asked in vain: they are away, slow, or refuse. Asking again is safe, and can succeed.
    #[error("Kafka: {0}")]
    Request(String),
    /// These topics do not exist; they are made by people, never by accident.
    #[error("topics are missing: {}; `ssammu-worker topics` makes them", .0.join(", "))]
    MissingTopics(Vec<String>),
    /// These topics may not be known of: whether they exist is not said.
    #[error("topics may not be described: {}; an ACL has to allow it", .0.join(", "))]
    DeniedTopics(Vec<String>),
    /// It is there, and may not be read.
    #[error("{0} may not be read; an ACL has to allow it")]
    DeniedReading(String),
    /// What is in it may not be deleted.
    #[error("what is in {0} may not be deleted; an ACL has to allow Delete on it")]
    DeniedDeleting(String),
}

impl From<RdKafkaError> for KafkaError {
    fn from(error: RdKafkaError) -> Self {
        match error {
            // Both texts of it can quote the value.
            RdKafkaError::ClientConfig(_, _, property, _) => {
                Self::Open(format!("{property} has a value that is not allowed"))
            }
            RdKafkaError::ClientCreation(_) | RdKafkaError::Subscription(_) | RdKafkaError::Nul(_) => {
                Self::Open(error.to_string())
            }
            _ => Self::Request(error.to_string()),
        }
    }
}

impl From<RDKafkaErrorCode> for KafkaError {
    fn from(code: RDKafkaErrorCode) -> Self {
        Self::Request(code.to_string())
    }
}

impl From<JoinError> for KafkaError {
    fn from(_: JoinError) -> Self {
        Self::panicked()
    }
}

impl From<RecvError> for KafkaError {
    fn from(_: RecvError) -> Self {
        Self::panicked()
    }
}

impl KafkaError {
    /// The thread that asked; the log has the place.
    fn panicked() -> Self {
        Self::Request("asking panicked".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client::Connection;
    use crate::kafka::reader::{Start, follow};

    #[test]
    fn an_error_names_the_property_and_not_its_value() {
        let properties = vec![("session.timeout.ms".to_owned(), "s3cret".to_owned())];
        let connection = Connection { bootstrap: "localhost:9092".to_owned(), properties };
        let error = follow(&connection, &[], &Start::Now).unwrap_err();
        assert!(matches!(error, KafkaError::Open(_)), "{error:?}");
        assert!(
            error.to_string().contains("session.timeout.ms") && !format!("{error:?}").contains("s3cret"),
            "{error:?}"
        );
    }
}
