//! The second stage: the drawn documents in the order of the document head, or of a language
//! model that was trained for it.

use super::search::Hit;
use super::snapshot::Snapshot;
use crate::vectors::dot_f16;

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

/// Gives `hits` the scores of the second stage, mixed with BM25 by its share: as they are at
/// share 0, else a weighted sum of standard scores over the hits. A score that is not a number
/// counts as the least there is, and infinities as the largest numbers.
pub(super) fn rerank(hits: &mut [Hit], second: &[f32], prior_share: f64) {
    for (hit, &score) in hits.iter_mut().zip(second) {
        hit.score = match score.is_nan() {
            true => f64::from(f32::MIN),
            false => f64::from(score.clamp(f32::MIN, f32::MAX)),
        };
    }
    if prior_share == 0.0 {
        return;
    }
    let heads = standard_scores(hits.iter().map(|hit| hit.score));
    let priors = standard_scores(hits.iter().map(|hit| hit.prior));
    for (hit, (head, prior)) in hits.iter_mut().zip(heads.iter().zip(&priors)) {
        hit.score = (1.0 - prior_share) * head + prior_share * prior;
    }
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
    fn standard_scores_have_mean_zero_and_deviation_one() {
        let scores = standard_scores([1.0, 2.0, 6.0].into_iter());
        let sum: f64 = scores.iter().sum();
        let squares: f64 = scores.iter().map(|score| score * score).sum();
        assert!(sum.abs() < 1e-12 && (squares - 3.0).abs() < 1e-12);
        assert_eq!(standard_scores([4.0, 4.0].into_iter()), [0.0, 0.0]);
        assert!(standard_scores(std::iter::empty()).is_empty());
    }
}
