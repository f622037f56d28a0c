//! The checked-in JSON Schemas, held against what really comes over the wire.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::kit::topics::{OUTCOMES, PROGRESS};

static SCHEMAS: LazyLock<HashMap<&'static str, Validator>> =
    LazyLock::new(|| OUTCOMES.iter().chain([&PROGRESS]).map(|kind| (*kind, read(kind))).collect());

fn read(kind: &str) -> Validator {
    let file = format!("{}/schemas/{kind}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    jsonschema::validator_for(&schema).expect("a schema is a schema")
}

/// Panics when an outcome, or what is told of progress, is not what its schema says.
pub fn assert_valid(kind: &str, value: &Value) {
    let schema = SCHEMAS.get(kind).unwrap_or_else(|| panic!("{kind} has no schema"));
    let errors: Vec<String> = schema.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{value} is no {kind}: {}", errors.join("; "));
}
