//! Kafka worker that answers CareerBee's feedback and résumé requests with a language model.
//!
//! A record's way: [`kafka`] receives it, [`events`] decodes it, [`worker`] gives it its turn and settles it,
//! [`feedback`] and [`resume`] do the work with a [`llm`] model, [`state`] remembers what was paid for, and
//! [`documents`] keeps the Word files. [`app`] puts it all together from a [`config`]; [`dev`] does so with
//! everything embedded, [`gateway`] stands in for the servers around it, [`ops`] is for the people who
//! run it, and [`eval`] for those who change its prompts or its model.

// A reader that goes away must not end the program: `print` and `telemetry::log` write, and cannot panic.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod app;
pub mod cli;
pub mod config;
pub mod contract;
pub mod dev;
pub mod documents;
pub mod eval;
pub mod events;
pub mod exit;
mod failpoint;
#[cfg(test)]
mod fake_http;
#[cfg(test)]
mod fake_tls;
pub mod feedback;
pub mod flow_control;
pub mod gateway;
pub mod http;
pub mod kafka;
pub mod llm;
mod open_files;
pub mod ops;
pub mod print;
mod proxies;
pub mod readiness;
pub mod resume;
pub mod state;
mod supervise;
pub mod telemetry;
pub mod worker;
