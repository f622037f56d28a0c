//! Follows processes while they work a backlog off: how many outcomes there are, and what they have cost so far.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::bench_env::{PATIENCE, Set};
use crate::cpu::Cpu;
use crate::process::Process;
use crate::topic::Counter;

/// Often enough for a rate, and too rarely to be felt.
const PAUSE: Duration = Duration::from_millis(50);

/// The part of a run that counts: before it the process warms up, after it work runs out.
const FROM: f64 = 0.2;
const TO: f64 = 0.9;

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    outcomes: u64,
    cpu: Cpu,
}

/// What a run showed.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Outcomes a second.
    pub rate: f64,
    outcomes: f64,
    cpu: Cpu,
}

impl Pace {
    /// Milliseconds of CPU an outcome.
    pub fn cpu_ms(&self) -> f64 {
        self.ms(self.cpu.all())
    }

    /// The same, by the threads that [`Cpu`] knows apart and in its order.
    pub fn cpu_ms_by_thread(&self) -> [f64; 4] {
        let Cpu { tasks_user, tasks_kernel, kafka, others } = self.cpu;
        [tasks_user, tasks_kernel, kafka, others].map(|time| self.ms(time))
    }

    fn ms(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e3 / self.outcomes
    }
}

/// Looks at processes and a topic from the moment when it is made.
pub struct Follower<'a> {
    set: &'a Set<'a>,
    kind: &'static str,
    counter: Counter,
    samples: Vec<Sample>,
}

impl<'a> Follower<'a> {
    /// Outcomes that the topic with `kind` as its default name has already do not count.
    pub fn start(set: &'a Set<'a>, kind: &'static str, processes: &mut [Process]) -> anyhow::Result<Self> {
        let counter = Counter::open(&set.topic(kind))?;
        let mut follower = Self { set, kind, counter, samples: Vec::new() };
        follower.look(processes)?;
        Ok(follower)
    }

    fn first(&self) -> anyhow::Result<Sample> {
        self.samples.first().copied().context("nothing was seen")
    }

    fn look(&mut self, processes: &mut [Process]) -> anyhow::Result<Sample> {
        let mut cpu = Cpu::default();
        for process in processes {
            process.alive()?;
            cpu += process.cpu()?;
        }
        let sample = Sample { at: Instant::now(), outcomes: self.counter.count()?, cpu };
        self.samples.push(sample);
        Ok(sample)
    }

    /// Waits until there are `total` outcomes more.
    ///
    /// # Errors
    /// When no more come: a slow machine is waited for as long as there is progress.
    pub fn wait(&mut self, processes: &mut [Process], total: u64) -> anyhow::Result<()> {
        let start = self.first()?;
        let mut last = start;
        while last.outcomes - start.outcomes < total {
            std::thread::sleep(PAUSE);
            let outcomes = last.outcomes - start.outcomes;
            let what = format!("{outcomes} of {total} outcomes of kind {}", self.kind);
            let seen = self.look(processes).map_err(|error| self.set.lost(&format!("{what}; {error:#}"), &[]))?;
            if seen.outcomes > last.outcomes {
                last = seen;
            } else if seen.at - last.at > PATIENCE {
                return Err(self.set.lost(&format!("{what}, and no more for {PATIENCE:?}"), processes));
            }
        }
        Ok(())
    }

    /// Waits until there are `total` outcomes more, as [`wait`](Self::wait) does, and tells the pace on the way.
    pub fn pace(mut self, processes: &mut [Process], total: u64) -> anyhow::Result<Pace> {
        self.wait(processes, total)?;
        let start = self.first()?;
        let share = |sample: &&Sample| (sample.outcomes - start.outcomes) as f64 / total as f64;
        let first = self.samples.iter().rfind(|sample| share(sample) <= FROM).context("no sample before the work")?;
        let last = self.samples.iter().find(|sample| share(sample) >= TO).context("no sample after the work")?;
        let outcomes = (last.outcomes - first.outcomes) as f64;
        Ok(Pace { rate: outcomes / (last.at - first.at).as_secs_f64(), outcomes, cpu: last.cpu - first.cpu })
    }
}
