//! The lexicon of one segment: its terms, their postings, and how long its documents are.

use zerocopy::little_endian::U32;

use super::postings::Postings;
use super::sections;
use super::words::MAX_WORD_CHARS;
use crate::columns::transducer::{Keys, Transducer};
use crate::columns::{ByteRows, SectionSource};
use crate::store::Section;
use crate::{Error, Result};

/// No term is longer: a stem is not longer than its word, and no character takes more than four.
const MAX_TERM_BYTES: usize = 4 * MAX_WORD_CHARS;

/// Term -> documents, read in place.
///
/// Opening checks the frame; what it leads to is checked on every access, so that opening costs
/// no more than reading the checksums did.
#[derive(Debug, Clone)]
pub struct Lexicon {
    terms: Transducer,
    postings: ByteRows,
    lengths: Section,
    document_count: u32,
}

impl Lexicon {
    /// Reads the lexicon of a segment of `document_count` documents; `None` when it has none.
    ///
    /// # Errors
    /// `Corrupt` when its parts are not those of one lexicon.
    pub fn open(source: &dyn SectionSource, document_count: u32) -> Result<Option<Self>> {
        let Some(terms) = source.find(sections::TERMS)? else {
            return Ok(None);
        };
        let terms = Transducer::open(terms).ok_or_else(|| damaged("its terms are none"))?;
        let term_count =
            u32::try_from(terms.key_count()).map_err(|_| damaged("its terms cannot be counted"))?;
        let postings = source.section(sections::TERM_POSTINGS)?;
        let lengths = source.section(sections::DOCUMENT_LENGTHS)?;
        if lengths.as_slice_of::<U32>()?.len() != document_count as usize {
            return Err(damaged("it has not one length for each document"));
        }
        Ok(Some(Lexicon {
            terms,
            postings: ByteRows::open(postings, term_count as usize)?,
            lengths,
            document_count,
        }))
    }

    /// Number of distinct terms.
    pub fn term_count(&self) -> usize {
        self.postings.row_count()
    }

    /// By ordinal: how many terms a document has, repeated ones counted.
    pub(crate) fn lengths(&self) -> &[U32] {
        self.lengths.as_slice_of().unwrap_or_default()
    }

    /// Which documents contain `term`; `None` when none does.
    pub(crate) fn postings(&self, term: &str) -> Result<Option<Postings<'_>>> {
        match self.terms.get(term.as_bytes()) {
            None => Ok(None),
            Some(number) => u32::try_from(number)
                .map_err(|_| damaged("a term leads nowhere"))
                .and_then(|number| self.row(number))
                .map(Some),
        }
    }

    /// The postings of term number `number`.
    pub(super) fn row(&self, number: u32) -> Result<Postings<'_>> {
        Postings::open(self.postings.row(number), self.document_count)
    }

    /// All terms in ascending order, numbered from 0.
    pub(super) fn terms(&self) -> Keys<'_> {
        Keys::new(&self.terms, MAX_TERM_BYTES)
    }

    /// Calls `each` with every term, ascending, and which documents contain it.
    pub(crate) fn for_each_term(
        &self,
        mut each: impl FnMut(&str, Postings<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut terms = self.terms();
        for number in 0.. {
            if !terms.advance()? {
                break;
            }
            let term =
                std::str::from_utf8(terms.key()).map_err(|_| damaged("a term is no text"))?;
            each(term, self.row(number)?)?;
        }
        Ok(())
    }

    /// Checks what opening takes on trust: that all terms and postings can be read, and that the
    /// terms of a document are as many as its length says.
    pub(crate) fn check(&self) -> Result<()> {
        let mut lengths = vec![0u64; self.document_count as usize];
        let mut before = String::new();
        self.for_each_term(|term, postings| {
            if term <= before.as_str() {
                return Err(damaged("its terms do not ascend"));
            }
            term.clone_into(&mut before);
            postings.for_each(|ordinal, count| {
                if let Some(length) = lengths.get_mut(ordinal as usize) {
                    *length += u64::from(count);
                }
            })
        })?;
        let stored = self.lengths().iter().map(|length| u64::from(length.get()));
        if !stored.eq(lengths) {
            return Err(damaged("a document has more or fewer terms than it should"));
        }
        Ok(())
    }
}

fn damaged(what: &str) -> Error {
    Error::corrupt(format!("the lexicon of a segment is damaged: {what}"))
}
