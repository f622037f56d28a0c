//! Feedback on an interview answer.

pub mod reply;
