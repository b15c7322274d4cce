//! The metrics of one ranking, as trec_eval defines them.
//!
//! A ranking is a list of document ids, best first, each at most once. A document's gain is its
//! judgement, 0 when it is unjudged or judged below 0; a document is relevant when its gain is
//! above 0. A query without relevant documents has 0 everywhere.
//!
//! ```text
//! DCG@k  = sum over positions i = 1..k of gain_i / log2(i + 1)
//! nDCG@k = DCG@k / DCG@k of all judged documents, best first
//! AP     = mean over the relevant documents of (relevant up to i) / i, 0 for those not returned
//! ```

use super::qrels::Judgements;

fn gain(judgements: &Judgements, id: &str) -> f64 {
    judgements.get(id).copied().unwrap_or(0.0).max(0.0)
}

fn is_relevant(judgements: &Judgements, id: &str) -> bool {
    gain(judgements, id) > 0.0
}

fn relevant_count(judgements: &Judgements) -> usize {
    judgements.values().filter(|score| **score > 0.0).count()
}

fn discounted(gains: impl Iterator<Item = f64>) -> f64 {
    gains
        .enumerate()
        .map(|(index, gain)| gain / (index as f64 + 2.0).log2())
        .sum()
}

/// Normalised discounted cumulative gain of the first `k` documents, linear gains.
///
/// ```
/// use zerogr::raw::eval::{Judgements, ndcg_at};
///
/// let judged = Judgements::from([("a".to_owned(), 1.0)]);
/// assert_eq!(ndcg_at(&["a", "b"], &judged, 10), 1.0);
/// ```
pub fn ndcg_at(ranking: &[&str], judgements: &Judgements, k: usize) -> f64 {
    let mut ideal: Vec<f64> = judgements
        .values()
        .copied()
        .filter(|gain| *gain > 0.0)
        .collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = discounted(ideal.into_iter().take(k));
    if best <= 0.0 {
        return 0.0;
    }
    discounted(ranking.iter().take(k).map(|id| gain(judgements, id))) / best
}

/// 1 when one of the first `k` documents is relevant, else 0. Acc@1 is this with `k` = 1.
pub fn success_at(ranking: &[&str], judgements: &Judgements, k: usize) -> f64 {
    let found = ranking.iter().take(k).any(|id| is_relevant(judgements, id));
    if found { 1.0 } else { 0.0 }
}

/// The share of the relevant documents among the first `k`.
pub fn recall_at(ranking: &[&str], judgements: &Judgements, k: usize) -> f64 {
    let relevant = relevant_count(judgements);
    if relevant == 0 {
        return 0.0;
    }
    let found = ranking
        .iter()
        .take(k)
        .filter(|id| is_relevant(judgements, id))
        .count();
    found as f64 / relevant as f64
}

/// One over the position of the first relevant document, 0 when it is not among the first `k`.
pub fn reciprocal_rank_at(ranking: &[&str], judgements: &Judgements, k: usize) -> f64 {
    let position = ranking
        .iter()
        .take(k)
        .position(|id| is_relevant(judgements, id));
    position.map_or(0.0, |index| 1.0 / (index as f64 + 1.0))
}

/// Average precision over the whole ranking; its mean over queries is MAP.
pub fn average_precision(ranking: &[&str], judgements: &Judgements) -> f64 {
    let relevant = relevant_count(judgements);
    if relevant == 0 {
        return 0.0;
    }
    let mut found = 0.0;
    let mut sum = 0.0;
    for (index, id) in ranking.iter().enumerate() {
        if is_relevant(judgements, id) {
            found += 1.0;
            sum += found / (index as f64 + 1.0);
        }
    }
    sum / relevant as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(&str, f64)]) -> Judgements {
        pairs
            .iter()
            .map(|(id, score)| ((*id).to_owned(), *score))
            .collect()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} != {b}");
    }

    #[test]
    fn graded_judgements_by_hand() {
        let judgements = judged(&[("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 0.0), ("e", -1.0)]);
        let ranking = ["d", "b", "x", "a", "e"];
        // DCG: b at 2, a at 4. Ideal: 3, 2, 1.
        let gained = 1.0 / 3.0_f64.log2() + 3.0 / 5.0_f64.log2();
        let ideal = 3.0 + 2.0 / 3.0_f64.log2() + 1.0 / 4.0_f64.log2();
        close(ndcg_at(&ranking, &judgements, 10), gained / ideal);
        close(
            ndcg_at(&ranking, &judgements, 2),
            (1.0 / 3.0_f64.log2()) / (3.0 + 2.0 / 3.0_f64.log2()),
        );
        close(ndcg_at(&ranking, &judgements, 1), 0.0);
        close(success_at(&ranking, &judgements, 1), 0.0);
        close(success_at(&ranking, &judgements, 2), 1.0);
        close(recall_at(&ranking, &judgements, 100), 2.0 / 3.0);
        close(recall_at(&ranking, &judgements, 2), 1.0 / 3.0);
        close(reciprocal_rank_at(&ranking, &judgements, 10), 0.5);
        close(reciprocal_rank_at(&ranking, &judgements, 1), 0.0);
        close(
            average_precision(&ranking, &judgements),
            (1.0 / 2.0 + 2.0 / 4.0) / 3.0,
        );
    }

    #[test]
    fn fractions_are_gains_too() {
        let judgements = judged(&[("a", 0.5), ("b", 0.25)]);
        let expected = (0.25 + 0.5 / 3.0_f64.log2()) / (0.5 + 0.25 / 3.0_f64.log2());
        close(ndcg_at(&["b", "a"], &judgements, 10), expected);
        close(success_at(&["b"], &judgements, 1), 1.0);
    }

    #[test]
    fn nothing_relevant_or_nothing_returned_is_zero() {
        for (ranking, judgements) in [
            (vec!["a"], judged(&[("a", 0.0), ("b", -2.0)])),
            (vec!["a"], judged(&[])),
            (vec![], judged(&[("a", 1.0)])),
        ] {
            close(ndcg_at(&ranking, &judgements, 10), 0.0);
            close(success_at(&ranking, &judgements, 1), 0.0);
            close(recall_at(&ranking, &judgements, 100), 0.0);
            close(reciprocal_rank_at(&ranking, &judgements, 10), 0.0);
            close(average_precision(&ranking, &judgements), 0.0);
        }
    }
}
