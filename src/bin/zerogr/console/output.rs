//! Printing: the one way to standard output and to standard error.
//!
//! - I1. Nothing that a terminal would obey reaches it (`shown`), but for the letters of `Style`.
//! - I2. Printing never panics. A reader that has gone away, such as `head`, is no failure; that
//!   standard output takes no more is one; what befalls standard error changes nothing, because
//!   the exit status says how a command ended.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::failure::Failure;
use super::shown::{is_obeyed, visible};

pub use super::shown::{inline, notice, path, path_value};

/// Prints a line, or several, for people to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    print(&visible(text, |character| matches!(character, '\n' | '\t')))
}

/// Prints a line behind an indent, with some of its parts in other letters if standard output is a
/// terminal that may have them. White space of any kind and length is one space.
pub fn styled_line<'a>(
    indent: &str,
    parts: impl IntoIterator<Item = (&'a str, Option<Style>)>,
) -> Result<(), Failure> {
    let is_styled = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    print(&format!("{indent}{}", styled(parts, is_styled)))
}

/// How a part of a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Bold,
    Underlined,
}

fn styled<'a>(
    parts: impl IntoIterator<Item = (&'a str, Option<Style>)>,
    is_styled: bool,
) -> String {
    let mut line = String::new();
    let mut after_space = false;
    for (part, style) in parts {
        let (open, close) = match style.filter(|_| is_styled) {
            Some(Style::Bold) => ("\x1b[1m", "\x1b[0m"),
            Some(Style::Underlined) => ("\x1b[4m", "\x1b[0m"),
            None => ("", ""),
        };
        line.push_str(open);
        for character in part.chars() {
            let is_space = character.is_whitespace();
            match is_space {
                true if after_space => {}
                true => line.push(' '),
                false => line.push_str(&inline(character.encode_utf8(&mut [0; 4]))),
            }
            after_space = is_space;
        }
        line.push_str(close);
    }
    line
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_styles_reach_a_terminal() {
        let parts = [
            ("a \x1b[31m\r\n", None),
            ("b\x1b[0m", Some(Style::Bold)),
            ("c", Some(Style::Underlined)),
        ];
        assert_eq!(styled(parts, false), "a ␛[31m b␛[0mc");
        let expected = "a ␛[31m \x1b[1mb␛[0m\x1b[0m\x1b[4mc\x1b[0m";
        assert_eq!(styled(parts, true), expected);
    }
}
