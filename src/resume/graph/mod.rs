//! The résumé graph: `receive_answer` → `check_completion` → `generate_question`, and wait for the member, or
//! `create_resume`, and finish. Pure policy: what to ask of the model or to save is decided here, and done by the
//! [agent](crate::resume::agent).

mod check_completion;
mod create_resume;
mod generate_question;
mod receive_answer;

pub use check_completion::{Next, NextQuestion, check_completion};
pub use create_resume::{Resume, create_resume};
pub use generate_question::{Asked, ask_ourselves, generate_question};
pub use receive_answer::{Refusal, receive_answer};
