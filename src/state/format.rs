//! Format numbers of saved data (schema versions): old and new workers read and write the same data while one replaces
//! the other. The rule for changing a format is in docs/architecture.md, "Saved data".

use serde::Deserialize;

/// The formats of one kind of saved data. What has no number is of format 1: it was written before there were numbers.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// What people call the kind.
    pub kind: &'static str,
    /// What begins to exist has this format. What is changed keeps the format in which it was found.
    pub written: u32,
    /// The newest that is read, and so are those before it: the release that first reads a format does not write it yet.
    pub newest: u32,
}

pub(super) const SESSION: Format = Format { kind: "session", written: 1, newest: 1 };
pub(super) const DRAFT: Format = Format { kind: "draft", written: 1, newest: 1 };
pub(super) const ENDED: Format = Format { kind: "list of ended questions", written: 1, newest: 1 };
pub(super) const OUTCOME: Format = Format { kind: "outcome", written: 1, newest: 1 };

/// The format of what has no number.
pub(super) fn unnumbered() -> u32 {
    1
}

/// Something is stored in a format that only a newer program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored {kind} has format {found}, of a newer program; this one reads up to {newest}")]
pub struct Newer {
    kind: &'static str,
    found: u64,
    newest: u32,
}

impl Format {
    /// Refuses what only a newer program reads, whatever else it holds: that it can be read by chance does not say that
    /// it means the same.
    pub(super) fn check(self, json: &[u8]) -> Result<(), Newer> {
        #[derive(Deserialize)]
        struct Numbered {
            #[serde(default)]
            format: Option<u64>,
        }
        let Self { kind, newest, .. } = self;
        match serde_json::from_slice(json) {
            Ok(Numbered { format: Some(found) }) if found > newest.into() => Err(Newer { kind, found, newest }),
            // What is damaged shows when it is read.
            Ok(Numbered { .. }) | Err(_) => Ok(()),
        }
    }
}
