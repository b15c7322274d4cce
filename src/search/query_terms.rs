//! The words of a query, analysed and weighed once per search.

use crate::Result;
use crate::lexicon::Bm25;
use crate::segment::{IndexParams, Segment};

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
}
