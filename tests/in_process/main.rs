//! The worker's heart in the process, without a service: intake, work and agent on the embedded broker and the twins in
//! memory, with doubles where a fault is staged; and the twins themselves, by the suites that every back end must pass.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that finds something else than it expects ends there"
)]

mod answers;
mod doubles;
mod erasure;
mod eval;
mod hot_members;
mod interview;
mod log;
mod model_servers;
mod offsets;
mod order;
mod progress;
mod rebalance;
mod replays;
mod rollback;
mod stage;
mod twins;
mod waits;

#[path = "../kit"]
#[expect(dead_code, reason = "the end-to-end tests use more of it")]
mod kit {
    pub mod offsets;
    pub mod request_producer;
    pub mod wait;
}
#[path = "../suites"]
mod suites {
    pub mod documents;
    pub mod erasing;
    pub mod expiring;
    pub mod fixtures;
    pub mod state;
}
