//! What a vLLM server says about its model, and what is learnt about it while it is used.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Message;
use super::budget;
use super::classify::Cause;

/// Tokens that prompt and reply share, where the server does not say.
const ASSUMED_CONTEXT: u32 = 4096;
/// How long a counter that failed is left alone.
const COUNTER_REST: Duration = Duration::from_secs(30);
/// Frames whose length is remembered; the worker has a handful.
const MAX_FRAMES: usize = 256;

/// The answer of `/v1/models`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ModelList {
    data: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
struct Listed {
    id: String,
    #[serde(default)]
    max_model_len: Option<u32>,
}

impl ModelList {
    /// The name of the first model.
    pub fn first(&self) -> Option<String> {
        self.data.first().map(|listed| listed.id.clone())
    }

    /// The context of the model `id`; of any other when it has none of its own, since adapters share their base's.
    pub fn context_of(&self, id: &str) -> Option<u32> {
        let own = self.data.iter().filter(|listed| listed.id == id);
        let all = own.chain(&self.data);
        all.filter_map(|listed| listed.max_model_len).find(|&tokens| tokens > 0)
    }
}

/// The model that a server serves.
#[derive(Debug)]
pub(super) struct Served {
    pub id: String,
    /// Tokens that prompt and reply share.
    pub context: u32,
    context_told: bool,
    counter: Mutex<Counter>,
}

/// What is known about the server's counting of tokens.
#[derive(Debug, Default)]
struct Counter {
    state: CounterState,
    /// Tokens of a prompt's frame, by [`frame_key`]. A frame is a prompt with `"."` for its last text: what all
    /// requests of a kind share, the template's own tokens included.
    frames: HashMap<u64, u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CounterState {
    #[default]
    Works,
    RestsUntil(Instant),
    /// This server does not count.
    Missing,
}

impl Served {
    /// A model as just discovered; without `context` the one that is deployed is assumed.
    pub fn new(context: Option<u32>, id: String) -> Self {
        let counter = Mutex::default();
        Self { id, context: context.unwrap_or(ASSUMED_CONTEXT), context_told: context.is_some(), counter }
    }

    /// Whether the server told the same about both.
    pub fn is_same_model(&self, other: &Self) -> bool {
        (&self.id, self.context, self.context_told) == (&other.id, other.context, other.context_told)
    }

    /// Logs it.
    pub fn announce(&self) {
        if self.context_told {
            info!(model = self.id, context = self.context, "found the model");
        } else {
            warn!(model = self.id, assumed = self.context, "the model server does not tell the length of its context");
        }
    }

    /// A bound of a prompt's tokens that costs no call.
    pub fn bound(&self, prompt: &[Message]) -> u32 {
        let bytes = budget::byte_bound(prompt);
        match self.frame(prompt) {
            Some(frame) => bytes.min(budget::bound_from_frame(frame, prompt)),
            None => bytes,
        }
    }

    /// The tokens of the prompt's frame, if they were counted.
    pub fn frame(&self, prompt: &[Message]) -> Option<u32> {
        self.counter().frames.get(&frame_key(prompt)).copied()
    }

    /// Keeps the tokens of the prompt's frame.
    pub fn remember_frame(&self, prompt: &[Message], tokens: u32) {
        let mut counter = self.counter();
        if counter.frames.len() >= MAX_FRAMES {
            counter.frames.clear();
        }
        counter.frames.insert(frame_key(prompt), tokens);
    }

    /// Whether the server may be asked to count.
    pub fn counts_now(&self, now: Instant) -> bool {
        match self.counter().state {
            CounterState::Works => true,
            CounterState::RestsUntil(until) => now >= until,
            CounterState::Missing => false,
        }
    }

    /// The server failed to count: it is left alone, for a while or for good.
    pub fn rest_counter(&self, cause: Cause, now: Instant) {
        self.counter().state = match cause {
            Cause::NotAnApi => CounterState::Missing,
            _ => CounterState::RestsUntil(now + COUNTER_REST),
        };
    }

    fn counter(&self) -> MutexGuard<'_, Counter> {
        self.counter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names the part of a prompt that all requests of its kind share: everything but the last text.
fn frame_key(prompt: &[Message]) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some((last, fixed)) = prompt.split_last() {
        fixed.hash(&mut hasher);
        last.role.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Role;

    fn list(json: &str) -> ModelList {
        serde_json::from_str(json).unwrap()
    }

    fn prompt(system: &str, last: &str) -> Vec<Message> {
        let says = |role, text: &str| Message { role, content: text.to_owned().into() };
        vec![says(Role::System, system), says(Role::User, last)]
    }

    #[test]
    fn the_context_is_the_models_own_or_else_its_bases() {
        let models = list(
            r#"{"data":[{"id":"base","max_model_len":4096},{"id":"lora","max_model_len":null},{"id":"big","max_model_len":9000}]}"#,
        );
        assert_eq!(models.first().as_deref(), Some("base"));
        assert_eq!(models.context_of("big"), Some(9000));
        assert_eq!(models.context_of("lora"), Some(4096));
        assert_eq!(models.context_of("unlisted"), Some(4096));
        assert_eq!(list(r#"{"data":[{"id":"x","max_model_len":0}]}"#).context_of("x"), None);
        assert_eq!(list(r#"{"object":"list","data":[]}"#).first(), None);
    }

    #[test]
    fn without_a_told_context_the_deployed_one_is_assumed() {
        assert_eq!(Served::new(None, "m".to_owned()).context, 4096);
        assert!(!Served::new(None, "m".to_owned()).is_same_model(&Served::new(Some(4096), "m".to_owned())));
    }

    #[test]
    fn a_frame_is_shared_by_prompts_that_differ_in_their_last_text_only() {
        let served = Served::new(Some(4096), "m".to_owned());
        served.remember_frame(&prompt("면접관", "하나"), 700);
        assert_eq!(served.frame(&prompt("면접관", "둘")), Some(700));
        assert_eq!(served.frame(&prompt("다른 면접관", "하나")), None);
        assert_eq!(served.bound(&prompt("면접관", "둘")), budget::byte_bound(&prompt("면접관", "둘")));
        let long = prompt(&"면접관".repeat(500), "둘");
        served.remember_frame(&long, 900);
        assert_eq!(served.bound(&long), budget::bound_from_frame(900, &long));
    }

    #[test]
    fn the_frames_do_not_pile_up() {
        let served = Served::new(Some(4096), "m".to_owned());
        for number in 0..1000 {
            served.remember_frame(&prompt(&number.to_string(), ""), 1);
        }
        assert!(served.counter().frames.len() <= MAX_FRAMES);
        assert_eq!(served.frame(&prompt("999", "")), Some(1));
    }

    #[test]
    fn a_counter_that_failed_rests_and_a_missing_one_is_never_asked_again() {
        let (served, now) = (Served::new(None, "m".to_owned()), Instant::now());
        assert!(served.counts_now(now));
        served.rest_counter(Cause::Broken, now);
        assert!(!served.counts_now(now));
        assert!(served.counts_now(now + COUNTER_REST));
        served.rest_counter(Cause::NotAnApi, now);
        assert!(!served.counts_now(now + COUNTER_REST));
    }
}
