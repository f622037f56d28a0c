//! The `ssammu-worker` program.

use std::process::ExitCode;

use clap::Parser;
use ssammu_worker::cli::Cli;
use ssammu_worker::config::Mistakes;

/// As for a wrong command line.
const MISTAKEN_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    // docker compose passes a variable that nobody set as an empty one.
    for variable in Cli::variables() {
        if std::env::var_os(&variable).is_some_and(|value| value.is_empty()) {
            // SAFETY: there is no other thread yet.
            unsafe { std::env::remove_var(&variable) };
        }
    }
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ssammu-worker: {error:#}");
            if error.is::<Mistakes>() { ExitCode::from(MISTAKEN_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}
