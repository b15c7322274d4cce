//! Terms of a document and how much each says about it.
//!
//! Terms are those of the lexicon ([`crate::lexicon::Analyser`]): content words, those with a
//! common English stem as one, shown as the form the document uses most. A term's weight is
//! TF-IDF:
//!
//! ```text
//! weight = (count in text + 3 * count in title) * ln(1 + (N - df + 1/2) / (df + 1/2))
//! ```
//!
//! with plain numbers counting 0.4, since a measured value says less than a name. The logarithm
//! is rounded to a multiple of 2^-12, so that the last bit of a platform's `ln` decides nothing.
//!
//! I1. The order of `add` and `merge` does not matter.
//! I2. Weights are positive and finite; best first; ties in order of first occurrence.

use std::collections::HashMap;

use crate::lexicon::{CountedTexts, EnglishStemmer, TextWords, WordCount, fold, plain};
use crate::{Document, Result};

/// How often an occurrence in the title counts.
const TITLE_COUNT: u32 = 3;

/// What a plain number's weight is multiplied with.
const NUMBER_FACTOR: f32 = 0.4;

/// Document frequencies over a corpus, collected one document at a time.
///
/// ```
/// use zerogr::{Document, raw::generate::TermStats};
///
/// let document = Document::new("1").title("Wing flutter").text("Flutter of a thin wing.");
/// let mut stats = TermStats::new();
/// stats.add(&document);
/// assert_eq!(stats.documents(), 1);
/// assert_eq!(stats.weights(&document)[0].0, "wing");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TermStats {
    documents: u64,
    /// Stem -> documents that contain it.
    frequencies: HashMap<String, u64>,
}

impl TermStats {
    /// Statistics of an empty corpus: every term weighs the same.
    pub fn new() -> Self {
        TermStats::default()
    }

    /// Statistics known from elsewhere: the number of documents, and for each word or stem the
    /// number of documents that contain it.
    pub fn from_frequencies(
        documents: u64,
        frequencies: impl IntoIterator<Item = (String, u64)>,
    ) -> Self {
        TermStats {
            documents,
            frequencies: frequencies.into_iter().collect(),
        }
    }

    /// Counts the terms of one more document.
    pub fn add(&mut self, document: &Document) {
        self.merge(TermStats::of_counted(&counted(document)));
    }

    /// Statistics of texts as documents.
    pub(crate) fn of_counted(texts: &CountedTexts) -> Self {
        let mut frequencies = vec![0; texts.stems().len()];
        // By stem: the text that has it last, numbered from 1.
        let mut seen = vec![0; texts.stems().len()];
        for (text, words) in (1usize..).zip(texts.texts()) {
            for stem in words.iter().filter_map(|word| texts.stem_of(word.word)) {
                if let (Some(count), Some(last)) = (frequencies.get_mut(stem), seen.get_mut(stem)) {
                    *count += u64::from(*last != text);
                    *last = text;
                }
            }
        }
        let stems = texts.stems().iter().map(|stem| stem.to_string());
        TermStats {
            documents: texts.len() as u64,
            frequencies: stems.zip(frequencies).collect(),
        }
    }

    /// Adds the counts of another corpus, for example from another thread.
    pub fn merge(&mut self, other: TermStats) {
        self.documents += other.documents;
        for (stem, count) in other.frequencies {
            *self.frequencies.entry(stem).or_insert(0) += count;
        }
    }

    /// Adds another corpus of `documents` documents, but only its frequencies of the terms that
    /// are known already: enough to weigh the documents counted so far.
    pub(crate) fn add_known(
        &mut self,
        documents: u64,
        frequency_of: impl Fn(&str) -> Result<u64>,
    ) -> Result<()> {
        self.documents += documents;
        for (stem, count) in &mut self.frequencies {
            *count += frequency_of(stem)?;
        }
        Ok(())
    }

    /// Documents counted so far.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Distinct terms counted so far.
    pub fn terms(&self) -> usize {
        self.frequencies.len()
    }

    /// Documents that contain `word` in any of its forms.
    pub fn document_frequency(&self, word: &str) -> u64 {
        let stem = EnglishStemmer::new().stem(fold(plain(word).text()));
        self.frequencies.get(&stem).copied().unwrap_or(0)
    }

    /// The terms of `document` with their weights, best first.
    ///
    /// The document need not have been added; terms nobody has counted weigh most.
    pub fn weights(&self, document: &Document) -> Vec<(String, f32)> {
        self.weights_of(&counted(document), 0)
    }

    /// The terms of one of `texts` with their weights, best first.
    pub(crate) fn weights_of(&self, texts: &CountedTexts, number: usize) -> Vec<(String, f32)> {
        let terms = terms(texts, texts.text(number));
        let weighted = terms.into_iter().map(|term| {
            let rarity = self.inverse_frequency(term.stem);
            let kind = match is_number(term.surface) {
                true => NUMBER_FACTOR,
                false => 1.0,
            };
            (term.count as f32 * rarity * kind, term.first, term.surface)
        });
        let mut weighted: Vec<(f32, usize, &str)> = weighted.collect();
        weighted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(b.2)));
        let named = |(weight, _, term): (f32, usize, &str)| (term.to_owned(), weight);
        weighted.into_iter().map(named).collect()
    }

    /// The inverse document frequency of a stem, at least 2^-12, rounded as the head says.
    fn inverse_frequency(&self, stem: &str) -> f32 {
        let documents = self.documents as f64;
        let frequency = self
            .frequencies
            .get(stem)
            .map_or(0.0, |count| *count as f64);
        let odds = (documents - frequency).max(0.0) + 0.5;
        let steps = (odds / (frequency + 0.5)).ln_1p() * 4096.0;
        (steps.round().max(1.0) / 4096.0) as f32
    }
}

fn is_number(word: &str) -> bool {
    word.chars()
        .all(|character| character.is_numeric() || matches!(character, '.' | ','))
}

/// A document as the only one of its texts.
fn counted(document: &Document) -> CountedTexts {
    let mut texts = CountedTexts::default();
    texts.push(TextWords::of(&document.title, &document.text));
    texts
}

/// One term of one text.
struct Term<'t> {
    stem: &'t str,
    /// Its commonest form, the first by the alphabet if there are several.
    surface: &'t str,
    count: u32,
    /// Where its first form stands among the words of the text.
    first: usize,
}

/// The terms of a text, in no order that means anything.
fn terms<'t>(texts: &'t CountedTexts, words: &[WordCount]) -> Vec<Term<'t>> {
    let content = words.iter().enumerate().filter_map(|(place, word)| {
        let form = Form {
            stem: texts.stem_of(word.word)?,
            count: TITLE_COUNT * word.in_title + word.in_text,
            surface: texts.words().get(word.word)?,
            place,
        };
        Some(form)
    });
    let mut forms: Vec<Form<'_>> = content.collect();
    forms.sort_unstable_by(|a, b| {
        let commonest = b.count.cmp(&a.count).then(a.surface.cmp(b.surface));
        a.stem.cmp(&b.stem).then(commonest)
    });
    let of_stem = forms.chunk_by(|a, b| a.stem == b.stem);
    let term = |forms: &[Form<'t>]| {
        let commonest = forms.first()?;
        Some(Term {
            stem: texts.stems().get(commonest.stem)?,
            surface: commonest.surface,
            count: forms.iter().map(|form| form.count).sum(),
            first: forms.iter().map(|form| form.place).min()?,
        })
    };
    of_stem.filter_map(term).collect()
}

/// One form of a term.
struct Form<'t> {
    stem: usize,
    count: u32,
    surface: &'t str,
    place: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexicon::MAX_TERM_WORDS;

    fn corpus() -> Vec<Document> {
        vec![
            Document::new("1")
                .title("Wing flutter")
                .text("The wings of the aircraft flutter."),
            Document::new("2")
                .title("Aircraft engines")
                .text("An engine drives the aircraft."),
            Document::new("3")
                .title("IL-6 in mice")
                .text("Levels of IL-6 rose. Aircraft noise."),
        ]
    }

    fn stats(documents: &[Document]) -> TermStats {
        let mut stats = TermStats::new();
        documents.iter().for_each(|document| stats.add(document));
        stats
    }

    #[test]
    fn frequencies_count_documents_by_stem() {
        let stats = stats(&corpus());
        assert_eq!(stats.documents(), 3);
        assert_eq!(stats.document_frequency("aircraft"), 3);
        assert_eq!(stats.document_frequency("Engine"), 1);
        assert_eq!(stats.document_frequency("engines"), 1);
        assert_eq!(stats.document_frequency("the"), 0);
        assert_eq!(stats.document_frequency("il-6"), 1);
    }

    #[test]
    fn weights_prefer_title_and_rare_terms() {
        let documents = corpus();
        let stats = stats(&documents);
        let weights = stats.weights(&documents[0]);
        let names: Vec<&str> = weights.iter().map(|(term, _)| term.as_str()).collect();
        assert_eq!(names, ["wing", "flutter", "aircraft"]);
        // df 1 of 3: ln(1 + 2.5/1.5), four occurrences of the stem.
        assert!((weights[0].1 - 4.0 * (1.0_f32 + 2.5 / 1.5).ln()).abs() < 1e-3);
        assert!(weights.iter().all(|(_, weight)| *weight > 0.0));
    }

    #[test]
    fn one_surface_form_per_stem_the_commonest() {
        let document = Document::new("1").text("cells cell cells cellular; running runs run run");
        let weights = TermStats::new().weights(&document);
        let names: Vec<&str> = weights.iter().map(|(term, _)| term.as_str()).collect();
        assert_eq!(names, ["run", "cells", "cellular"]);
    }

    #[test]
    fn numbers_weigh_less_than_names() {
        let document = Document::new("1").text("1969 2.5 renaissance");
        let weights = TermStats::new().weights(&document);
        assert_eq!(weights[0].0, "renaissance");
        assert_eq!(weights[1].0, "1969");
    }

    #[test]
    fn merge_equals_adding_everything() {
        let documents = corpus();
        let mut halves = stats(&documents[..1]);
        halves.merge(stats(&documents[1..]));
        assert_eq!(halves, stats(&documents));
        let given = TermStats::from_frequencies(10, [("wing".to_owned(), 4)]);
        assert_eq!(given.document_frequency("wings"), 4);
    }

    #[test]
    fn huge_documents_are_cut() {
        let mut text = "start ".repeat(MAX_TERM_WORDS);
        text.push_str("ending");
        let weights = TermStats::new().weights(&Document::new("1").text(text));
        assert_eq!(weights.len(), 1);
        let wide = Document::new("1").text("水".repeat(4_000_000));
        assert_eq!(TermStats::new().weights(&wide).len(), 1);
    }

    #[test]
    fn documents_without_terms_have_none() {
        for text in ["", "the of and", "... !!", "a b c"] {
            assert!(
                TermStats::new()
                    .weights(&Document::new("1").text(text))
                    .is_empty(),
                "{text}"
            );
        }
    }
}
