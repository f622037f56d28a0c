//! The program's log.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
    subscriber(format, filter, move || writer.clone())
        .try_init()
        .map_err(|error| anyhow::anyhow!("the log could not be started: {error}"))?;
    let _ = QUEUE.set(queue);
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "the program panicked");
        flush(LAST_WORDS);
    }));
    Ok(())
}

/// What writes lines, as long as `filter` and the rule of [`may_be_written`] let them through.
pub(crate) fn subscriber<W>(format: Format, filter: EnvFilter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Else it complains on standard error, and panics where there is none.
    let lines = fmt::layer().log_internal_errors(false).with_writer(writer);
    let all = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_written));
    match format {
        Format::Text => Box::new(all.with(lines.with_ansi(io::stderr().is_terminal()))),
        Format::Json => Box::new(all.with(lines.json().flatten_event(true))),
    }
}

/// At `trace`, libraries write whatever goes through their hands: documents, and what signs requests. No directive lets that
/// into the log.
fn may_be_written(line: &Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    let most = match library {
        env!("CARGO_CRATE_NAME") | "librdkafka" => Level::TRACE,
        "aws_sigv4" => Level::INFO,
        _ => Level::DEBUG,
    };
    *line.level() <= most
}

/// Tells the person who ran the program something on standard error, in order with the log.
pub fn tell(text: impl Display) {
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
