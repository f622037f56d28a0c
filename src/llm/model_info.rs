//! What a vLLM server says about its model, and what is learnt about it while it is used.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tracing::{info, warn};

use super::body;
use super::budget;
use super::classify::{Cause, Fault, refusal};
use super::transport::Answer;
use super::{Preamble, Prompt};

/// Tokens that prompt and reply share, where the server does not say.
const ASSUMED_CONTEXT: u32 = 4096;
/// How long a counter that failed is left alone.
const COUNTER_REST: Duration = Duration::from_secs(30);

/// The answer of `/v1/models`; `None` where no model can be made out in it.
#[derive(Debug, Default)]
pub(super) struct ModelList(Option<Vec<Listed>>);

#[derive(Debug)]
struct Listed {
    id: String,
    context: Option<u32>,
    /// Not what is asked for unless it is named: an adapter, or no chat model.
    is_special: bool,
}

impl Listed {
    /// One entry, in the forms that servers have for it.
    fn read(entry: &Value) -> Option<Self> {
        const NAMES: [&str; 4] = ["id", "model", "name", "key"];
        // What is loaded counts more than what the model could.
        const CONTEXTS: [&str; 8] = [
            "loaded_context_length",
            "max_model_len",
            "n_ctx",
            "max_context_length",
            "max_input_tokens",
            "context_length",
            "context_window",
            "max_context_window",
        ];
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let id = entry.as_str().or_else(|| NAMES.into_iter().find_map(text))?.to_owned();
        let context = CONTEXTS.into_iter().find_map(|name| tokens(entry.get(name)?));
        let embeds = text("type").is_some_and(|kind| kind.contains("embed"));
        let is_special = embeds || text("parent").is_some_and(|parent| !parent.is_empty() && parent != id);
        Some(Self { id, context, is_special })
    }

    /// Ollama lists `aya` as `aya:latest`.
    fn is(&self, id: &str) -> bool {
        self.id == id || self.id.strip_suffix(":latest") == Some(id)
    }
}

/// A number of tokens; some write it as a text.
fn tokens(value: &Value) -> Option<u32> {
    let tokens = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    u32::try_from(tokens?).ok().filter(|tokens| *tokens > 0)
}

impl ModelList {
    /// Reads the answer to the question for the list.
    pub fn answered(answer: &Answer) -> Result<Self, Fault> {
        let read = match refusal(answer.status, &answer.body) {
            Some(cause) => Err(cause),
            None => Self::read(&answer.body).ok_or(Cause::NotAnApi),
        };
        read.map_err(|cause| Fault { cause, status: Some(answer.status), retry_after: answer.retry_after })
    }

    /// Reads a list, as long as it is JSON: one list, `data` or `models`, or an object with the names for its keys.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let json = body::json(bytes)?;
        let lists = [json.get("data"), json.get("models"), Some(&json)];
        let listed = lists.into_iter().flatten().find_map(|list| match list {
            Value::Array(entries) => Some(entries.iter().filter_map(Listed::read).collect::<Vec<_>>()),
            // Of names, each with what is known of it.
            Value::Object(entries) if !std::ptr::eq(list, &json) => {
                let context = |entry: &Value| Listed::read(entry).and_then(|listed| listed.context);
                let named = |(id, entry): (&String, &Value)| {
                    let context = entry.get("max_model_len").and_then(tokens).or_else(|| context(entry));
                    Listed { id: id.clone(), context, is_special: false }
                };
                Some(entries.iter().map(named).collect())
            }
            _ => None,
        });
        // An entry whose name cannot be made out says nothing about the names that are served.
        let is_empty = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
        let lists_none = json.get("data").or(json.get("models")).is_some_and(is_empty);
        Some(Self(listed.filter(|listed| !listed.is_empty() || lists_none)))
    }

    /// Whether a server that answers so, when it is asked for its list, may serve a model that was named. Only one that
    /// cannot be reached serves nothing.
    pub fn can_be_done_without(fault: &Fault) -> bool {
        !matches!(fault.cause, Cause::Unreachable | Cause::Insecure(_))
    }

    /// Whether its list may come later: what stands before the server, or the server itself, is not well.
    pub fn may_come(fault: &Fault) -> bool {
        !fault.cause.is_misconfiguration() && fault.cause != Cause::Rejected
    }

    /// The name of the first model that is neither an adapter nor for something else than chats, if there is one.
    pub fn first(&self) -> Option<&str> {
        let usual = self.listed().find(|listed| !listed.is_special);
        usual.or(self.listed().next()).map(|listed| listed.id.as_str())
    }

    /// What it means for whoever named no model that the list has none.
    pub fn without_models(&self) -> Fault {
        Fault::transport(if self.0.is_some() { Cause::UnknownModel } else { Cause::NotAnApi })
    }

    /// All names, as far as the list can be read.
    pub fn names(&self) -> Option<Vec<&str>> {
        Some(self.0.as_ref()?.iter().map(|listed| listed.id.as_str()).collect())
    }

    /// Whether the model `id` is there, as far as the list can be read.
    pub fn lists(&self, id: &str) -> Option<bool> {
        Some(self.0.as_ref()?.iter().any(|listed| listed.is(id)))
    }

    /// The context of the model `id`; of any other when it has none of its own, since adapters share their base's.
    pub fn context_of(&self, id: &str) -> Option<u32> {
        let own = self.listed().filter(|listed| listed.is(id));
        let all = own.chain(self.listed());
        all.filter_map(|listed| listed.context).next()
    }

    fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.0.iter().flatten()
    }
}

/// The model that a server serves.
#[derive(Debug)]
pub(super) struct ModelInfo {
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
    /// Tokens of a preamble's frame, by the preamble's address. A frame is a prompt with `"."` for its text: what all
    /// requests of a kind share, the template's own tokens included.
    frames: BTreeMap<usize, u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CounterState {
    #[default]
    Works,
    RestsUntil(Instant),
    /// This server does not count.
    Missing,
}

impl ModelInfo {
    /// A model as just discovered; without `context` the one that is deployed is assumed.
    pub fn new(context: Option<u32>, id: String) -> Self {
        let counter = Mutex::default();
        Self { id, context: context.unwrap_or(ASSUMED_CONTEXT), context_told: context.is_some(), counter }
    }

    /// Whether the server told the same about both.
    pub fn is_same_model(&self, other: &Self) -> bool {
        (&self.id, self.context, self.context_told) == (&other.id, other.context, other.context_told)
    }

    /// Logs it. One that is not listed is not found: it may be an alias, and readiness says what is listed.
    pub fn announce(&self, listed: bool) {
        if !listed {
            info!(model = self.id, context = self.context, "asking for a model that the server does not list");
        } else if self.context_told {
            info!(model = self.id, context = self.context, "found the model");
        } else {
            warn!(model = self.id, assumed = self.context, "the model server does not tell the length of its context");
        }
    }

    /// A bound of a prompt's tokens that costs no call.
    pub fn bound(&self, prompt: &Prompt) -> u32 {
        let bytes = prompt.byte_bound();
        match self.frame(prompt.preamble) {
            Some(frame) => bytes.min(budget::bound_from_frame(frame, &prompt.text)),
            None => bytes,
        }
    }

    /// The tokens of the preamble's frame, if they were counted.
    pub fn frame(&self, preamble: &'static Preamble) -> Option<u32> {
        self.counter().frames.get(&address(preamble)).copied()
    }

    /// Keeps the tokens of the preamble's frame.
    pub fn remember_frame(&self, preamble: &'static Preamble, tokens: u32) {
        self.counter().frames.insert(address(preamble), tokens);
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

/// Names a preamble: it stays where it is.
fn address(preamble: &'static Preamble) -> usize {
    ptr::from_ref(preamble).addr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Role;

    fn list(json: &str) -> ModelList {
        ModelList::read(json.as_bytes()).unwrap()
    }

    fn prompt(preamble: &'static Preamble, text: &str) -> Prompt {
        Prompt { preamble, text: text.into() }
    }

    fn preamble(system: &str) -> &'static Preamble {
        Preamble::kept([(Role::System, system)])
    }

    #[test]
    fn the_context_is_the_models_own_or_else_its_bases() {
        let models = list(
            r#"{"data":[{"id":"base","max_model_len":4096},{"id":"lora","max_model_len":null},{"id":"big","max_model_len":9000}]}"#,
        );
        assert_eq!(models.first(), Some("base"));
        assert_eq!(models.context_of("big"), Some(9000));
        assert_eq!(models.context_of("lora"), Some(4096));
        assert_eq!(models.context_of("unlisted"), Some(4096));
        assert_eq!(list(r#"{"data":[{"id":"x","max_model_len":0}]}"#).context_of("x"), None);
        assert_eq!(list(r#"{"object":"list","data":[]}"#).first(), None);
    }

    #[test]
    fn a_list_is_read_in_many_forms_and_a_page_is_none() {
        for own in [
            r#"{"data":[{"id":"aya"}]}"#,
            r#"{"models":[{"name":"aya"}]}"#,
            r#"{"data":null,"models":[{"model":"aya:latest"}]}"#,
            r#"["aya"]"#,
            r#"{"data":[{"name":"aya"},{"id":7}]}"#,
            r#"{"data":{"aya":{"max_model_len":9}}}"#,
        ] {
            assert_eq!((list(own).lists("aya"), list(own).lists("b")), (Some(true), Some(false)), "{own}");
        }
        for own in ["{}", "7", r#"{"data":[{"number":7}]}"#, r#"{"object":"list"}"#] {
            assert_eq!((list(own).lists("aya"), list(own).first()), (None, None), "{own}");
        }
        assert!(ModelList::read(b"<html>").is_none());
    }

    #[test]
    fn the_first_model_is_one_to_chat_with() {
        let special =
            r#"{"data":[{"id":"lora","parent":"aya"},{"id":"e5","type":"embeddings"},{"id":"aya","parent":null}]}"#;
        assert_eq!(list(special).first(), Some("aya"));
        assert_eq!(list(r#"{"data":[{"id":"lora","parent":"aya"}]}"#).first(), Some("lora"));
    }

    #[test]
    fn the_context_has_many_names_and_may_be_a_text() {
        for (entry, tokens) in [
            (r#""max_model_len":"4096""#, Some(4096)),
            (r#""max_context_length":32768,"loaded_context_length":4096"#, Some(4096)),
            (r#""context_length":8192"#, Some(8192)),
            (r#""max_model_len":-1"#, None),
            (r#""max_model_len":1e99"#, None),
        ] {
            assert_eq!(list(&format!(r#"{{"data":[{{"id":"x",{entry}}}]}}"#)).context_of("x"), tokens, "{entry}");
        }
    }

    #[test]
    fn without_a_told_context_the_deployed_one_is_assumed() {
        assert_eq!(ModelInfo::new(None, "m".to_owned()).context, 4096);
        assert!(!ModelInfo::new(None, "m".to_owned()).is_same_model(&ModelInfo::new(Some(4096), "m".to_owned())));
    }

    #[test]
    fn a_frame_is_shared_by_prompts_that_differ_in_their_text_only() {
        let served = ModelInfo::new(Some(4096), "m".to_owned());
        let (short, long) = (preamble("면접관"), preamble(&"면접관".repeat(500)));
        served.remember_frame(short, 700);
        assert_eq!((served.frame(short), served.frame(long)), (Some(700), None));
        assert_eq!(served.bound(&prompt(short, "둘")), prompt(short, "둘").byte_bound());
        served.remember_frame(long, 900);
        assert_eq!(served.bound(&prompt(long, "둘")), budget::bound_from_frame(900, "둘"));
    }

    #[test]
    fn a_counter_that_failed_rests_and_a_missing_one_is_never_asked_again() {
        let (served, now) = (ModelInfo::new(None, "m".to_owned()), Instant::now());
        assert!(served.counts_now(now));
        served.rest_counter(Cause::Broken, now);
        assert!(!served.counts_now(now));
        assert!(served.counts_now(now + COUNTER_REST));
        served.rest_counter(Cause::NotAnApi, now);
        assert!(!served.counts_now(now + COUNTER_REST));
    }
}
