//! The résumé agent: an interview of a few questions, then a Word document.

pub mod document;
pub mod markdown;
pub mod session;
