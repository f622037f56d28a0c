//! The end of the process.

use std::time::Duration;

use crate::print;
use crate::telemetry::log;

/// How long the end waits for whoever reads the log.
pub const LAST_LINES: Duration = Duration::from_millis(500);

/// Ends the process as `_exit` does, once the log and what was printed are written: no library's exit handler runs.
/// OpenSSL's would free its locks while threads of librdkafka, which nobody can join in bounded time, may be in a TLS
/// handshake; that crashed 2 of 100 stops. All that has to be done at the end is done before, by name.
pub fn end(status: u8) -> ! {
    log::flush(LAST_LINES);
    // Lines are written when they are printed; who prints them has heard of what went wrong.
    let _ = print::flush();
    // SAFETY: it takes any status, touches no memory, and does not return.
    unsafe { libc::_exit(i32::from(status)) }
}
