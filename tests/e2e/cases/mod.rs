//! The tests, by subject.

mod attackers;
mod browsers;
mod callers;
mod clients;
mod crash;
mod dead_letters;
mod environment;
mod erasure;
mod exit;
mod failures;
mod feedback;
mod gateway;
mod gateway_auth;
mod half_alive;
mod hangs;
mod namesakes;
mod ops;
mod page;
mod privacy;
mod process;
mod progress;
mod questions;
mod resume;
mod rollback;
mod rules;
mod saved_data;
mod scenarios;
mod secure;
mod spring;
mod streams;
mod suites;
mod waits;
mod watching;

use crate::case::Case;

/// All of them, under the names that `cargo test --test e2e -- <filter>` matches.
pub fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("feedback", feedback::cases()),
        ("rules", rules::cases()),
        ("dead_letters", dead_letters::cases()),
        ("resume", resume::cases()),
        ("questions", questions::cases()),
        ("failures", failures::cases()),
        ("saved_data", saved_data::cases()),
        ("rollback", rollback::cases()),
        ("hangs", hangs::cases()),
        ("streams", streams::cases()),
        ("half_alive", half_alive::cases()),
        ("privacy", privacy::cases()),
        ("process", process::cases()),
        ("progress", progress::cases()),
        ("environment", environment::cases()),
        ("erasure", erasure::cases()),
        ("exit", exit::cases()),
        ("crash", crash::cases()),
        ("scenarios", scenarios::cases()),
        ("secure", secure::cases()),
        ("namesakes", namesakes::cases()),
        ("ops", ops::cases()),
        ("gateway", gateway::cases()),
        ("gateway_auth", gateway_auth::cases()),
        ("callers", callers::cases()),
        ("clients", clients::cases()),
        ("attackers", attackers::cases()),
        ("browsers", browsers::cases()),
        ("page", page::cases()),
        ("spring", spring::cases()),
        ("suites", suites::cases()),
        ("waits", waits::cases()),
        ("watching", watching::cases()),
    ]
}
