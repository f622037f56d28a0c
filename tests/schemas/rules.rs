//! The rules of compatibility themselves.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::compatibility::{Side, breaking, breaking_in_schema, undeclared};

/// A request topic and an outcome topic.
fn document() -> Value {
    let message = |name: &str| {
        json!({"contentType": "application/json", "bindings": {"kafka": {"key": {"type": "string"}}},
            "headers": {"$ref": "#/schemas/Headers"}, "payload": {"$ref": format!("#/schemas/{name}")}})
    };
    json!({
        "operations": {
            "ask": {"action": "receive", "channel": {"$ref": "#/channels/Asked"},
                "bindings": {"kafka": {"groupId": {"const": "group"}}}},
            "answer": {"action": "send", "channel": {"$ref": "#/channels/Answered"}},
        },
        "channels": {
            "Asked": {"address": "asked", "messages": {"Asked": message("Asked")}},
            "Answered": {"address": "answered", "messages": {"Answered": message("Answered")}},
        },
        "schemas": {
            "Headers": {"type": "object", "properties": {"ce_id": {"type": "string"}}, "required": ["ce_id"]},
            "Asked": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "integer", "minimum": 1},
                "text": {"type": ["string", "null"], "maxLength": 10},
                "kind": {"type": "string", "enum": ["A", "B"]},
            }},
            "Answered": {"type": "object", "required": ["id", "code"], "properties": {
                "id": {"type": "integer", "format": "int64"},
                "text": {"type": "string", "minLength": 1, "maxLength": 10},
                "code": {"$ref": "#/schemas/Code"},
            }},
            "Code": {"oneOf": [{"type": "string", "const": "A"}, {"type": "string", "const": "B"}]},
        },
    })
}

/// The document with a value set, or with one removed.
fn changed(path: &str, value: Option<Value>) -> Value {
    let mut document = document();
    let (parent, last) = path.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(last.to_owned(), value),
        None => Some(parent.remove(last).unwrap()),
    };
    document
}

#[test]
fn a_change_that_breaks_somebody_is_named() {
    for (path, value, expected) in [
        ("/operations/ask", None, vec!["ask is gone"]),
        ("/operations/more", Some(json!({"action": "send"})), vec!["more is new: nobody reads what is sent there"]),
        ("/operations/ask/action", Some(json!("send")), vec![r#"ask: action was "receive" and is "send""#]),
        (
            "/operations/ask/bindings/kafka/groupId/const",
            Some(json!("other")),
            vec![r#"ask: group was "group" and is "other""#],
        ),
        ("/channels/Asked/address", Some(json!("x")), vec![r#"ask: address was "asked" and is "x""#]),
        ("/channels/Answered/messages/More", Some(json!({})), vec!["answer: More is new"]),
        ("/channels/Answered/messages/Answered", None, vec!["answer: Answered is gone"]),
        (
            "/channels/Answered/messages/Answered/contentType",
            None,
            vec![r#"answer: contentType was "application/json" and is unset"#],
        ),
        (
            "/channels/Answered/messages/Answered/bindings/kafka/key/type",
            Some(json!("integer")),
            vec![r"answer key: type integer is new"],
        ),
        // Read: less is read.
        ("/schemas/Asked/required", Some(json!(["id", "text"])), vec!["ask payload.text is required now"]),
        ("/schemas/Asked/properties/text", None, vec!["ask payload.text is gone"]),
        (
            "/schemas/Asked/properties/text/type",
            Some(json!("string")),
            vec!["ask payload.text: type null is not read any more"],
        ),
        (
            "/schemas/Asked/properties/text/maxLength",
            Some(json!(9)),
            vec!["ask payload.text: maxLength was 10 and is 9"],
        ),
        (
            "/schemas/Asked/properties/text/pattern",
            Some(json!("@")),
            vec![r#"ask payload.text: pattern was unset and is "@""#],
        ),
        ("/schemas/Asked/properties/id/minimum", Some(json!(2)), vec!["ask payload.id: minimum was 1 and is 2"]),
        (
            "/schemas/Asked/properties/id/enum",
            Some(json!([1])),
            vec!["ask payload.id: anything else is not read any more"],
        ),
        (
            "/schemas/Asked/properties/kind/enum",
            Some(json!(["A"])),
            vec![r#"ask payload.kind: "B" is not read any more"#],
        ),
        (
            "/schemas/Asked/additionalProperties",
            Some(json!(false)),
            vec!["ask payload: additionalProperties was unset and is false"],
        ),
        // Written: more is written, or something is missing.
        ("/schemas/Answered/required", Some(json!(["id"])), vec!["answer payload.code is not always there any more"]),
        ("/schemas/Answered/properties/code", None, vec!["answer payload.code is gone"]),
        ("/schemas/Answered/properties/text", None, vec!["answer payload.text is gone"]),
        (
            "/schemas/Answered/properties/text/maxLength",
            Some(json!(11)),
            vec!["answer payload.text: maxLength was 10 and is 11"],
        ),
        (
            "/schemas/Answered/properties/text/minLength",
            None,
            vec!["answer payload.text: minLength was 1 and is unset"],
        ),
        (
            "/schemas/Answered/properties/text/type",
            Some(json!(["string", "null"])),
            vec!["answer payload.text: type null is new"],
        ),
        ("/schemas/Answered/properties/id/format", None, vec![r#"answer payload.id: format was "int64" and is unset"#]),
        ("/schemas/Code/oneOf/1/const", Some(json!("C")), vec![r#"answer payload.code: "C" is new"#]),
        ("/schemas/Code/oneOf", None, vec!["answer payload.code: anything else is new"]),
    ] {
        assert_eq!(breaking(&document(), &changed(path, value)), expected, "{path}");
    }
    // What both sides use is looked at from both.
    let without = changed("/schemas/Headers/properties/ce_id", None);
    assert_eq!(breaking(&document(), &without), ["answer headers.ce_id is gone", "ask headers.ce_id is gone"]);
}

#[test]
fn a_change_that_breaks_nobody_is_not_named() {
    for (path, value) in [
        ("/operations/more", Some(json!({"action": "receive"}))),
        ("/channels/Asked/messages/More", Some(json!({}))),
        ("/schemas/Asked/description", Some(json!("Said better."))),
        // Read: more is read.
        ("/schemas/Asked/required", None),
        ("/schemas/Asked/properties/more", Some(json!({"type": "string", "maxLength": 1}))),
        ("/schemas/Asked/properties/text/maxLength", Some(json!(11))),
        ("/schemas/Asked/properties/text/maxLength", None),
        ("/schemas/Asked/properties/id/type", Some(json!(["number", "string"]))),
        ("/schemas/Asked/properties/kind/enum", Some(json!(["C", "B", "A"]))),
        ("/schemas/Asked/properties/kind/enum", None),
        // Written: less is written, or something is added.
        ("/schemas/Answered/required", Some(json!(["code", "text", "id"]))),
        ("/schemas/Answered/properties/more", Some(json!({"type": "string"}))),
        ("/schemas/Answered/properties/text/maxLength", Some(json!(9))),
        ("/schemas/Answered/properties/text/pattern", Some(json!("@"))),
        ("/schemas/Code/oneOf", Some(json!([{"const": "B"}]))),
        ("/schemas/Code", Some(json!({"type": "string", "enum": ["A", "B"]}))),
    ] {
        assert_eq!(breaking(&document(), &changed(path, value)), [""; 0], "{path}");
    }
}

#[test]
fn the_declared_changes_are_those_that_there_are_each_with_a_reason() {
    let changes = ["a is gone".to_owned()];
    let declared = |entries: &[(&str, &str)]| -> BTreeMap<String, String> {
        entries.iter().map(|(change, reason)| ((*change).to_owned(), (*reason).to_owned())).collect()
    };
    assert_eq!(undeclared(&changes, &declared(&[("a is gone", "nobody used it")])), [""; 0]);
    assert_eq!(undeclared(&changes, &declared(&[])), ["breaks others, and is not declared: a is gone"]);
    assert_eq!(undeclared(&changes, &declared(&[("a is gone", " ")])), ["declared without a reason: a is gone"]);
    assert_eq!(undeclared(&[], &declared(&[("a is gone", "why")])), ["declared, but not so: a is gone"]);
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn some_value() -> impl Strategy<Value = Value> {
    select(vec![
        json!(""),
        json!("x"),
        json!("xx"),
        json!("xxx"),
        json!(0),
        json!(1),
        json!(2),
        json!(1.5),
        Value::Null,
    ])
}

fn field() -> impl Strategy<Value = Value> {
    let keyword =
        |name: &'static str| prop::option::weighted(0.3, (0..4_u8).prop_map(move |limit| (name, json!(limit))));
    let types =
        subsequence(vec!["string", "integer", "number", "null"], 1..=3).prop_map(|types| ("type", json!(types)));
    let values = prop::collection::vec(some_value(), 1..6).prop_map(|values| ("enum", json!(values)));
    (
        prop::option::weighted(0.8, types),
        prop::option::weighted(0.3, values),
        (keyword("minLength"), keyword("maxLength"), keyword("minimum"), keyword("maximum")),
    )
        .prop_map(|(types, values, limits)| {
            let limits = [limits.0, limits.1, limits.2, limits.3];
            let keywords = [types, values].into_iter().chain(limits).flatten();
            keywords.map(|(name, value)| (name.to_owned(), value)).collect()
        })
}

/// Two versions of an object that have most of their fields in common.
fn versions() -> impl Strategy<Value = (Value, Value)> {
    let one = || (prop::option::weighted(0.8, field()), any::<bool>());
    let field = (one(), one(), prop::bool::weighted(0.7));
    prop::collection::vec(field, NAMES.len()).prop_map(|fields| {
        let named = || NAMES.into_iter().zip(&fields);
        let old = object(named().map(|(name, (old, ..))| (name, old)));
        let new = object(named().map(|(name, (old, new, same))| (name, if *same { old } else { new })));
        (old, new)
    })
}

/// An object of those fields that there are, each with whether it is required.
fn object<'a>(fields: impl Iterator<Item = (&'static str, &'a (Option<Value>, bool))>) -> Value {
    let (mut properties, mut required) = (serde_json::Map::new(), vec![]);
    for (name, (schema, always)) in fields {
        if let Some(schema) = schema {
            properties.insert(name.to_owned(), schema.clone());
            required.extend(always.then_some(name));
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where no change is named, whatever one side may send the other one takes. A sender uses only the fields that
    /// it knows.
    #[test]
    fn where_nothing_is_named_nothing_breaks(
        (old, new) in versions(),
        values in prop::collection::vec(prop::option::weighted(0.8, some_value()), NAMES.len()),
    ) {
        for (side, sender, receiver) in [(Side::Read, &old, &new), (Side::Written, &new, &old)] {
            let known = NAMES.iter().zip(&values).filter(|(name, _)| sender["properties"].get(**name).is_some());
            let sent: Value = known.filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?))).collect();
            if jsonschema::is_valid(sender, &sent) && !jsonschema::is_valid(receiver, &sent) {
                prop_assert!(!breaking_in_schema(side, &old, &new).is_empty(), "{side:?} {sent}");
            }
        }
    }

    #[test]
    fn nothing_is_named_where_nothing_changed((old, _) in versions()) {
        for side in [Side::Read, Side::Written] {
            prop_assert_eq!(breaking_in_schema(side, &old, &old), Vec::<String>::new());
        }
    }
}
