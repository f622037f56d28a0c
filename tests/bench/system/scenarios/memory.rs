//! Resident memory: at rest, with 1,000 requests in flight, and while 100,000 wait.

use std::time::Duration;

use crate::bench_env::{BenchEnv, Set, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::Follower;
use crate::listener::Listener;
use crate::load::feedback;
use crate::process::Process;
use crate::scenarios::Scenario;

fn figure(name: &str, most: f64) -> Vec<Figure> {
    vec![Figure::new(name, "MB").goal(Goal::AtMost(most))]
}

fn megabytes(bytes: u64) -> Vec<f64> {
    vec![bytes as f64 / 1e6]
}

/// With nothing to do.
pub struct AtRest;

impl Scenario for AtRest {
    fn name(&self) -> String {
        "memory at rest".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        figure("resident", 40.0)
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let set = env.set(12, Duration::ZERO)?;
        let mut listener = Listener::open(&set, "FeedbackGenerated")?;
        let sender = set.sender()?;
        let mut started = [set.start(subject)?];
        sender.send(&set.topic("FeedbackRequested").name, 1, &feedback(1, 0))?;
        sender.flush()?;
        listener.wait(1, &mut started)?;
        std::thread::sleep(env.size(Duration::from_secs(10), Duration::ZERO));
        let [started] = started;
        Ok(megabytes(started.rss()?))
    }
}

/// With a thousand calls out.
pub struct InFlight;

impl Scenario for InFlight {
    fn name(&self) -> String {
        "memory with 1,000 in flight".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        figure("peak", 64.0)
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let (in_flight, latency) = env.size((1_000, 3_000), (50, 100));
        let set = env.set(12, Duration::from_millis(latency))?.with("MAX_IN_FLIGHT", in_flight);
        produce(&set, in_flight * 3, 0)?;
        peak_until(set.start(subject)?, &set, in_flight * 3)
    }
}

/// With a hundred thousand requests of 1 KB waiting.
pub struct Backlog {
    pub in_flight: u64,
}

impl Scenario for Backlog {
    fn name(&self) -> String {
        format!("memory with a backlog of 100,000, {} in flight", self.in_flight)
    }

    fn figures(&self) -> Vec<Figure> {
        figure("peak", 100.0)
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let set = env.set(12, Duration::from_millis(500))?.with("MAX_IN_FLIGHT", self.in_flight);
        produce(&set, env.size(100_000, 1_000), 700)?;
        // Some ten seconds of work.
        peak_until(set.start(subject)?, &set, env.size(self.in_flight * 20, 10))
    }
}

fn produce(set: &Set<'_>, count: u64, padding: usize) -> anyhow::Result<()> {
    let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested").name);
    for member in 1..=count {
        sender.send(&requests, member, &feedback(member, padding))?;
    }
    sender.flush()
}

/// The most that it took until there were so many outcomes.
fn peak_until(process: Process, set: &Set<'_>, outcomes: u64) -> anyhow::Result<Vec<f64>> {
    let mut started = [process];
    Follower::start(set, "FeedbackGenerated", &mut started)?.wait(&mut started, outcomes)?;
    let [process] = started;
    Ok(megabytes(process.peak_rss()?))
}
