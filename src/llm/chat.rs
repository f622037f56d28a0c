//! The chat API that both adapters speak: the request's body and the call.

use async_openai::types::chat::{CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::budget::{Plan, Room};
use super::classify::{Cause, Completion, Fault, completion};
use super::naming::Trouble;
use super::transport::{SetupError, Transport};
use super::{Ask, Prompt};

/// One model server.
#[async_trait]
pub trait Endpoint: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Asks once, with the richest prompt that fits; a briefer one follows at once when the server finds it too long
    /// after all. Dropping the future cancels the call.
    async fn call(&self, ask: &Ask, limit: Instant) -> Result<Completion, Fault>;

    /// Whether the server answers at all, and serves the model, as far as can be said without asking it; costs nothing.
    /// For start-up and readiness.
    async fn check(&self, limit: Instant) -> Result<(), Trouble>;
}

/// Which field limits the reply: OpenAI's newer models refuse the old one, and older servers do not know the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitField {
    MaxTokens,
    MaxCompletionTokens,
}

/// A server's chat API.
#[derive(Debug)]
pub(super) struct ChatApi {
    pub transport: Transport,
    /// Ends in `/v1`, or whatever the setting says.
    pub base: Url,
    chat_url: Url,
    limit_field: LimitField,
}

impl ChatApi {
    pub fn new(base: Url, api_key: Option<&str>, limit_field: LimitField) -> Result<Self, SetupError> {
        let chat_url = below(&base, &["chat", "completions"]);
        Ok(Self { transport: Transport::new(&base, api_key)?, base, chat_url, limit_field })
    }

    /// Sends one plan.
    pub async fn complete(&self, model: &str, ask: &Ask, plan: Plan, limit: Instant) -> Result<Completion, Fault> {
        let request = request(model, ask, plan.max_tokens, self.limit_field);
        let json = ask.prompts.get(plan.prompt).and_then(|prompt| with_messages(prompt, &request));
        let json = json.ok_or_else(|| Fault::transport(Cause::Rejected))?;
        let answer = self.transport.post(&self.chat_url, json, limit).await?;
        completion(answer.status, answer.retry_after, &answer.body)
    }
}

/// What an object begins with that asks about messages.
const HEAD: &str = r#"{"messages":["#;

/// `request`, whose first field is an empty list of messages, as JSON with the prompt in it. In pieces: the preamble is
/// written once, and every call that is out shares it.
pub(super) fn with_messages(prompt: &Prompt, request: &impl Serialize) -> Option<Vec<Bytes>> {
    let json = serde_json::to_string(request).ok()?;
    let rest = prompt.last_json() + json.strip_prefix(HEAD)?;
    Some(vec![HEAD.into(), prompt.preamble.json().into(), rest.into()])
}

/// `base` with more path segments.
pub(super) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// What an ask may take of `context` tokens.
pub(super) fn room(ask: &Ask, context: u32) -> Room {
    Room { context, max_reply: ask.max_tokens, min_reply: ask.min_tokens }
}

/// A request but for its messages, with every field that matters said explicitly: servers take their defaults from the
/// model's own configuration.
fn request(model: &str, ask: &Ask, max_tokens: u32, limit_field: LimitField) -> CreateChatCompletionRequest {
    let mut request = CreateChatCompletionRequest {
        model: model.to_owned(),
        temperature: Some(ask.temperature),
        top_p: Some(1.0),
        n: Some(1),
        stream: Some(false),
        response_format: ask.schema.as_ref().map(|schema| ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                name: schema.name.to_owned(),
                description: None,
                schema: schema.schema.clone(),
                strict: Some(true),
            },
        }),
        ..Default::default()
    };
    match limit_field {
        LimitField::MaxCompletionTokens => request.max_completion_tokens = Some(max_tokens),
        #[expect(deprecated, reason = "deprecated by OpenAI alone; vLLM and its kin have always known this one")]
        LimitField::MaxTokens => request.max_tokens = Some(max_tokens),
    }
    request
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::llm::{Preamble, ReplySchema, Role};

    fn ask(schema: Option<ReplySchema>) -> Ask {
        let messages = [(Role::System, "면접관"), (Role::User, "질문"), (Role::Assistant, "피드백")];
        let preamble = Preamble::kept(messages);
        Ask {
            prompts: vec![Prompt { preamble, text: "\"답변\"\n".into() }],
            temperature: 0.3,
            max_tokens: 512,
            min_tokens: 128,
            schema,
            attempt_timeout: Duration::from_secs(1),
        }
    }

    fn text_of(ask: &Ask, field: LimitField) -> String {
        let pieces = with_messages(&ask.prompts[0], &request("/model", ask, 400, field)).unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn the_body_says_every_field_that_matters_and_no_other() {
        let ask = ask(None);
        let body: Value = serde_json::from_str(&text_of(&ask, LimitField::MaxTokens)).unwrap();
        let expected = json!({
            "model": "/model", "temperature": 0.3, "top_p": 1.0, "n": 1, "stream": false, "max_tokens": 400,
            "messages": [
                {"role": "system", "content": "면접관"}, {"role": "user", "content": "질문"},
                {"role": "assistant", "content": "피드백"}, {"role": "user", "content": "\"답변\"\n"},
            ],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn the_temperature_is_written_as_it_was_meant() {
        assert!(text_of(&ask(None), LimitField::MaxTokens).contains(r#""temperature":0.3,"#));
    }

    #[test]
    fn openai_is_told_the_limit_in_its_own_field() {
        let body: Value = serde_json::from_str(&text_of(&ask(None), LimitField::MaxCompletionTokens)).unwrap();
        assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(400), &Value::Null));
    }

    #[test]
    fn a_schema_becomes_the_portable_response_format() {
        let schema = json!({"type": "object", "properties": {"enough": {"type": "boolean"}}});
        let ask = ask(Some(ReplySchema { name: "question", schema: schema.clone() }));
        let body: Value = serde_json::from_str(&text_of(&ask, LimitField::MaxTokens)).unwrap();
        let expected =
            json!({"type": "json_schema", "json_schema": {"name": "question", "schema": schema, "strict": true}});
        assert_eq!(body["response_format"], expected);
    }

    #[test]
    fn paths_go_below_the_base_with_and_without_a_slash() {
        for base in ["http://gpu:8001/v1", "http://gpu:8001/v1/"] {
            let url = below(&Url::parse(base).unwrap(), &["chat", "completions"]);
            assert_eq!(url.as_str(), "http://gpu:8001/v1/chat/completions");
        }
    }
}
