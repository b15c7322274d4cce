//! What the lexicon of a segment says of its live documents.

use super::opened::Segment;
use crate::Result;
use crate::generate::TermStats;
use crate::lexicon::{Analyser, Matches, is_minor};

impl Segment {
    /// Live documents that contain the term of a document `term`.
    fn document_frequency(&self, term: &str) -> Result<u64> {
        match self.lexicon.postings(term)? {
            Some(postings) => self.count_live(&Matches::Stored(postings)),
            None => Ok(0),
        }
    }

    pub(crate) fn count_live(&self, postings: &Matches<'_>) -> Result<u64> {
        if self.dead_count() == 0 {
            return Ok(u64::from(postings.document_count()));
        }
        let mut count = 0;
        postings.for_each(|ordinal, _| count += u64::from(self.is_live(ordinal)))?;
        Ok(count)
    }

    /// Adds the document frequencies of this segment's live documents to `stats`: those of the
    /// terms `stats` knows, or of all terms. False, and nothing is added, when the lexicon does
    /// not tell them, because its terms are not those of docids.
    pub(crate) fn add_term_stats(
        &self,
        stats: &mut TermStats,
        analyser: Analyser,
        all_terms: bool,
    ) -> Result<bool> {
        if analyser != Analyser::default() {
            return Ok(false);
        }
        let live_count = u64::from(self.live_count());
        if all_terms {
            let mut frequencies = Vec::new();
            self.lexicon.for_each_term(|term, postings| {
                let count = self.count_live(&Matches::Stored(postings))?;
                if count > 0 && !is_minor(term) {
                    frequencies.push((term.to_owned(), count));
                }
                Ok(())
            })?;
            stats.merge(TermStats::from_frequencies(live_count, frequencies));
        } else {
            stats.add_known(live_count, |term| self.document_frequency(term))?;
        }
        Ok(true)
    }
}
