//! From a text to its terms, the same way for documents, queries and docids.
//!
//! ```text
//!   text ─► first 256 KiB ─► words ─► first 20,000 ─► no function words ─► English stems
//! ```
//!
//! A *content word* is no function word and has at least two characters, unless its script is
//! written without spaces. Words with a common stem are one *term*. Because a huge text is cut, a
//! document costs no more than a long one.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};

use super::stop_words::is_stop_word;
use super::words::{is_unspaced, words};

/// Words of a text that count towards its terms.
pub const MAX_TERM_WORDS: usize = 20_000;

/// Bytes of a text that are looked at for terms and pseudo-queries.
pub const MAX_TERM_TEXT_BYTES: usize = 256 * 1024;

/// The start of `text` that is looked at, cut at a character.
pub(crate) fn examined(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TERM_TEXT_BYTES))
        .unwrap_or(text)
}

/// The words of `text` that count, function words included.
pub(crate) fn counted_words(text: &str) -> impl Iterator<Item = String> + '_ {
    words(examined(text)).take(MAX_TERM_WORDS)
}

/// True for content words.
pub(crate) fn is_term(word: &str) -> bool {
    let long_enough = word.chars().nth(1).is_some() || word.chars().any(is_unspaced);
    long_enough && !is_stop_word(word)
}

/// Finds English stems.
pub(crate) struct EnglishStemmer(Stemmer);

impl EnglishStemmer {
    pub(crate) fn new() -> Self {
        EnglishStemmer(Stemmer::create(Algorithm::English))
    }

    /// The stem of a lowercase word; words that are not plain English letters are their own stem.
    pub(crate) fn stem(&self, word: String) -> String {
        if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            self.0.stem(&word).into_owned()
        } else {
            word
        }
    }
}

/// What becomes of words on their way to terms.
///
/// ```
/// use zerogr::lexicon::Analyser;
///
/// let terms = Analyser::default().terms("The wings of IL-6");
/// assert_eq!(terms, ["wing", "il-6"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Analyser {
    /// Words with a common English stem are one term.
    pub stemming: bool,
    /// English function words and single letters are left out.
    pub stop_words: bool,
}

impl Default for Analyser {
    fn default() -> Self {
        Analyser {
            stemming: true,
            stop_words: true,
        }
    }
}

impl Analyser {
    /// With these options.
    pub fn new(stemming: bool, stop_words: bool) -> Self {
        Analyser {
            stemming,
            stop_words,
        }
    }

    /// The terms of a text in order, repeated ones included.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let stemmer = EnglishStemmer::new();
        self.kept_words(text)
            .map(|word| self.term(&stemmer, word))
            .collect()
    }

    /// The terms of a document, each with its number of occurrences in title and text.
    pub(crate) fn count(&self, title: &str, text: &str) -> HashMap<String, u32> {
        // Counted per word first: each is stemmed once.
        let mut counts: HashMap<String, u32> = HashMap::new();
        for word in self.kept_words(title).chain(self.kept_words(text)) {
            *counts.entry(word).or_insert(0) += 1;
        }
        if !self.stemming {
            return counts;
        }
        let stemmer = EnglishStemmer::new();
        let mut by_term = HashMap::with_capacity(counts.len());
        for (word, count) in counts {
            *by_term.entry(stemmer.stem(word)).or_insert(0) += count;
        }
        by_term
    }

    fn kept_words<'a>(&self, text: &'a str) -> impl Iterator<Item = String> + use<'a> {
        let all = !self.stop_words;
        counted_words(text).filter(move |word| all || is_term(word))
    }

    fn term(&self, stemmer: &EnglishStemmer, word: String) -> String {
        if self.stemming {
            stemmer.stem(word)
        } else {
            word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_keep_forms_and_function_words() {
        let text = "The wing and its wings";
        let terms = |stemming, stop_words| Analyser::new(stemming, stop_words).terms(text);
        assert_eq!(terms(true, true), ["wing", "wing"]);
        assert_eq!(terms(false, true), ["wing", "wings"]);
        assert_eq!(terms(true, false), ["the", "wing", "and", "it", "wing"]);
        assert_eq!(terms(false, false), ["the", "wing", "and", "its", "wings"]);
    }

    #[test]
    fn counts_are_those_of_the_listed_terms() {
        for (stemming, stop_words) in [(true, true), (false, true), (true, false)] {
            let analyser = Analyser::new(stemming, stop_words);
            let (title, text) = ("Wing flutter", "The wings flutter, a wing does not; 水力");
            let mut expected: HashMap<String, u32> = HashMap::new();
            for term in [analyser.terms(title), analyser.terms(text)].concat() {
                *expected.entry(term).or_insert(0) += 1;
            }
            assert_eq!(analyser.count(title, text), expected);
        }
    }

    #[test]
    fn huge_texts_are_cut() {
        let text = format!("{} ending", "start ".repeat(MAX_TERM_WORDS));
        assert_eq!(Analyser::default().terms(&text).len(), MAX_TERM_WORDS);
    }
}
