//! JSON that is kept as its text. A tree of values would lose digits of large numbers, duplicate names, and spelling.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// JSON as it was written, to the digit.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// `value` as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON; plain data always can.
    pub fn of(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        to_raw_value(value).map(Self)
    }

    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// This object, and behind its fields those of another.
    ///
    /// # Errors
    /// Where one of them is no object with fields.
    pub fn with(&self, more: &impl Serialize) -> Result<Self, serde_json::Error> {
        let more = serde_json::to_string(more)?;
        let joint = (self.get().strip_suffix('}'), more.strip_prefix('{'));
        let (Some(ours), Some(more)) = joint else { return Err(serde::ser::Error::custom("an object is needed")) };
        RawValue::from_string(format!("{ours},{more}")).map(Self)
    }
}

impl From<&RawValue> for JsonText {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

/// Says how long it is, and no more: it holds what members wrote.
impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.get().len())
    }
}

/// `json` with something else for escapes that are half a character: whoever wrote it was stopped, or cut it off, in the
/// middle of an emoji. Nothing else in it changes.
pub fn whole_characters<'a>(json: &'a str, instead: &str) -> Cow<'a, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut whole = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escape)) = rest.split_once('\\') {
        whole.push_str(before);
        let second = || escape.get(ESCAPE..).and_then(|rest| rest.strip_prefix('\\')).and_then(surrogate);
        let length = match surrogate(escape) {
            Some(first) if first < LOW && second().is_some_and(|second| second >= LOW) => 2 * ESCAPE + 1,
            Some(_) => {
                whole.push_str(instead);
                rest = escape.get(ESCAPE..).unwrap_or_default();
                continue;
            }
            None => escape.chars().next().map_or(0, char::len_utf8),
        };
        let (escape, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        whole.push('\\');
        whole.push_str(escape);
        rest = after;
    }
    whole.push_str(rest);
    Cow::Owned(whole)
}

/// Length of `uXXXX`.
const ESCAPE: usize = 5;
/// The first of the second halves.
const LOW: u16 = 0xDC00;

/// The half of a character that `uXXXX` stands for.
fn surrogate(escape: &str) -> Option<u16> {
    let code = u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    (0xD800..0xE000).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What a tree of values would not keep.
    const ODD: &str =
        r#"{ "b": 1.50, "a": 9007199254740993.0, "a": 1e999, "c": "\ud800", "d": 12345678901234567890123 }"#;

    fn json(text: &str) -> JsonText {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn it_stays_as_it_was_written_within_other_json_too() {
        assert_eq!(json(&format!("  {ODD}\n")).get(), ODD);
        let around = serde_json::to_string(&BTreeMap::from([("x", json(ODD))])).unwrap();
        assert_eq!(around, format!("{{\"x\":{ODD}}}"));
        let back: BTreeMap<String, JsonText> = serde_json::from_slice(around.as_bytes()).unwrap();
        assert_eq!(back["x"], json(ODD));
    }

    #[test]
    fn the_fields_of_another_object_stand_behind_its_own() {
        let both = json(r#"{"a":1.0}"#).with(&json(r#"{"b":"\n"}"#));
        assert_eq!(both.unwrap(), json(r#"{"a":1.0,"b":"\n"}"#));
        for (one, other) in [("[1]", r#"{"b":2}"#), (r#"{"a":1}"#, "null"), ("{}", r#"{"b":2}"#)] {
            assert!(json(one).with(&json(other)).is_err(), "{one} {other}");
        }
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", json(r#"{"a":"secret"}"#)), "JsonText(14 bytes)");
    }
}
