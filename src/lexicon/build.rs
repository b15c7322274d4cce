//! Building the lexicon of a segment: from texts, or from the lexicons of other segments.

use std::collections::HashMap;
use std::sync::Arc;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::analyser::{Analyser, EnglishStemmer, is_minor};
use super::counted::{CountedTexts, TextWords};
use super::postings::PostingsWriter;
use super::table::{Lexicon, LexiconKinds, TEXTS};
use crate::columns::transducer::union;
use crate::format::SectionInput;
use crate::{Error, Result};

/// Builds what [`Lexicon`] reads from the texts of documents.
#[derive(Debug)]
pub struct LexiconBuilder {
    analyser: Analyser,
    texts: CountedTexts,
}

impl LexiconBuilder {
    /// A lexicon without documents.
    pub fn new(analyser: Analyser) -> Self {
        LexiconBuilder {
            analyser,
            texts: CountedTexts::default(),
        }
    }

    /// Adds the next document: the terms of title and text alike.
    pub fn push(&mut self, title: &str, text: &str) {
        self.texts.push(TextWords::of(title, text));
    }

    /// Gives the documents before `ordinal` that were not added no terms.
    pub fn skip_to(&mut self, ordinal: u32) {
        for _ in self.texts.len()..ordinal as usize {
            self.texts.push(TextWords::default());
        }
    }

    /// The sections, in file order.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if terms did not ascend; these do.
    pub fn finish(self) -> Result<Vec<SectionInput<'static>>> {
        self.finish_as(TEXTS)
    }

    /// As [`LexiconBuilder::finish`], in the sections `of`.
    pub(crate) fn finish_as(self, of: LexiconKinds) -> Result<Vec<SectionInput<'static>>> {
        lexicon_in(of, &self.texts, self.analyser)
    }
}

/// The sections of the lexicon of texts, in file order: the terms of title and text alike.
///
/// # Errors
///
/// `InvalidInput` if terms did not ascend; these do.
pub(crate) fn lexicon_of(
    texts: &CountedTexts,
    analyser: Analyser,
) -> Result<Vec<SectionInput<'static>>> {
    lexicon_in(TEXTS, texts, analyser)
}

fn lexicon_in(
    of: LexiconKinds,
    texts: &CountedTexts,
    analyser: Analyser,
) -> Result<Vec<SectionInput<'static>>> {
    let (term_of, mut postings_of) = terms_of(texts, analyser);
    let mut lengths = Vec::with_capacity(texts.len());
    // Several words of a text may be one term.
    let (mut counts, mut found) = (vec![0; postings_of.len()], Vec::new());
    for (ordinal, words) in (0..).zip(texts.texts()) {
        for word in words {
            let term = term_of.get(word.word).copied();
            let count: Option<&mut u32> = term.and_then(|term| counts.get_mut(term));
            if let (Some(term), Some(count)) = (term, count) {
                if *count == 0 {
                    found.push(term);
                }
                *count += word.in_title + word.in_text;
            }
        }
        let mut length = 0;
        for number in found.drain(..) {
            let count = counts.get_mut(number).map_or(0, std::mem::take);
            if let Some((term, postings)) = postings_of.get_mut(number) {
                if !is_minor(term) {
                    length += count;
                }
                postings.push(ordinal, count);
            }
        }
        lengths.push(U32::new(length));
    }
    postings_of.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut columns = Columns::default();
    for (term, postings) in postings_of {
        columns.push(term.as_bytes(), postings)?;
    }
    columns.finish(of, lengths)
}

/// By word the number of its term, and the terms by number.
fn terms_of(
    texts: &CountedTexts,
    analyser: Analyser,
) -> (Vec<usize>, Vec<(String, PostingsWriter)>) {
    let stemmer = EnglishStemmer::new();
    let mut number_of: HashMap<String, usize> = HashMap::new();
    let of_word = |word: &Arc<str>| {
        let term = analyser.any_term(&stemmer, word.to_string());
        let next = number_of.len();
        *number_of.entry(term).or_insert(next)
    };
    let term_of = texts.words().iter().map(of_word).collect();
    let mut terms: Vec<(String, usize)> = number_of.into_iter().collect();
    terms.sort_unstable_by_key(|&(_, number)| number);
    let without_documents = |(term, _)| (term, PostingsWriter::default());
    (term_of, terms.into_iter().map(without_documents).collect())
}

/// One lexicon with the documents of several, in the order of `new_ordinal`: for a position in
/// `lexicons` and an ordinal there it gives the document's new one, or `None` to leave it out.
/// New ordinals must ascend and be 0, 1, 2... Postings are copied, no text is looked at.
///
/// # Errors
/// `Corrupt` when a lexicon is damaged.
pub fn merge_lexicons(
    lexicons: &[Lexicon],
    new_ordinal: impl Fn(usize, u32) -> Option<u32>,
) -> Result<Vec<SectionInput<'static>>> {
    let mut columns = Columns::default();
    union(lexicons.iter().map(Lexicon::terms), |term, places| {
        let mut merged = PostingsWriter::default();
        for &(place, offset) in places {
            let Some(lexicon) = lexicons.get(place) else {
                continue;
            };
            lexicon.postings_at(offset)?.for_each(|ordinal, count| {
                if let Some(new) = new_ordinal(place, ordinal) {
                    merged.push(new, count);
                }
            })?;
        }
        columns.push(term, merged)
    })?;
    let mut lengths = Vec::new();
    for (place, lexicon) in lexicons.iter().enumerate() {
        let kept = (0u32..)
            .zip(lexicon.lengths())
            .filter(|&(ordinal, _)| new_ordinal(place, ordinal).is_some());
        lengths.extend(kept.map(|(_, &length)| length));
    }
    columns.finish(TEXTS, lengths)
}

/// Terms as they come in ascending order, with their postings.
struct Columns {
    terms: fst::raw::Builder<Vec<u8>>,
    term_count: u64,
    postings: Vec<u8>,
}

impl Default for Columns {
    fn default() -> Self {
        Columns {
            terms: fst::raw::Builder::memory(),
            term_count: 0,
            postings: Vec::new(),
        }
    }
}

impl Columns {
    /// Appends a term, if any document has it.
    fn push(&mut self, term: &[u8], postings: PostingsWriter) -> Result<()> {
        if !postings.is_empty() {
            let offset = self.postings.len() as u64;
            self.terms.insert(term, offset).map_err(unsorted)?;
            postings.finish(&mut self.postings);
            self.term_count += 1;
        }
        Ok(())
    }

    fn finish(self, of: LexiconKinds, lengths: Vec<U32>) -> Result<Vec<SectionInput<'static>>> {
        let (terms, documents) = (self.term_count, lengths.len() as u64);
        let transducer = self.terms.into_inner().map_err(unsorted)?;
        Ok(vec![
            SectionInput::new(of.terms, terms, transducer),
            SectionInput::new(of.postings, terms, self.postings),
            SectionInput::new(of.lengths, documents, lengths.as_bytes().to_vec()),
        ])
    }
}

fn unsorted(error: fst::Error) -> Error {
    Error::invalid(format!("terms must be sorted and distinct: {error}"))
}
