//! Building the lexicon of a segment: from texts, or from the lexicons of other segments.

use std::collections::HashMap;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::analyser::{Analyser, is_minor};
use super::postings::PostingsWriter;
use super::sections;
use super::table::Lexicon;
use crate::columns::transducer::union;
use crate::format::SectionInput;
use crate::{Error, Result};

/// Builds what [`Lexicon`] reads from the texts of documents.
#[derive(Debug)]
pub struct LexiconBuilder {
    analyser: Analyser,
    postings_of: HashMap<String, PostingsWriter>,
    lengths: Vec<U32>,
}

impl LexiconBuilder {
    /// A lexicon without documents.
    pub fn new(analyser: Analyser) -> Self {
        LexiconBuilder {
            analyser,
            postings_of: HashMap::new(),
            lengths: Vec::new(),
        }
    }

    /// Adds the next document: the terms of title and text alike.
    pub fn push(&mut self, title: &str, text: &str) {
        self.push_counted(self.analyser.count(title, text));
    }

    /// What counts the terms of documents for [`push_counted`](Self::push_counted).
    pub(crate) fn analyser(&self) -> Analyser {
        self.analyser
    }

    /// Adds the next document by its terms, each with its number of occurrences.
    pub(crate) fn push_counted(&mut self, terms: HashMap<String, u32>) {
        let ordinal = self.lengths.len() as u32;
        let mut length = 0;
        for (term, count) in terms {
            if !is_minor(&term) {
                length += count;
            }
            let postings = self.postings_of.entry(term).or_default();
            postings.push(ordinal, count);
        }
        self.lengths.push(U32::new(length));
    }

    /// Gives the documents before `ordinal` that were not added no terms.
    pub fn skip_to(&mut self, ordinal: u32) {
        let count = self.lengths.len().max(ordinal as usize);
        self.lengths.resize(count, U32::ZERO);
    }

    /// The sections, in file order.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if terms did not ascend; these do.
    pub fn finish(self) -> Result<Vec<SectionInput<'static>>> {
        let mut postings_of: Vec<(String, PostingsWriter)> = self.postings_of.into_iter().collect();
        postings_of.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut columns = Columns::default();
        for (term, postings) in postings_of {
            columns.push(term.as_bytes(), postings)?;
        }
        columns.finish(self.lengths)
    }
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
    columns.finish(lengths)
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

    fn finish(self, lengths: Vec<U32>) -> Result<Vec<SectionInput<'static>>> {
        let (terms, documents) = (self.term_count, lengths.len() as u64);
        let transducer = self.terms.into_inner().map_err(unsorted)?;
        Ok(vec![
            SectionInput::new(sections::TERMS, terms, transducer),
            SectionInput::new(sections::TERM_POSTINGS, terms, self.postings),
            SectionInput::new(
                sections::DOCUMENT_LENGTHS,
                documents,
                lengths.as_bytes().to_vec(),
            ),
        ])
    }
}

fn unsorted(error: fst::Error) -> Error {
    Error::invalid(format!("terms must be sorted and distinct: {error}"))
}
