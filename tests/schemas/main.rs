//! The checked-in contract documents are those of the types, the contract's examples are valid, and nothing breaks
//! those who know the last release's documents without being declared.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a field that JSON lacks reads as null")]

mod compatibility;
mod contract;
mod pages;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use ssammu_worker::contract::asyncapi;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn validator(name: &str) -> jsonschema::Validator {
    let text = fs::read_to_string(folder().join(format!("{name}.schema.json"))).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn problems(name: &str, value: &Value) -> Vec<String> {
    validator(name).iter_errors(value).map(|error| error.to_string()).collect()
}

fn yaml<T: serde::de::DeserializeOwned>(file: &str) -> T {
    serde_saphyr::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

#[test]
fn the_files_are_what_the_types_say() {
    let files = asyncapi::files().unwrap();
    for (name, text) in &files {
        let written = fs::read_to_string(folder().join(name)).unwrap_or_default();
        assert!(written == *text, "{name} is not what the types say: run `ssammu-worker schemas`");
    }
    let entries = fs::read_dir(folder()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let there: BTreeSet<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(there, files.into_iter().map(|(name, _)| name).collect(), "a file that no type has");
}

#[test]
fn nothing_breaks_those_who_know_the_last_release() {
    let changes = compatibility::breaking(&yaml("released/asyncapi.yaml"), &yaml("asyncapi.yaml"));
    let declared: BTreeMap<String, String> = yaml("released/breaking.yaml");
    let wrong = compatibility::undeclared(&changes, &declared);
    assert!(wrong.is_empty(), "schemas/released/breaking.yaml:\n{}", wrong.join("\n"));
}

/// Every topic, field, header and listed value of the real document: without it somebody is broken.
#[test]
fn nothing_can_be_taken_away_from_the_last_release_unnoticed() {
    let released: Value = yaml("released/asyncapi.yaml");
    let mut taken = vec![];
    for place in ["/operations", "/components/messages"] {
        taken.extend(released.pointer(place).unwrap().as_object().unwrap().keys().map(|key| format!("{place}/{key}")));
    }
    let schemas = released.pointer("/components/schemas").unwrap().as_object().unwrap();
    let mut open: Vec<(String, &Value)> =
        schemas.iter().map(|(name, schema)| (format!("/components/schemas/{name}"), schema)).collect();
    while let Some((path, schema)) = open.pop() {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            taken.push(format!("{path}/properties/{name}"));
            open.push((format!("{path}/properties/{name}"), field));
        }
    }
    assert!(taken.len() > 80, "{}", taken.len());
    for path in taken {
        let (mut without, (parent, name)) = (released.clone(), path.rsplit_once('/').unwrap());
        without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        assert!(!compatibility::breaking(&released, &without).is_empty(), "{path}");
    }
}

/// Payloads and headers of the examples in the document, against the schemas there, and no header unheard of.
#[test]
fn the_documents_examples_are_valid() {
    let document: Value = yaml("asyncapi.yaml");
    let mut count = 0;
    for (name, message) in document["components"]["messages"].as_object().unwrap() {
        for example in message["examples"].as_array().unwrap() {
            count += 1;
            for part in ["headers", "payload"] {
                let schema = json!({"allOf": [message[part]], "components": document["components"]});
                let validator =
                    jsonschema::options().should_validate_formats(true).with_draft(jsonschema::Draft::Draft7);
                let validator = validator.build(&schema).unwrap();
                let problems: Vec<String> =
                    validator.iter_errors(&example[part]).map(|error| error.to_string()).collect();
                assert_eq!(problems, [""; 0], "{name} {part}");
            }
            let path = message["headers"]["$ref"].as_str().unwrap().trim_start_matches('#');
            let known = document.pointer(path).unwrap()["properties"].as_object().unwrap();
            let unknown = example["headers"].as_object().unwrap().keys().find(|header| !known.contains_key(*header));
            assert_eq!(unknown, None, "{name}");
        }
    }
    assert!(count >= document["operations"].as_object().unwrap().len());
}

/// Those of its page, and what that says in words.
#[test]
fn the_contracts_examples_are_valid() {
    let examples = contract::examples();
    let shown: BTreeSet<&str> = examples.iter().map(|(name, _)| *name).collect();
    assert_eq!(shown.len(), 8, "{shown:?}");
    let more = [
        ("ResumeAnswer", json!({"memberId": 7, "context": {"tab": {"n": [1, null]}}})),
        ("ResumeAnswer", json!({"memberId": 7, "context": null})),
        ("FeedbackGenerated", json!({"memberId": 7, "feedback": "...", "context": {"type": "DAILY", "free": true}})),
    ];
    for (name, example) in examples.into_iter().chain(more) {
        assert_eq!(problems(name, &example), [""; 0], "{name}");
    }
}

#[test]
fn what_breaks_the_contract_is_invalid() {
    let progress = |more: Value| {
        let mut told = json!({"memberId": 7, "eventName": "PROBLEM_FEEDBACK", "requestId": "i", "sequence": 1, "stage": "WRITING"});
        assert_eq!(problems("RequestProgress", &told), [""; 0]);
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        told
    };
    for (name, broken) in [
        ("FeedbackRequested", json!({"memberId": 0, "question": "Q", "answer": "A"})),
        ("FeedbackRequested", json!({"memberId": 7, "question": "가".repeat(1_001), "answer": "A"})),
        ("FeedbackRequested", json!({"memberId": 7, "question": "Q", "answer": "A", "context": "text"})),
        ("ResumeAnswer", json!({"memberId": 7, "answer": "A", "context": [{}]})),
        ("FeedbackGenerated", json!({"memberId": 7, "problemId": null, "feedback": "..."})),
        ("FeedbackGenerated", json!({"memberId": 7, "feedback": "...", "context": null})),
        ("FeedbackGenerated", json!({"memberId": 7, "feedback": ""})),
        ("ResumeInit", json!({"memberId": 7, "inputs": {"email": "no address"}})),
        ("ResumeCompleted", json!({"memberId": 7, "isComplete": false})),
        ("RequestProgress", progress(json!({"stage": "RESTING"}))),
        ("RequestProgress", progress(json!({"percent": 100}))),
        ("RequestProgress", progress(json!({"text": ""}))),
        ("RequestProgress", progress(json!({"sessionId": null}))),
        (
            "RequestFailed",
            json!({"memberId": 7, "eventName": "OTHER", "code": "OTHER", "message": "",
            "retryable": true, "requestTopic": "T", "requestId": "i"}),
        ),
    ] {
        assert!(!problems(name, &broken).is_empty(), "{name} {broken}");
    }
}
