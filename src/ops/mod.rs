//! Commands for the people who run the worker. They talk to Kafka, Redis and S3 themselves; no worker has to be up.
//! What a member wrote is shown only when `--payload` asks for it, nothing is changed without `--yes`, and who looks at or
//! changes members' data is noted (`audit.rs`).

mod audit;
pub mod dlt;
pub mod session;
mod text;

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use crate::app;
use crate::config::Config;
use crate::state::StateError;
use crate::state::redis::RedisState;

/// How long to wait for Redis.
const CONNECTING: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

/// Redis, once it answers.
async fn redis(config: &Config) -> anyhow::Result<RedisState> {
    redis_within(config, CONNECTING).await
}

/// Redis, if it answers soon.
async fn redis_within(config: &Config, patience: Duration) -> anyhow::Result<RedisState> {
    let state = RedisState::connect(&config.redis, app::lifetimes(config));
    let end = Instant::now() + patience;
    loop {
        match state.answers().await {
            Ok(()) => return Ok(state),
            Err(StateError::Unavailable(_)) if Instant::now() < end => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error).context("Redis cannot be used"),
        }
    }
}
