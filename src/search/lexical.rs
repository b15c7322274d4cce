//! Lexical search: BM25 over all segments, as if they were one without its deleted documents.
//!
//! ```text
//!   query terms ─► df, N, avgdl over the live documents of all segments
//!                     │
//!   per segment:  postings of each term ─► sparse scores ─► the best k, ties by external id
//! ```
//!
//! Invariants:
//! - I1. A score depends on the query and on the live documents, not on where they are stored:
//!   several segments, what was deleted from them and their merge give the same numbers, to the
//!   last bit. (Integers are summed first; terms are added up in the order of the query.)
//! - I2. A filter takes documents out of the answer, not out of the statistics.

use std::cmp::Ordering;

use super::query_terms::{QueryTerms, WeighedTerm};
use crate::Result;
use crate::decode::DocumentPlace;
use crate::lexicon::Bm25;
use crate::segment::{Segment, View, id_at};

/// Scores of documents of one segment by ordinal, ascending; documents without a query term are
/// not in it, the scores of the others are positive.
pub(super) type SparseScores = Vec<(u32, f64)>;

/// A document with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) place: DocumentPlace,
    pub(super) score: f64,
}

impl QueryTerms {
    /// BM25 of what `view` can find, per segment.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
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
    /// `Corrupt` when a lexicon is damaged.
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

/// BM25 scores of what `view` can find of `segments`, per segment.
///
/// # Errors
/// `Corrupt` when a lexicon is damaged.
fn lexical_scores(
    segments: &[Segment],
    view: &View<'_>,
    terms: &[WeighedTerm],
    bm25: Bm25,
) -> Result<Vec<SparseScores>> {
    let (mut documents, mut total_terms) = (0, 0);
    for segment in segments {
        documents += u64::from(segment.live_count());
        total_terms += segment.live_terms();
    }
    let saturation = bm25.saturation(total_terms as f64 / documents.max(1) as f64);
    let mut scores = Vec::with_capacity(segments.len());
    for (number, segment) in (0u32..).zip(segments) {
        let lexicon = &segment.lexicon;
        let lengths = lexicon.lengths();
        let mut sums = vec![0.0f64; segment.document_count as usize];
        // In as many ascending runs as there are terms: what a merge sort likes.
        let mut touched: Vec<u32> = Vec::new();
        for term in terms {
            let Some(matches) = term.matches(number, lexicon)? else {
                continue;
            };
            matches.for_each(|ordinal, count| {
                let place = ordinal as usize;
                let (Some(sum), Some(length)) = (sums.get_mut(place), lengths.get(place)) else {
                    return;
                };
                if !view.is_live(number, ordinal) {
                    return;
                }
                if *sum == 0.0 {
                    touched.push(ordinal);
                }
                *sum += term.weight * saturation(count, length.get());
            })?;
        }
        touched.sort();
        let score = |ordinal: u32| (ordinal, sums.get(ordinal as usize).copied().unwrap_or(0.0));
        scores.push(touched.into_iter().map(score).collect());
    }
    Ok(scores)
}

/// The best `k` of all scores; ties by external id.
pub(super) fn best_of(segments: &[Segment], scores: &[SparseScores], k: usize) -> Vec<Scored> {
    let mut found: Vec<Scored> = Vec::new();
    for (segment, list) in (0u32..).zip(scores) {
        found.extend(list.iter().map(|&(ordinal, score)| Scored {
            place: DocumentPlace { segment, ordinal },
            score,
        }));
    }
    let best_first = |a: &Scored, b: &Scored| -> Ordering {
        b.score
            .total_cmp(&a.score)
            .then_with(|| id_at(segments, a.place).cmp(id_at(segments, b.place)))
    };
    if k < found.len() {
        if k > 0 {
            found.select_nth_unstable_by(k - 1, best_first);
        }
        found.truncate(k);
    }
    found.sort_unstable_by(best_first);
    found
}

/// The score of a document; zero for one that shares no term with the query.
pub(super) fn score_of(scores: &[SparseScores], place: DocumentPlace) -> f64 {
    let found = scores.get(place.segment as usize).and_then(|list| {
        let position = list
            .binary_search_by_key(&place.ordinal, |one| one.0)
            .ok()?;
        list.get(position)
    });
    found.map_or(0.0, |&(_, score)| score)
}

/// The best score of all.
pub(super) fn best_score(scores: &[SparseScores]) -> f64 {
    let all = scores.iter().flatten();
    all.fold(0.0, |best, &(_, score)| score.max(best))
}
