//! The words of a passage to which late interaction compares a query best.
//!
//! ```text
//!   strength(word) = sum over the query's tokens whose best token is in the word of
//!                        weight * similarity / sum of all weights
//! ```
//!
//! That is the word's part of `max_sim` (`super::super::late_interaction`), here with the vectors
//! of the passage's tokens where they stand instead of the signs of their means. Function words
//! take part in it and are not marked.

use std::ops::Range;

use super::matches::Matches;
use crate::encode::TokenVectors;
use crate::lexicon::{Analyser, Word, is_minor};
use crate::search::encoded_query::EncodedQuery;
use crate::vectors::{dot, norm};

/// How alike a word must be to what an average token of the query says.
const LEAST_SIMILARITY: f32 = 0.4;

/// Bytes of a text, and what they count.
#[derive(Debug, Clone, PartialEq)]
struct Strong {
    bytes: Range<usize>,
    strength: f32,
}

/// For each token of a query what it counts, and where in a passage it finds what is most like it.
#[derive(Debug, Default)]
pub(crate) struct Likeness(Vec<Strong>);

impl Likeness {
    /// Compares a query with the tokens of a text, which stand in `ranges` of it. Those in front
    /// of `start`, where the passage begins, are passed over.
    pub(crate) fn new(
        query: &EncodedQuery,
        text: TokenVectors<'_>,
        ranges: &[Range<usize>],
        start: usize,
    ) -> Likeness {
        let query: Vec<(&[f32], f32)> = query.tokens().collect();
        Likeness::of_tokens(&query, text, ranges, start)
    }

    fn of_tokens(
        query: &[(&[f32], f32)],
        text: TokenVectors<'_>,
        ranges: &[Range<usize>],
        start: usize,
    ) -> Likeness {
        let dim = query.first().map_or(1, |(vector, _)| vector.len().max(1));
        let weights = text.document_weights.iter().copied();
        let tokens: Vec<(Range<usize>, &[f32], f32)> = ranges
            .iter()
            .zip(text.vectors.chunks_exact(dim))
            .zip(weights.chain(std::iter::repeat(1.0)))
            .filter_map(|((range, vector), weight)| {
                let bytes = range.start.checked_sub(start)?..range.end.checked_sub(start)?;
                Some((bytes, vector, weight / norm(vector).max(f32::MIN_POSITIVE)))
            })
            .collect();
        let total: f32 = query.iter().map(|(_, weight)| weight).sum();
        let best = |&(vector, weight): &(&[f32], f32)| {
            let alike = tokens.iter().map(|(bytes, token, scale)| Strong {
                bytes: bytes.clone(),
                strength: weight / total * scale * dot(vector, token),
            });
            alike.max_by(|a, b| a.strength.total_cmp(&b.strength))
        };
        Likeness(query.iter().filter_map(best).collect())
    }

    /// The words of the passage that count most, as what matches.
    pub(super) fn words(&self, passage: &str, analyser: Analyser) -> Matches {
        let mut words: Vec<(Word, f32)> = analyser
            .located_terms(passage)
            .map(|word| (word, 0.0))
            .collect();
        for strong in &self.0 {
            // Some tokenizers count the space before a word as a part of it.
            let part = passage.get(strong.bytes.clone()).unwrap_or("").trim_start();
            let start = strong.bytes.end - part.len();
            let begun = words.partition_point(|(word, _)| word.range.start <= start);
            if let Some((word, strength)) = words.get_mut(..begun).and_then(<[_]>::last_mut)
                && !part.is_empty()
                && word.range.end > start
            {
                *strength += strong.strength;
            }
        }
        let least = LEAST_SIMILARITY / self.0.len().max(1) as f32;
        let mut matches = Matches::default();
        for (word, strength) in words {
            if strength >= least && !is_minor(&word.text) {
                matches.push(word.range, f64::from(strength));
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that count for a query of tokens with `weights` along the axes, in a passage behind
    /// a title whose tokens, and those of the passage, have these vectors.
    fn words(
        title: &str,
        passage: &str,
        tokens: &[(&str, [f32; 3])],
        weights: [f32; 3],
    ) -> Vec<String> {
        let text = format!("{title}{passage}");
        let place = |token: &str| {
            let start = text.find(token).unwrap();
            start..start + token.len()
        };
        let ranges: Vec<Range<usize>> = tokens.iter().map(|(token, _)| place(token)).collect();
        let vectors: Vec<f32> = tokens.iter().flat_map(|(_, vector)| *vector).collect();
        let numbers: Vec<u32> = (0..).take(tokens.len()).collect();
        let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let query: Vec<(&[f32], f32)> =
            axes.iter().map(<[f32; 3]>::as_slice).zip(weights).collect();
        let tokens = TokenVectors::plain(&numbers, &vectors);
        let likeness = Likeness::of_tokens(&query, tokens, &ranges, title.len());
        let words = likeness
            .words(passage, Analyser::default())
            .places
            .into_iter();
        words.map(|place| passage[place.bytes].to_owned()).collect()
    }

    #[test]
    fn words_that_answer_tokens_of_weight_count() {
        // The lengths of token vectors do not matter; a word is all of its tokens.
        let tokens = [
            ("Wings", [9.0, 0.0, 0.0]),
            ("flu", [0.2, 0.1, 0.0]),
            ("tter", [5.0, 4.0, 0.0]),
            (" in", [0.0, 0.0, 7.0]),
            (" air", [0.1, 0.1, 0.1]),
            (".", [0.0, 1.0, 0.0]),
        ];
        let found = |weights| words("Wings ", "flutter in air.", &tokens, weights);
        assert_eq!(found([1.0, 1.0, 1.0]), ["flutter"]);
        assert_eq!(
            found([0.1, 0.0, 1.0]),
            [""; 0],
            "a function word, and too little"
        );
        assert_eq!(found([0.0, 0.0, 0.0]), [""; 0]);
        let without = |vector| words("", "flutter in air.", &[("air", vector)], [1.0; 3]);
        assert_eq!(without([0.5, 0.5, 0.5]), ["air"]);
        assert_eq!(
            without([-0.5, 0.5, 0.0]),
            [""; 0],
            "less than a token is worth"
        );
        assert_eq!(without([0.0, 0.0, 0.0]), [""; 0]);
    }

    #[test]
    fn ranges_that_fit_nothing_are_passed_over() {
        let tokens = TokenVectors::plain(&[1, 2, 3], &[1.0, 1.0, 1.0]);
        let likeness = |ranges: &[Range<usize>]| {
            let query: [(&[f32], f32); 1] = [(&[1.0], 1.0)];
            Likeness::of_tokens(&query, tokens, ranges, 2)
        };
        let empty = 4..4;
        for ranges in [
            &[0..1, 1..9, empty][..],
            &[3..4, 90..99, usize::MAX..usize::MAX],
            &[],
        ] {
            let words = likeness(ranges).words("é wing", Analyser::default());
            assert!(words.places.is_empty(), "{ranges:?}");
        }
    }
}
