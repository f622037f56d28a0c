//! The `ssammu-worker` program.

// As in lib.rs: `print` and `telemetry::log` cannot panic.
#![deny(clippy::print_stdout, clippy::print_stderr)]

use ssammu_worker::cli::Cli;
use ssammu_worker::config::Mistakes;
use ssammu_worker::eval::CouldNotRun;
use ssammu_worker::exit;
use ssammu_worker::print::PrintError;
use ssammu_worker::telemetry::log;

const SUCCESS: u8 = 0;
const FAILURE: u8 = 1;
/// As for a wrong command line.
const MISTAKEN_SETTINGS: u8 = 2;
/// What was to be judged was not even asked: no judgement, neither good nor bad.
const NOTHING_JUDGED: u8 = 2;

fn main() {
    exit::end(status(Cli::read().run()));
}

/// What the shell is told; the person is told why.
fn status(done: anyhow::Result<()>) -> u8 {
    let Err(error) = done else { return SUCCESS };
    // Who has closed standard output had what they wanted: `dlt list | head` is no failure, in `set -o pipefail` either.
    if matches!(error.downcast_ref(), Some(PrintError::NobodyReads)) {
        return SUCCESS;
    }
    log::tell(format_args!("ssammu-worker: {error:#}"));
    match () {
        () if error.is::<Mistakes>() => MISTAKEN_SETTINGS,
        () if error.is::<CouldNotRun>() => NOTHING_JUDGED,
        () => FAILURE,
    }
}
