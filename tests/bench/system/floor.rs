//! The floor: the least that could do the feedback job on the worker's own crates. It consumes, asks the model once,
//! and produces with the same headers; it keeps no order, no journal and no state, retries nothing, and may lose what
//! is in flight when it ends. What the worker costs above it is the price of its guarantees.

use std::borrow::Cow;
use std::time::Duration;

use anyhow::Context;
use futures_util::{TryStreamExt, stream};
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use serde_json::json;
use ssammu_worker::events::request::FeedbackRequest;
use ssammu_worker::feedback::prompt;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;
use uuid::Uuid;

/// Stand for what a member wrote in the prompt that is the same for everyone.
const QUESTION: &str = "@question@";
const ANSWER: &str = "@answer@";

/// rdkafka's stream can lose a wake-up (fede1024/rust-rdkafka#665), and would then wait for minutes.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    member_id: i64,
    problem_id: Option<i64>,
    #[serde(borrow)]
    question: Cow<'a, str>,
    #[serde(borrow)]
    answer: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Completion<'a> {
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Reply<'a>,
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    member_id: i64,
    problem_id: Option<i64>,
    feedback: &'a str,
}

/// The body of a chat completion around what the member wrote.
struct Prompt {
    before: String,
    between: String,
    after: String,
}

impl Prompt {
    /// As long as the worker's own, of which it is made.
    fn new() -> anyhow::Result<Self> {
        let request = FeedbackRequest { problem_id: None, question: QUESTION.to_owned(), answer: ANSWER.to_owned() };
        let prompt = prompt::prompts(&request).into_iter().next().context("there is no prompt")?;
        let messages = format!("{}{}", prompt.preamble.json(), prompt.last_json());
        let settings = json!({"model": "/model", "temperature": 0.7, "top_p": 1.0, "n": 1, "stream": false,
            "max_tokens": 512});
        let body = format!(r#"{{"messages":[{messages}],{}"#, settings.to_string().trim_start_matches('{'));
        let (before, rest) = body.split_once(QUESTION).context("the prompt has no question")?;
        let (between, after) = rest.split_once(ANSWER).context("the prompt has no answer")?;
        Ok(Self { before: before.to_owned(), between: between.to_owned(), after: after.to_owned() })
    }

    fn around(&self, request: &Request<'_>) -> anyhow::Result<String> {
        let (question, answer) = (escaped(&request.question)?, escaped(&request.answer)?);
        Ok([&self.before, &question, &self.between, &answer, &self.after].map(String::as_str).concat())
    }
}

/// `text` as it stands within a JSON string.
fn escaped(text: &str) -> anyhow::Result<String> {
    let mut json = serde_json::to_string(text)?;
    json.pop();
    json.remove(0);
    Ok(json)
}

struct Floor {
    client: reqwest::Client,
    url: String,
    prompt: Prompt,
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Floor {
    async fn answer(&self, message: &impl Message) -> anyhow::Result<()> {
        let request: Request<'_> = serde_json::from_slice(message.payload().unwrap_or_default())?;
        let asked = self.client.post(&self.url).header(CONTENT_TYPE, "application/json");
        let body = asked.body(self.prompt.around(&request)?).send().await?.bytes().await?;
        let Completion { choices: [choice] } = serde_json::from_slice(&body)?;
        let feedback = choice.message.content;
        let value = serde_json::to_vec(&Outcome {
            member_id: request.member_id,
            problem_id: request.problem_id,
            feedback: &feedback,
        })?;
        let cause = format!("{}/{}/{}", message.topic(), message.partition(), message.offset());
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, cause.as_bytes()).to_string();
        let (member, now) = (request.member_id.to_string(), OffsetDateTime::now_utc().format(&Rfc3339)?);
        let headers = [
            ("ce_specversion", "1.0"),
            ("ce_id", &id),
            ("ce_source", "/ssammu-worker"),
            ("ce_type", "FeedbackGenerated"),
            ("ce_time", &now),
            ("ce_subject", &member),
            ("content-type", "application/json"),
            ("ce_causationid", &cause),
        ];
        let headers = headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        let record = BaseRecord::to(&self.topic).key(&member).payload(&value).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(())
    }
}

/// Runs until the process is killed, with the worker's own settings.
pub fn run() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(consume())
}

async fn consume() -> anyhow::Result<()> {
    // A prefetch of 1 MB and a linger of 5 ms are the cheapest that were found.
    let group = setting("GROUP_FEEDBACK")?;
    let reading =
        [("group.id", group.as_str()), ("auto.offset.reset", "earliest"), ("queued.max.messages.kbytes", "1024")];
    let consumer: StreamConsumer = client(&reading)?.create()?;
    consumer.subscribe(&[&setting("TOPIC_FEEDBACK_REQUESTED")?])?;
    let floor = &Floor {
        client: reqwest::Client::builder().tls_certs_only([]).build()?,
        url: format!("{}/v1/chat/completions", setting("VLLM_URL")?),
        prompt: Prompt::new()?,
        producer: client(&[("enable.idempotence", "true"), ("compression.type", "lz4"), ("linger.ms", "5")])?
            .create()?,
        topic: setting("TOPIC_FEEDBACK_GENERATED")?,
    };
    let limit: usize = setting("MAX_IN_FLIGHT")?.parse()?;
    let records = stream::unfold(&consumer, |consumer| async move {
        loop {
            match timeout(LOOK, consumer.recv()).await {
                // Of what passes, librdkafka recovers by itself.
                Ok(Err(error)) if !matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                    eprintln!("floor: {error}")
                }
                Ok(record) => return Some((record, consumer)),
                Err(_) => {}
            }
        }
    });
    records
        .map_err(anyhow::Error::new)
        .try_for_each_concurrent(limit, |message| async move { floor.answer(&message).await })
        .await
}

fn setting(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| name.to_owned())
}

fn client(settings: &[(&str, &str)]) -> anyhow::Result<ClientConfig> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", setting("KAFKA_BOOTSTRAP_SERVERS")?);
    for (name, value) in settings {
        config.set(*name, *value);
    }
    Ok(config)
}
