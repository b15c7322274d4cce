//! Evaluating a run: metrics per query, and their means.
//!
//! I1. Means go over every judged query, those without a relevant document and those that were
//!     not answered included (they count 0). Answers to unjudged queries are ignored.
//! I2. The keys of the JSON form are stable: `nDCG@10`, `Acc@1`, `Recall@100` and so on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metrics::{average_precision, ndcg_at, recall_at, reciprocal_rank_at, success_at};
use super::qrels::{Judgements, Qrels};
use super::run::Run;

/// How to evaluate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvalOptions {
    /// Drop a hit whose document id equals the query id before measuring, as BEIR's evaluator
    /// does (it matters where queries are documents of the corpus). Default: keep it.
    pub drop_same_id: bool,
}

/// The metrics of one query, or their means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct QueryMetrics {
    /// Normalised discounted cumulative gain of the first 10 documents.
    #[serde(rename = "nDCG@10")]
    pub ndcg_10: f64,
    /// Whether the first document is relevant.
    #[serde(rename = "Acc@1")]
    pub acc_1: f64,
    /// The share of the relevant documents among the first 100.
    #[serde(rename = "Recall@100")]
    pub recall_100: f64,
    /// The share of the relevant documents among the first 10.
    #[serde(rename = "Recall@10")]
    pub recall_10: f64,
    /// One over the position of the first relevant document among the first 10.
    #[serde(rename = "MRR@10")]
    pub mrr_10: f64,
    /// Average precision.
    #[serde(rename = "MAP")]
    pub map: f64,
}

/// Means over all judged queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The means.
    #[serde(flatten)]
    pub means: QueryMetrics,
    /// Standard error of the mean nDCG@10.
    #[serde(rename = "nDCG@10 standard error")]
    pub ndcg_10_error: f64,
    /// Judged queries.
    pub queries: usize,
    /// Judged queries with at least one hit.
    pub answered: usize,
}

/// Everything measured of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// Metrics by query id, of every judged query.
    pub per_query: BTreeMap<String, QueryMetrics>,
    /// Their means.
    pub summary: Summary,
}

impl QueryMetrics {
    /// The metrics of one ranking, best document first.
    pub fn of(ranking: &[&str], judgements: &Judgements) -> Self {
        QueryMetrics {
            ndcg_10: ndcg_at(ranking, judgements, 10),
            acc_1: success_at(ranking, judgements, 1),
            recall_100: recall_at(ranking, judgements, 100),
            recall_10: recall_at(ranking, judgements, 10),
            mrr_10: reciprocal_rank_at(ranking, judgements, 10),
            map: average_precision(ranking, judgements),
        }
    }

    fn plus(&self, other: &Self) -> Self {
        QueryMetrics {
            ndcg_10: self.ndcg_10 + other.ndcg_10,
            acc_1: self.acc_1 + other.acc_1,
            recall_100: self.recall_100 + other.recall_100,
            recall_10: self.recall_10 + other.recall_10,
            mrr_10: self.mrr_10 + other.mrr_10,
            map: self.map + other.map,
        }
    }

    fn divided_by(&self, count: f64) -> Self {
        QueryMetrics {
            ndcg_10: self.ndcg_10 / count,
            acc_1: self.acc_1 / count,
            recall_100: self.recall_100 / count,
            recall_10: self.recall_10 / count,
            mrr_10: self.mrr_10 / count,
            map: self.map / count,
        }
    }
}

/// Measures `run` against `qrels`.
///
/// ```
/// use zerogr::eval::{EvalOptions, Qrels, Run, evaluate};
///
/// let mut qrels = Qrels::new();
/// qrels.add("q", "good", 1.0)?;
/// let mut run = Run::new();
/// run.insert("q", [("good", 0.9), ("bad", 0.1)])?;
/// let summary = evaluate(&qrels, &run, &EvalOptions::default()).summary;
/// assert_eq!(summary.means.acc_1, 1.0);
/// # Ok::<(), zerogr::Error>(())
/// ```
pub fn evaluate(qrels: &Qrels, run: &Run, options: &EvalOptions) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let mut sum = QueryMetrics::default();
    let mut answered = 0;
    for (query, judgements) in qrels.iter() {
        let ranking: Vec<&str> = run
            .hits(query)
            .iter()
            .map(|hit| hit.id.as_str())
            .filter(|id| !options.drop_same_id || *id != query)
            .collect();
        answered += usize::from(!ranking.is_empty());
        let metrics = QueryMetrics::of(&ranking, judgements);
        sum = sum.plus(&metrics);
        evaluation.per_query.insert(query.to_owned(), metrics);
    }
    let queries = evaluation.per_query.len();
    let means = sum.divided_by(queries.max(1) as f64);
    let spread: f64 = evaluation
        .per_query
        .values()
        .map(|metrics| (metrics.ndcg_10 - means.ndcg_10).powi(2))
        .sum();
    let variance = spread / queries.saturating_sub(1).max(1) as f64;
    let ndcg_10_error = (variance / queries.max(1) as f64).sqrt();
    evaluation.summary = Summary {
        means,
        ndcg_10_error,
        queries,
        answered,
    };
    evaluation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Qrels, Run) {
        let mut qrels = Qrels::new();
        for (query, document, score) in [
            ("1", "a", 2.0),
            ("1", "b", 1.0),
            ("2", "c", 1.0),
            ("3", "d", 0.0),
        ] {
            qrels.add(query, document, score).unwrap();
        }
        let mut run = Run::new();
        run.insert("1", [("a", 1.0), ("b", 1.0), ("1", 5.0)])
            .unwrap();
        run.insert("unjudged", [("a", 1.0)]).unwrap();
        (qrels, run)
    }

    #[test]
    fn unanswered_queries_count_zero() {
        let (qrels, run) = example();
        let evaluation = evaluate(&qrels, &run, &EvalOptions { drop_same_id: true });
        assert_eq!(evaluation.per_query.len(), 3);
        // The tie goes to the higher id: b (gain 1) before a (gain 2).
        let expected = (1.0 + 2.0 / 3.0_f64.log2()) / (2.0 + 1.0 / 3.0_f64.log2());
        assert!((evaluation.per_query["1"].ndcg_10 - expected).abs() < 1e-12);
        assert!((evaluation.summary.means.ndcg_10 - expected / 3.0).abs() < 1e-12);
        assert!((evaluation.summary.means.acc_1 - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            (evaluation.summary.queries, evaluation.summary.answered),
            (3, 1)
        );
        assert!((evaluation.summary.ndcg_10_error - expected / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_query_itself_is_dropped_only_on_request() {
        let (qrels, run) = example();
        let kept = evaluate(&qrels, &run, &EvalOptions::default());
        assert_eq!(kept.per_query["1"].acc_1, 0.0);
        assert_eq!(kept.per_query["1"].mrr_10, 0.5);
    }

    #[test]
    fn json_keys_are_stable() {
        let (qrels, run) = example();
        let summary = evaluate(&qrels, &run, &EvalOptions::default()).summary;
        let json = serde_json::to_value(summary).unwrap();
        for key in [
            "nDCG@10",
            "Acc@1",
            "Recall@100",
            "Recall@10",
            "MRR@10",
            "MAP",
        ] {
            assert!(json[key].is_f64(), "{key} in {json}");
        }
        assert_eq!(json["queries"], 3);
        assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary);
    }

    #[test]
    fn nothing_judged_is_zero_not_nan() {
        let evaluation = evaluate(&Qrels::new(), &Run::new(), &EvalOptions::default());
        assert_eq!(evaluation.summary, Summary::default());
    }
}
