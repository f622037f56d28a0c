//! JSON that is kept as its text. A tree of values would lose digits of large numbers, duplicate names, and spelling.

use std::collections::BTreeMap;
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

    /// What an object's field says, if it is text.
    pub fn text(&self, field: &str) -> Option<String> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(self.get()).ok()?;
        serde_json::from_str(fields.get(field)?.get()).ok()
    }

    /// This object, and behind its fields those of another; `None` where one of them is no object with fields.
    pub fn with(&self, more: &Self) -> Option<Self> {
        let (ours, more) = (self.get().strip_suffix('}')?, more.get().strip_prefix('{')?);
        RawValue::from_string(format!("{ours},{more}")).ok().map(Self)
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

#[cfg(test)]
mod tests {
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
        assert_eq!(json(r#"{"a":1.0}"#).with(&json(r#"{"b":"\n"}"#)), Some(json(r#"{"a":1.0,"b":"\n"}"#)));
        for (one, other) in [("[1]", r#"{"b":2}"#), (r#"{"a":1}"#, "null"), ("{}", r#"{"b":2}"#)] {
            assert_eq!(json(one).with(&json(other)), None, "{one} {other}");
        }
    }

    #[test]
    fn only_a_field_that_is_text_is_read_as_text() {
        let object = json(&format!(r#"{{"code":"A\u00e9","number":7,"context":{ODD}}}"#));
        assert_eq!(object.text("code").as_deref(), Some("Aé"));
        assert_eq!((object.text("number"), object.text("b"), json("[]").text("code")), (None, None, None));
    }

    #[test]
    fn it_is_not_shown() {
        assert_eq!(format!("{:?}", json(r#"{"a":"secret"}"#)), "JsonText(14 bytes)");
    }
}
