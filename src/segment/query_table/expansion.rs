//! Document expansion: the words of written queries, searched beside those of the texts.
//!
//! Who asks often has other words than who writes. A model that writes questions for a document
//! brings some of theirs (doc2query, arXiv 1904.08375). They have a lexicon of their own with a weight
//! of its own, so that BM25 of the text stays what it was:
//!
//! ```text
//!   BM25 of the text            + expansion_weight x  BM25 of all queries of the document
//!   by passage, in the segment                        by document, beside the queries
//! ```

use crate::Result;
use crate::columns::SectionSource;
use crate::format::SectionInput;
use crate::format::sections::queries::{EXPANSION_LENGTHS, EXPANSION_POSTINGS, EXPANSION_TERMS};
use crate::lexicon::{Analyser, Lexicon, LexiconBuilder, LexiconKinds};

const QUERIES: LexiconKinds = LexiconKinds {
    terms: EXPANSION_TERMS,
    postings: EXPANSION_POSTINGS,
    lengths: EXPANSION_LENGTHS,
};

/// The words of the queries that were written for the documents of a segment.
#[derive(Debug, Clone)]
pub(crate) struct Expansion {
    /// Its rows are documents.
    pub(crate) lexicon: Lexicon,
    /// Terms of the documents that are not deleted, repeated ones counted; 0 until they are.
    pub(crate) live_terms: u64,
}

impl Expansion {
    /// Reads the expansion of a segment of `document_count` documents.
    ///
    /// # Errors
    ///
    /// Those of [`Lexicon::open`].
    pub(crate) fn open(source: &dyn SectionSource, document_count: u32) -> Result<Expansion> {
        Ok(Expansion {
            lexicon: Lexicon::open_of(QUERIES, source, document_count)?,
            live_terms: 0,
        })
    }

    /// Counts the terms of the documents that are not deleted.
    pub(crate) fn count_terms(&mut self, is_live: impl Fn(u32) -> bool) {
        let lengths = (0..).zip(self.lexicon.lengths());
        let live = lengths.filter(|&(ordinal, _)| is_live(ordinal));
        self.live_terms = live.map(|(_, length)| u64::from(length.get())).sum();
    }
}

/// The sections of the expansion of documents with these queries, in order of ordinal.
pub(super) fn sections<'q>(
    queries: impl Iterator<Item = &'q [String]>,
    analyser: Analyser,
) -> Result<Vec<SectionInput<'static>>> {
    let mut builder = LexiconBuilder::new(analyser);
    queries.for_each(|queries| builder.push("", &queries.join("\n")));
    builder.finish_as(QUERIES)
}
