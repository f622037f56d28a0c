//! The whole system, measured: the real program on a real Kafka, Redis and S3, and beside it the [`floor`], the least
//! that could do its job.
//!
//! `cargo bench --bench system` runs every scenario, `-- throughput memory` those with one of these words in their
//! names, and `-- --short` all of them tiny, which finds a broken bench and measures nothing. What it found is printed,
//! and written to `bench/` in the target folder: `system.json` and plots.

mod arguments;
mod bench_env;
mod cpu;
mod figure;
mod floor;
mod follow;
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the tests' kit: the bench needs less of it, and it ends where something is not as expected"
)]
#[path = "../../kit"]
mod kit {
    pub mod model;
    pub mod proxy;
    pub mod s3;
    pub mod services;
    pub mod settings;
    pub mod wait;
}
mod listener;
mod load;
mod machine;
mod model;
mod plot;
mod process;
mod report;
mod scenarios;
mod statistics;
mod topic;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Role};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.play {
        Some(Role::Model) => model::serve().map(|never| match never {}),
        Some(Role::Floor) => floor::run(),
        None => report::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
