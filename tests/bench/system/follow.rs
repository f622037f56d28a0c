//! Follows processes while they work a backlog off: how many outcomes there are, and what they have cost so far.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::process::Process;
use crate::topic::{Counter, Topic};

/// Often enough for a rate, and too rarely to be felt.
const PAUSE: Duration = Duration::from_millis(50);

/// The part of a run that counts: before it the process warms up, after it work runs out.
const FROM: f64 = 0.2;
const TO: f64 = 0.9;

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    outcomes: u64,
    cpu: Duration,
}

/// What a run showed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Outcomes a second.
    pub rate: f64,
    /// Milliseconds of CPU an outcome.
    pub cpu_ms: f64,
}

/// Waits until `topic` has `total` records more than the `earlier` ones, at most `limit`, and tells the pace on the way.
pub fn pace(
    processes: &mut [Process],
    topic: &Topic,
    earlier: u64,
    total: u64,
    limit: Duration,
) -> anyhow::Result<Pace> {
    let counter = Counter::open(topic)?;
    let end = Instant::now() + limit;
    let mut samples = Vec::new();
    loop {
        let mut cpu = Duration::ZERO;
        for process in &mut *processes {
            process.alive()?;
            cpu += process.cpu()?;
        }
        let outcomes = counter.count()?.saturating_sub(earlier);
        samples.push(Sample { at: Instant::now(), outcomes, cpu });
        if outcomes >= total {
            break;
        }
        anyhow::ensure!(Instant::now() < end, "{outcomes} of {total} outcomes after {limit:?}");
        std::thread::sleep(PAUSE);
    }
    let share = |sample: &&Sample| sample.outcomes as f64 / total as f64;
    let first = samples.iter().rfind(|sample| share(sample) <= FROM).context("no sample before the work")?;
    let last = samples.iter().find(|sample| share(sample) >= TO).context("no sample after the work")?;
    let outcomes = (last.outcomes - first.outcomes) as f64;
    Ok(Pace {
        rate: outcomes / (last.at - first.at).as_secs_f64(),
        cpu_ms: (last.cpu - first.cpu).as_secs_f64() * 1e3 / outcomes,
    })
}
