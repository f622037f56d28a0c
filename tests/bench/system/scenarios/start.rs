//! How long it takes from the start of the process to the first outcome, with one request waiting.

use std::time::Duration;

use anyhow::Context;

use crate::bench_env::{BenchEnv, Subject};
use crate::figure::Figure;
use crate::listener::Listener;
use crate::load::feedback;
use crate::scenarios::Scenario;

pub struct Start;

impl Scenario for Start {
    fn name(&self) -> String {
        "start".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![Figure::new("to the first outcome", "s").added()]
    }

    fn measure(&self, env: &BenchEnv, subject: Subject) -> anyhow::Result<Vec<f64>> {
        let set = env.set(12, Duration::ZERO)?;
        let mut listener = Listener::open(&set, "FeedbackGenerated")?;
        let sender = set.sender()?;
        sender.send(&set.topic("FeedbackRequested").name, 1, &feedback(1, 0))?;
        sender.flush()?;
        let mut started = [set.start(subject)?];
        let at = *listener.wait(1, &mut started)?.get(&1).context("somebody else's outcome came")?;
        let [started] = started;
        Ok(vec![at.saturating_duration_since(started.started).as_secs_f64()])
    }
}
