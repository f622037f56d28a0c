//! What commands print on standard output. Its reader may go away before everything is written, as in `| head`: it has
//! what it wanted, and the command ends quietly, as well as if everything had been read.

use std::fmt;
use std::io::{self, ErrorKind, Write};

/// Something could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// No failure, and nobody to be told.
    #[error("nobody reads standard output any more")]
    NobodyReads,
    #[error("standard output cannot be written: {0}")]
    Failed(io::Error),
}

/// Prints a line, as `println!` does, which panics where this returns a [`PrintError`]. Whoever changes something goes
/// on all the same and returns the error at the end; whoever only shows something returns it at once.
macro_rules! say {
    ($($argument:tt)*) => { $crate::print::line(format_args!($($argument)*)) };
}
pub(crate) use say;

/// Prints a line; see `say!`.
pub fn line(text: fmt::Arguments<'_>) -> Result<(), PrintError> {
    writeln!(io::stdout(), "{text}").map_err(PrintError::from)
}

/// Writes out what was printed.
pub fn flush() -> Result<(), PrintError> {
    io::stdout().flush().map_err(PrintError::from)
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Failed(error),
        }
    }
}
