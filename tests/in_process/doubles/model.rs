//! A model that follows a script.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use ssammu_worker::flow_control::gate::GatePermit;
use ssammu_worker::llm::{Ask, Model, ModelFailure, Reply};
use tokio::time::Instant;

use super::{Calls, Gate};

/// What it says where the script is at its end.
pub const FEEDBACK: &str = "핵심 개념을 잘 짚으셨습니다. 다만 연결을 맺는 과정에 대한 설명이 빠져 있습니다. \
    재전송 방식을 예로 들면 답변이 훨씬 탄탄해집니다.";

/// A [`Model`] that says what a test wants, when it wants.
pub struct ScriptedModel {
    script: Mutex<VecDeque<Result<Reply, ModelFailure>>>,
    gates: Mutex<Vec<(String, Gate)>>,
    asked: Calls<String>,
}

impl ScriptedModel {
    pub fn new() -> Self {
        Self { script: Mutex::default(), gates: Mutex::default(), asked: Calls::new() }
    }

    /// It says this next, after what it was to say before.
    pub fn says(&self, text: &str) {
        self.script.lock().unwrap().push_back(Ok(Reply { text: text.to_owned(), truncated: false }));
    }

    /// It fails next, after what it was to say before.
    pub fn fails(&self, failure: ModelFailure) {
        self.script.lock().unwrap().push_back(Err(failure));
    }

    /// Whoever asks about this answer of a member waits at the gate.
    pub fn hold(&self, answer: &str) -> Gate {
        let gate = Gate::shut();
        self.gates.lock().unwrap().push((answer.to_owned(), gate.clone()));
        gate
    }

    /// The members' answers that it was asked about, in this order; nothing for an interview without one.
    pub fn asked(&self) -> Vec<String> {
        self.asked.all()
    }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn admit(&self) -> GatePermit {
        GatePermit::free()
    }

    async fn ask(&self, ask: &Ask, _deadline: Instant) -> Result<Reply, ModelFailure> {
        let answer = last_answer(&ask.prompts[0].text);
        let scripted = self.script.lock().unwrap().pop_front();
        let gate = self.gates.lock().unwrap().iter().find(|(held, _)| *held == answer).map(|(_, gate)| gate.clone());
        self.asked.push(answer);
        if let Some(gate) = gate {
            gate.pass().await;
        }
        scripted.unwrap_or_else(|| Ok(Reply { text: FEEDBACK.to_owned(), truncated: false }))
    }
}

/// The last answer of the member's in a prompt, which fences it.
fn last_answer(prompt: &str) -> String {
    let answer = prompt.rsplit_once("<답변>").and_then(|(_, after)| after.split_once("</답변>"));
    answer.map_or_else(String::new, |(answer, _)| answer.trim().to_owned())
}
