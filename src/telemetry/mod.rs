//! What operators see: metrics and logs.

pub mod gateway;
pub mod group;
pub mod http;
pub mod log;
mod log_queue;
pub mod metrics;
pub mod model;
