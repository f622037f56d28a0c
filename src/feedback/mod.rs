//! Feedback on an interview answer.

mod listening;
pub mod prompt;
pub mod reply;
pub mod written;

use std::sync::Arc;

use tokio::time::Instant;

use self::listening::Listening;
use self::written::Habit;
use crate::events::outcome::{Failure, FailureCode};
use crate::events::record::Flow;
use crate::events::request::FeedbackRequest;
use crate::flow_control::place::Place;
use crate::llm::{Ask, Model, ModelFailure, Prompt};

const TEMPERATURE: f32 = 0.7;
const TOKENS: u32 = 512;
/// With less room three whole sentences are not to be expected.
const MIN_TOKENS: u32 = 200;

/// Has feedback written by a model, and remembers how that model replies.
#[derive(Debug, Default)]
pub struct Writer {
    habit: Arc<Habit>,
}

impl Writer {
    /// Asks the model for feedback, and once more with a firmer prompt when the reply is unusable; until `deadline`. Where
    /// anybody wants to know, what stays of it is told while it is written.
    ///
    /// # Errors
    /// `LLM_UNAVAILABLE`, `INPUT_TOO_LONG` or `LLM_BAD_OUTPUT`.
    pub async fn write(
        &self,
        model: &dyn Model,
        request: &FeedbackRequest,
        place: &Place,
        deadline: Instant,
    ) -> Result<String, Failure> {
        let listening = Listening::new(place.progress(), &self.habit);
        for prompts in [prompt::prompts, prompt::firmer] {
            match model.ask(&ask(prompts(request)), place, deadline, listening.listener()).await {
                Ok(answer) => {
                    listening.ends();
                    if let Some(feedback) = reply::read(&answer.text, answer.truncated) {
                        return Ok(feedback);
                    }
                    tracing::debug!("no usable feedback in the reply");
                }
                Err(ModelFailure::Unusable(reason)) => tracing::debug!(reason, "the reply is unusable"),
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Failure::new(FailureCode::LlmBadOutput, "no usable feedback in two replies"))
    }
}

fn ask(prompts: Vec<Prompt>) -> Ask {
    Ask {
        flow: Some(Flow::Feedback),
        prompts,
        temperature: TEMPERATURE,
        max_tokens: TOKENS,
        min_tokens: MIN_TOKENS,
        schema: None,
    }
}
