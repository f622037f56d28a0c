//! Kafka: rdkafka stays in here.

pub mod admin;
pub mod asking;
pub mod client;
pub mod consumer;
pub mod embedded;
pub mod error;
pub mod outgoing;
pub mod position;
pub mod producer;
pub mod purge;
pub mod reader;
pub mod retention;
pub mod snapshot;
pub mod teller;
pub mod telling;
pub mod topic_ids;
pub mod topics;
mod wire;
