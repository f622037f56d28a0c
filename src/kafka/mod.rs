//! Kafka: rdkafka stays in here.

pub mod admin;
pub mod client;
pub mod consumer;
pub mod producer;
mod wire;
