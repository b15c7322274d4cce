//! The words of texts, counted once for everything that is made of them.
//!
//! Docids, the frequencies that weigh them, and the lexicon all begin with the words of a text. To find
//! them costs more than what follows, so it is done once, and every different word of all texts is
//! kept, and its stem looked for, once:
//!
//! ```text
//!   title, text ─► TextWords ─► CountedTexts ─┬─► lexicon
//!    (one at a time, on any     (in order)    ├─► frequencies of stems
//!     thread)                                 └─► weights ─► docids
//! ```
//!
//! Invariants:
//! - I1. The words of a text stand in the order of their first occurrence, those of the title first.
//! - I2. A word has one number, a stem has one number, whatever thread counted them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::analyser::{EnglishStemmer, counted_words, is_term};

/// The different words of one text, with how often title and text have them.
#[derive(Debug, Default)]
pub(crate) struct TextWords(Vec<(String, Occurrences)>);

#[derive(Debug, Default, Clone, Copy)]
struct Occurrences {
    first: usize,
    in_title: u32,
    in_text: u32,
}

impl TextWords {
    /// Those of a text that count towards its terms, function words included.
    pub(crate) fn of(title: &str, text: &str) -> Self {
        let mut found: HashMap<String, Occurrences> = HashMap::new();
        let mut count = |word: String, in_title, in_text| {
            let new = Occurrences {
                first: found.len(),
                ..Occurrences::default()
            };
            let occurrences = found.entry(word).or_insert(new);
            occurrences.in_title += in_title;
            occurrences.in_text += in_text;
        };
        counted_words(title).for_each(|word| count(word, 1, 0));
        counted_words(text).for_each(|word| count(word, 0, 1));
        let mut words: Vec<(String, Occurrences)> = found.into_iter().collect();
        words.sort_unstable_by_key(|(_, occurrences)| occurrences.first);
        TextWords(words)
    }
}

/// A word of a text, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WordCount {
    pub(crate) word: usize,
    pub(crate) in_title: u32,
    pub(crate) in_text: u32,
}

/// Texts as the words they have.
#[derive(Debug, Default)]
pub(crate) struct CountedTexts {
    words: Numbers,
    stems: Numbers,
    /// By word: the number of its English stem, if it is a content word.
    stem_of: Vec<Option<usize>>,
    stemmer: EnglishStemmer,
    counts: Vec<WordCount>,
    /// By text: where its counts end.
    ends: Vec<usize>,
}

impl CountedTexts {
    /// Adds the next text.
    pub(crate) fn push(&mut self, text: TextWords) {
        for (word, occurrences) in text.0 {
            let number = self.words.of(&word);
            if number == self.stem_of.len() {
                let is_term = is_term(&word);
                let stem = is_term.then(|| self.stems.of(&self.stemmer.stem(word)));
                self.stem_of.push(stem);
            }
            self.counts.push(WordCount {
                word: number,
                in_title: occurrences.in_title,
                in_text: occurrences.in_text,
            });
        }
        self.ends.push(self.counts.len());
    }

    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The words of a text; none for a number that no text has.
    pub(crate) fn text(&self, number: usize) -> &[WordCount] {
        let start = match number.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        let range = start.zip(self.ends.get(number).copied());
        let range = range.map(|(start, end)| Range { start, end });
        range
            .and_then(|range| self.counts.get(range))
            .unwrap_or_default()
    }

    /// All texts in order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &[WordCount]> {
        (0..self.len()).map(|number| self.text(number))
    }

    /// The words by number.
    pub(crate) fn words(&self) -> &[Arc<str>] {
        &self.words.texts
    }

    /// The number of a word's English stem, if it is a content word.
    pub(crate) fn stem_of(&self, word: usize) -> Option<usize> {
        self.stem_of.get(word).copied().flatten()
    }

    /// The stems of content words by number.
    pub(crate) fn stems(&self) -> &[Arc<str>] {
        &self.stems.texts
    }
}

/// Texts with numbers from 0.
#[derive(Debug, Default)]
struct Numbers {
    of: HashMap<Arc<str>, usize>,
    texts: Vec<Arc<str>>,
}

impl Numbers {
    fn of(&mut self, text: &str) -> usize {
        if let Some(&number) = self.of.get(text) {
            return number;
        }
        let shared: Arc<str> = text.into();
        self.texts.push(shared.clone());
        self.of.insert(shared, self.texts.len() - 1);
        self.texts.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::Analyser;
    use super::*;

    /// A text with its title, as what the other modules make of both.
    fn counted(texts: &[(&str, &str)]) -> CountedTexts {
        let mut counted = CountedTexts::default();
        for (title, text) in texts {
            counted.push(TextWords::of(title, text));
        }
        counted
    }

    #[test]
    fn words_stand_in_order_of_their_first_occurrence() {
        let counted = counted(&[("Wing flutter", "The wings flutter"), ("", "A wing")]);
        let listed = |number: usize| -> Vec<(&str, u32, u32)> {
            let words = counted.text(number).iter();
            words
                .map(|count| {
                    let word = &*counted.words()[count.word];
                    (word, count.in_title, count.in_text)
                })
                .collect()
        };
        assert_eq!(
            listed(0),
            [
                ("wing", 1, 0),
                ("flutter", 1, 1),
                ("the", 0, 1),
                ("wings", 0, 1)
            ]
        );
        assert_eq!(listed(1), [("a", 0, 1), ("wing", 0, 1)]);
        assert_eq!(listed(2), []);
        assert_eq!((counted.len(), counted.texts().count()), (2, 2));
    }

    #[test]
    fn content_words_have_the_stem_that_the_analyser_gives_them() {
        let text = "The wings of a wing, two IL-6 and 水力";
        let counted = counted(&[("", text)]);
        let mut stems: Vec<&str> = Vec::new();
        for word in 0..counted.words().len() {
            stems.extend(counted.stem_of(word).map(|stem| &*counted.stems()[stem]));
        }
        let mut expected = Analyser::default().terms(text);
        assert_eq!(expected[..2], ["wing", "wing"]);
        expected.sort();
        stems.sort_unstable();
        assert_eq!(stems, expected);
        assert_eq!(counted.stems().len(), expected.len() - 1);
    }
}
