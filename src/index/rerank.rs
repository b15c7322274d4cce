//! The second stage: the drawn documents in the order of the document head.

use super::search::Hit;
use super::snapshot::Snapshot;
use crate::vectors::dot_f16;

/// Scores `hits` by the document head, mixed with BM25 by its share: inner products alone at
/// share 0, else a weighted sum of standard scores over the hits.
pub(super) fn rerank(hits: &mut [Hit], snapshot: &Snapshot, query: &[f32], prior_share: f64) {
    for hit in hits.iter_mut() {
        let segment = snapshot.state.segments.get(hit.segment as usize);
        hit.score = segment.map_or(f64::NEG_INFINITY, |segment| {
            let row = segment.document_head.row(hit.ordinal as usize);
            f64::from(dot_f16(query, row))
        });
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
