//! A sentence that is too long, in chunks of words.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::blocks::Strength;

/// The longest chunk, in bytes: many chunks make a passage, and counting them costs little.
pub const CHUNK_BYTES: usize = 64;

/// Chunks of `text` in order, without white space around them, each at most [`CHUNK_BYTES`] long, and of
/// several words only within `several_bytes`.
///
/// What stands between spaces is cut where it is longer; then at words of scripts without spaces and
/// after signs, and words only where they are longer themselves.
pub(super) fn chunks(
    text: &str,
    several_bytes: usize,
    each: &mut dyn FnMut(Range<usize>, Strength),
) {
    let several_bytes = several_bytes.min(CHUNK_BYTES);
    let mut chunk: Option<(Range<usize>, Strength)> = None;
    units(text, &mut |unit, strength| match &mut chunk {
        Some((open, _)) if unit.end - open.start <= several_bytes => open.end = unit.end,
        _ => {
            if let Some((done, strength)) = chunk.replace((unit, strength)) {
                each(done, strength);
            }
        }
    });
    if let Some((done, strength)) = chunk {
        each(done, strength);
    }
}

/// What chunks are made of.
fn units(text: &str, each: &mut dyn FnMut(Range<usize>, Strength)) {
    let mut at = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        if word.len() > CHUNK_BYTES {
            parts(word, &mut |part, strength| {
                let strength = match part.start {
                    0 => Strength::Word,
                    _ => strength,
                };
                each(start + part.start..start + part.end, strength);
            });
        } else if !word.is_empty() {
            each(start..start + word.len(), Strength::Word);
        }
    }
}

/// The parts of what stands between spaces: words with the signs after them.
fn parts(word: &str, each: &mut dyn FnMut(Range<usize>, Strength)) {
    let mut open = 0..0;
    let mut open_strength = Strength::Within;
    for (start, segment) in word.split_word_bound_indices() {
        let is_word = segment.chars().next().is_some_and(char::is_alphanumeric);
        let mut strength = match is_word {
            true => Strength::Within,
            false => Strength::Grapheme,
        };
        let mut at = start;
        let is_long = segment.len() > CHUNK_BYTES;
        let cut = is_long.then(|| atoms(segment));
        let whole = (!is_long).then_some(segment);
        for atom in cut.into_iter().flatten().chain(whole) {
            let end = at + atom.len();
            let begins = at == start && is_word;
            if (begins || end - open.start > CHUNK_BYTES) && !open.is_empty() {
                each(open, open_strength);
                open = at..end;
                open_strength = strength;
            } else {
                open.end = end;
            }
            strength = Strength::Grapheme;
            at = end;
        }
    }
    if !open.is_empty() {
        each(open, open_strength);
    }
}

/// Graphemes, and the characters of one that is longer than a chunk.
pub(super) fn atoms(text: &str) -> impl Iterator<Item = &str> {
    text.graphemes(true).flat_map(|grapheme| {
        let is_long = grapheme.len() > CHUNK_BYTES;
        let chars = is_long.then(|| grapheme.split_inclusive(|_: char| true));
        let whole = (!is_long).then_some(grapheme);
        chars.into_iter().flatten().chain(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, several_bytes: usize) -> Vec<(&str, Strength)> {
        let mut found = Vec::new();
        chunks(text, several_bytes, &mut |chunk, strength| {
            found.push((&text[chunk], strength));
        });
        found
    }

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(
            cut(" one two-three  four", 9),
            [
                ("one", Strength::Word),
                ("two-three", Strength::Word),
                ("four", Strength::Word),
            ]
        );
        assert_eq!(cut("one two three", 7)[0].0, "one two");
        assert!(cut(" \n ", 7).is_empty());
    }

    #[test]
    fn what_is_long_is_cut_at_words_inside_it_and_then_anywhere() {
        let path = "folder/".repeat(12);
        let found = cut(&path, CHUNK_BYTES);
        assert_eq!(found[0], ("folder/".repeat(9).as_str(), Strength::Word));
        assert_eq!(found[1], ("folder/".repeat(3).as_str(), Strength::Within));
        let solid = "é".repeat(70);
        let found = cut(&solid, CHUNK_BYTES);
        assert_eq!(found[0], ("é".repeat(32).as_str(), Strength::Word));
        assert_eq!(found[2], ("é".repeat(6).as_str(), Strength::Grapheme));
        let marks = format!("a{}", "\u{301}".repeat(100));
        assert!(
            cut(&marks, CHUNK_BYTES)
                .iter()
                .all(|(chunk, _)| chunk.len() <= CHUNK_BYTES)
        );
        let han = "机器学习是人工智能的一个分支".repeat(3);
        assert_eq!(cut(&han, CHUNK_BYTES)[1].1, Strength::Within);
    }
}
