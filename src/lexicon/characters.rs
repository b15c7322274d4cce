//! Finding a single character of a script without spaces.
//!
//! Of such a script the lexicon has pairs, and a character alone only where it stands alone.
//! Whoever asks for one character means it wherever it is, so it is looked for in the pairs:
//!
//! ```text
//!   学  ─►  the term 学, the pairs that begin with it (学习), those where it comes second (器学)
//! ```
//!
//! Within a run, a character begins one pair and ends another, so it occurs as often as the more
//! frequent of the two says, and where it stands alone. (At both ends of runs of one document it
//! can be more; that is left out.) Nothing is stored for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fold::fold;
use super::plain::plain;
use super::postings::Postings;
use super::table::Lexicon;
use super::words::{Word, is_combining, is_unspaced};
use crate::Result;

/// The documents that a term of a query finds.
pub(crate) enum Matches<'a> {
    /// Those of a term of the lexicon.
    Stored(Postings<'a>),
    /// Those of several, by ascending ordinal, with how often.
    Merged(Cow<'a, [(u32, u32)]>),
}

impl Matches<'_> {
    /// How many documents, deleted ones included.
    pub(crate) fn document_count(&self) -> u32 {
        match self {
            Matches::Stored(postings) => postings.document_count(),
            Matches::Merged(list) => u32::try_from(list.len()).unwrap_or(u32::MAX),
        }
    }

    /// Calls `each` with the ordinal of every document, ascending, and how often it has the term.
    pub(crate) fn for_each(&self, mut each: impl FnMut(u32, u32)) -> Result<()> {
        match self {
            Matches::Stored(postings) => postings.for_each(each),
            Matches::Merged(list) => {
                list.iter()
                    .for_each(|&(ordinal, count)| each(ordinal, count));
                Ok(())
            }
        }
    }
}

/// How often a document has the character.
#[derive(Default)]
struct Counts {
    alone: u64,
    first: u64,
    second: u64,
}

impl Counts {
    fn total(&self) -> u64 {
        self.alone + self.first.max(self.second)
    }
}

impl Lexicon {
    /// The documents that `term` of a query finds; `None` when there are none.
    pub(crate) fn matches(&self, term: &str) -> Result<Option<Matches<'_>>> {
        if !is_character(term) {
            return Ok(self.postings(term)?.map(Matches::Stored));
        }
        let mut counts: BTreeMap<u32, Counts> = BTreeMap::new();
        self.for_each_from(term, |found, postings| {
            let rest = found.strip_prefix(term).unwrap_or("");
            let is_other = rest.starts_with(is_combining);
            postings.for_each(|ordinal, count| {
                let counts = counts.entry(ordinal).or_default();
                match rest {
                    "" => counts.alone += u64::from(count),
                    _ if is_other => {}
                    _ => counts.first += u64::from(count),
                }
            })
        })?;
        for first in self.first_characters().filter(|&first| is_unspaced(first)) {
            if let Some(postings) = self.postings(&format!("{first}{term}"))? {
                postings.for_each(|ordinal, count| {
                    counts.entry(ordinal).or_default().second += u64::from(count);
                })?;
            }
        }
        counts.retain(|_, counts| counts.total() > 0);
        let list = counts
            .into_iter()
            .map(|(ordinal, counts)| (ordinal, u32::try_from(counts.total()).unwrap_or(u32::MAX)));
        let list: Vec<(u32, u32)> = list.collect();
        Ok((!list.is_empty()).then_some(Matches::Merged(list.into())))
    }
}

/// One character of a script without spaces, with its marks.
pub(crate) fn is_character(term: &str) -> bool {
    let mut characters = term.chars();
    characters.next().is_some_and(is_unspaced) && characters.all(is_combining)
}

/// All single characters of scripts without spaces in `text`, each with its place.
pub(crate) fn located_characters(text: &str) -> Vec<Word> {
    let plain = plain(text);
    let mut characters = plain.text().char_indices().peekable();
    let mut found = Vec::new();
    while let Some((start, character)) = characters.next() {
        let mut end = start + character.len_utf8();
        while let Some((at, mark)) = characters.next_if(|&(_, next)| is_combining(next)) {
            end = at + mark.len_utf8();
        }
        if is_unspaced(character) {
            found.push(Word {
                text: fold(plain.text().get(start..end).unwrap_or("")),
                range: plain.original(start..end),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Analyser, LexiconBuilder};
    use super::*;
    use crate::columns::MemorySections;
    use proptest::prelude::*;

    fn lexicon(texts: &[String]) -> Lexicon {
        let mut builder = LexiconBuilder::new(Analyser::default());
        texts.iter().for_each(|text| builder.push("", text));
        let sections = MemorySections::new(&builder.finish().unwrap()).unwrap();
        Lexicon::open(&sections, texts.len() as u32).unwrap()
    }

    fn found(lexicon: &Lexicon, term: &str) -> Vec<(u32, u32)> {
        let mut list = Vec::new();
        if let Some(matches) = lexicon.matches(term).unwrap() {
            matches
                .for_each(|ordinal, count| list.push((ordinal, count)))
                .unwrap();
            assert_eq!(matches.document_count() as usize, list.len());
        }
        list
    }

    #[test]
    fn a_character_is_found_wherever_it_is() {
        let texts = ["机器学习", "学", "用学x学", "カメラ", "wing"].map(str::to_owned);
        let lexicon = lexicon(&texts);
        assert_eq!(found(&lexicon, "学"), [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(found(&lexicon, "习"), [(0, 1)], "at the end");
        assert_eq!(found(&lexicon, "机"), [(0, 1)], "at the start");
        assert_eq!(found(&lexicon, "メ"), [(3, 1)]);
        assert_eq!(found(&lexicon, "水"), []);
        assert_eq!(found(&lexicon, "wing"), [(4, 1)]);
    }

    #[test]
    fn characters_have_places() {
        let text = "用学x が\u{301}ｶﾞ 4";
        let places: Vec<(String, &str)> = located_characters(text)
            .into_iter()
            .map(|word| (word.text, &text[word.range]))
            .collect();
        let expected = [("用", "用"), ("学", "学"), ("が", "が\u{301}"), ("ガ", "ｶﾞ")];
        assert_eq!(
            places,
            expected.map(|(text, place)| (text.to_owned(), place))
        );
        assert!(places.iter().all(|(text, _)| is_character(text)));
    }

    proptest! {
        /// The documents are those that have the character; and in one run it is counted right
        /// but for one.
        #[test]
        fn documents_are_those_that_have_it(texts in prop::collection::vec("[机器学习カ]{0,6}", 0..8)) {
            let lexicon = lexicon(&texts);
            for character in "机器学习カ".chars() {
                let expected: Vec<(u32, u32)> = (0..)
                    .zip(&texts)
                    .map(|(ordinal, text)| (ordinal, text.matches(character).count() as u32))
                    .filter(|&(_, count)| count > 0)
                    .collect();
                let list = found(&lexicon, &character.to_string());
                prop_assert_eq!(list.len(), expected.len());
                for (found, expected) in list.into_iter().zip(expected) {
                    prop_assert_eq!(found.0, expected.0);
                    prop_assert!(found.1 <= expected.1 && expected.1 <= found.1 + 1);
                }
            }
        }
    }
}
