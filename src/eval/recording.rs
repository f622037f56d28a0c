//! What a model is asked and says while one request is worked, for the report: every call with its raw reply, its tokens
//! and its time. The model itself is the worker's own, retries and all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::flow_control::gate::GatePermit;
use crate::flow_control::place::Place;
use crate::flow_control::reach::Reach;
use crate::llm::chat::Endpoint;
use crate::llm::classify::{Completion, Fault};
use crate::llm::naming::Trouble;
use crate::llm::{Ask, Heard, Listener, Model, ModelFailure, Reply};

tokio::task_local! {
    /// Of the request that the task works on. A probe is nobody's request, and has none.
    static RECORD: Arc<Mutex<Record>>;
}

/// One call to a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Which of the request's prompts it was for, from 1 on: a second one follows on a reply that could not be used.
    pub prompt: u32,
    /// What the model said, as it said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Why there is no reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_tokens: Option<u64>,
    pub millis: u64,
    /// Where the server streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_millis: Option<u64>,
}

/// What a request asked.
#[derive(Debug, Default)]
struct Record {
    prompts: u32,
    calls: Vec<Call>,
    /// Plain text is not wanted: the request was made for its question.
    only_questions: bool,
}

/// Works a request, and tells its calls. With `only_questions` the model is not asked for a résumé: who has enough after
/// one question would have it written each time.
pub async fn recorded<T>(work: impl Future<Output = T>, only_questions: bool) -> (T, Vec<Call>) {
    let record = Arc::new(Mutex::new(Record { only_questions, ..Record::default() }));
    let done = RECORD.scope(record.clone(), work).await;
    let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
    (done, std::mem::take(&mut record.calls))
}

fn with_record<T>(change: impl FnOnce(&mut Record) -> T) -> Option<T> {
    RECORD.try_with(|record| change(&mut record.lock().unwrap_or_else(PoisonError::into_inner))).ok()
}

/// A model of which is recorded how often it was asked.
pub struct RecordedModel(pub Arc<dyn Model>);

#[async_trait]
impl Model for RecordedModel {
    async fn admit(&self, reach: Reach) -> GatePermit {
        self.0.admit(reach).await
    }

    async fn ask(
        &self,
        ask: &Ask,
        place: &Place,
        deadline: Instant,
        listener: Option<&dyn Listener>,
    ) -> Result<Reply, ModelFailure> {
        let is_unwanted = with_record(|record| {
            record.prompts += 1;
            record.only_questions && ask.schema.is_none()
        });
        if is_unwanted == Some(true) {
            return Err(ModelFailure::Unusable("no résumé is wanted".to_owned()));
        }
        self.0.ask(ask, place, deadline, listener.or(Some(&()))).await
    }
}

/// A server whose calls are recorded.
pub struct RecordedEndpoint(pub Arc<dyn Endpoint>);

#[async_trait]
impl Endpoint for RecordedEndpoint {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    async fn call(&self, ask: &Ask, limit: Instant, heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let started = Instant::now();
        let result = self.0.call(ask, limit, heard).await;
        let first = heard.and_then(|heard| heard.times().to_first()).map(millis);
        let took = millis(started.elapsed());
        with_record(|record| {
            record.calls.push(Call { first_token_millis: first, ..call(record.prompts, &result, took) })
        });
        result
    }

    async fn check(&self, limit: Instant) -> Result<(), Trouble> {
        self.0.check(limit).await
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn call(prompt: u32, result: &Result<Completion, Fault>, millis: u64) -> Call {
    let completion = result.as_ref().ok();
    let usage = completion.and_then(|completion| completion.usage);
    Call {
        prompt,
        raw: completion.map(|completion| completion.text.clone()),
        truncated: completion.is_some_and(|completion| completion.truncated),
        fault: result.as_ref().err().map(ToString::to_string),
        prompt_tokens: usage.map(|usage| usage.prompt),
        reply_tokens: usage.map(|usage| usage.completion),
        millis,
        first_token_millis: None,
    }
}
