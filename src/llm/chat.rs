//! The chat API that both adapters speak: the request's body and the call.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_openai::types::chat::{
    ChatCompletionStreamOptions, CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema,
};
use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::info;
use url::Url;

use super::address::below;
use super::budget::{Plan, Room};
use super::classify::{Cause, Completion, Fault, Told, completion, is_unknown_path};
use super::dialect::{Asked, Dialect, Form, Lesson, LimitField};
use super::heard::Heard;
use super::naming::Trouble;
use super::transport::{Answer, Transport};
use super::{Ask, Prompt};

/// How long what a server refuses is left out: after that it is tried again, as another version may know it.
const LEARNT_FOR: Duration = Duration::from_secs(3_600);

/// One model server.
#[async_trait]
pub trait Endpoint: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Asks once, with the richest prompt that fits; a briefer one follows at once when the server finds it too long
    /// after all. Dropping the future cancels the call. Where there is somebody to hear it, the reply is read as it is
    /// written, from a server that can.
    async fn call(&self, ask: &Ask, limit: Instant, heard: Option<&Heard<'_>>) -> Result<Completion, Fault>;

    /// Whether it keeps ready what prompts begin with, at no price.
    fn keeps_beginnings(&self) -> bool {
        false
    }

    /// Whether the server answers at all, and serves the model, as far as can be said without asking it; costs nothing.
    /// For start-up and readiness.
    async fn check(&self, limit: Instant) -> Result<(), Trouble>;
}

/// A server's chat API.
#[derive(Debug)]
pub(super) struct ChatApi {
    transport: Transport,
    /// Where it may be, and which of these it was found at.
    bases: Vec<Url>,
    base: AtomicUsize,
    limit: LimitField,
    /// It is told to store nothing.
    stores_nothing: bool,
    learnt: Mutex<Option<Learnt>>,
    /// Whether a stream has come of it.
    streams: AtomicBool,
    /// The last request for one was refused without a word why.
    stream_is_doubted: AtomicBool,
}

/// What a server's refusals taught, and since when.
#[derive(Clone, Copy, Debug)]
struct Learnt {
    dialect: Dialect,
    since: Instant,
}

impl ChatApi {
    /// An API at the first of `bases` that has it.
    pub fn new(bases: Vec<Url>, transport: Transport, limit: LimitField) -> Self {
        let (base, learnt) = (AtomicUsize::new(0), Mutex::default());
        let (streams, stream_is_doubted) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { transport, bases, base, limit, stores_nothing: false, learnt, streams, stream_is_doubted }
    }

    /// The same, which is told to store nothing of what it is asked.
    pub fn storing_nothing(self) -> Self {
        Self { stores_nothing: true, ..self }
    }

    /// Sends one plan; once more, and more plainly, for each field that the server refuses.
    pub async fn complete(
        &self,
        model: &str,
        ask: &Ask,
        plan: Plan,
        limit: Instant,
        heard: Option<&Heard<'_>>,
    ) -> Result<Completion, Fault> {
        let prompt = ask.prompts.get(plan.prompt).ok_or_else(|| Fault::transport(Cause::Rejected))?;
        let mut dialect = self.dialect();
        let mut guessed: Option<Lesson> = None;
        // What names nothing may have been about the stream: the next request shows it.
        let is_doubted = heard.is_some() && self.stream_is_doubted.swap(false, Ordering::Relaxed);
        loop {
            heard.into_iter().for_each(Heard::begins);
            let heard = heard.filter(|_| dialect.stream && !is_doubted);
            let json = written(prompt, &request(model, ask, plan.max_tokens, dialect, heard.is_some()), dialect);
            let json = json.ok_or_else(|| Fault::transport(Cause::Rejected))?;
            let answer = self.at_its_base(&["chat", "completions"], Some(json), limit, heard).await?;
            let result = completion(answer.status, answer.retry_after, &answer.body);
            let lesson = match &result {
                Ok(_) => {
                    guessed.into_iter().for_each(|lesson| self.learn(lesson));
                    if answer.was_stream {
                        self.streams.store(true, Ordering::Relaxed);
                    } else if heard.is_some() || is_doubted {
                        self.learn(self.dialect().without_streams());
                    }
                    None
                }
                Err(fault) => {
                    let stream_is_sure = self.streams.load(Ordering::Relaxed);
                    let asked = Asked { schema: ask.schema.is_some(), stream: heard.is_some(), stream_is_sure };
                    let lesson = dialect.after(fault, &Told::read(&answer.body), asked);
                    if lesson.is_none() && fault.cause == Cause::Rejected && asked.stream && !stream_is_sure {
                        self.stream_is_doubted.store(true, Ordering::Relaxed);
                    }
                    lesson
                }
            };
            let Some(lesson) = lesson else { return result };
            match lesson.is_told {
                true => self.learn(lesson),
                false => guessed = Some(lesson),
            }
            dialect = lesson.dialect;
        }
    }

    /// Asks for the list of models.
    pub async fn models(&self, limit: Instant) -> Result<Answer, Fault> {
        self.at_its_base(&["models"], None, limit, None).await
    }

    /// Asks the server to count; what counts is not part of the API, and has an address of its own.
    pub async fn count(&self, url: &Url, json: Vec<Bytes>, limit: Instant) -> Result<Answer, Fault> {
        self.transport.post(url, json, limit, None).await
    }

    /// Calls at the base where the API was found; where there is nothing, it is looked for at the others.
    async fn at_its_base(
        &self,
        path: &[&str],
        json: Option<Vec<Bytes>>,
        limit: Instant,
        heard: Option<&Heard<'_>>,
    ) -> Result<Answer, Fault> {
        let first = self.base.load(Ordering::Relaxed);
        let mut nothing = None;
        for index in (first..self.bases.len()).chain(0..first) {
            let Some(base) = self.bases.get(index) else { break };
            let url = below(base, path);
            let answer = match &json {
                Some(json) => self.transport.post(&url, json.clone(), limit, heard).await?,
                None => self.transport.get(&url, limit).await?,
            };
            if !is_unknown_path(answer.status, &answer.body) {
                if index != first {
                    self.base.store(index, Ordering::Relaxed);
                    info!(path = base.path(), "found the model server's API at another path");
                }
                return Ok(answer);
            }
            nothing.get_or_insert(answer);
        }
        nothing.ok_or_else(|| Fault::transport(Cause::NotAnApi))
    }

    fn dialect(&self) -> Dialect {
        let mut learnt = self.learnt();
        if learnt.is_some_and(|learnt| learnt.since.elapsed() > LEARNT_FOR) {
            *learnt = None;
        }
        let new = || Dialect::new(self.limit).storing_nothing(self.stores_nothing);
        learnt.map_or_else(new, |learnt| learnt.dialect)
    }

    fn learn(&self, lesson: Lesson) {
        info!(refused = lesson.refused, "the model server does not take all of a request; asking without that");
        *self.learnt() = Some(Learnt { dialect: lesson.dialect, since: Instant::now() });
    }

    fn learnt(&self) -> MutexGuard<'_, Option<Learnt>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The same in a server's dialect: where it knows no system message, that stands at the beginning of the user's first.
fn written(prompt: &Prompt, request: &impl Serialize, dialect: Dialect) -> Option<Vec<Bytes>> {
    if dialect.system {
        return with_messages(prompt, request);
    }
    let json = format!("[{}{}]", prompt.preamble.json(), prompt.last_json());
    let mut messages: Vec<Value> = serde_json::from_str(&json).ok()?;
    let (system, mut others): (Vec<_>, Vec<_>) = messages.drain(..).partition(|message| message["role"] == "system");
    let first = others.first_mut()?;
    let texts: Vec<&str> = system.iter().chain([&*first]).filter_map(|message| message["content"].as_str()).collect();
    first["content"] = texts.join("\n\n").into();
    let messages: Vec<String> = others.iter().map(Value::to_string).collect();
    let rest = serde_json::to_string(request).ok()?;
    Some(vec![HEAD.into(), messages.join(",").into(), rest.strip_prefix(HEAD)?.to_owned().into()])
}

/// What an ask may take of `context` tokens.
pub(super) fn room(ask: &Ask, context: u32) -> Room {
    Room { context, max_reply: ask.max_tokens, min_reply: ask.min_tokens }
}

/// A request but for its messages, with every field that matters said explicitly, as far as the server takes it: servers
/// take their defaults from the model's own configuration.
fn request(model: &str, ask: &Ask, max_tokens: u32, dialect: Dialect, is_heard: bool) -> CreateChatCompletionRequest {
    let form = ask.schema.as_ref().and_then(|schema| match dialect.form {
        Form::Schema => Some(ResponseFormat::JsonSchema {
            json_schema: ResponseFormatJsonSchema {
                name: schema.name.to_owned(),
                description: None,
                schema: schema.schema.clone(),
                strict: Some(true),
            },
        }),
        Form::Object => Some(ResponseFormat::JsonObject),
        Form::Text => None,
    });
    let mut request = CreateChatCompletionRequest {
        model: model.to_owned(),
        temperature: Some(ask.temperature).filter(|_| dialect.temperature),
        top_p: Some(1.0).filter(|_| dialect.top_p),
        n: Some(1).filter(|_| dialect.n),
        stream: Some(is_heard),
        stream_options: (is_heard && dialect.stream_options)
            .then_some(ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None }),
        store: dialect.store.then_some(false),
        response_format: form,
        ..Default::default()
    };
    match dialect.limit {
        LimitField::MaxCompletionTokens => request.max_completion_tokens = Some(max_tokens),
        #[expect(deprecated, reason = "deprecated by OpenAI alone; vLLM and its kin have always known this one")]
        LimitField::MaxTokens => request.max_tokens = Some(max_tokens),
    }
    request
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::llm::{Preamble, ReplySchema, Role};

    fn ask(schema: Option<ReplySchema>) -> Ask {
        let messages = [(Role::System, "면접관"), (Role::User, "질문"), (Role::Assistant, "피드백")];
        let preamble = Preamble::kept(messages);
        Ask {
            flow: None,
            prompts: vec![Prompt { preamble, text: "\"답변\"\n".into() }],
            temperature: 0.3,
            max_tokens: 512,
            min_tokens: 128,
            schema,
        }
    }

    fn text_of(ask: &Ask, field: LimitField) -> String {
        let dialect = Dialect::new(field);
        let pieces = written(&ask.prompts[0], &request("/model", ask, 400, dialect, false), dialect).unwrap();
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
    fn where_no_system_message_is_known_its_words_begin_the_users_first() {
        let mut dialect = Dialect::new(LimitField::MaxTokens);
        dialect.system = false;
        let ask = ask(None);
        let pieces = written(&ask.prompts[0], &request("/model", &ask, 400, dialect, false), dialect).unwrap();
        let body: Value = serde_json::from_slice(&pieces.concat()).unwrap();
        let expected = json!([
            {"role": "user", "content": "면접관\n\n질문"},
            {"role": "assistant", "content": "피드백"}, {"role": "user", "content": "\"답변\"\n"},
        ]);
        assert_eq!((&body["messages"], &body["max_tokens"]), (&expected, &json!(400)));
    }
}
