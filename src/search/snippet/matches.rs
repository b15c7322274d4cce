//! Where a text has the words of a query.

use std::collections::HashMap;
use std::ops::Range;

use crate::lexicon::{Analyser, Word, is_character, located_characters};
use crate::search::query_terms::QueryTerms;

/// A place that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// In the text, bytes.
    pub(super) bytes: Range<usize>,
    /// What it matches: its number among the weights.
    pub(super) term: usize,
}

/// The places that match, by where they begin, and what each term weighs.
#[derive(Debug, Default)]
pub(super) struct Matches {
    pub(super) places: Vec<Match>,
    /// In whole numbers, so that sums do not depend on their order.
    pub(super) weights: Vec<u64>,
}

/// What a weight of 1 is as a whole number.
const UNIT_WEIGHT: f64 = (1u64 << 20) as f64;

impl Matches {
    /// The places of `text` with one of `terms`.
    pub(super) fn new(text: &str, terms: &QueryTerms, analyser: Analyser) -> Matches {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut weights = Vec::new();
        for weighed in &terms.terms {
            let number = weights.len();
            let mut is_new = false;
            for term in weighed.terms() {
                numbers.entry(term).or_insert_with(|| {
                    is_new = true;
                    number
                });
            }
            if is_new {
                weights.push(whole(weighed.weight));
            }
        }
        let place = |word: Word| {
            let term = *numbers.get(word.text.as_str())?;
            let bytes = word.range;
            Some(Match { bytes, term })
        };
        let mut places: Vec<Match> = match numbers.is_empty() {
            true => Vec::new(),
            false => analyser.located_terms(text).filter_map(place).collect(),
        };
        // Terms of scripts without spaces are pairs, which hide the characters in them.
        if numbers.keys().any(|term| is_character(term)) {
            places.extend(located_characters(text).into_iter().filter_map(place));
        }
        places.retain(|place| !place.bytes.is_empty());
        places.sort_by_key(|place| (place.bytes.start, place.bytes.end));
        places.dedup();
        Matches { places, weights }
    }

    /// Adds a place behind the others, of a term of its own.
    pub(super) fn push(&mut self, bytes: Range<usize>, weight: f64) {
        let term = self.weights.len();
        self.places.push(Match { bytes, term });
        self.weights.push(whole(weight));
    }

    pub(super) fn weight(&self, term: usize) -> u64 {
        self.weights.get(term).copied().unwrap_or(0)
    }
}

fn whole(weight: f64) -> u64 {
    (weight * UNIT_WEIGHT) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query_terms::WeighedTerm;

    /// What of `text` matches `query`.
    fn matched<'t>(query: &str, text: &'t str) -> Vec<&'t str> {
        let analyser = Analyser::default();
        let weighed = |term| WeighedTerm::single(term, 1.0);
        let terms = analyser.query_terms(query).into_iter().map(weighed);
        let terms = QueryTerms {
            terms: terms.collect(),
        };
        let matches = Matches::new(text, &terms, analyser);
        let places = matches.places.into_iter();
        places.map(|place| &text[place.bytes]).collect()
    }

    #[test]
    fn words_match_as_the_lexicon_has_them() {
        for (query, text, expected) in [
            (
                "why do wings shake",
                "The wing's Shaking.",
                &["wing", "Shaking"][..],
            ),
            ("1299", "1,299 or 1299; 129", &["1,299", "1299"]),
            (
                "zurich straße",
                "STRASSE in Zu\u{308}rich",
                &["STRASSE", "Zu\u{308}rich"],
            ),
            ("office", "the oﬃce", &["oﬃce"]),
            ("IL-6", "il-6, IL and 6", &["il-6"]),
            ("cost", "minimumCostFlow", &["Cost"]),
            ("学习", "机器学习", &["学习"]),
            ("学", "机器学习 学", &["学", "学"]),
            ("机器学", "机器学", &["机器", "器学"]),
            ("the who", "Who is the one", &["Who", "the"]),
            ("the wing", "the wing", &["wing"]),
            ("", "anything", &[]),
            ("?", "what?", &[]),
        ] {
            assert_eq!(matched(query, text), expected, "{query} {text}");
        }
    }
}
