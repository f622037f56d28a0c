//! The contract's documents: a JSON Schema for each event, and `asyncapi.yaml` (AsyncAPI 3.0), which says what is on
//! which topic. Both are made from the types and constants that the worker itself uses.

mod examples;
mod headers;

use serde_json::{Map, Value, json};

use crate::config::{Config, Settings};
use crate::contract::schema::Event;
use crate::contract::yaml::to_yaml;
use crate::events::header_names::{CE_CAUSATIONID, CE_ID};
use crate::events::headers::JSON;
use crate::events::outcome::OutcomeKind;
use crate::events::progress;
use crate::events::record::Flow;
use crate::events::record::RequestKind;
use crate::kafka::admin;

/// The version of AsyncAPI's Kafka bindings.
const BINDING_VERSION: &str = "0.5.0";

/// Where the document keeps its schemas.
const SCHEMAS: &str = "/components/schemas";

const ABOUT: &str = "\
Every request that names a member ends in exactly one outcome. An outcome may come more than once, with the
same `ce_id`: consumers drop repeats by it. They ignore fields and headers that they do not know.
`RequestProgress` is beside that: best effort, never sent again, and nobody has to read it.

What is called `receive` is read by the worker, what is called `send` is written by it. Addresses and groups
are the defaults; `TOPIC_*`, `GROUP_*` and `DEAD_LETTER_SUFFIX` change them.";

/// What a topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cargo {
    Request(RequestKind),
    Outcome(OutcomeKind),
    DeadLetter(RequestKind),
    Progress,
}

/// The files, by name, with what is in them.
///
/// # Errors
/// None that depends on the caller: a default setting or an example of this module that the worker itself refuses.
pub fn files() -> anyhow::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for event in Event::all() {
        let schema = serde_json::to_string_pretty(&event.schema())? + "\n";
        files.push((format!("{}.schema.json", event.name()), schema));
    }
    let head = "# Made by `ssammu-worker schemas`: change the types, not this file.\n".to_owned();
    files.push(("asyncapi.yaml".to_owned(), head + &to_yaml(&document()?)));
    Ok(files)
}

/// The AsyncAPI document, with the default names of topics and groups.
///
/// # Errors
/// As [`files`].
pub fn document() -> anyhow::Result<Value> {
    let config = Settings::defaults()?.check()?;
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut schemas) = (Map::new(), headers::schemas());
    for (address, cargo) in topics(&config) {
        channels.insert(cargo.name(), channel(&address, cargo));
        operations.insert(format!("{}{}", cargo.action(), cargo.name()), operation(cargo, &config).into());
        messages.insert(cargo.name(), message(cargo, &config)?);
    }
    for event in Event::all() {
        schemas.extend(event.parts(SCHEMAS));
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("{}.\n\n{ABOUT}", env!("CARGO_PKG_DESCRIPTION")),
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }))
}

/// Every topic, with what it carries: requests, outcomes, dead letters, progress.
fn topics(config: &Config) -> Vec<(String, Cargo)> {
    let requests = config.topics.requests();
    let dead_letters = requests.iter().map(|(topic, kind)| (config.topics.dead_letters(topic), *kind));
    let dead_letters = dead_letters.map(|(topic, kind)| (topic, Cargo::DeadLetter(kind)));
    let outcomes = OutcomeKind::ALL.into_iter().filter_map(|kind| {
        let topic = config.topics.outcomes.get(&kind)?;
        Some((topic.to_string(), Cargo::Outcome(kind)))
    });
    let requests = requests.iter().map(|(topic, kind)| (topic.to_string(), Cargo::Request(*kind)));
    let progress = config.topics.progress.iter().map(|topic| (topic.to_string(), Cargo::Progress));
    requests.chain(outcomes).chain(dead_letters).chain(progress).collect()
}

impl Cargo {
    /// What its channel and its message are called in the document.
    fn name(self) -> String {
        match self {
            Self::Request(kind) => kind.name().to_owned(),
            Self::Outcome(kind) => kind.name().to_owned(),
            Self::DeadLetter(kind) => format!("{}DeadLetter", kind.name()),
            Self::Progress => progress::NAME.to_owned(),
        }
    }

    /// What the worker does with it.
    fn action(self) -> &'static str {
        match self {
            Self::Request(_) => "receive",
            Self::Outcome(_) | Self::DeadLetter(_) | Self::Progress => "send",
        }
    }

    /// What becomes of it, or where it comes from.
    fn description(self) -> String {
        let names = |names: Vec<&'static str>| names.join("`, `");
        match self {
            Self::Request(kind) => {
                let outcomes = OutcomeKind::ALL.into_iter().filter(|outcome| outcome.can_answer(kind));
                format!("Ends in one of `{}`.", names(outcomes.map(OutcomeKind::name).collect()))
            }
            Self::Outcome(kind) => {
                let requests = RequestKind::ALL.into_iter().filter(|request| kind.can_answer(*request));
                format!("Answers `{}`.", names(requests.map(RequestKind::name).collect()))
            }
            Self::DeadLetter(kind) => format!(
                "A `{}` that could not be decoded, names no member, or failed in a way that a person may want to run \
                again after a fix. Key, value, headers and, where the topic has it, partition are the request's.",
                kind.name()
            ),
            Self::Progress => "Says how far a request is while it is worked: at most 8 records, none less than 150 ms \
                after the one before, and none that is to be shown after the outcome. It is dropped rather than waited for."
                .to_owned(),
        }
    }
}

fn channel(address: &str, cargo: Cargo) -> Value {
    let mut kafka = object([("topic", address.into()), ("partitions", admin::PARTITIONS.into())]);
    if matches!(cargo, Cargo::DeadLetter(_)) {
        let large = json!({"max.message.bytes": admin::DEAD_LETTER_MAX_BYTES});
        kafka.insert("topicConfiguration".to_owned(), large);
    }
    let name = cargo.name();
    json!({
        "address": address,
        "messages": {&name: reference(&["components", "messages", &name])},
        "bindings": bindings(kafka),
    })
}

fn operation(cargo: Cargo, config: &Config) -> Map<String, Value> {
    let name = cargo.name();
    let mut operation = object([
        ("action", cargo.action().into()),
        ("channel", reference(&["channels", &name])),
        ("description", cargo.description().into()),
        ("messages", json!([reference(&["channels", &name, "messages", &name])])),
    ]);
    if let Cargo::Request(kind) = cargo {
        let group = json!({"type": "string", "const": group(config, kind)});
        operation.insert("bindings".to_owned(), bindings(object([("groupId", group)])));
    }
    operation
}

fn message(cargo: Cargo, config: &Config) -> anyhow::Result<Value> {
    let schema = |name: &str| reference(&["components", "schemas", name]);
    Ok(match cargo {
        Cargo::Request(kind) => json!({
            "name": kind.name(),
            "contentType": JSON,
            "correlationId": {"location": format!("$message.header#/{CE_ID}")},
            "headers": schema(headers::REQUEST),
            "payload": schema(kind.name()),
            "bindings": key("The member id in decimal, best; the worker takes the member from the payload."),
            "examples": examples::of_request(kind)?,
        }),
        Cargo::Outcome(kind) => json!({
            "name": kind.name(),
            "contentType": JSON,
            "correlationId": {"location": format!("$message.header#/{CE_CAUSATIONID}")},
            "headers": schema(headers::OUTCOME),
            "payload": schema(kind.name()),
            "bindings": key("The member id in decimal."),
            "examples": examples::of_outcome(kind)?,
        }),
        Cargo::Progress => json!({
            "name": progress::NAME,
            "contentType": JSON,
            "correlationId": {"location": format!("$message.header#/{CE_CAUSATIONID}")},
            "headers": schema(headers::OUTCOME),
            "payload": schema(progress::NAME),
            "bindings": key("The member id in decimal."),
            "examples": examples::of_progress()?,
        }),
        // No content type: the value may be anything.
        Cargo::DeadLetter(kind) => json!({
            "name": cargo.name(),
            "headers": schema(headers::DEAD_LETTER),
            "payload": {
                "description": format!(
                    "The request's value, byte for byte; a `{}`, or whatever could not be decoded as one.",
                    kind.name()
                ),
            },
            "bindings": key("The request's key, byte for byte."),
            "examples": examples::of_dead_letter(kind, group(config, kind))?,
        }),
    })
}

fn key(description: &str) -> Value {
    bindings(object([("key", json!({"type": "string", "description": description}))]))
}

fn bindings(mut kafka: Map<String, Value>) -> Value {
    kafka.insert("bindingVersion".to_owned(), BINDING_VERSION.into());
    json!({"kafka": kafka})
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The group that reads requests of this kind.
fn group(config: &Config, kind: RequestKind) -> &str {
    match kind.flow() {
        Flow::Feedback => &config.group_feedback,
        Flow::Resume => &config.group_resume,
    }
}

fn reference(path: &[&str]) -> Value {
    json!({"$ref": format!("#/{}", path.join("/"))})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_answers_a_request_and_every_request_can_succeed_and_fail() {
        for outcome in OutcomeKind::ALL {
            assert!(RequestKind::ALL.iter().any(|request| outcome.can_answer(*request)), "{outcome:?}");
        }
        for request in RequestKind::ALL {
            assert!(OutcomeKind::RequestFailed.can_answer(request));
            assert!(OutcomeKind::ALL.iter().filter(|outcome| outcome.can_answer(request)).count() > 1);
        }
    }

    #[test]
    fn every_topic_has_a_channel_with_its_name_as_the_address() {
        let config = Settings::defaults().unwrap().check().unwrap();
        let channels = document().unwrap()["channels"].clone();
        let addresses = channels.as_object().unwrap().values().map(|channel| channel["address"].as_str().unwrap());
        assert_eq!(addresses.collect::<Vec<_>>(), config.topics.all());
    }

    #[test]
    fn the_yaml_says_what_the_document_says() {
        let (_, yaml) = files().unwrap().pop().unwrap();
        assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), document().unwrap());
    }
}
