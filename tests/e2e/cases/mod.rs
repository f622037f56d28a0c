//! The tests, by subject.

mod feedback;

use crate::case::Case;

/// All of them, under the names that `cargo test --test e2e -- <filter>` matches.
pub fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![("feedback", feedback::cases())]
}
