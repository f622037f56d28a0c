//! Where a group is in a partition.

/// What to commit for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: i64,
    pub metadata: String,
}
