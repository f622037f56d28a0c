//! Where outcomes and dead letters go.

use std::sync::Arc;

use async_trait::async_trait;

use crate::events::record::Header;

/// A record to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    pub topic: Arc<str>,
    /// Where to put it; the key decides when there is none, or when the topic has no such partition.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// The topic will never take this record (it is too large).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker refused the record: {0}")]
pub struct Refused(pub String);

/// The way out.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Sends a record and waits until it is stored on all replicas; for as long as that takes.
    ///
    /// # Errors
    /// [`Refused`] when sending it again cannot help.
    async fn send(&self, parcel: &Parcel) -> Result<(), Refused>;

    /// Whether records can be sent now; for readiness.
    async fn check(&self) -> Result<(), String>;
}
