//! What the lexicon of a segment says of its live documents and passages.

use super::opened::Segment;
use crate::Result;
use crate::generate::TermStats;
use crate::lexicon::{Analyser, Matches, Postings, is_minor};

impl Segment {
    /// Live passages that contain the term of a document `term`.
    fn passage_frequency(&self, term: &str) -> Result<u64> {
        match self.lexicon.postings(term)? {
            Some(postings) => self.count_live_passages(&postings),
            None => Ok(0),
        }
    }

    fn count_live_passages(&self, postings: &Postings<'_>) -> Result<u64> {
        if self.dead_count() == 0 {
            return Ok(u64::from(postings.document_count()));
        }
        let mut count = 0;
        postings.for_each(|passage, _| count += u64::from(self.is_live_passage(passage)))?;
        Ok(count)
    }

    /// Live documents that match.
    pub(crate) fn count_live(&self, matches: &Matches<'_>) -> Result<u64> {
        if self.dead_count() == 0 && !self.passages.is_cut() {
            return Ok(u64::from(matches.document_count()));
        }
        let mut count = 0;
        self.for_each_document(matches, |ordinal, _| {
            count += u64::from(self.is_live(ordinal))
        })?;
        Ok(count)
    }

    /// Calls `each` with the ordinal of every document that matches, ascending, and how often all
    /// its passages have the term.
    pub(crate) fn for_each_document(
        &self,
        matches: &Matches<'_>,
        mut each: impl FnMut(u32, u32),
    ) -> Result<()> {
        if !self.passages.is_cut() {
            return matches.for_each(each);
        }
        let mut last: Option<(u32, u32)> = None;
        matches.for_each(|passage, count| {
            let ordinal = self.passages.document_of(passage);
            match &mut last {
                Some((same, sum)) if *same == ordinal => *sum = sum.saturating_add(count),
                _ => {
                    if let Some((ordinal, sum)) = last.replace((ordinal, count)) {
                        each(ordinal, sum);
                    }
                }
            }
        })?;
        if let Some((ordinal, sum)) = last {
            each(ordinal, sum);
        }
        Ok(())
    }

    /// Adds the frequencies of terms in this segment's live passages to `stats`: those of the
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
        let live_count = u64::from(self.live_passage_count());
        if all_terms {
            let mut frequencies = Vec::new();
            self.lexicon.for_each_term(|term, postings| {
                let count = self.count_live_passages(&postings)?;
                if count > 0 && !is_minor(term) {
                    frequencies.push((term.to_owned(), count));
                }
                Ok(())
            })?;
            stats.merge(TermStats::from_frequencies(live_count, frequencies));
        } else {
            stats.add_known(live_count, |term| self.passage_frequency(term))?;
        }
        Ok(true)
    }
}
