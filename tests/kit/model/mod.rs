//! A model server: OpenAI-compatible over real HTTP as vLLM is, and as unreliable as a test wants it. The bench has its own
//! script behind the same wire and the same answers.

pub mod answer;
mod desk;
pub mod http;
pub mod script;
pub mod stream;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use crate::kit::model::answer::Answer;
use crate::kit::model::desk::Desk;
use crate::kit::model::script::Script;
use crate::kit::services::ports::free_port;
use crate::kit::wait::PATIENCE;

/// What the model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Feedback,
    Question,
    Resume,
}

/// One chat completion that was asked for.
#[derive(Clone, Debug)]
pub struct Call {
    pub kind: Kind,
    /// The request's JSON.
    pub body: Value,
    pub authorization: Option<String>,
    pub at: Instant,
}

impl Call {
    /// The text of all its messages.
    pub fn prompt(&self) -> String {
        prompt(&self.body)
    }
}

fn messages(body: &Value) -> impl Iterator<Item = &Value> {
    body["messages"].as_array().into_iter().flatten()
}

fn prompt(body: &Value) -> String {
    messages(body).filter_map(|message| message["content"].as_str()).collect::<Vec<_>>().join("\n")
}

/// How many calls are at work, and what became of the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    pub calls: usize,
    pub at_work: usize,
    /// The most at once so far.
    pub peak: usize,
    /// Calls whose client went away before the answer was ready.
    pub abandoned: usize,
    /// Tokens that it wrote into streams.
    pub tokens: usize,
}

/// The server; it ends when it is dropped.
pub struct ModelServer {
    port: u16,
    desk: Arc<Desk>,
    task: JoinHandle<Infallible>,
}

impl ModelServer {
    /// A server that answers everything as a good model would.
    pub async fn start() -> Self {
        let desk = Arc::new(Desk {
            script: Mutex::new(Script::default()),
            calls: Mutex::default(),
            load: watch::Sender::new(Load::default()),
            probes: watch::Sender::new(0),
        });
        let port = free_port();
        let listener = http::listen(port).expect("a free port");
        let task = tokio::spawn(http::serve(listener, desk.clone()));
        Self { port, desk, task }
    }

    /// What belongs into `VLLM_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.desk.script.lock().expect("the script")
    }

    /// The next calls, of whatever kind, get these answers, one each.
    pub fn next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().queue.extend(answers);
    }

    /// Every call without an answer of its own gets this one, until [`ModelServer::well`].
    pub fn always(&self, answer: Answer) {
        self.script().always = Some(answer);
    }

    /// Every probe gets this answer, whatever calls get, until [`ModelServer::well`].
    pub fn always_to_probes(&self, answer: Answer) {
        self.script().to_probes = Some(answer);
    }

    /// Back to good answers.
    pub fn well(&self) {
        let mut script = self.script();
        script.always = None;
        script.to_probes = None;
        script.queue.clear();
        script.kinds.clear();
    }

    /// Calls whose prompt holds `marker` get these answers in turn; the last one stays.
    pub fn when(&self, marker: &str, answers: impl IntoIterator<Item = Answer>) {
        self.script().marked.push((marker.to_owned(), answers.into_iter().collect()));
    }

    /// Calls of this kind get these answers in turn; the last one stays.
    pub fn when_asked(&self, kind: Kind, answers: impl IntoIterator<Item = Answer>) {
        self.script().kinds.push((kind, answers.into_iter().collect()));
    }

    /// The context length in tokens that it names and keeps to; 4,096 as deployed.
    pub fn context(&self, tokens: u64) {
        self.script().context = tokens;
    }

    /// Whether it has `/tokenize`, which OpenAI and others lack.
    pub fn tokenizes(&self, yes: bool) {
        self.script().tokenizes = yes;
    }

    /// It refuses requests that have this field, as servers do that do not know it; one that is false is none.
    pub fn refuses(&self, field: &str) {
        self.script().refused.push(field.to_owned());
    }

    /// It serves this model and lists it, and no other. By itself it lists `/model`, and serves whatever it is asked for.
    pub fn serves(&self, model: &str) {
        self.script().serves = Some(model.to_owned());
    }

    /// Its answer to the question for its models.
    pub fn lists(&self, answer: Answer) {
        self.script().list = Some(answer);
    }

    /// Waits until it was probed so many times more.
    pub async fn probed(&self, times: usize) {
        let mut probes = self.desk.probes.subscribe();
        let before = *probes.borrow();
        let probed = tokio::time::timeout(PATIENCE, probes.wait_for(|probes| *probes >= before + times));
        probed.await.unwrap_or_else(|_| panic!("not probed {times} times")).expect("the server runs");
    }

    /// The chat completions so far, without those that only asked for a sign of life.
    pub fn calls(&self) -> Vec<Call> {
        self.desk.calls.lock().expect("the calls").clone()
    }

    /// How many of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.calls().iter().filter(|call| call.kind == kind).count()
    }

    /// Those whose prompt holds `marker`.
    pub fn calls_with(&self, marker: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.prompt().contains(marker)).collect()
    }

    pub fn load(&self) -> Load {
        *self.desk.load.borrow()
    }

    /// Waits until the load is as wanted.
    pub async fn wait_for(&self, what: &str, wanted: impl FnMut(&Load) -> bool) -> Load {
        let mut load = self.desk.load.subscribe();
        match tokio::time::timeout(PATIENCE, load.wait_for(wanted)).await {
            Ok(load) => *load.expect("the server runs"),
            Err(_) => panic!("the model server did not see {what}: {:?}", self.load()),
        }
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
