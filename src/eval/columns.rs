//! The cells of a line of judgements or of a run: between tabs, or between any white space.

use std::ops::RangeInclusive;

/// The cells of a line, as many as `counts` allows; the error is how many there are instead.
///
/// Tabs decide where they give a right number, because ids between tabs may have blanks in them;
/// otherwise all white space does, so blanks and tabs may be mixed.
pub(super) fn cells(line: &str, counts: RangeInclusive<usize>) -> Result<Vec<&str>, usize> {
    let line = line.trim();
    let tabbed: Vec<&str> = line.split('\t').map(str::trim).collect();
    if counts.contains(&tabbed.len()) {
        return Ok(tabbed);
    }
    let spaced: Vec<&str> = line.split_whitespace().collect();
    match counts.contains(&spaced.len()) {
        true => Ok(spaced),
        false => Err(spaced.len()),
    }
}

/// Whether the cell of a score names its column: the line is a header, the first one or that of
/// a file joined to another.
pub(super) fn is_header(score: &str) -> bool {
    const NAMES: [&str; 8] = [
        "score",
        "relevance",
        "rel",
        "label",
        "judgement",
        "judgment",
        "grade",
        "sim",
    ];
    NAMES.iter().any(|name| score.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabs_blanks_and_both() {
        for (line, expected) in [
            ("q\td\t1", Ok(vec!["q", "d", "1"])),
            ("q 1\td 1\t1\r", Ok(vec!["q 1", "d 1", "1"])),
            ("q d 1", Ok(vec!["q", "d", "1"])),
            (" q  0 d   1 ", Ok(vec!["q", "0", "d", "1"])),
            ("q 0\td 1", Ok(vec!["q", "0", "d", "1"])),
            ("q\t\t0\td\t1", Ok(vec!["q", "0", "d", "1"])),
            ("q\td\t1\t", Ok(vec!["q", "d", "1"])),
            ("q\t\t1", Ok(vec!["q", "", "1"])),
            ("q\td", Err(2)),
            ("a b c d e", Err(5)),
            ("", Err(0)),
        ] {
            assert_eq!(cells(line, 3..=4), expected, "{line:?}");
        }
    }
}
