//! The command line.

use clap::{Parser, ValueEnum};

/// Measures the worker on a real Kafka, Redis and S3 beside the least that could do its job.
#[derive(Parser)]
pub struct Arguments {
    /// Words: scenarios with one of them in their names are run; without any, all are
    pub scenarios: Vec<String>,
    /// Everything tiny: finds a broken bench, and measures nothing
    #[arg(long)]
    pub short: bool,
    /// How often worker and floor are run in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub pairs: u32,
    /// Given by cargo bench; cargo test runs the short form
    #[arg(long, hide = true)]
    pub bench: bool,
    /// What this process is, when the bench starts itself
    #[arg(long, hide = true)]
    pub play: Option<Role>,
}

/// What the bench starts itself as.
#[derive(Clone, Copy, ValueEnum)]
pub enum Role {
    Model,
    Floor,
}

impl Arguments {
    pub fn is_short(&self) -> bool {
        self.short || !self.bench
    }

    /// Whether a scenario is to be run: one of the words stands in its name, and not in the middle of another word.
    pub fn wants(&self, name: &str) -> bool {
        let name = format!(" {name}");
        self.scenarios.is_empty() || self.scenarios.iter().any(|word| name.contains(&format!(" {word}")))
    }
}
