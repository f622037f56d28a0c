//! Whether every place in work is used, when a call takes 1.5 s and all requests come from one partition.

use std::time::Duration;

use anyhow::Context;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::Follower;
use crate::load::feedback;
use crate::scenarios::Scenario;

const LATENCY: Duration = Duration::from_millis(1500);

pub struct Saturation {
    pub in_flight: usize,
}

impl Scenario for Saturation {
    fn name(&self) -> String {
        format!("saturation, {} in flight", self.in_flight)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("of in flight / latency", "").goal(Goal::AtLeast(0.98)), Figure::new("CPU a feedback", "ms")]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let latency = env.size(LATENCY, LATENCY / 10);
        let in_flight = env.size(self.in_flight, 16);
        let waves: u32 = env.size(20, 5);
        let total = in_flight * waves as usize;
        let set = env.set(1, latency)?.with("MAX_IN_FLIGHT", in_flight);
        let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested").name);
        for member in 1..=total as u64 {
            sender.send(&requests, member, &feedback(member, 0))?;
        }
        sender.flush()?;
        let mut started = [set.start(subject)?];
        let follower = Follower::start(&set, "FeedbackGenerated", &mut started)?;
        let pace = follower.pace(&mut started, total as u64)?;
        let times = set.topic("FeedbackGenerated").times(total)?;
        // Calls that begin at once end at once, and such a wave needs several turns to spread: the first fifth is left
        // out. What is left of the waves must not tell: how long a place takes for a request is measured, not a slope.
        let steady = times.get(times.len() / 5..times.len() * 4 / 5).unwrap_or_default();
        let later = steady.get(in_flight..).context("too few outcomes for a turn")?;
        let turn_ms =
            later.iter().zip(steady).map(|(later, earlier)| later - earlier).sum::<f64>() / later.len() as f64;
        Ok(vec![latency.as_secs_f64() * 1e3 / turn_ms, pace.cpu_ms()])
    }
}
