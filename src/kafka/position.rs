//! Where a group is in a partition.

use std::sync::Arc;

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    pub topic: Arc<str>,
    pub number: i32,
}

/// What to commit for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: i64,
    pub metadata: String,
}

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
