//! What operators see: metrics and logs.

pub mod group;
pub mod log;
pub mod metrics;
pub mod model;
