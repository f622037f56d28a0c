//! Feedback on an interview answer.

pub mod prompt;
pub mod reply;
