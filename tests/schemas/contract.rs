//! `docs/contract.md` says what the program does: its tables are the program's, its examples are valid, and it names
//! whatever is on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::repeat;

use clap::{Args, Command};
use serde_json::{Deserializer, Value};
use ssammu_worker::config::Settings;
use ssammu_worker::events::outcome::{FailureCode, OutcomeKind};
use ssammu_worker::events::progress;
use ssammu_worker::events::record::RequestKind;

const PAGE: &str = include_str!("../../docs/contract.md");

fn section(number: u32) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n## {number}. ")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The cells of all tables' rows, without their heads.
fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    let lines: Vec<&str> = text.lines().collect();
    let bodies =
        lines.split(|line| !line.starts_with('|')).filter(|table| !table.is_empty()).flat_map(|table| &table[2..]);
    bodies.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split('`').skip(1).step_by(2)
}

/// The events of the page's JSON, each with its name.
pub fn examples() -> Vec<(&'static str, Value)> {
    let mut examples = vec![];
    for block in PAGE.split("```json\n").skip(1) {
        let mut rest = block.split("```").next().unwrap().trim();
        while let Some((name, json)) = rest.split_once(' ') {
            let mut values = Deserializer::from_str(json).into_iter();
            examples.push((name, values.next().unwrap().unwrap()));
            rest = json.get(values.byte_offset()..).unwrap().trim();
        }
    }
    examples
}

#[test]
fn the_pages_settings_are_the_programs_with_their_defaults() {
    let mut told = BTreeMap::new();
    for row in rows(section(1)) {
        let setting = row[1..].iter().flat_map(|cell| quoted(cell)).find(|word| word.contains('_')).unwrap();
        told.extend(quoted(row[0]).map(|name| (setting.to_owned(), name.to_owned())));
    }
    for row in rows(section(7)) {
        let defaults = quoted(row[1]).chain(repeat(""));
        told.extend(quoted(row[0]).zip(defaults).map(|(name, default)| (name.to_owned(), default.to_owned())));
    }
    let command = Settings::augment_args(Command::new("settings"));
    let arguments = command.get_arguments().map(|argument| {
        let default = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        (argument.get_env().unwrap().to_string_lossy().into_owned(), default)
    });
    assert_eq!(told, arguments.collect::<BTreeMap<String, String>>());
}

#[test]
fn the_pages_topics_are_the_programs() {
    let told: Vec<(&str, &str)> = rows(section(1))
        .into_iter()
        .filter(|row| row.len() == 4)
        .map(|row| (quoted(row[0]).next().unwrap(), row[1]))
        .collect();
    let requests = RequestKind::ALL.map(|kind| (kind.name(), "in"));
    let outcomes = OutcomeKind::ALL.map(|kind| (kind.name(), "out"));
    let others = [(progress::NAME, "out"), ("<request topic>-dlt", "out")];
    assert_eq!(told, requests.into_iter().chain(outcomes).chain(others).collect::<Vec<_>>());
}

#[test]
fn the_pages_codes_are_the_programs() {
    let word = |holds: bool| if holds { "yes" } else { "no" };
    let told: Vec<[&str; 3]> = rows(section(3))
        .into_iter()
        .filter(|row| row.len() == 4)
        .map(|row| [quoted(row[0]).next().unwrap(), row[2], row[3]])
        .collect();
    let codes = FailureCode::ALL.map(|code| [code.name(), word(code.retryable()), word(code.dead_letters())]);
    assert_eq!(told, codes);
}

#[test]
fn the_page_names_whatever_is_on_the_wire() {
    fn names(schema: &Value, found: &mut BTreeSet<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            found.insert(name.clone());
            names(field, found);
        }
    }
    let document: Value = super::yaml("asyncapi.yaml");
    let mut found = BTreeSet::new();
    document["components"]["schemas"].as_object().unwrap().values().for_each(|schema| names(schema, &mut found));
    assert!(found.len() > 50, "{found:?}");
    let is_told = |name: &str| ["`", "\""].iter().any(|mark| PAGE.contains(&format!("{mark}{name}{mark}")));
    found.retain(|name| !is_told(name));
    assert!(found.is_empty(), "{found:?}");
}
