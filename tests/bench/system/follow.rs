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

/// Looks at processes and a topic from the moment when it is made.
pub struct Follower {
    counter: Counter,
    samples: Vec<Sample>,
}

impl Follower {
    /// Outcomes that `topic` has already do not count.
    pub fn start(processes: &mut [Process], topic: &Topic) -> anyhow::Result<Self> {
        let mut follower = Self { counter: Counter::open(topic)?, samples: Vec::new() };
        follower.look(processes)?;
        Ok(follower)
    }

    fn look(&mut self, processes: &mut [Process]) -> anyhow::Result<Sample> {
        let mut cpu = Duration::ZERO;
        for process in processes {
            process.alive()?;
            cpu += process.cpu()?;
        }
        let sample = Sample { at: Instant::now(), outcomes: self.counter.count()?, cpu };
        self.samples.push(sample);
        Ok(sample)
    }

    /// Waits until there are `total` outcomes more, at most `limit`, and tells the pace on the way.
    pub fn pace(mut self, processes: &mut [Process], total: u64, limit: Duration) -> anyhow::Result<Pace> {
        let start = *self.samples.first().context("nothing was seen")?;
        let end = start.at + limit;
        loop {
            let outcomes = self.look(processes)?.outcomes - start.outcomes;
            if outcomes >= total {
                break;
            }
            anyhow::ensure!(Instant::now() < end, "{outcomes} of {total} outcomes after {limit:?}");
            std::thread::sleep(PAUSE);
        }
        let share = |sample: &&Sample| (sample.outcomes - start.outcomes) as f64 / total as f64;
        let first = self.samples.iter().rfind(|sample| share(sample) <= FROM).context("no sample before the work")?;
        let last = self.samples.iter().find(|sample| share(sample) >= TO).context("no sample after the work")?;
        let outcomes = (last.outcomes - first.outcomes) as f64;
        Ok(Pace {
            rate: outcomes / (last.at - first.at).as_secs_f64(),
            cpu_ms: (last.cpu - first.cpu).as_secs_f64() * 1e3 / outcomes,
        })
    }
}
