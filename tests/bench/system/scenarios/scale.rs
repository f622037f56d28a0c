//! What a feedback costs as members and workers become more.

use std::time::Duration;

use crate::bench_env::{BenchEnv, Set, Subject};
use crate::figure::Figure;
use crate::follow::Follower;
use crate::load::feedback;
use crate::scenarios::Scenario;

/// Requests of a few members, whose own are worked in order, or of many.
pub struct Members {
    pub members: u64,
}

impl Scenario for Members {
    fn name(&self) -> String {
        format!("scale by members, {}", self.members)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("feedbacks", "/s"), Figure::new("CPU a feedback", "ms")]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let total = env.size((self.members * 1_000).min(10_000), 100);
        let set = env.set(12, Duration::ZERO)?;
        produce(&set, total, self.members)?;
        let mut started = [set.start(subject)?];
        let follower = Follower::start(&set, "FeedbackGenerated", &mut started)?;
        let pace = follower.pace(&mut started, total)?;
        Ok(vec![pace.rate, pace.cpu_ms()])
    }
}

/// Some workers in a group, each with so few places that the model's 50 ms are what holds them back.
pub struct Workers {
    pub workers: u64,
}

impl Scenario for Workers {
    fn name(&self) -> String {
        format!("scale by workers, {}", self.workers)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("feedbacks", "/s"), Figure::new("CPU a feedback", "ms")]
    }

    fn has_floor(&self) -> bool {
        false
    }

    fn measure(&self, env: &BenchEnv, _: Subject) -> anyhow::Result<Vec<f64>> {
        let total = self.workers * env.size(3_000, 100);
        let set = env.set(12, Duration::from_millis(50))?.with("MAX_IN_FLIGHT", 16);
        // They share the partitions before there is work.
        let mut workers = (0..self.workers).map(|_| set.start_ready_worker()).collect::<Result<Vec<_>, _>>()?;
        std::thread::sleep(env.size(Duration::from_secs(5), Duration::ZERO));
        let follower = Follower::start(&set, "FeedbackGenerated", &mut workers)?;
        produce(&set, total, total)?;
        let pace = follower.pace(&mut workers, total)?;
        Ok(vec![pace.rate, pace.cpu_ms()])
    }
}

fn produce(set: &Set<'_>, total: u64, members: u64) -> anyhow::Result<()> {
    let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested").name);
    for number in 0..total {
        let member = number % members + 1;
        sender.send(&requests, member, &feedback(member, 0))?;
    }
    sender.flush()
}
