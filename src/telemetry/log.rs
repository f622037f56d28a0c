//! The program's log.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::telemetry::log_queue::LogQueue;

/// How long a panic waits for its words to be written: the process may end right after.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Where the log goes, once it has been started. The process has one log, as it has one standard error.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Writes the log to standard error, filtered by `directives` (as in `RUST_LOG`), and panics to it without what they
/// say: a panic's text may quote what a member wrote. Nobody ever waits for whoever reads it, see `LogQueue`.
///
/// # Errors
/// When the directives cannot be read, or a log is there already.
pub fn start(format: Format, directives: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(directives)?;
    let queue = LogQueue::open(io::stderr(), |lines| {
        tracing::warn!(lines, "log lines were lost: whoever reads the log was gone, or slower than it is written");
    })?;
    let writer = queue.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Else it complains on standard error, and panics where there is none.
        .log_internal_errors(false)
        .with_writer(move || writer.clone());
    match format {
        Format::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("the log could not be started: {error}"))?;
    let _ = QUEUE.set(queue);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the program panicked");
        flush(LAST_WORDS);
    }));
    Ok(())
}

/// Tells the person who ran the program something on standard error, in order with the log.
pub fn tell(text: impl fmt::Display) {
    match QUEUE.get() {
        Some(queue) => queue.push(format!("{text}\n").as_bytes()),
        // Who has closed it does not want to know.
        None => drop(writeln!(io::stderr(), "{text}")),
    }
}

/// Waits until everything is written, at most `limit`.
pub fn flush(limit: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(limit);
    }
}

/// How many lines of the log nobody will read.
pub fn lost_lines() -> u64 {
    QUEUE.get().map_or(0, LogQueue::lost)
}
