//! The tests, by subject.

mod clients;
mod crash;
mod dead_letters;
mod failures;
mod feedback;
mod gateway;
mod ops;
mod page;
mod process;
mod resume;
mod rules;
mod scenarios;
mod spring;
mod suites;

use crate::case::Case;

/// All of them, under the names that `cargo test --test e2e -- <filter>` matches.
pub fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("feedback", feedback::cases()),
        ("rules", rules::cases()),
        ("dead_letters", dead_letters::cases()),
        ("resume", resume::cases()),
        ("failures", failures::cases()),
        ("process", process::cases()),
        ("crash", crash::cases()),
        ("scenarios", scenarios::cases()),
        ("ops", ops::cases()),
        ("gateway", gateway::cases()),
        ("page", page::cases()),
        ("spring", spring::cases()),
        ("clients", clients::cases()),
        ("suites", suites::cases()),
    ]
}
