//! Feedback on an interview answer.
