//! What the model is asked, in tokens, and how often: prompts are taken as they were sent, from the model's side.
//!
//! Tokens are those of `o200k_base`, which is the vocabulary of the OpenAI fallback (gpt-4o-mini). Aya's own is not to be
//! had without its model; for the shares it makes little difference.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use tiktoken_rs::CoreBPE;

use crate::bench_env::{BenchEnv, Set, Subject};
use crate::figure::{Figure, Goal};
use crate::follow::Follower;
use crate::load;
use crate::process::Process;
use crate::scenarios::Scenario;

/// A request that is measured.
struct Step {
    name: &'static str,
    request: &'static str,
    outcome: &'static str,
    value: fn(u64) -> Value,
}

/// A feedback, and a whole interview.
const STEPS: [Step; 5] = [
    Step { name: "feedback", request: "FeedbackRequested", outcome: "FeedbackGenerated", value: feedback },
    Step { name: "question 1", request: "ResumeInit", outcome: "ResumeQuestionGenerated", value: resume_init },
    Step { name: "question 2", request: "ResumeAnswer", outcome: "ResumeQuestionGenerated", value: resume_answer },
    Step { name: "question 3", request: "ResumeAnswer", outcome: "ResumeQuestionGenerated", value: resume_answer },
    Step { name: "résumé", request: "ResumeAnswer", outcome: "ResumeCompleted", value: resume_answer },
];

pub struct Tokens;

impl Scenario for Tokens {
    fn name(&self) -> String {
        "tokens".to_owned()
    }

    fn figures(&self) -> Vec<Figure> {
        let of_step = |Step { name, .. }: &Step| {
            let count = |what: &str| Figure::new(format!("{name}, {what}"), "tokens");
            [
                count("the prompt"),
                count("fixed, in the prefix"),
                count("fixed, behind it"),
                Figure::new(format!("{name}, share of the fixed in the prefix"), "").goal(Goal::AtLeast(0.9)),
            ]
        };
        let calls = Figure::new("model calls an outcome", "").goal(Goal::AtMost(1.0));
        STEPS.iter().flat_map(of_step).chain([calls, Figure::new("counting calls an outcome", "")]).collect()
    }

    fn has_floor(&self) -> bool {
        false
    }

    fn measure(&self, env: &BenchEnv, _: Subject) -> anyhow::Result<Vec<f64>> {
        let set = env.set(12, Duration::ZERO)?;
        let mut worker = [set.start_ready_worker()?];
        let tokenizer = tiktoken_rs::o200k_base()?;
        let mut figures = Vec::new();
        for step in &STEPS {
            play(&set, step, 1..=2, &mut worker)?;
            let seen = set.model_saw()?;
            let bodies: [String; 2] = seen.bodies.try_into().ok().context("the model was not asked twice")?;
            figures.extend(Prompts::read(&bodies)?.measured(&tokenizer).with_context(|| step.name)?);
        }
        let members = env.size(200, 10);
        for step in &STEPS {
            play(&set, step, 3..=members + 2, &mut worker)?;
        }
        let (seen, outcomes) = (set.model_saw()?, (members * STEPS.len() as u64) as f64);
        figures.extend([seen.completions as f64 / outcomes, seen.counts as f64 / outcomes]);
        Ok(figures)
    }
}

/// Has a step done for these members, up to its outcomes.
fn play(set: &Set<'_>, step: &Step, members: RangeInclusive<u64>, worker: &mut [Process]) -> anyhow::Result<()> {
    let (sender, requests) = (set.sender()?, set.topic(step.request).name);
    let mut follower = Follower::start(set, step.outcome, worker)?;
    let count = members.end() - members.start() + 1;
    for member in members {
        sender.send(&requests, member, &(step.value)(member))?;
    }
    sender.flush()?;
    follower.wait(worker, count)
}

/// The prompts of two members who have nothing in common, as lines.
struct Prompts {
    one: Vec<String>,
    other: Vec<String>,
}

impl Prompts {
    /// From the bodies that were sent.
    fn read(bodies: &[String; 2]) -> anyhow::Result<Self> {
        let [one, other] = bodies.each_ref().map(|body| lines(body));
        Ok(Self { one: one?, other: other? })
    }

    /// The prompt's tokens (of the two, the mean), those that are the same for everyone before the first of a member's
    /// and behind it, and the share that comes before.
    fn measured(&self, tokenizer: &CoreBPE) -> anyhow::Result<[f64; 4]> {
        let Self { one, other } = self;
        anyhow::ensure!(one.len() == other.len(), "two members' prompts cannot be held against each other");
        let tokens = |text: &str| tokenizer.encode_ordinary(text).len() as f64;
        let own = one.iter().zip(other).position(|(one, other)| one != other).context("nothing is the member's own")?;
        let prefix: String = one.iter().take(own).map(String::as_str).collect();
        let behind: f64 =
            one.iter().zip(other).skip(own).filter(|(one, other)| one == other).map(|(line, _)| tokens(line)).sum();
        let whole = (tokens(&one.concat()) + tokens(&other.concat())) / 2.0;
        let prefix = tokens(&prefix);
        Ok([whole, prefix, behind, prefix / (prefix + behind)])
    }
}

/// The lines of all messages.
fn lines(body: &str) -> anyhow::Result<Vec<String>> {
    let body: Value = serde_json::from_str(body)?;
    let messages = body.get("messages").and_then(Value::as_array).context("the model was asked without messages")?;
    let text = |message: &Value| Some(format!("{}\n", message.get("content")?.as_str()?));
    let texts: Option<Vec<String>> = messages.iter().map(text).collect();
    let texts = texts.context("a message has no text")?;
    Ok(texts.iter().flat_map(|text| text.split_inclusive('\n').map(str::to_owned)).collect())
}

/// Members with odd numbers are as those of the other scenarios; those with even ones share nothing with them.
fn is_other(member: u64) -> bool {
    member.is_multiple_of(2)
}

fn feedback(member: u64) -> Value {
    if !is_other(member) {
        return load::feedback(member, 0);
    }
    json!({
        "memberId": member,
        "problemId": 43,
        "question": "트랜잭션의 격리 수준에는 무엇이 있고, 각각 어떤 문제를 막아 주나요?",
        "answer": "READ COMMITTED는 커밋된 값만 읽게 하고, SERIALIZABLE은 동시에 실행되지 않은 것처럼 보이게 합니다.",
    })
}

fn resume_init(member: u64) -> Value {
    if !is_other(member) {
        return load::resume_init(member);
    }
    json!({"memberId": member, "inputs": {
        "email": format!("member{member}@careerbee.co.kr"), "preferred_job": "FRONTEND", "certification_count": 1,
        "project_count": 4, "major_type": "NON_MAJOR", "company_name": "스튜디오 나루", "work_period": 8,
        "position": "인턴", "additional_experiences": "접근성 스터디에서 발표를 두 번 맡았습니다.",
    }})
}

fn resume_answer(member: u64) -> Value {
    if !is_other(member) {
        return load::resume_answer(member);
    }
    let answer = "번들을 나누고 이미지를 늦게 불러와 첫 화면이 뜨는 시간을 4.1초에서 1.6초로 줄였습니다.";
    json!({"memberId": member, "answer": answer})
}
