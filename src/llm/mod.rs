//! The language model: what is asked of it, what comes back, and what failure means.

mod address;
mod body;
pub mod budget;
pub mod chat;
pub mod classify;
mod content;
mod dialect;
pub mod failover;
mod heard;
mod listener;
mod masking;
mod model_info;
pub mod naming;
pub mod openai;
pub mod prompt;
mod reading;
pub mod retry_after;
mod streamed;
mod transport;
mod usual;
pub mod vllm;
mod waking;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::events::outcome::{Failure, FailureCode};
use crate::events::record::Flow;
use crate::flow_control::gate::GatePermit;
use crate::flow_control::place::Place;
use crate::flow_control::reach::Reach;

pub mod text;
pub use heard::{Heard, LastSign, Times};
pub use listener::Listener;
pub use prompt::{Preamble, Prompt, Role};
pub use transport::SetupError;

/// A JSON schema that the reply should follow, as strict mode has it: every property required, and no others. Servers
/// may ignore it silently: the reply is checked again here.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplySchema {
    pub name: &'static str,
    pub schema: serde_json::Value,
}

/// What to ask the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Whose it is, for metrics; `None` for what no request asks.
    pub flow: Option<Flow>,
    /// From the richest prompt to the leanest; the first that fits the context is sent. Never empty.
    pub prompts: Vec<Prompt>,
    pub temperature: f32,
    /// Tokens that the reply should have room for.
    pub max_tokens: u32,
    /// Tokens below which a reply is not worth having: with less room the prompt does not fit.
    pub min_tokens: u32,
    pub schema: Option<ReplySchema>,
}

/// What the model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub text: String,
    /// The model did not finish: it ran out of room.
    pub truncated: bool,
}

/// Why there is no reply. The text never holds a secret, a prompt or a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelFailure {
    /// No model answered within the deadline.
    #[error("no model answered in time: {0}")]
    Unavailable(String),
    /// Not even the leanest prompt fits the context.
    #[error("the prompt does not fit the model's context")]
    TooLong,
    /// The model answered, but with nothing that is a reply (empty, filtered, garbage).
    #[error("the model's answer is unusable: {0}")]
    Unusable(String),
}

impl From<ModelFailure> for Failure {
    fn from(failure: ModelFailure) -> Self {
        let code = match failure {
            ModelFailure::Unavailable(_) => FailureCode::LlmUnavailable,
            ModelFailure::TooLong => FailureCode::InputTooLong,
            ModelFailure::Unusable(_) => FailureCode::LlmBadOutput,
        };
        Self::new(code, failure.to_string())
    }
}

/// A language model, with its retries, its limits and its fallback behind it.
#[async_trait]
pub trait Model: Send + Sync {
    /// Waits until it makes sense to ask for a request that may go so far: at once while a model can be reached that it may
    /// go to, one caller at a time while none can.
    /// A request's deadline begins after this, so that an outage fails those that were asking when it began, and the
    /// probes, and no others.
    async fn admit(&self, reach: Reach) -> GatePermit;

    /// Asks until there is a reply, or until `deadline`. Dropping the future cancels the call. While there is nobody to ask
    /// it holds no slot of the caller's place; a call that is out has one, and goes no further than the place says. Where somebody listens, the reply is read as it
    /// is written, from servers that can.
    async fn ask(
        &self,
        ask: &Ask,
        place: &Place,
        deadline: Instant,
        listener: Option<&dyn Listener>,
    ) -> Result<Reply, ModelFailure>;
}
