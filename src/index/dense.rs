//! Searching by the encoder alone, and its fusion with BM25: the baselines that generated docids
//! are compared with.
//!
//! ```text
//!   Dense    cosine(q, passage vector of d)              every document is looked at
//!   Fusion   (1 - w) z(cosine) + w z(BM25)               over the candidates: the best by either
//! ```
//!
//! `z` is the standard score over the candidates, BM25 is 0 for a candidate without a term of the
//! query, and its cosine is always computed. Nothing trained is read: the passage vectors are
//! those of the encoder.
//!
//! I1. Like BM25's, the scores do not depend on which segment a document is stored in, up to the
//!     rounding of stored vectors; ties go by external id.

use super::explain::explain_words;
use super::lexical::{Placed, SparseScores, best_of};
use super::rerank::standard_scores;
use super::search::{Hit, SearchResult, score_of};
#[cfg(doc)]
use super::search_options::Mode;
use super::search_options::SearchOptions;
use super::snapshot::Snapshot;
use super::view::View;
use crate::decode::Work;
use crate::vectors::dot_f16;
use crate::{Error, ErrorKind, Result};

/// Share of BM25 in the score of [`Mode::Fusion`] where none is given. A constant of its own: a
/// baseline must not move when the defaults of the planner do.
const FUSION_PRIOR_SHARE: f64 = 0.3;

/// Candidates of each of the two rankings that are fused, where fewer are not asked for.
const FUSION_CANDIDATES: usize = 100;

impl Snapshot {
    /// Every live document by cosine to its passage vector, best first, the first `k`: what the
    /// encoder alone would answer. A search in [`Mode::Dense`] with nothing but ids and scores.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when a cosine is not a number.
    pub fn dense(&self, query: &[f32], k: usize) -> Result<Vec<(String, f64)>> {
        let segments = &self.state.segments;
        let cosines = self.cosines(query, &View::all(segments))?;
        let named = |(score, segment, ordinal): Placed| {
            let id = segments.get(segment as usize)?.documents.id(ordinal);
            Some((id.to_owned(), score))
        };
        let best = best_of(segments, &cosines, k);
        Ok(best.into_iter().filter_map(named).collect())
    }

    /// Cosines of everything `view` can find, per segment.
    fn cosines(&self, query: &[f32], view: &View<'_>) -> Result<Vec<SparseScores>> {
        let mut all = Vec::with_capacity(self.state.segments.len());
        for (number, segment) in (0u32..).zip(&self.state.segments) {
            let cosine = |ordinal: u32| {
                let row = segment.document_vectors.row(ordinal as usize);
                (ordinal, f64::from(dot_f16(query, row)))
            };
            let found = segment.live_ordinals();
            let found = found.filter(|&ordinal| view.is_live(number, ordinal));
            let cosines: SparseScores = found.map(cosine).collect();
            if let Some((ordinal, _)) = cosines.iter().find(|(_, cosine)| !cosine.is_finite()) {
                let id = segment.documents.id(*ordinal);
                let message = format!(
                    "the vector of document {id:?} in the index, or that of the query, is not made \
                     of numbers: build the index again"
                );
                return Err(Error::new(ErrorKind::Model, message));
            }
            all.push(cosines);
        }
        Ok(all)
    }

    pub(super) fn search_dense(
        &self,
        query: &[f32],
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let view = self.view(options)?;
        let cosines = self.cosines(query, &view)?;
        let best = best_of(&self.state.segments, &cosines, options.k);
        let mut hits = self.placed_hits(best, None);
        if options.explain {
            for hit in &mut hits {
                hit.explanation = Some(explain_words(hit, &Vec::new()));
            }
        }
        Ok(found(hits))
    }

    pub(super) fn search_fusion(
        &self,
        words: &str,
        query: &[f32],
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let view = self.view(options)?;
        let segments = &self.state.segments;
        let cosines = self.cosines(query, &view)?;
        let lexical = self.lexical_part(words, &view)?;
        let wanted = options.draws.unwrap_or(FUSION_CANDIDATES).max(options.k);
        let mut candidates = best_of(segments, &cosines, wanted);
        candidates.extend(best_of(segments, &lexical, wanted));
        for (score, segment, ordinal) in &mut candidates {
            *score = score_of(&cosines, *segment, *ordinal);
        }
        candidates.sort_by_key(|&(_, segment, ordinal)| (segment, ordinal));
        candidates.dedup_by_key(|&mut (_, segment, ordinal)| (segment, ordinal));

        let mut hits = self.placed_hits(candidates, Some(&lexical));
        let share = options.prior_share.unwrap_or(FUSION_PRIOR_SHARE);
        let dense = standard_scores(hits.iter().map(|hit| hit.score));
        let bm25 = standard_scores(hits.iter().map(|hit| hit.prior));
        for (hit, (dense, bm25)) in hits.iter_mut().zip(dense.iter().zip(&bm25)) {
            hit.score = (1.0 - share) * dense + share * bm25;
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits.truncate(options.k);
        if options.explain {
            let terms = self.term_scores(words, &view)?;
            for hit in &mut hits {
                hit.explanation = Some(explain_words(hit, &terms));
            }
        }
        Ok(found(hits))
    }
}

fn found(hits: Vec<Hit>) -> SearchResult {
    SearchResult {
        hits,
        complete: true,
        work: Work::default(),
    }
}
