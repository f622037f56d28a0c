//! The longest that a member waits while two workers are restarted one after the other, against before that.

use std::time::{Duration, Instant};

use anyhow::Context;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::{Figure, Goal};
use crate::listener::Listener;
use crate::load::{OpenLoop, feedback};
use crate::scenarios::Scenario;

const MODEL: Duration = Duration::from_millis(50);
const RATE: f64 = 200.0;
/// Whoever restarts workers one by one waits until the last one is ready, and a little longer.
const SETTLE: Duration = Duration::from_secs(3);

pub struct Restart;

impl Scenario for Restart {
    fn name(&self) -> String {
        "rolling restart of two workers, 200/s".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("longest wait before", "s"),
            Figure::new("longest wait meanwhile", "s"),
            Figure::new("waited longer", "s").goal(Goal::AtMost(3.0)),
        ]
    }

    fn has_floor(&self) -> bool {
        false
    }

    fn measure(&self, env: &BenchEnv, _: Subject) -> anyhow::Result<Vec<f64>> {
        let set = env.set(12, MODEL)?;
        let mut listener = Listener::open(&set, "FeedbackGenerated")?;
        let requests = set.topic("FeedbackRequested");
        let settle = env.size(SETTLE, Duration::from_millis(500));
        let mut workers = vec![set.start_ready_worker()?, set.start_ready_worker()?];
        let sender = set.sender()?;
        sender.send(&requests.name, 1, &feedback(1, 0))?;
        sender.flush()?;
        listener.wait(1, &mut workers)?;
        let load = OpenLoop::start(&requests.bootstrap, &requests.name, 2, RATE, env.size(SETTLE * 12, SETTLE))?;
        // The first of it meets cold connections.
        std::thread::sleep(settle * 3);
        let restart = Instant::now();
        for _ in 0..2 {
            let ended = workers.remove(0).stop()?;
            anyhow::ensure!(ended.success(), "a worker ended with {ended}");
            workers.push(set.start_ready_worker()?);
            std::thread::sleep(settle);
        }
        let over = Instant::now();
        let sent = load.finish()?;
        let arrivals = listener.wait(sent.len() + 1, &mut workers)?;
        let (mut before, mut meanwhile) = (Duration::ZERO, Duration::ZERO);
        for (member, due) in sent {
            let wait = arrivals
                .get(&member)
                .with_context(|| format!("member {member} has no outcome, and another one has"))?;
            let wait = wait.saturating_duration_since(due);
            if due > restart - settle * 2 && due + wait < restart {
                before = before.max(wait);
            } else if due + wait >= restart && due < over {
                meanwhile = meanwhile.max(wait);
            }
        }
        let longer = meanwhile.saturating_sub(before);
        Ok([before, meanwhile, longer].map(|wait| wait.as_secs_f64()).into())
    }
}
