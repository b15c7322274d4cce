//! The second stage: the drawn documents in the order of the document head, or of a language
//! model that was trained for it.

use super::search::Hit;
use super::snapshot::Snapshot;
use crate::vectors::dot_f16;

/// How BM25 enters a reranked score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PriorWeight {
    /// Its share where both lists are equally peaked, 0 to 1.
    pub(super) share: f64,
    /// How much a list gains by its peak: the log of its weight, per standard deviation by which
    /// its best score stands out.
    pub(super) peak: f64,
}

impl PriorWeight {
    /// The share for one query, given the best standard score of each list.
    fn for_peaks(self, head_peak: f64, prior_peak: f64) -> f64 {
        let prior = self.share * (self.peak * (prior_peak - head_peak)).exp();
        match prior.is_finite() {
            true => prior / (1.0 - self.share + prior),
            false => 1.0,
        }
    }
}

impl Snapshot {
    /// The document head's inner product with `query` for each hit.
    pub(super) fn document_head(&self, hits: &[Hit], query: &[f32]) -> Vec<f32> {
        let score = |hit: &Hit| match self.state.segments.get(hit.segment as usize) {
            Some(segment) => dot_f16(query, segment.document_head.row(hit.ordinal as usize)),
            None => f32::NEG_INFINITY,
        };
        hits.iter().map(score).collect()
    }
}

/// Gives `hits` the scores of the second stage, mixed with BM25 by its weight: as they are at
/// share 0, else a weighted sum of standard scores over the hits. A score that is not a number
/// counts as the least there is, and infinities as the largest numbers.
pub(super) fn rerank(hits: &mut [Hit], second: &[f32], weight: PriorWeight) {
    for (hit, &score) in hits.iter_mut().zip(second) {
        hit.score = match score.is_nan() {
            true => f64::from(f32::MIN),
            false => f64::from(score.clamp(f32::MIN, f32::MAX)),
        };
    }
    if weight.share == 0.0 {
        return;
    }
    let heads = standard_scores(hits.iter().map(|hit| hit.score));
    let priors = standard_scores(hits.iter().map(|hit| hit.prior));
    let share = weight.for_peaks(peak(&heads), peak(&priors));
    for (hit, (head, prior)) in hits.iter_mut().zip(heads.iter().zip(&priors)) {
        hit.score = (1.0 - share) * head + share * prior;
    }
}

/// The best of some standard scores.
fn peak(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(0.0, f64::max)
}

/// Distances from the mean in standard deviations; all zero when all values are equal.
pub(super) fn standard_scores(values: impl ExactSizeIterator<Item = f64> + Clone) -> Vec<f64> {
    let count = values.len().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values
        .clone()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / count;
    let deviation = variance.sqrt();
    let score = |value: f64| match deviation > 0.0 {
        true => (value - mean) / deviation,
        false => 0.0,
    };
    values.map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_stands_out_more_gets_a_larger_share() {
        let weight = PriorWeight {
            share: 0.25,
            peak: 0.5,
        };
        assert_eq!(weight.for_peaks(3.0, 3.0), 0.25);
        // Odds of 1 to 3, times e for two standard deviations.
        let odds = std::f64::consts::E / 3.0;
        assert!((weight.for_peaks(1.0, 3.0) - odds / (1.0 + odds)).abs() < 1e-12);
        assert!(weight.for_peaks(5.0, 1.0) < 0.25);
        assert_eq!(weight.for_peaks(0.0, f64::MAX), 1.0);
        for share in [0.0, 1.0] {
            let fixed = PriorWeight { share, peak: 0.5 };
            assert_eq!(fixed.for_peaks(1.0, 9.0), share, "all or nothing stays so");
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
