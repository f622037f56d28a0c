//! A JSON value as YAML, in the block style that people read. It is written without a library, so that the program that
//! serves has none in it for a file that is made once a release.

use serde_json::{Map, Value};

/// Words that some reader takes for a truth value or for nothing.
const NO_STRINGS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// The document, with a line break at its end.
pub fn to_yaml(value: &Value) -> String {
    let mut text = block(value).join("\n");
    text.push('\n');
    text
}

/// The lines of a value, not indented.
fn block(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) if !fields.is_empty() => mapping(fields),
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(|item| behind("- ", block(item))).collect(),
        Value::String(text) if is_literal(text) => literal(text),
        Value::String(text) if is_plain(text) => vec![text.clone()],
        Value::String(text) => vec![quoted(text)],
        // As in JSON, which says `{}` and `[]`, too.
        other => vec![other.to_string()],
    }
}

fn mapping(fields: &Map<String, Value>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in fields {
        let name = if is_plain(name) { name.clone() } else { quoted(name) };
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                lines.push(format!("{name}:"));
                lines.extend(block(value).into_iter().map(|line| indented(&line)));
            }
            // A list stands below its name without being indented.
            Value::Array(items) if !items.is_empty() => {
                lines.push(format!("{name}:"));
                lines.extend(block(value));
            }
            _ => {
                let mut value = block(value).into_iter();
                lines.push(format!("{name}: {}", value.next().unwrap_or_default()));
                lines.extend(value);
            }
        }
    }
    lines
}

/// The first line behind the mark, the others below it.
fn behind(mark: &str, lines: Vec<String>) -> Vec<String> {
    let below = |(number, line): (usize, String)| if number == 0 { format!("{mark}{line}") } else { indented(&line) };
    lines.into_iter().enumerate().map(below).collect()
}

fn indented(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("  {line}") }
}

/// Its lines as they are; no break at the end.
fn literal(text: &str) -> Vec<String> {
    std::iter::once("|-".to_owned()).chain(text.split('\n').map(indented)).collect()
}

fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && text.split('\n').all(|line| line.is_empty() || (!line.trim().is_empty() && line.chars().all(is_printable)))
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with('\n')
}

/// Without quotes it is the same text to every reader, of YAML 1.1 as of 1.2.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '$')
        && !text.ends_with(|last: char| last == ':' || last.is_whitespace())
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_printable)
        && !NO_STRINGS.contains(&text.to_ascii_lowercase().as_str())
}

fn is_printable(letter: char) -> bool {
    // What YAML calls a break, a mark of the byte order, or no character.
    !letter.is_control() && !matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A string of JSON is one of YAML, but for letters that YAML wants to have escaped.
fn quoted(text: &str) -> String {
    let text = Value::from(text).to_string();
    let escaped = |letter| if is_printable(letter) { letter.into() } else { format!("\\u{:04x}", u32::from(letter)) };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        // Letters that mean something to YAML, and words that it takes for something else.
        let text = prop_oneof![
            "[-a ~#:\n\t'\"{}\\[\\],&*!|>%@`$0.?가\u{85}\u{9b}\u{2028}\u{feff}\\\\]{0,12}",
            "(true|No|null|~|1|1e3|0x1f|2026-11-22|=|<<|---|\\.\\.\\.)",
            ".{0,8}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((text.clone(), inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_reader_of_yaml_finds_the_value(value in values()) {
            let yaml = to_yaml(&value);
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&yaml).unwrap(), value, "{}", yaml);
        }
    }

    #[test]
    fn people_find_it_as_they_would_write_it() {
        let value = json!({
            "title": "이력서", "version": "1.0", "about": "One line.\n\nAnother: the last.", "nothing": null, "required": [],
            "messages": [{"$ref": "#/a", "then": {"of": [1, "a: b"]}}, "null"],
        });
        let yaml = "\
title: 이력서
version: \"1.0\"
about: |-
  One line.

  Another: the last.
nothing: null
required: []
messages:
- $ref: \"#/a\"
  then:
    of:
    - 1
    - \"a: b\"
- \"null\"
";
        assert_eq!(to_yaml(&value), yaml);
    }
}
