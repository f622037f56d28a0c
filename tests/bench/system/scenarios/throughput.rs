//! How fast a backlog is worked off when the model answers at once, and what a feedback costs.

use std::time::Duration;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::{Follower, Pace};
use crate::load::feedback;
use crate::scenarios::Scenario;

pub struct Throughput {
    pub partitions: i32,
    pub in_flight: u32,
}

impl Scenario for Throughput {
    fn name(&self) -> String {
        let plural = if self.partitions == 1 { "" } else { "s" };
        format!("throughput, {} partition{plural}, {} in flight", self.partitions, self.in_flight)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("feedbacks", "/s").goal(Goal::AgainstFloorAtLeast(0.6)),
            Figure::new("CPU a feedback", "ms").goal(Goal::AgainstFloorAtMost(2.0)),
        ]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let pace = backlog(env, subject, self.partitions, self.in_flight)?;
        Ok(vec![pace.rate, pace.cpu_ms()])
    }
}

/// What a feedback costs, by the threads that it is done on. The floor's threads are of the same kinds.
pub struct Parts;

impl Scenario for Parts {
    fn name(&self) -> String {
        "CPU by thread".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        ["tasks, own code", "tasks, in the kernel", "Kafka's threads", "other threads"]
            .map(|part| Figure::new(part, "ms"))
            .into()
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        Ok(backlog(env, subject, 12, 64)?.cpu_ms_by_thread().into())
    }
}

fn backlog(env: &BenchEnv, subject: Subject, partitions: i32, in_flight: u32) -> anyhow::Result<Pace> {
    let total = env.size(20_000, 300);
    let set = env.set(partitions, Duration::ZERO)?.with("MAX_IN_FLIGHT", in_flight);
    let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested").name);
    for member in 1..=total {
        sender.send(&requests, member, &feedback(member, 0))?;
    }
    sender.flush()?;
    let mut started = [set.start(subject)?];
    let follower = Follower::start(&set, "FeedbackGenerated", &mut started)?;
    follower.pace(&mut started, total)
}
