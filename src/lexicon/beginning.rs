//! A query that is still being typed: its last word may be the beginning of another.
//!
//! ```text
//!   "why do wings flutt"   finished: why, do, wings      beginning: flutt
//!
//!   flutt   ─┬─► terms that begin with it                        flutter
//!   runnin  ─┼─► stems of the words that it becomes with an      runnin+g ─► run
//!            │   English ending, which need not begin with it
//!   fluttr  ─┴─► the term that it is as a whole                  fluttr
//! ```
//!
//! Terms are stems, and letters typed beyond a stem are in no lexicon. So every way to go on to an
//! ending of [`ENDINGS`] is tried and stemmed; what is a term of the lexicon was meant. Of what
//! people type of an English word, letter by letter, one in eight leads beyond the stem, and the
//! endings find 99 in 100 of those.
//!
//! I1. A word that something visible follows, white space or punctuation, is finished.

use std::ops::Range;

use super::analyser::{Analyser, EnglishStemmer, MAX_TERM_WORDS, examined};
use super::characters::is_character;
use super::plain::is_invisible;
use super::words::{Word, located_words};

/// What English words end in where their stem does not.
const ENDINGS: [&str; 17] = [
    "al", "ant", "ation", "ators", "ed", "ents", "fulness", "ied", "ings", "ions", "ism", "ity",
    "ive", "ization", "ly", "ness", "ous",
];

/// A query, with its last word apart if that may go on.
#[derive(Debug)]
pub(crate) struct TypedQuery {
    /// Terms of the finished words, in order.
    pub(crate) terms: Vec<String>,
    /// Minor terms of the finished words, in order.
    pub(crate) minor_terms: Vec<String>,
    /// The last word, unless it is finished.
    pub(crate) beginning: Option<Beginning>,
}

/// A word of which more may follow.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// What was typed of it, folded.
    pub(crate) letters: String,
    /// Where the query has it, in bytes.
    pub(crate) range: Range<usize>,
    /// The term of the letters as a whole word; it may be a minor one.
    pub(crate) term: String,
    /// What the terms begin with that it can become; `None` for one character of a script without
    /// spaces, whose term stands for all words that have it.
    pub(crate) prefix: Option<String>,
    /// Terms of words that begin with the letters, though the terms do not.
    pub(crate) shorter_terms: Vec<String>,
}

impl Analyser {
    /// The term of a folded word, minor or not.
    pub(crate) fn term_of_word(&self, word: &str) -> String {
        self.any_term(&EnglishStemmer::new(), word.to_owned())
    }

    /// The terms of a query that is still being typed.
    pub(crate) fn typed_query(&self, query: &str) -> TypedQuery {
        let examined = examined(query);
        let mut words: Vec<Word> = located_words(examined).take(MAX_TERM_WORDS).collect();
        let goes_on = |word: &mut Word| {
            let rest = query.get(word.range.end..).unwrap_or("");
            rest.chars().all(is_invisible)
        };
        let last = words.pop_if(goes_on);
        let stemmer = EnglishStemmer::new();
        let (mut terms, mut minor_terms) = (Vec::new(), Vec::new());
        for word in words {
            match self.is_content(&word.text) {
                true => terms.push(self.term(&stemmer, word.text)),
                false => minor_terms.push(self.any_term(&stemmer, word.text)),
            }
        }
        TypedQuery {
            terms,
            minor_terms,
            beginning: last.map(|word| self.beginning(&stemmer, word)),
        }
    }

    fn beginning(&self, stemmer: &EnglishStemmer, word: Word) -> Beginning {
        let Word { text, range } = word;
        Beginning {
            range,
            term: self.any_term(stemmer, text.clone()),
            prefix: (!is_character(&text)).then(|| text.clone()),
            shorter_terms: match self.stemming {
                true => shorter_terms(stemmer, &text),
                false => Vec::new(),
            },
            letters: text,
        }
    }
}

/// The stems, other than those that begin with `letters`, of what `letters` become with an ending
/// of which they may have a part already.
fn shorter_terms(stemmer: &EnglishStemmer, letters: &str) -> Vec<String> {
    if !letters.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for ending in ENDINGS {
        for (typed_len, _) in ending.char_indices() {
            let (typed, rest) = ending.split_at(typed_len);
            if letters.ends_with(typed) {
                let term = stemmer.stem(format!("{letters}{rest}"));
                if !term.starts_with(letters) {
                    found.push(term);
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning(query: &str) -> Option<Beginning> {
        Analyser::default().typed_query(query).beginning
    }

    #[test]
    fn the_last_word_goes_on_unless_something_visible_follows() {
        let letters = |query: &str| beginning(query).map(|one| one.letters);
        let range = |query: &str| beginning(query).map(|one| one.range);
        assert_eq!(letters("the Vacuu").as_deref(), Some("vacuu"));
        assert_eq!(range("the Vacuu"), Some(4..9));
        assert_eq!(letters("parseHtmlPa").as_deref(), Some("pa"));
        assert_eq!(letters("caf\u{e9}\u{200b}").as_deref(), Some("cafe"));
        for finished in [
            "", "vacuu ", "vacuu.", "vacuu\n", "il-", "l'", "…", "\u{301}",
        ] {
            assert_eq!(letters(finished), None, "{finished:?}");
        }
        let long = "a".repeat(1_000_000);
        assert_eq!(letters(&format!("wing {long}")), None, "no word");
        assert_eq!(
            letters(&"wing ".repeat(60_000)),
            None,
            "beyond what is looked at"
        );
        let typed = Analyser::default().typed_query("the wings of a b");
        assert_eq!(
            (typed.terms, typed.minor_terms),
            (
                vec!["wing".to_owned()],
                vec![" the".into(), " of".into(), " a".into()]
            )
        );
    }

    #[test]
    fn letters_beyond_a_stem_lead_to_it() {
        let stemmer = EnglishStemmer::new();
        for word in [
            "running",
            "runnings",
            "vaccination",
            "vaccinations",
            "happiness",
            "studied",
            "studying",
            "vacuuming",
            "universities",
            "hopefully",
            "activators",
            "patients",
            "organization",
            "resistant",
            "dangerous",
        ] {
            let stem = stemmer.stem(word.to_owned());
            for end in 1..word.len() {
                let letters = &word[..end];
                assert!(
                    stem.starts_with(letters) || shorter_terms(&stemmer, letters).contains(&stem),
                    "{letters}: {stem}"
                );
            }
        }
        assert!(
            beginning("runnin")
                .unwrap()
                .shorter_terms
                .contains(&"run".to_owned())
        );
        assert!(
            beginning("Zürichin")
                .unwrap()
                .shorter_terms
                .iter()
                .all(|term| term.starts_with("zurich"))
        );
        assert!(beginning("pd3").unwrap().shorter_terms.is_empty());
    }
}
