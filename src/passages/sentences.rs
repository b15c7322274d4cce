//! Where sentences begin (UAX 29).

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

/// Characters without a letter or digit after which a sentence begins anyway. After a full stop the
/// segmentation looks ahead from each of them.
const MAX_SIGNS: usize = 64;

/// The starts of the sentences of a paragraph, in bytes; a line end in it is a space.
pub(super) fn sentence_starts(paragraph: &str) -> Vec<usize> {
    let one_line: Cow<str> = match paragraph.contains(['\n', '\r']) {
        true => paragraph.replace(['\n', '\r'], " ").into(),
        false => paragraph.into(),
    };
    let mut starts = Vec::new();
    let mut stretch_start = 0;
    for end in stretch_ends(&one_line) {
        let stretch = one_line.get(stretch_start..end).unwrap_or("");
        let sentences = stretch.split_sentence_bound_indices();
        starts.extend(sentences.map(|(start, _)| stretch_start + start));
        stretch_start = end;
    }
    starts
}

/// Ends of stretches that have no long run of signs but at their end.
fn stretch_ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut signs = 0;
    let ends = text.char_indices().filter_map(move |(start, character)| {
        signs = match character.is_alphanumeric() {
            true => 0,
            false => signs + 1,
        };
        (signs > 0 && signs % MAX_SIGNS == 0).then_some(start + character.len_utf8())
    });
    ends.chain(std::iter::once(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let mut starts = sentence_starts(text);
        starts.push(text.len());
        starts
            .windows(2)
            .map(|pair| &text[pair[0]..pair[1]])
            .collect()
    }

    #[test]
    fn a_line_end_is_no_end_of_a_sentence() {
        assert_eq!(
            sentences("Wrapped\nlines here.\r\nAnother one? 一。二"),
            ["Wrapped\nlines here.\r\n", "Another one? ", "一。", "二"]
        );
    }

    #[test]
    fn long_runs_of_signs_end_a_stretch() {
        let text = format!("a.{}b", ")".repeat(1000));
        let found = sentences(&text);
        assert_eq!(found.concat(), text);
        assert!(found.len() >= 1000 / MAX_SIGNS, "{}", found.len());
        assert!(sentence_starts("").is_empty());
    }
}
