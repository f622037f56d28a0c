//! The `ssammu-worker` program.

use std::process::ExitCode;

use ssammu_worker::cli::Cli;
use ssammu_worker::config::Mistakes;

/// As for a wrong command line.
const MISTAKEN_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    match Cli::read().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ssammu-worker: {error:#}");
            if error.is::<Mistakes>() { ExitCode::from(MISTAKEN_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}
