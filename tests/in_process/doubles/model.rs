//! A model that follows a script.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ssammu_worker::flow_control::gate::GatePermit;
use ssammu_worker::flow_control::place::Place;
use ssammu_worker::flow_control::reach::Reach;
use ssammu_worker::llm::{Ask, Listener, Model, ModelFailure, Reply};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Calls, Gate};

/// What it says where the script is at its end, to each kind of request.
const QUESTION: &str = r#"{"question": "가장 자신 있는 프로젝트에서 어떤 역할을 맡으셨나요?"}"#;
const RESUME: &str =
    "# 소개\n\n꾸준히 성장하는 **백엔드** 개발자입니다.\n\n## 주요 프로젝트\n\n- 주문 서버를 맡아 지연을 줄임\n";
const FEEDBACK: &str = "핵심 개념을 잘 짚으셨습니다. 다만 연결을 맺는 과정에 대한 설명이 빠져 있습니다. \
    재전송 방식을 예로 들면 답변이 훨씬 탄탄해집니다.";

/// What it says next.
enum Said {
    All(Result<Reply, ModelFailure>),
    /// Bit by bit, as a test wants.
    Bits(UnboundedReceiver<Bit>),
}

enum Bit {
    Text(String),
    Anew,
}

/// Says a reply bit by bit; it is whole when this is dropped.
pub struct Voice(UnboundedSender<Bit>);

impl Voice {
    pub fn says(&self, text: &str) {
        self.0.send(Bit::Text(text.to_owned())).unwrap();
    }

    /// Another server is asked: what was said is no part of the reply.
    pub fn begins_anew(&self) {
        self.0.send(Bit::Anew).unwrap();
    }
}

/// A [`Model`] that says what a test wants, when it wants.
pub struct ScriptedModel {
    script: Mutex<VecDeque<Said>>,
    gates: Mutex<Vec<(String, Gate)>>,
    asked: Calls<String>,
    listened: AtomicUsize,
    is_away: watch::Sender<bool>,
}

impl ScriptedModel {
    pub fn new() -> Self {
        Self {
            script: Mutex::default(),
            gates: Mutex::default(),
            asked: Calls::new(),
            listened: AtomicUsize::new(0),
            is_away: watch::Sender::new(false),
        }
    }

    /// It says this next, after what it was to say before.
    pub fn says(&self, text: &str) {
        self.script.lock().unwrap().push_back(Said::All(Ok(Reply { text: text.to_owned(), truncated: false })));
    }

    /// It says this bit by bit, after what it was to say before.
    pub fn speaks(&self) -> Voice {
        let (voice, bits) = unbounded_channel();
        self.script.lock().unwrap().push_back(Said::Bits(bits));
        Voice(voice)
    }

    /// How many of those who asked wanted to hear the reply while it was written.
    pub fn listened(&self) -> usize {
        self.listened.load(Ordering::Relaxed)
    }

    /// It fails next, after what it was to say before.
    pub fn fails(&self, failure: ModelFailure) {
        self.script.lock().unwrap().push_back(Said::All(Err(failure)));
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
    async fn admit(&self, _reach: Reach) -> GatePermit {
        self.is_away.subscribe().wait_for(|is_away| !is_away).await.unwrap();
        GatePermit::free()
    }

    async fn ask(
        &self,
        ask: &Ask,
        _place: &Place,
        _deadline: Instant,
        listener: Option<&dyn Listener>,
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
        self.listened.fetch_add(usize::from(listener.is_some()), Ordering::Relaxed);
        let listener = listener.unwrap_or(&());
        listener.begins();
        let reply = match scripted {
            Some(Said::Bits(bits)) => return Ok(spoken(bits, listener).await),
            Some(Said::All(reply)) => reply,
            None => Ok(Reply { text: text.to_owned(), truncated: false }),
        };
        if let Ok(reply) = &reply {
            listener.hears(&reply.text);
        }
        reply
    }
}

async fn spoken(mut bits: UnboundedReceiver<Bit>, listener: &dyn Listener) -> Reply {
    let mut text = String::new();
    while let Some(bit) = bits.recv().await {
        match bit {
            Bit::Text(more) => {
                text.push_str(&more);
                listener.hears(&more);
            }
            Bit::Anew => {
                text.clear();
                listener.begins();
            }
        }
    }
    Reply { text, truncated: false }
}

/// The last answer of the member's in a prompt, which fences it.
fn last_answer(prompt: &str) -> String {
    let answer = prompt.rsplit_once("<답변>").and_then(|(_, after)| after.split_once("</답변>"));
    answer.map_or_else(String::new, |(answer, _)| answer.trim().to_owned())
}
