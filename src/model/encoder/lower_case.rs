//! Places in a text whose lower-case form was read.

use std::ops::Range;

/// Ranges of `text` for those of its lower-case form, which can have more bytes or fewer.
pub(super) fn before_lower_case(text: &str, ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let mut places = Vec::with_capacity(end);
    for (at, character) in text.char_indices() {
        if places.len() > end {
            break;
        }
        let len_bytes: usize = character.to_lowercase().map(char::len_utf8).sum();
        places.extend(std::iter::repeat_n(at, len_bytes));
    }
    let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
    let original = |range: Range<usize>| place(range.start)..place(range.end);
    ranges.into_iter().map(original).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_same_characters() {
        // One of two bytes for one of three, three for two, one of one for one of three.
        let text = "aİb Ⱥc \u{212a}d ΑΣ";
        let lower = text.to_lowercase();
        let ranges: Vec<Range<usize>> = "abcdk"
            .chars()
            .map(|letter| lower.find(letter).map(|at| at..at + 1).unwrap())
            .chain(std::iter::once(lower.len() - 4..lower.len()))
            .collect();
        let places = before_lower_case(text, ranges).into_iter();
        let found: Vec<&str> = places.map(|range| &text[range]).collect();
        assert_eq!(found, ["a", "b", "c", "d", "\u{212a}", "ΑΣ"]);
    }
}
