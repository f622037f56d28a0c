//! The résumé agent: an interview of a few questions, then a Word document.

pub mod prompt;
pub mod question;
pub mod session;
