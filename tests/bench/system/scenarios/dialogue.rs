//! Whole interviews with an instant model, step by step, so that each step's cost stands alone: three questions, then
//! the document.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::bench_env::{BenchEnv, Set, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::Follower;
use crate::load::{Sender, resume_answer, resume_init};
use crate::scenarios::Scenario;
use crate::statistics::quantile;

const QUESTIONS: u32 = 3;

pub struct Dialogue;

impl Scenario for Dialogue {
    fn name(&self) -> String {
        "dialogues".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::new("whole dialogues", "/s"),
            Figure::new("CPU a question", "ms"),
            Figure::new("CPU a résumé, all told", "ms"),
            Figure::new("the document", "KB").goal(Goal::AtMost(15.0)),
        ]
    }

    fn has_floor(&self) -> bool {
        false
    }

    fn measure(&self, env: &BenchEnv, _: Subject) -> anyhow::Result<Vec<f64>> {
        let members = env.size(1_000, 20);
        let set = env.set(12, Duration::ZERO)?;
        let sender = set.sender()?;
        let mut worker = [set.start_ready_worker()?];
        let mut asked = Vec::new();
        for question in 0..QUESTIONS {
            let follower = Follower::start(&set, "ResumeQuestionGenerated", &mut worker)?;
            match question {
                0 => send(&set, &sender, members, "ResumeInit", resume_init)?,
                _ => send(&set, &sender, members, "ResumeAnswer", resume_answer)?,
            }
            asked.push(follower.pace(&mut worker, members)?);
        }
        let follower = Follower::start(&set, "ResumeCompleted", &mut worker)?;
        send(&set, &sender, members, "ResumeAnswer", resume_answer)?;
        let done = follower.pace(&mut worker, members)?;
        let seconds: f64 = asked.iter().chain([&done]).map(|step| 1.0 / step.rate).sum();
        let question_ms = asked.iter().map(|step| step.cpu_ms()).sum::<f64>() / asked.len() as f64;
        let size = quantile(&set.document_sizes(10)?, 0.5).context("no document")?;
        Ok(vec![1.0 / seconds, question_ms, done.cpu_ms(), size / 1e3])
    }
}

fn send(set: &Set<'_>, sender: &Sender, members: u64, kind: &str, value: fn(u64) -> Value) -> anyhow::Result<()> {
    let topic = set.topic(kind).name;
    for member in 1..=members {
        sender.send(&topic, member, &value(member))?;
    }
    sender.flush()
}
