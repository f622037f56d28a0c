//! Where a group is in a partition.

use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub topic: Arc<str>,
    pub number: i32,
}

/// What to commit for a partition, with a map of the records behind the offset that are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: i64,
    pub metadata: String,
}

/// Format number of the map. Metadata of any other format, be it a newer worker's or a stranger's, counts as no map: what
/// is done above the committed offset is then read again, found in the journal, and sent again under the same id. So a
/// newer format may be written at once: while old and new workers run side by side it costs repeats and nothing else.
/// Where nothing is done behind the offset it stands alone: a commit without it is a person's.
pub const MAP_PREFIX: &str = "s1:";

/// Where a group begins to read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// It never committed anything: at the log's beginning.
    Never,
    /// Where it has committed; and where the log ends now, if somebody said.
    At { position: Position, end: Option<i64> },
    /// Nobody could say: where librdkafka finds that it has committed.
    Unknown,
    /// At the beginning of a log that is another one than that of which the group has committed so much.
    Anew { was_at: i64 },
}
