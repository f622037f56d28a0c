//! What operators see: metrics and logs.

pub mod group;
pub mod log;
mod log_queue;
pub mod metrics;
pub mod model;
