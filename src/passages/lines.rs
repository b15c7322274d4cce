//! Lines with any mix of line ends.

use std::ops::Range;

/// The lines of `text` without their ends: `\n`, `\r\n` or `\r`.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let len = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = len.map_or(bytes.len(), |len| start + len);
        at = match bytes.get(end..) {
            Some([b'\r', b'\n', ..]) => end + 2,
            _ => end + 1,
        };
        Some(start..end)
    })
}

/// `range` of `text` without white space at both ends; empty where there is nothing else.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = text.get(range.clone()).unwrap_or("");
    let start = range.start + (inside.len() - inside.trim_start().len());
    start..start + inside.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_ends_a_line() {
        let text = "a\nb\r\nc\rd\n\r\n\r\re";
        let lines: Vec<&str> = lines(text).map(|line| &text[line]).collect();
        assert_eq!(lines, ["a", "b", "c", "d", "", "", "", "e"]);
    }

    #[test]
    fn trimming_leaves_nothing_of_white_space() {
        let text = "\u{a0} a b\r\n\t";
        assert_eq!(&text[trimmed(text, 0..text.len())], "a b");
        assert!(trimmed(" \n ", 1..3).is_empty());
        assert!(trimmed("a", 1..1).is_empty());
    }
}
