//! Printing: the one way to standard output and to standard error.
//!
//! - I1. Nothing that a terminal would obey reaches it (`shown`).
//! - I2. Printing never panics. A reader that has gone away, such as `head`, is no failure; that
//!   standard output takes no more is one; what befalls standard error changes nothing, because
//!   the exit status says how a command ended.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::failure::Failure;
use super::shown::{is_obeyed, visible};

pub use super::shown::{inline, notice, path, path_value};

/// Prints a line, or several, for people to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    print(&visible(text, |character| matches!(character, '\n' | '\t')))
}

/// Prints a value as one line of JSON to standard output.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(error.to_string()))?;
    json_text(&text)
}

/// Prints a JSON text that has no line ends.
pub fn json_text(text: &str) -> Result<(), Failure> {
    // JSON escapes the control characters of ASCII only, and allows escapes for the others.
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match is_obeyed(character) {
            true => _ = write!(escaped, "\\u{:04x}", u32::from(character)),
            false => escaped.push(character),
        }
    }
    print(&escaped)
}

fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(format!(
            "cannot write to standard output: {e}"
        ))),
        _ => Ok(()),
    }
}
