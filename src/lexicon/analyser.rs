//! From a text to its terms, the same way for documents, queries and docids.
//!
//! ```text
//!   text ─► first 256 KiB ─► words ─► first 20,000 ─┬─► content words ─► English stems
//!                                                   └─► the others, as they are: minor terms
//! ```
//!
//! A *content word* is no function word and has at least two characters, unless its script is
//! written without spaces or it is a picture. Words with a common stem are one *term*. The other
//! words are *minor terms*, written with a space in front, so that no word is taken for one: a
//! query is answered by them only if it has nothing else (`the who`, `to be or not to be`), and
//! they do not count in the length of a document. Because a huge text is cut, a document costs no
//! more than a long one.

use rust_stemmers::{Algorithm, Stemmer};

use super::stop_words::is_stop_word;
use super::words::{Word, is_picture, is_unspaced, located_words, words};

/// The rules by which this version makes terms of texts; terms by other rules are not compared
/// with them.
pub const ANALYSIS: u32 = 2;

/// What minor terms begin with.
const MINOR: char = ' ';

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
    let stands_alone = |character| is_unspaced(character) || is_picture(character);
    let long_enough = word.chars().nth(1).is_some() || word.chars().any(stands_alone);
    long_enough && !is_stop_word(word)
}

/// True for terms of function words and single letters.
pub(crate) fn is_minor(term: &str) -> bool {
    term.starts_with(MINOR)
}

/// Finds English stems.
pub(crate) struct EnglishStemmer(Stemmer);

impl std::fmt::Debug for EnglishStemmer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EnglishStemmer")
    }
}

impl Default for EnglishStemmer {
    fn default() -> Self {
        EnglishStemmer::new()
    }
}

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
/// use zerogr::raw::lexicon::Analyser;
///
/// let terms = Analyser::default().terms("The wings of IL-6");
/// assert_eq!(terms, ["wing", "il-6"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Analyser {
    /// Words with a common English stem are one term.
    pub stemming: bool,
    /// English function words and single letters are minor terms.
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

    /// The terms of a text in order, repeated ones included, without the minor ones.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let stemmer = EnglishStemmer::new();
        counted_words(text)
            .filter(|word| self.is_content(word))
            .map(|word| self.term(&stemmer, word))
            .collect()
    }

    /// The minor terms of a text in order, repeated ones included.
    pub fn minor_terms(&self, text: &str) -> Vec<String> {
        counted_words(text)
            .filter(|word| !self.is_content(word))
            .map(|word| minor_term(&word))
            .collect()
    }

    /// What a query is answered by: its terms, or its minor terms if it has no others.
    pub fn query_terms(&self, query: &str) -> Vec<String> {
        let terms = self.terms(query);
        match terms.is_empty() {
            true => self.minor_terms(query),
            false => terms,
        }
    }

    /// The terms of a text in order, minor ones included, each with its place. The whole text is
    /// looked at, however long it is.
    pub(crate) fn located_terms<'t>(&self, text: &'t str) -> impl Iterator<Item = Word> + 't {
        let (analyser, stemmer) = (*self, EnglishStemmer::new());
        located_words(text).map(move |word| Word {
            text: analyser.any_term(&stemmer, word.text),
            ..word
        })
    }

    /// The term of a word, minor or not.
    pub(super) fn any_term(&self, stemmer: &EnglishStemmer, word: String) -> String {
        match self.is_content(&word) {
            true => self.term(stemmer, word),
            false => minor_term(&word),
        }
    }

    pub(super) fn is_content(&self, word: &str) -> bool {
        !self.stop_words || is_term(word)
    }

    pub(super) fn term(&self, stemmer: &EnglishStemmer, word: String) -> String {
        match self.stemming {
            true => stemmer.stem(word),
            false => word,
        }
    }
}

/// The minor term of a word.
pub(crate) fn minor_term(word: &str) -> String {
    format!("{MINOR}{word}")
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
    fn function_words_answer_only_where_there_is_nothing_else() {
        let analyser = Analyser::default();
        assert_eq!(analyser.query_terms("The Who"), [" the", " who"]);
        assert_eq!(analyser.query_terms("the wings of c"), ["wing"]);
        assert_eq!(
            analyser.minor_terms("the wings of c"),
            [" the", " of", " c"]
        );
        assert_eq!(analyser.query_terms("C?"), [" c"]);
        let all = Analyser::new(true, false);
        assert_eq!(all.query_terms("The Who"), ["the", "who"]);
        assert!(all.minor_terms("The Who").is_empty());
    }

    #[test]
    fn huge_texts_are_cut() {
        let text = format!("{} ending", "start ".repeat(MAX_TERM_WORDS));
        assert_eq!(Analyser::default().terms(&text).len(), MAX_TERM_WORDS);
    }
}
