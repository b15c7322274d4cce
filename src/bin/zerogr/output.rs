//! Printing results.

use std::io::{ErrorKind, Write};

use crate::failure::Failure;

/// Prints a line (or several) to standard output. A reader that has gone away, such as `head`,
/// is no failure.
pub fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(format!(
            "cannot write to standard output: {e}"
        ))),
        _ => Ok(()),
    }
}
