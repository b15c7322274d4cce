//! The second stage: the drawn documents in the order of the document head and the comparison of
//! tokens, or of a language model that was trained for it.

use std::collections::HashSet;

use super::candidate::Candidate;
use super::encoded_query::EncodedQuery;
use super::searcher::Searcher;
use crate::decode::PassagePlace;
use crate::segment::Segment;
use crate::vectors::dots_f16;
use crate::{Result, logits};

/// The draws of each kind, the best ones, over which scores are standardised. The weights were
/// chosen with as many; over more, a lone high BM25 stands out further.
pub(super) const TYPICAL_DRAWS: usize = 100;

/// The coverage at which BM25 has its share as it is.
const TYPICAL_COVERAGE: f64 = 0.25;

/// How BM25 enters a reranked score. Its odds are those of `share`, times
///
/// ```text
///   e^(peak * (best z of BM25 - best z of the other list))     whose best stands out more?
///   (best BM25 / query_weight / TYPICAL_COVERAGE)^coverage     how much of the query is found?
///   passages                                   (documents are cut; 1 where they are whole)
/// ```
///
/// and of what is left to the other list, the share of the query that the encoder knows stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PriorWeight {
    /// Its share, 0 to 1, before peaks and coverage are looked at.
    pub(super) share: f64,
    /// What a standard deviation more of the best score is worth.
    pub(super) peak: f64,
    /// The exponent of coverage.
    pub(super) coverage: f64,
    /// The sum of the weights of the query's terms: a bound of BM25.
    pub(super) query_weight: f64,
    /// What many passages multiply its odds by.
    pub(super) passages: f64,
    /// Share of the query that the encoder does not know, 0 to 1.
    pub(super) unknown: f64,
}

impl PriorWeight {
    /// The share for one query, given the best standard score of each list and the best BM25.
    fn for_query(self, other_peak: f64, prior_peak: f64, best_prior: f64) -> f64 {
        let share = self.known_share(other_peak, prior_peak, best_prior);
        match share == 0.0 {
            // Whoever leaves BM25 out has it left out.
            true => share,
            false => 1.0 - (1.0 - share) * (1.0 - self.unknown),
        }
    }

    /// The share for a query that the encoder knows all of.
    fn known_share(self, other_peak: f64, prior_peak: f64, best_prior: f64) -> f64 {
        if best_prior <= 0.0 || self.query_weight <= 0.0 {
            return self.share;
        }
        let coverage = best_prior / self.query_weight / TYPICAL_COVERAGE;
        let factor = (self.peak * (prior_peak - other_peak)).exp() * coverage.powf(self.coverage);
        let prior = self.share * factor * self.passages;
        match prior.is_finite() {
            true => prior / (1.0 - self.share + prior),
            false => 1.0,
        }
    }
}

impl Searcher<'_> {
    /// What the encoder's vectors say of each candidate: the inner product of the query and its row of
    /// the document head, mixed with the comparison of tokens by `token_share` where the index and
    /// the query have their vectors.
    pub(super) fn encoder_scores(
        self,
        candidates: &[Candidate],
        query: &EncodedQuery,
        token_share: f32,
    ) -> Vec<f32> {
        let whole = self.whole_scores(candidates, query);
        let by_token = match token_share > 0.0 {
            true => self.token_scores(candidates, query),
            false => None,
        };
        mixed(whole, by_token.as_deref(), token_share)
    }

    /// The inner product of the query and each candidate's row of the document head.
    pub(super) fn whole_scores(self, candidates: &[Candidate], query: &EncodedQuery) -> Vec<f32> {
        let rows = candidates.iter().map(|one| {
            let segment = self.segments.get(one.place.segment as usize);
            segment.map_or(&[][..], |segment| {
                segment.document_head.row(one.place.passage as usize)
            })
        });
        let mut scores = Vec::with_capacity(candidates.len());
        dots_f16(query.asked(), rows, &mut scores);
        scores
    }

    /// The comparison of the query's tokens with those of each candidate; `None` where the index
    /// or the query has no vectors of them.
    pub(super) fn token_scores(
        self,
        candidates: &[Candidate],
        query: &EncodedQuery,
    ) -> Option<Vec<f32>> {
        let keeps = |segment: &Segment| segment.token_vectors.is_some();
        let tokens = query
            .max_sim()
            .filter(|_| self.segments.iter().all(keeps))?;
        let score = |one: &Candidate| {
            let segment = self.segments.get(one.place.segment as usize);
            let lists = segment.and_then(|segment| segment.token_vectors.as_ref());
            lists.map_or(0.0, |lists| tokens.score(lists.row(one.place.passage)))
        };
        Some(candidates.iter().map(score).collect())
    }
}

/// Scores of the whole, with `share` of those by token where there are any.
pub(super) fn mixed(mut whole: Vec<f32>, by_token: Option<&[f32]>, share: f32) -> Vec<f32> {
    for (score, by_token) in whole.iter_mut().zip(by_token.unwrap_or_default()) {
        *score = (1.0 - share) * *score + share * by_token;
    }
    whole
}

/// Gives `candidates` the scores of the second stage, mixed with BM25 by its weight: as they are
/// at share 0, else a weighted sum of standard scores, of the population of those at `typical`
/// places, less what each has by `chance`.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) for scores that are no numbers.
pub(super) fn rerank(
    candidates: &mut [Candidate],
    second: &[f32],
    weight: PriorWeight,
    typical: &HashSet<PassagePlace>,
    chance: impl Fn(&Candidate) -> f64,
) -> Result<()> {
    if !second.is_empty() {
        logits::checked(second, "the second stage of the index")?;
    }
    for (candidate, &score) in candidates.iter_mut().zip(second) {
        // A masked one is the last, and still a number.
        candidate.score = f64::from(score.max(f32::MIN));
    }
    if weight.share == 0.0 {
        return Ok(());
    }
    let standard = |score: fn(&Candidate) -> f64| {
        let scores: Vec<f64> = candidates.iter().map(score).collect();
        let chosen = candidates.iter().filter(|one| typical.contains(&one.place));
        standard_scores_of(&scores, &chosen.map(score).collect::<Vec<_>>())
    };
    let heads = standard(|one| one.score);
    let priors = standard(Candidate::mean_prior);
    let best = candidates.iter().map(Candidate::mean_prior);
    let best = best.fold(0.0, f64::max);
    let share = weight.for_query(peak(&heads), peak(&priors), best);
    for (candidate, (head, prior)) in candidates.iter_mut().zip(heads.iter().zip(&priors)) {
        candidate.score = (1.0 - share) * head + share * prior - chance(candidate);
    }
    Ok(())
}

/// The best of some standard scores.
fn peak(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(0.0, f64::max)
}

/// Distances from the mean in standard deviations; all zero when all values are equal.
pub(super) fn standard_scores(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    standard_scores_of(&values, &values)
}

/// Distances from the mean of `typical` values in their standard deviations; all zero when those
/// are equal.
fn standard_scores_of(values: &[f64], typical: &[f64]) -> Vec<f64> {
    let count = typical.len().max(1) as f64;
    let mean = typical.iter().sum::<f64>() / count;
    let squares = typical.iter().map(|value| (value - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    let score = |value: &f64| match deviation > 0.0 {
        true => (value - mean) / deviation,
        false => 0.0,
    };
    values.iter().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_whose_best_stands_out_and_covers_the_query_gets_a_larger_share() {
        let weight = PriorWeight {
            share: 0.25,
            peak: 0.5,
            coverage: 0.5,
            query_weight: 8.0,
            passages: 1.0,
            unknown: 0.0,
        };
        let close = |found: f64, odds: f64| (found - odds / (1.0 + odds)).abs() < 1e-12;
        // Equal peaks at a coverage of 2 of 8: the share as it is, odds of 1 to 3.
        assert!(close(weight.for_query(3.0, 3.0, 2.0), 1.0 / 3.0));
        let e = std::f64::consts::E;
        assert!(close(weight.for_query(1.0, 3.0, 2.0), e / 3.0));
        assert!(close(weight.for_query(5.0, 3.0, 2.0), 1.0 / e / 3.0));
        // Four times the coverage, twice the odds.
        assert!(close(weight.for_query(3.0, 3.0, 8.0), 2.0 / 3.0));
        assert_eq!(weight.for_query(0.0, f64::MAX, 2.0), 1.0);
        assert_eq!(weight.for_query(0.0, 3.0, 0.0), 0.25, "BM25 finds nothing");
        // Twice the odds where passages are many; half of the rest where half is unknown.
        let cut = PriorWeight {
            passages: 2.0,
            ..weight
        };
        assert!(close(cut.for_query(3.0, 3.0, 2.0), 2.0 / 3.0));
        let unknown = PriorWeight {
            unknown: 0.5,
            ..weight
        };
        assert!((unknown.for_query(3.0, 3.0, 2.0) - 0.625).abs() < 1e-12);
        assert_eq!(unknown.for_query(3.0, 3.0, 0.0), 0.625);
        for share in [0.0, 1.0] {
            let fixed = PriorWeight { share, ..weight };
            let found = fixed.for_query(1.0, 9.0, 4.0);
            assert_eq!(found, share, "all or nothing stays so");
        }
    }

    #[test]
    fn standard_scores_have_mean_zero_and_deviation_one() {
        let scores = standard_scores([1.0, 2.0, 6.0].into_iter());
        let sum: f64 = scores.iter().sum();
        let squares: f64 = scores.iter().map(|score| score * score).sum();
        assert!(sum.abs() < 1e-12 && (squares - 3.0).abs() < 1e-12);
        assert_eq!(standard_scores([4.0, 4.0].into_iter()), [0.0, 0.0]);
        assert!(standard_scores(std::iter::empty()).is_empty());
    }
}
