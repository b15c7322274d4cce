//! Searching by the encoder alone, and its fusion with BM25: the baselines that generated docids
//! are compared with.
//!
//! ```text
//!   Dense    cosine(q, vector of d's best passage)       every passage is looked at
//!   Fusion   (1 - w) z(cosine) + w z(BM25)               over the candidates: the best by either
//! ```
//!
//! `z` is the standard score over the candidates, BM25 is 0 for a candidate without a term of the
//! query, and its cosine is always computed. Nothing trained is read: the passage vectors are
//! those of the encoder.
//!
//! I1. Like BM25's, the scores do not depend on which segment a document is stored in, up to the
//!     rounding of stored vectors; ties go by external id.

use super::candidate::Candidate;
use super::lexical::{Scored, SparseScores, best_of, score_of};
#[cfg(doc)]
use super::options::Mode;
use super::options::SearchOptions;
use super::rerank::standard_scores;
use super::result::Found;
use super::searcher::Searcher;
use super::similarity::Similarity;
use crate::decode::PassagePlace;
use crate::segment::{View, id_at};
use crate::vectors::dots_f16;
use crate::{Error, ErrorKind, Result};

/// Share of BM25 in the score of [`Mode::Fusion`] where none is given. A constant of its own: a
/// baseline must not move when the defaults of the planner do.
const FUSION_PRIOR_SHARE: f64 = 0.3;

/// Candidates of each of the two rankings that are fused, where fewer are not asked for.
const FUSION_CANDIDATES: usize = 100;

impl Searcher<'_> {
    /// Cosines of all passages that `view` can find, per segment.
    fn cosines(self, query: &[f32], view: &View<'_>) -> Result<Vec<SparseScores>> {
        let mut all = Vec::with_capacity(self.segments.len());
        for (number, segment) in (0u32..).zip(self.segments) {
            let found = segment.live_passages();
            let found =
                found.filter(|&one| view.is_live(number, segment.passages.document_of(one)));
            let found: Vec<u32> = found.collect();
            let rows = found.iter();
            let rows = rows.map(|&passage| segment.passage_vectors.row(passage as usize));
            let mut products = Vec::with_capacity(found.len());
            dots_f16(query, rows, &mut products);
            let cosines = found.into_iter().zip(products.into_iter().map(f64::from));
            let cosines: SparseScores = cosines.collect();
            if let Some((passage, _)) = cosines.iter().find(|(_, cosine)| !cosine.is_finite()) {
                let id = segment.documents.id(segment.passages.document_of(*passage));
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

    pub(super) fn search_dense(self, query: &[f32], options: &SearchOptions) -> Result<Found> {
        let view = self.view(options)?;
        let cosines = self.cosines(query, &view)?;
        let by = |place: PassagePlace| score_of(&cosines, place.segment, place.passage);
        let best = best_of(self.segments, &self.best_by_document(&cosines), options.k);
        let candidate = |scored| self.scored(scored, by, None);
        let candidates: Vec<Candidate> = best.into_iter().filter_map(candidate).collect();
        let similarity = Similarity::Cosine(query);
        self.ranked(candidates, by, similarity, None, &view, options)
    }

    pub(super) fn search_fusion(
        self,
        words: &str,
        query: &[f32],
        options: &SearchOptions,
    ) -> Result<Found> {
        let view = self.view(options)?;
        let segments = self.segments;
        let terms = self.query_terms(words, options.prefix)?;
        let cosines = self.cosines(query, &view)?;
        let lexical = self.bm25(&terms, &view)?;
        let by = |place: PassagePlace| score_of(&cosines, place.segment, place.passage);
        let of_documents = self.best_by_document(&cosines);
        let wanted = options.draws.unwrap_or(FUSION_CANDIDATES).max(options.k);
        let mut found = best_of(segments, &of_documents, wanted);
        found.extend(best_of(segments, &lexical.documents, wanted));
        found.sort_by_key(|one| one.place);
        found.dedup_by_key(|one| one.place);
        let candidate = |one: Scored| {
            let score = score_of(&of_documents, one.place.segment, one.place.ordinal);
            self.scored(Scored { score, ..one }, by, Some(&lexical))
        };
        let mut candidates: Vec<Candidate> = found.into_iter().filter_map(candidate).collect();
        let share = options.prior_share.unwrap_or(FUSION_PRIOR_SHARE);
        let dense = standard_scores(candidates.iter().map(|one| one.score));
        let bm25 = standard_scores(candidates.iter().map(|one| one.prior));
        for (one, (dense, bm25)) in candidates.iter_mut().zip(dense.iter().zip(&bm25)) {
            one.score = (1.0 - share) * dense + share * bm25;
        }
        candidates.sort_by(|a, b| {
            let ids = || id_at(segments, a.document).cmp(id_at(segments, b.document));
            b.score.total_cmp(&a.score).then_with(ids)
        });
        let similarity = Similarity::Cosine(query);
        self.ranked(candidates, by, similarity, Some(&terms), &view, options)
    }
}
