//! What it costs that members watch their feedback being written: the worker beside itself with
//! `TOPIC_REQUEST_PROGRESS=off`, which stands where the floor stands elsewhere.

use std::time::Duration;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::Follower;
use crate::load::feedback;
use crate::scenarios::Scenario;

/// With calls of this length, and this many in work.
pub struct Progress {
    pub latency: Duration,
    pub in_flight: usize,
    /// How often all places are taken.
    pub waves: usize,
}

impl Scenario for Progress {
    fn name(&self) -> String {
        format!("progress beside none, calls of {} ms, {} in flight", self.latency.as_millis(), self.in_flight)
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("feedbacks", "/s").goal(Goal::AgainstFloorAtLeast(0.9)), Figure::new("CPU a feedback", "ms")]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let in_flight = env.size(self.in_flight, 16);
        let total = (in_flight * env.size(self.waves, 5)) as u64;
        let set = env.set(12, env.size(self.latency, self.latency / 10))?.with("MAX_IN_FLIGHT", in_flight);
        let set = match subject {
            Subject::Worker => set,
            Subject::Floor => set.with("TOPIC_REQUEST_PROGRESS", "off"),
        };
        let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested").name);
        for member in 1..=total {
            sender.send(&requests, member, &feedback(member, 0))?;
        }
        sender.flush()?;
        let mut started = [set.start(Subject::Worker)?];
        let follower = Follower::start(&set, "FeedbackGenerated", &mut started)?;
        let pace = follower.pace(&mut started, total)?;
        Ok(vec![pace.rate, pace.cpu_ms()])
    }
}
