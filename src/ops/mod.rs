//! Commands for the people who run the worker. They talk to Kafka, Redis and S3 themselves; no worker has to be up.
//! What a member wrote is shown only when `--payload` asks for it, and nothing is changed without `--yes`.

pub mod dlt;
pub mod session;
mod text;
