//! What stands in the JSON of an answer, in the forms that servers give it.

use serde_json::Value;

/// A content's text: one text, or the texts of its parts one behind the other. `None` where it is no content.
pub fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(part).collect()),
        Value::Object(_) => Some(part(content).unwrap_or_default()),
        Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The text of one part, unless it is a thought, a picture or the like.
fn part(part: &Value) -> Option<String> {
    const TEXTS: [&str; 3] = ["text", "output_text", "input_text"];
    let Value::Object(fields) = part else { return part.as_str().map(str::to_owned) };
    let is_text = fields.get("type").and_then(Value::as_str).is_none_or(|kind| TEXTS.contains(&kind));
    let is_thought = fields.get("thought").is_some_and(|thought| thought == true);
    let text = ["text", "content", "value"].iter().find_map(|name| fields.get(*name));
    text.filter(|_| is_text && !is_thought).and_then(text_of)
}

/// Whether a value says anything: some servers write an empty error, or an empty reason, where there is none.
pub fn is_told(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}
