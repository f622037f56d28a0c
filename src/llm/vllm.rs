//! vLLM: the model's name and limits are read from the server, tokens are counted by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use url::Url;

use super::address::{bases, below, root};
use super::budget::{self, Count, Plan, Step, next_step};
use super::chat::{ChatApi, Endpoint, room, with_messages};
use super::classify::{Cause, Completion, Fault, refusal};
use super::dialect::LimitField;
use super::heard::Heard;
use super::model_info::{ModelInfo, ModelList};
use super::naming::{Naming, Trouble};
use super::transport::{Answer, SetupError, Transport};
use super::{Ask, Prompt};

/// The list of models comes from the server's front; when that hangs, so does all behind it.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a named model is asked without a list that could not be had, until the list is asked for again.
const LIST_REST: Duration = Duration::from_secs(30);
/// Bytes of a prompt for each token of the context that cannot fit into it, whatever the tokenizer: not even runs of spaces
/// are so many bytes a token.
const BYTES_PER_TOKEN: u32 = 32;
/// A prompt of at most so many times the context is one that a server should count in time.
const COUNTED_IN_TIME: u32 = 4;
/// Counting is a courtesy: an estimate is better than a long wait.
const COUNT_TIMEOUT: Duration = Duration::from_secs(2);

/// How to reach vLLM.
#[derive(Clone)]
pub struct VllmSettings {
    /// With or without its version.
    pub url: Url,
    /// `None`: the first model that the server lists.
    pub model: Option<String>,
    pub api_key: Option<String>,
    /// Through the proxy that the environment names for its address; else directly.
    pub through_proxy: bool,
}

/// vLLM's chat API.
#[derive(Debug)]
pub struct Vllm {
    api: ChatApi,
    tokenize_url: Url,
    model: Option<String>,
    naming: Naming,
    known: Mutex<Known>,
    /// Held by the one that discovers, for all who want to know.
    discovering: tokio::sync::Mutex<()>,
}

/// What was discovered, and whether that still holds.
#[derive(Debug, Default)]
struct Known {
    served: Option<Arc<ModelInfo>>,
    stale: bool,
    /// Until when it holds, where the list could not be had.
    until: Option<Instant>,
    /// How many discoveries have ended, and why the last one failed if it did.
    discoveries: u64,
    fault: Option<Fault>,
}

impl Known {
    fn fresh(&self) -> Option<Arc<ModelInfo>> {
        let holds = !self.stale && self.until.is_none_or(|until| Instant::now() < until);
        self.served.clone().filter(|_| holds)
    }
}

impl Vllm {
    /// A client; nothing is sent yet.
    pub fn new(settings: VllmSettings) -> Result<Self, SetupError> {
        let transport = Transport::new(&settings.url, settings.api_key.as_deref(), settings.through_proxy)?;
        let api = ChatApi::new(bases(&settings.url), transport, LimitField::MaxTokens);
        Ok(Self {
            tokenize_url: below(&root(&settings.url), &["tokenize"]),
            api,
            model: settings.model.filter(|model| !model.is_empty()),
            naming: Naming::default(),
            known: Mutex::default(),
            discovering: tokio::sync::Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server anew next time.
    fn forget(&self) {
        self.known().stale = true;
    }

    /// The model as last discovered, or discovered now: by one, for all who ask meanwhile.
    async fn served(&self, limit: Instant) -> Result<Arc<ModelInfo>, Fault> {
        let before = {
            let known = self.known();
            if let Some(served) = known.fresh() {
                return Ok(served);
            }
            known.discoveries
        };
        let silent = |_| Fault::transport(Cause::Silent);
        let _discovering = timeout_at(limit, self.discovering.lock()).await.map_err(silent)?;
        {
            let known = self.known();
            match (known.fresh(), &known.fault) {
                (Some(served), _) => return Ok(served),
                (None, Some(fault)) if known.discoveries != before => return Err(fault.clone()),
                (None, _) => {}
            }
        }
        let hurried = limit < Instant::now() + DISCOVERY_TIMEOUT;
        let discovered = self.discover(limit).await;
        let mut known = self.known();
        known.discoveries += 1;
        // Silence towards one who had little time left says nothing to the others.
        known.fault = discovered.as_ref().err().filter(|fault| !(hurried && fault.cause == Cause::Silent)).cloned();
        discovered
    }

    async fn discover(&self, limit: Instant) -> Result<Arc<ModelInfo>, Fault> {
        let mut until = None;
        let listed = match self.list(limit).await {
            Err(fault) if self.model.is_some() && ModelList::can_be_done_without(&fault) => {
                until = Some(Instant::now() + LIST_REST).filter(|_| ModelList::may_come(&fault));
                ModelList::default()
            }
            listed => listed?,
        };
        let id = self.model.as_deref().or(listed.first()).ok_or_else(|| listed.without_models())?;
        let served = Arc::new(ModelInfo::new(listed.context_of(id), id.to_owned()));
        let before = {
            let mut known = self.known();
            (known.stale, known.until) = (false, until);
            known.served.replace(Arc::clone(&served))
        };
        if before.is_none_or(|before| !before.is_same_model(&served)) {
            served.announce(listed.lists(id).unwrap_or(true));
        }
        Ok(served)
    }

    async fn list(&self, limit: Instant) -> Result<ModelList, Fault> {
        let limit = limit.min(Instant::now() + DISCOVERY_TIMEOUT);
        let answer = self.api.models(limit).await?;
        ModelList::answered(&answer)
    }

    /// The next plan after `overflowed`, counting what has to be counted.
    async fn plan(&self, served: &ModelInfo, ask: &Ask, overflowed: Option<Plan>, limit: Instant) -> Option<Plan> {
        let huge = served.context.saturating_mul(BYTES_PER_TOKEN);
        let bound = |prompt: &Prompt| match prompt.byte_bound() {
            bytes if bytes > huge => Count::Settled(bytes),
            _ => Count::AtMost(served.bound(prompt)),
        };
        let mut counts: Vec<Count> = ask.prompts.iter().map(bound).collect();
        loop {
            match next_step(room(ask, served.context), &counts, overflowed) {
                Step::Send(plan) => return Some(plan),
                Step::TooLong => return None,
                Step::Count(index) => {
                    let (prompt, slot) = (ask.prompts.get(index)?, counts.get_mut(index)?);
                    *slot = self.count(served, prompt, limit).await;
                }
            }
        }
    }

    /// Counts a prompt: first its frame, once and for all requests like it, and the whole only when that is known.
    async fn count(&self, served: &ModelInfo, prompt: &Prompt, limit: Instant) -> Count {
        if served.frame(prompt.preamble).is_none() {
            let frame = Prompt { text: ".".into(), ..prompt.clone() };
            if let Some(tokens) = self.tokenize(served, &frame, limit).await {
                served.remember_frame(prompt.preamble, tokens);
                return Count::AtMost(budget::bound_from_frame(tokens, &prompt.text));
            }
        }
        let exact = self.tokenize(served, prompt, limit).await;
        Count::Settled(exact.unwrap_or_else(|| prompt.estimate()))
    }

    /// Asks the server to count; `None` when it cannot.
    async fn tokenize(&self, served: &ModelInfo, prompt: &Prompt, limit: Instant) -> Option<u32> {
        if !served.counts_now(Instant::now()) {
            return None;
        }
        let limit = limit.min(Instant::now() + COUNT_TIMEOUT);
        let json = with_messages(prompt, &json!({"messages": [], "model": served.id}))?;
        let cause = match self.api.count(&self.tokenize_url, json, limit).await {
            Ok(answer) => match read_count(&answer) {
                Ok(count) => return Some(count),
                Err(cause) => cause,
            },
            Err(fault) => fault.cause,
        };
        debug!(cause = cause.label(), "the model server cannot count tokens; estimating");
        // One long prompt takes its time: that is no reason to estimate those of all others.
        if cause != Cause::Silent || prompt.byte_bound() <= served.context.saturating_mul(COUNTED_IN_TIME) {
            served.rest_counter(cause, Instant::now());
        }
        None
    }
}

#[async_trait]
impl Endpoint for Vllm {
    fn name(&self) -> &'static str {
        "vllm"
    }

    fn keeps_beginnings(&self) -> bool {
        true
    }

    async fn call(&self, ask: &Ask, limit: Instant, heard: Option<&Heard<'_>>) -> Result<Completion, Fault> {
        let mut overflowed = None;
        let mut replaced = false;
        loop {
            let served = self.served(limit).await?;
            let plan = self.plan(&served, ask, overflowed, limit).await;
            let plan = plan.ok_or_else(|| Fault::transport(Cause::Overflow))?;
            let result = self.api.complete(&served.id, ask, plan, limit, heard).await;
            self.naming.learn(&served.id, &result);
            let fault = match result {
                Ok(completion) => return Ok(completion),
                Err(fault) => fault,
            };
            match fault.cause {
                // The context may have changed with a restart. Plans get briefer in any case, so this ends.
                Cause::Overflow => {
                    self.forget();
                    overflowed = Some(plan);
                }
                // Another model may have taken its place, and gets one chance.
                Cause::UnknownModel => {
                    self.forget();
                    let now = self.served(limit).await?;
                    if replaced || now.id == served.id {
                        self.forget();
                        return Err(fault);
                    }
                    replaced = true;
                }
                // Whoever comes back after a restart may serve another model.
                Cause::Unreachable | Cause::Insecure(_) | Cause::Dropped => {
                    self.forget();
                    return Err(fault);
                }
                _ => return Err(fault),
            }
        }
    }

    async fn check(&self, limit: Instant) -> Result<(), Trouble> {
        self.naming.judge(self.model.as_deref(), self.list(limit).await)
    }
}

#[derive(Deserialize)]
struct TokenizeAnswer {
    count: u32,
}

fn read_count(answer: &Answer) -> Result<u32, Cause> {
    match refusal(answer.status, &answer.body) {
        Some(cause) => Err(cause),
        None => {
            serde_json::from_slice(&answer.body).map(|answer: TokenizeAnswer| answer.count).map_err(|_| Cause::Garbage)
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
