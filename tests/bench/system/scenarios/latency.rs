//! What the way through Kafka and the worker adds to a call of 50 ms, at a rate that does not wait for answers.

use std::time::Duration;

use anyhow::Context;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::{Figure, Goal};
use crate::listener::Listener;
use crate::load::{OpenLoop, feedback};
use crate::scenarios::Scenario;
use crate::statistics::quantile;

const MODEL: Duration = Duration::from_millis(50);

pub struct Latency {
    /// Requests a second.
    pub rate: u32,
}

impl Scenario for Latency {
    fn name(&self) -> String {
        format!("added latency, {}/s", self.rate)
    }

    fn figures(&self) -> Vec<Figure> {
        let [p50, p99] = [Figure::new("p50", "ms").added(), Figure::new("p99", "ms").added()];
        let goals = self.rate == 200;
        vec![
            if goals { p50.goal(Goal::AgainstFloorAtMost(5.0)) } else { p50 },
            if goals { p99.goal(Goal::AgainstFloorAtMost(20.0)) } else { p99 },
            Figure::new("p99.9", "ms").added(),
        ]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let (warm_up, length) = env.size((5, 20), (0, 2));
        let set = env.set(12, MODEL)?;
        let mut listener = Listener::open(&set, "FeedbackGenerated")?;
        let (sender, requests) = (set.sender()?, set.topic("FeedbackRequested"));
        let mut started = [set.start(subject)?];
        // A first request of its own, so that it has joined its group before the others come.
        sender.send(&requests.name, 1, &feedback(1, 0))?;
        sender.flush()?;
        listener.wait(1, &mut started)?;
        let whole = Duration::from_secs(warm_up + length);
        let sent = OpenLoop::start(&requests.bootstrap, &requests.name, 2, self.rate.into(), whole)?.finish()?;
        let arrivals = listener.wait(sent.len() + 1, &mut started)?;
        let (_, first) = *sent.first().context("nothing was sent")?;
        let counted = sent.iter().filter(|(_, due)| *due >= first + Duration::from_secs(warm_up));
        let mut waits = Vec::new();
        for (member, due) in counted {
            let at =
                arrivals.get(member).with_context(|| format!("member {member} has no outcome, and another one has"))?;
            waits.push((at.saturating_duration_since(*due + MODEL)).as_secs_f64() * 1e3);
        }
        [0.5, 0.99, 0.999].map(|share| quantile(&waits, share).context("nothing was measured")).into_iter().collect()
    }
}
