//! Text as a terminal may be given it.
//!
//! Titles, ids, docids and file names are of somebody else's making, and a terminal does what
//! control characters say. What is printed for people shows them instead: `␛` and its kin for
//! those of ASCII, `\u{9b}` and the like for the others and for marks that reorder a line.
//!
//! - I1. Nothing that a terminal would obey is left, but for line ends and tabs of ours.
//! - I2. Text of one line ([`inline`], [`path`]) stays one line.

use std::fmt::{Display, Write as _};
use std::io::Write;
use std::path::Path;

/// Says something beside the result, on standard error.
pub fn notice(message: impl Display) {
    let message = format!("zerogr: {message}");
    let shown = visible(&message, |character| matches!(character, '\n' | '\t'));
    // Nobody listens: there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{shown}");
}

/// Text as a part of one line.
pub fn inline(text: &str) -> String {
    visible(text, |_| false)
}

/// A path as a part of one line; what is not Unicode in it is replaced by `�`.
pub fn path(path: impl AsRef<Path>) -> String {
    inline(&path.as_ref().to_string_lossy())
}

/// A path as a value in JSON; what is not Unicode in it is replaced by `�`.
pub fn path_value(path: impl AsRef<Path>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}

/// True for what a terminal does not show but obeys: control characters, line separators and
/// marks of writing direction.
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with what is not kept and would be obeyed shown instead.
pub fn visible(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character) {
            _ if is_kept(character) || !is_obeyed(character) => shown.push(character),
            // The pictures of the control characters stand in their order.
            code @ 0..0x20 => shown.extend(char::from_u32(0x2400 + code)),
            0x7f => shown.push('\u{2421}'),
            code => _ = write!(shown, "\\u{{{code:x}}}"),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(inline("a\x1b[31mb\r\n\tc\0"), "a␛[31mb␍␊␉c␀");
        assert_eq!(
            inline("\u{9b}2J \u{7f} \u{202e}x"),
            "\\u{9b}2J ␡ \\u{202e}x"
        );
        let text = "Grüße 水力 👩‍🔬 e\u{301} fi";
        assert_eq!(inline(text), text);
    }

    #[test]
    fn every_character_is_shown_or_harmless() {
        for character in '\0'..=char::MAX {
            let shown = inline(&character.to_string());
            assert!(!shown.chars().any(is_obeyed), "{character:?}");
            assert!(!shown.is_empty());
        }
    }
}
