//! The words of a query, analysed and weighed once per search.

use super::lexical::{SparseScores, lexical_scores};
use crate::Result;
use crate::lexicon::Bm25;
use crate::segment::{IndexParams, Segment, View};

/// The terms of a query, each with its weight over all live documents.
#[derive(Debug, Default)]
pub(super) struct QueryTerms {
    pub(super) terms: Vec<WeighedTerm>,
}

/// A term and its inverse document frequency.
#[derive(Debug)]
pub(super) struct WeighedTerm {
    pub(super) term: String,
    pub(super) weight: f64,
}

impl QueryTerms {
    /// Analyses `words` and weighs their terms.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(super) fn new(words: &str, segments: &[Segment], params: &IndexParams) -> Result<Self> {
        let live = segments
            .iter()
            .map(|segment| u64::from(segment.live_count()));
        let documents = live.sum();
        let weighed = |term: String| {
            let mut frequency = 0;
            for segment in segments {
                if let Some(matches) = segment.lexicon.matches(&term)? {
                    frequency += segment.count_live(&matches)?;
                }
            }
            let weight = Bm25::idf(documents, frequency);
            Ok(WeighedTerm { term, weight })
        };
        let terms = params.lexicon.analyser().query_terms(words);
        Ok(QueryTerms {
            terms: terms.into_iter().map(weighed).collect::<Result<_>>()?,
        })
    }

    /// The most that BM25 of a document could be.
    pub(super) fn bound(&self) -> f64 {
        self.terms.iter().map(|term| term.weight).sum()
    }

    /// BM25 of what `view` can find, per segment.
    ///
    /// # Errors
    ///
    /// Those of [`QueryTerms::new`].
    pub(super) fn scores(
        &self,
        segments: &[Segment],
        view: &View<'_>,
        bm25: Bm25,
    ) -> Result<Vec<SparseScores>> {
        lexical_scores(segments, view, &self.terms, bm25)
    }

    /// What each term adds to BM25 of every document, in the order of the query.
    ///
    /// # Errors
    ///
    /// Those of [`QueryTerms::new`].
    pub(super) fn scores_by_term(
        &self,
        segments: &[Segment],
        view: &View<'_>,
        bm25: Bm25,
    ) -> Result<Vec<(&str, Vec<SparseScores>)>> {
        let scores = |term: &'_ WeighedTerm| {
            lexical_scores(segments, view, std::slice::from_ref(term), bm25)
        };
        let named = self
            .terms
            .iter()
            .map(|term| Ok((term.term.as_str(), scores(term)?)));
        named.collect()
    }
}
