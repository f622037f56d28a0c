//! What is measured, a scenario a file.

mod dialogue;
mod latency;
mod memory;
mod progress;
mod restart;
mod saturation;
mod scale;
mod start;
mod throughput;
mod tokens;

use std::time::Duration;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::Figure;

/// One thing to do with the worker, and with the floor where it could do it.
pub trait Scenario {
    fn name(&self) -> String;

    /// What [`measure`](Self::measure) gives, in this order.
    fn figures(&self) -> Vec<Figure>;

    /// Whether the floor can do it.
    fn has_floor(&self) -> bool {
        true
    }

    /// Does it once.
    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>>;
}

/// All of them, in the order in which they are run.
pub fn all() -> Vec<Box<dyn Scenario>> {
    let mut all: Vec<Box<dyn Scenario>> = Vec::new();
    for (partitions, in_flight) in [(12, 64), (1, 64), (12, 256)] {
        all.push(Box::new(throughput::Throughput { partitions, in_flight }));
    }
    all.push(Box::new(throughput::Parts));
    for in_flight in [64, 256, 1024] {
        all.push(Box::new(saturation::Saturation { in_flight }));
    }
    for (latency, in_flight, waves) in [(50, 64, 150), (1_500, 256, 10)] {
        all.push(Box::new(progress::Progress { latency: Duration::from_millis(latency), in_flight, waves }));
    }
    for rate in [50, 200, 500] {
        all.push(Box::new(latency::Latency { rate }));
    }
    all.push(Box::new(memory::AtRest));
    all.push(Box::new(memory::InFlight));
    for in_flight in [64, 1000] {
        all.push(Box::new(memory::Backlog { in_flight }));
    }
    all.push(Box::new(dialogue::Dialogue));
    all.push(Box::new(tokens::Tokens));
    all.push(Box::new(start::Start));
    all.push(Box::new(restart::Restart));
    for members in [1, 10, 100, 1000] {
        all.push(Box::new(scale::Members { members }));
    }
    for workers in [1, 2, 3] {
        all.push(Box::new(scale::Workers { workers }));
    }
    all
}
