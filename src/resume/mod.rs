//! The résumé agent: an interview of a few questions, then a Word document.

pub mod agent;
pub mod document;
pub mod graph;
mod listening;
pub mod markdown;
pub mod prompt;
pub mod question;
pub mod replay;
pub mod turn;
