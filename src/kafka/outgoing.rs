//! The producer port: how outcomes and dead letters are sent, and what it means that a record is rejected.

use std::sync::Arc;

use async_trait::async_trait;

use crate::events::record::Header;
use crate::kafka::error::KafkaError;

/// A record to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingRecord {
    pub topic: Arc<str>,
    /// Where to put it; the key decides when there is none, or when the topic has no such partition.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// Rejected for good: the topic will never take this record (it is too large).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker refused the record: {0}")]
pub struct RecordRejected(pub String);

/// A producer. It acknowledges what is stored on all replicas.
#[async_trait]
pub trait Producer: Send + Sync {
    /// Sends a record and waits until it is stored on all replicas; for as long as that takes.
    ///
    /// # Errors
    /// [`RecordRejected`] when sending it again cannot help.
    async fn send(&self, outgoing: &OutgoingRecord) -> Result<(), RecordRejected>;

    /// Whether records can be sent now; for readiness.
    async fn check(&self) -> Result<(), KafkaError>;
}
