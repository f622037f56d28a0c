//! The journal's entries.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{OutcomeData, OutcomeKind};
use crate::events::json::JsonText;

/// An answered request, as the journal keeps it: all that is needed to send the same event again.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "Stored<'static>")]
pub struct SavedOutcome {
    /// The `ce_id`.
    pub id: Uuid,
    /// The `ce_time`, RFC 3339.
    pub time: String,
    data: OutcomeData,
    /// The data as it was first written. A repeat is made of this: `data` lacks what a newer program added.
    json: JsonText,
}

impl SavedOutcome {
    /// An outcome that has just been made.
    ///
    /// # Errors
    /// When it cannot be written as JSON; plain data always can.
    pub fn new(id: Uuid, time: String, data: OutcomeData) -> Result<Self, serde_json::Error> {
        let json = data.json()?;
        Ok(Self { id, time, data, json })
    }

    /// What it says.
    pub fn data(&self) -> &OutcomeData {
        &self.data
    }

    /// What is sent, but for a résumé's download link.
    pub fn json(&self) -> &JsonText {
        &self.json
    }
}

/// Says nothing of what a member is told.
impl fmt::Debug for SavedOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, time, data, json } = self;
        write!(f, "SavedOutcome({} {id} {time} {json:?})", data.kind().name())
    }
}

/// The stored form.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    id: Uuid,
    time: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: OutcomeKind,
    data: Cow<'a, JsonText>,
}

impl Serialize for SavedOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, time, data, json } = self;
        Stored { id: *id, time: time.into(), kind: data.kind(), data: Cow::Borrowed(json) }.serialize(serializer)
    }
}

/// Data that is none of its type.
#[derive(Debug, thiserror::Error)]
#[error("the data is none of its type")]
struct WrongData;

impl TryFrom<Stored<'_>> for SavedOutcome {
    type Error = WrongData;

    fn try_from(stored: Stored<'_>) -> Result<Self, WrongData> {
        let Stored { id, time, kind, data: json } = stored;
        let data = OutcomeData::read(kind, json.get().as_bytes()).ok_or(WrongData)?;
        Ok(Self { id, time: time.into_owned(), data, json: json.into_owned() })
    }
}
