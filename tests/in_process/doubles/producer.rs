//! A producer that keeps what it is given.

use std::sync::Mutex;

use async_trait::async_trait;
use serde_json::Value;
use ssammu_worker::events::record::text_header;
use ssammu_worker::kafka::error::KafkaError;
use ssammu_worker::kafka::outgoing::{OutgoingRecord, Producer, RecordRejected};

use super::{Calls, Gate};

/// A [`Producer`] that acknowledges what a test wants, when it wants.
pub struct StagedProducer {
    sent: Calls<Sent>,
    gates: Mutex<Vec<(i64, Gate)>>,
    dead_letters: Mutex<Option<Gate>>,
    rejects: Mutex<Option<String>>,
    panics: Mutex<Option<i64>>,
}

/// What the worker sent.
#[derive(Clone, Debug)]
pub struct Sent(pub OutgoingRecord);

impl Sent {
    /// The value as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        self.0.value.as_deref().and_then(|value| serde_json::from_slice(value).ok()).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.0.headers, name)
    }

    /// The outcome's own id.
    pub fn id(&self) -> String {
        self.header("ce_id").expect("an outcome has an id").to_owned()
    }

    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    pub fn is_dead_letter(&self) -> bool {
        self.0.topic.ends_with("-dlt")
    }

    /// Whether it is an outcome for this member.
    fn is_for(&self, member: i64) -> bool {
        !self.is_dead_letter() && self.json()["memberId"] == member
    }
}

impl StagedProducer {
    pub fn new() -> Self {
        Self {
            sent: Calls::new(),
            gates: Mutex::default(),
            dead_letters: Mutex::default(),
            rejects: Mutex::default(),
            panics: Mutex::default(),
        }
    }

    /// An outcome for this member is not acknowledged until the gate is open.
    pub fn hold(&self, member: i64) -> Gate {
        let gate = Gate::shut();
        self.gates.lock().unwrap().push((member, gate.clone()));
        gate
    }

    /// No dead letter is acknowledged until the gate is open.
    pub fn hold_dead_letters(&self) -> Gate {
        let gate = Gate::shut();
        *self.dead_letters.lock().unwrap() = Some(gate.clone());
        gate
    }

    /// Whoever sends this member an outcome panics.
    pub fn panic_for(&self, member: i64) {
        *self.panics.lock().unwrap() = Some(member);
    }

    /// This topic takes nothing any more.
    pub fn reject(&self, topic: &str) {
        *self.rejects.lock().unwrap() = Some(topic.to_owned());
    }

    /// All outcomes and dead letters so far, acknowledged or not.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.all()
    }

    /// A member's outcomes, as soon as there are so many.
    pub async fn outcomes(&self, member: i64, count: usize) -> Vec<Sent> {
        let of_member = |sent: &[Sent]| sent.iter().filter(|sent| sent.is_for(member)).cloned().collect::<Vec<_>>();
        let what = format!("outcome {count} of member {member}");
        self.sent.find(&what, |sent| Some(of_member(sent)).filter(|found| found.len() >= count)).await
    }

    /// A member's only outcome so far.
    pub async fn outcome(&self, member: i64) -> Sent {
        let [outcome] = self.outcomes(member, 1).await.try_into().expect("one outcome");
        outcome
    }

    /// All dead letters, as soon as there are so many.
    pub async fn dead_letters(&self, count: usize) -> Vec<Sent> {
        let letters = |sent: &[Sent]| sent.iter().filter(|sent| sent.is_dead_letter()).cloned().collect::<Vec<_>>();
        let what = format!("dead letter {count}");
        self.sent.find(&what, |sent| Some(letters(sent)).filter(|found| found.len() >= count)).await
    }
}

#[async_trait]
impl Producer for StagedProducer {
    async fn send(&self, outgoing: &OutgoingRecord) -> Result<(), RecordRejected> {
        if self.rejects.lock().unwrap().as_deref() == Some(outgoing.topic.as_ref()) {
            return Err(RecordRejected("too large".to_owned()));
        }
        let sent = Sent(outgoing.clone());
        let panics = *self.panics.lock().unwrap();
        assert!(!panics.is_some_and(|member| sent.is_for(member)), "a test wants it so");
        let gate = match sent.is_dead_letter() {
            true => self.dead_letters.lock().unwrap().clone(),
            false => {
                let gates = self.gates.lock().unwrap();
                gates.iter().find(|(held, _)| sent.is_for(*held)).map(|(_, gate)| gate.clone())
            }
        };
        self.sent.push(sent);
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), KafkaError> {
        Ok(())
    }
}
