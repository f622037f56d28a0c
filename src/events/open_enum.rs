//! Open enums: lists that a newer program may lengthen. While old and new run side by side, the old one reads what it does
//! not know and passes it on by its name.

use serde::{Deserialize, Serialize};

/// A value of the list `T`, or the name of one that is not known here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OpenEnum<T> {
    Known(T),
    Other(String),
}

impl<T: Copy> OpenEnum<T> {
    /// The value, where it is known.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Other(_) => None,
        }
    }
}
