//! A model that follows a script.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use ssammu_worker::flow_control::gate::GatePermit;
use ssammu_worker::flow_control::place::Place;
use ssammu_worker::llm::{Ask, Listener, Model, ModelFailure, Reply};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Calls, Gate};

/// What it says where the script is at its end, to each kind of request.
const QUESTION: &str = r#"{"question": "가장 자신 있는 프로젝트에서 어떤 역할을 맡으셨나요?"}"#;
const RESUME: &str =
    "# 소개\n\n꾸준히 성장하는 **백엔드** 개발자입니다.\n\n## 주요 프로젝트\n\n- 주문 서버를 맡아 지연을 줄임\n";
const FEEDBACK: &str = "핵심 개념을 잘 짚으셨습니다. 다만 연결을 맺는 과정에 대한 설명이 빠져 있습니다. \
    재전송 방식을 예로 들면 답변이 훨씬 탄탄해집니다.";

/// A [`Model`] that says what a test wants, when it wants.
pub struct ScriptedModel {
    script: Mutex<VecDeque<Result<Reply, ModelFailure>>>,
    gates: Mutex<Vec<(String, Gate)>>,
    asked: Calls<String>,
    is_away: watch::Sender<bool>,
}

impl ScriptedModel {
    pub fn new() -> Self {
        Self {
            script: Mutex::default(),
            gates: Mutex::default(),
            asked: Calls::new(),
            is_away: watch::Sender::new(false),
        }
    }

    /// It says this next, after what it was to say before.
    pub fn says(&self, text: &str) {
        self.script.lock().unwrap().push_back(Ok(Reply { text: text.to_owned(), truncated: false }));
    }

    /// It fails next, after what it was to say before.
    pub fn fails(&self, failure: ModelFailure) {
        self.script.lock().unwrap().push_back(Err(failure));
    }

    /// Nobody is let in to ask until it comes back.
    pub fn goes_away(&self) {
        self.is_away.send_replace(true);
    }

    pub fn comes_back(&self) {
        self.is_away.send_replace(false);
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
        self.is_away.subscribe().wait_for(|is_away| !is_away).await.unwrap();
        GatePermit::free()
    }

    async fn ask(
        &self,
        ask: &Ask,
        _place: &Place,
        _deadline: Instant,
        _listener: Option<&dyn Listener>,
    ) -> Result<Reply, ModelFailure> {
        let answer = last_answer(&ask.prompts[0].text);
        let scripted = self.script.lock().unwrap().pop_front();
        let gate = self.gates.lock().unwrap().iter().find(|(held, _)| *held == answer).map(|(_, gate)| gate.clone());
        self.asked.push(answer);
        if let Some(gate) = gate {
            gate.pass().await;
        }
        let text = match (&ask.schema, ask.max_tokens) {
            (Some(_), _) => QUESTION,
            (None, ..=1_000) => FEEDBACK,
            (None, _) => RESUME,
        };
        scripted.unwrap_or_else(|| Ok(Reply { text: text.to_owned(), truncated: false }))
    }
}

/// The last answer of the member's in a prompt, which fences it.
fn last_answer(prompt: &str) -> String {
    let answer = prompt.rsplit_once("<답변>").and_then(|(_, after)| after.split_once("</답변>"));
    answer.map_or_else(String::new, |(answer, _)| answer.trim().to_owned())
}
