//! Term statistics of a corpus, and the weight of each term in a document.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};

use super::words::{for_each_word, is_content, is_number};
use crate::docs::Document;

/// Words of a document that are looked at; the rest of a longer one does not count.
pub const MAX_WORDS: usize = 20_000;

/// How often a word of the title counts (measured on the prototype).
const TITLE_COUNT: u32 = 3;

/// What a plain number weighs beside a word of the same rarity.
const NUMBER_WEIGHT: f64 = 0.3;

/// In how many documents each stem occurs.
pub struct TermStats {
    stemmer: Stemmer,
    document_count: u64,
    document_frequency: HashMap<String, u32>,
}

impl Default for TermStats {
    fn default() -> Self {
        TermStats {
            stemmer: Stemmer::create(Algorithm::English),
            document_count: 0,
            document_frequency: HashMap::new(),
        }
    }
}

impl std::fmt::Debug for TermStats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TermStats")
            .field("document_count", &self.document_count)
            .field("stems", &self.document_frequency.len())
            .finish_non_exhaustive()
    }
}

/// A term of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The form in which the document uses it most, the earliest among equals.
    pub word: String,
    /// TF-IDF weight.
    pub weight: f64,
}

/// One stem in one document.
struct Occurrences {
    /// Title words count [`TITLE_COUNT`] times.
    count: u32,
    first_position: usize,
    surfaces: Vec<(String, u32)>,
}

impl TermStats {
    /// Counts a document.
    pub fn add(&mut self, document: &Document) {
        self.document_count += 1;
        for (stem, _) in self.occurrences(document) {
            *self.document_frequency.entry(stem).or_insert(0) += 1;
        }
    }

    /// Documents counted.
    pub fn document_count(&self) -> u64 {
        self.document_count
    }

    /// The content terms of a document, heaviest first, one form per stem.
    ///
    /// The weight is `(1 + ln tf) * ln((N + 1) / (df + 0.5))`, where a word of the title counts
    /// three times; plain numbers weigh less. Ties go to the earlier term.
    pub fn terms(&self, document: &Document) -> Vec<Term> {
        let mut ranked: Vec<(f64, usize, Occurrences)> = self
            .occurrences(document)
            .into_iter()
            .map(|(stem, occurrences)| {
                let frequency = f64::from(self.document_frequency.get(&stem).copied().unwrap_or(0));
                let rarity = ((self.document_count as f64 + 1.0) / (frequency + 0.5))
                    .ln()
                    .max(0.01);
                let kind = if is_number(&stem) { NUMBER_WEIGHT } else { 1.0 };
                let weight = kind * rarity * (1.0 + f64::from(occurrences.count).ln());
                (weight, occurrences.first_position, occurrences)
            })
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked
            .into_iter()
            .map(|(weight, _, occurrences)| Term {
                word: occurrences.into_word(),
                weight,
            })
            .collect()
    }

    fn occurrences(&self, document: &Document) -> HashMap<String, Occurrences> {
        let mut found: HashMap<String, Occurrences> = HashMap::new();
        let mut position = 0;
        for (text, count) in [(&document.title, TITLE_COUNT), (&document.text, 1)] {
            for_each_word(text, |word| {
                position += 1;
                if is_content(word) {
                    let stem = self.stemmer.stem(word);
                    match found.get_mut(stem.as_ref()) {
                        Some(occurrences) => occurrences.add(word, count),
                        None => {
                            let surfaces = vec![(word.to_owned(), count)];
                            let new = Occurrences {
                                count,
                                first_position: position,
                                surfaces,
                            };
                            found.insert(stem.into_owned(), new);
                        }
                    }
                }
                position < MAX_WORDS
            });
        }
        found
    }
}

impl Occurrences {
    fn add(&mut self, word: &str, count: u32) {
        self.count += count;
        match self
            .surfaces
            .iter_mut()
            .find(|(surface, _)| surface == word)
        {
            Some((_, total)) => *total += count,
            None => self.surfaces.push((word.to_owned(), count)),
        }
    }

    fn into_word(self) -> String {
        let mut best = (String::new(), 0);
        for surface in self.surfaces {
            if surface.1 > best.1 {
                best = surface;
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_and_frequent_and_title_terms_come_first_in_their_commonest_form() {
        let documents = [
            Document::new("1")
                .title("Wing flutter")
                .text("The wings of slender wings flutter; drag is low."),
            Document::new("2").text("Drag of a blunt body. Drag rises."),
            Document::new("3").text("Drag of 1000 cones."),
        ];
        let mut stats = TermStats::default();
        documents.iter().for_each(|document| stats.add(document));
        assert_eq!(stats.document_count(), 3);
        let words: Vec<String> = stats
            .terms(&documents[0])
            .into_iter()
            .map(|term| term.word)
            .collect();
        assert_eq!(words, ["wing", "flutter", "slender", "low", "drag"]);
        let words: Vec<String> = stats
            .terms(&documents[2])
            .into_iter()
            .map(|term| term.word)
            .collect();
        assert_eq!(words, ["cones", "1000", "drag"]);
    }

    #[test]
    fn only_the_first_words_of_a_huge_document_count() {
        let stats = TermStats::default();
        let huge = Document::new("1").text("wing ".repeat(MAX_WORDS) + "flutter");
        assert_eq!(stats.terms(&huge).len(), 1);
        assert!(stats.terms(&Document::new("2")).is_empty());
    }
}
