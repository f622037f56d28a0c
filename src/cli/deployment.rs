//! The files that the program is deployed with name only what it reads.

use std::collections::BTreeSet;

use clap::CommandFactory;
use serde_json::Value;

use super::Cli;

/// What the AWS SDK reads, of what the files name.
const AWS: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL_S3"];
/// What Docker Compose itself reads, of what the files name.
const COMPOSE: [&str; 2] = ["COMPOSE_PROFILES", "COMPOSE_ENV_FILES"];

const EXAMPLE: &str = include_str!("../../.env.example");
const COMPOSE_FILES: [&str; 2] = [include_str!("../../compose.yaml"), include_str!("../../compose.prod.yaml")];

/// The variables that the program reads as settings.
fn read() -> BTreeSet<String> {
    let commands = Cli::command();
    let arguments = commands.get_subcommands().flat_map(clap::Command::get_arguments);
    arguments.filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned())).collect()
}

/// The settings that `.env.example` shows, each as a line that is commented out.
fn shown() -> BTreeSet<String> {
    let lines = EXAMPLE.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    lines.map(|(name, _)| name.to_owned()).filter(|name| name.chars().all(is_of_name)).collect()
}

/// The variables that the compose files are filled in with, as in `${NAME:-default}`.
fn filled_in() -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|letter| is_of_name(*letter)).collect();
    COMPOSE_FILES.iter().flat_map(|file| file.split("${").skip(1)).map(name).collect()
}

/// The services of the compose files that run our image, by name.
fn ours() -> Vec<(String, Value)> {
    let is_ours = |service: &Value| service["image"].as_str().is_some_and(|image| image.contains("ssammu-worker"));
    let services = COMPOSE_FILES.into_iter().flat_map(|file| {
        let file: Value = serde_saphyr::from_str(file).unwrap();
        file["services"].as_object().unwrap().clone()
    });
    services.filter(|(_, service)| is_ours(service)).collect()
}

/// The variables that the compose files give to containers of our image.
fn given() -> BTreeSet<String> {
    let ours = ours();
    let variables = ours.iter().filter_map(|(_, service)| service["environment"].as_object());
    variables.flat_map(|variables| variables.keys().cloned()).collect()
}

fn is_of_name(letter: char) -> bool {
    matches!(letter, 'A'..='Z' | '0'..='9' | '_')
}

fn unknown(names: &BTreeSet<String>, known: &BTreeSet<String>, others: &[&str]) -> Vec<String> {
    assert!(names.len() > 5, "the files are not read as they are written: {names:?}");
    names.iter().filter(|name| !known.contains(*name) && !others.contains(&name.as_str())).cloned().collect()
}

/// What only the worker needs of `.env`.
const OF_THE_WORKER: [&str; 6] =
    ["REDIS_URL", "VLLM_API_KEY", "LLM_FALLBACK", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"];

#[test]
fn secrets_are_handed_only_to_who_needs_them() {
    let mut get_the_file = Vec::new();
    for (name, service) in ours() {
        let gets_the_file = !service["env_file"].is_null();
        let is_given = |secret: &&str| match &service["environment"][*secret] {
            Value::Null => gets_the_file,
            given => given != "",
        };
        if name != "worker" {
            assert_eq!(OF_THE_WORKER.iter().find(|secret| is_given(secret)), None, "{name}");
        }
        if gets_the_file {
            get_the_file.push(name);
        }
    }
    assert_eq!(get_the_file, ["worker", "gateway", "worker", "gateway"]);
}

#[test]
fn containers_are_given_only_what_is_read() {
    assert_eq!(unknown(&given(), &read(), &AWS), [""; 0]);
}

#[test]
fn the_example_shows_only_what_is_read() {
    let known = &read() | &filled_in();
    assert_eq!(unknown(&shown(), &known, &[AWS.as_slice(), &COMPOSE].concat()), [""; 0]);
}

#[test]
fn what_the_compose_files_are_filled_in_with_is_shown() {
    assert_eq!(unknown(&filled_in(), &shown(), &COMPOSE), [""; 0]);
}
