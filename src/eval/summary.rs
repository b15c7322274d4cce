//! Evaluating a run: metrics per query, and their means.
//!
//! I1. Means go over every judged query, those without a relevant document and those that were
//!     not answered included (they count 0). Answers to unjudged queries are ignored.
//! I2. The keys of the JSON form are stable: `nDCG@10`, `Acc@1`, `Recall@100` and so on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metric::{Metric, Scores};
use super::qrels::Qrels;
use super::run::Run;

/// How to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalOptions {
    /// What to measure. Default: [`Metric::DEFAULT`].
    pub metrics: Vec<Metric>,
    /// Drop a hit whose document id equals the query id before measuring, as BEIR's evaluator
    /// does (it matters where queries are documents of the corpus). Default: keep it.
    pub drop_same_id: bool,
    /// How many documents of each ranking are measured, counted after the rule above. Default:
    /// all.
    pub depth: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        EvalOptions {
            metrics: Metric::DEFAULT.to_vec(),
            drop_same_id: false,
            depth: usize::MAX,
        }
    }
}

/// Means over all judged queries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The means.
    #[serde(flatten)]
    pub means: Scores,
    /// Standard errors of the means: sample deviation over the root of the number of queries.
    pub standard_errors: Scores,
    /// Judged queries.
    pub queries: usize,
    /// Judged queries with at least one hit.
    pub answered: usize,
}

/// Everything measured of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evaluation {
    /// Metrics by query id, of every judged query.
    pub per_query: BTreeMap<String, Scores>,
    /// Their means.
    pub summary: Summary,
}

impl Evaluation {
    /// The mean of a metric over all judged queries; 0 when it was not measured.
    pub fn mean(&self, metric: Metric) -> f64 {
        self.summary.means.get(&metric).copied().unwrap_or(0.0)
    }

    /// The values of a metric by query id, in the order of ids; 0 where it was not measured.
    pub fn values(&self, metric: Metric) -> impl Iterator<Item = (&str, f64)> {
        let value = move |scores: &Scores| scores.get(&metric).copied().unwrap_or(0.0);
        let queries = self.per_query.iter();
        queries.map(move |(query, scores)| (query.as_str(), value(scores)))
    }

    /// The evaluation with these values per query.
    pub(super) fn of_queries(per_query: BTreeMap<String, Scores>, answered: usize) -> Self {
        let means = mean_of(per_query.values());
        let queries = per_query.len();
        let error = |(metric, mean): (&Metric, &f64)| {
            let value = |scores: &Scores| scores.get(metric).copied().unwrap_or(0.0);
            let deviation = sample_deviation(per_query.values().map(value), *mean);
            (*metric, deviation / (queries.max(1) as f64).sqrt())
        };
        let standard_errors = means.iter().map(error).collect();
        Evaluation {
            summary: Summary {
                means,
                standard_errors,
                queries,
                answered,
            },
            per_query,
        }
    }
}

/// The ranking of a query as it is measured: document ids, best first.
///
/// ```
/// use zerogr::raw::eval::{EvalOptions, Run, ranking};
///
/// let mut run = Run::new();
/// run.insert("q", [("q", 0.9), ("a", 0.5), ("b", 0.4)])?;
/// let beir = EvalOptions { drop_same_id: true, depth: 1, ..EvalOptions::default() };
/// assert_eq!(ranking(&run, "q", &beir), ["a"]);
/// # Ok::<(), zerogr::Error>(())
/// ```
pub fn ranking<'a>(run: &'a Run, query: &str, options: &EvalOptions) -> Vec<&'a str> {
    run.hits(query)
        .iter()
        .map(|hit| hit.id.as_str())
        .filter(|id| !options.drop_same_id || *id != query)
        .take(options.depth)
        .collect()
}

/// Measures `run` against `qrels`.
///
/// ```
/// use zerogr::raw::eval::{EvalOptions, Metric, Qrels, Run, evaluate};
///
/// let mut qrels = Qrels::new();
/// qrels.add("q", "good", 1.0)?;
/// let mut run = Run::new();
/// run.insert("q", [("good", 0.9), ("bad", 0.1)])?;
/// let evaluation = evaluate(&qrels, &run, &EvalOptions::default());
/// assert_eq!(evaluation.mean(Metric::Success(1)), 1.0);
/// # Ok::<(), zerogr::Error>(())
/// ```
pub fn evaluate(qrels: &Qrels, run: &Run, options: &EvalOptions) -> Evaluation {
    let mut per_query = BTreeMap::new();
    let mut answered = 0;
    for (query, judgements) in qrels.iter() {
        let ranking = ranking(run, query, options);
        answered += usize::from(!ranking.is_empty());
        let metrics = options.metrics.iter();
        let scores = metrics.map(|metric| (*metric, metric.of(&ranking, judgements)));
        per_query.insert(query.to_owned(), scores.collect());
    }
    Evaluation::of_queries(per_query, answered)
}

/// The mean of each metric over all of `scores`.
pub(super) fn mean_of<'a>(scores: impl IntoIterator<Item = &'a Scores>) -> Scores {
    let mut means = Scores::new();
    let mut count = 0.0;
    for scores in scores {
        count += 1.0;
        for (metric, value) in scores {
            *means.entry(*metric).or_default() += value;
        }
    }
    means.values_mut().for_each(|sum| *sum /= count);
    means
}

/// The deviation of a sample with this mean; 0 for a single value.
pub(super) fn sample_deviation(values: impl Iterator<Item = f64>, mean: f64) -> f64 {
    let (mut squares, mut count) = (0.0, 0.0);
    for value in values {
        squares += (value - mean).powi(2);
        count += 1.0;
    }
    (squares / f64::max(count - 1.0, 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NDCG: Metric = Metric::Ndcg(10);

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

    fn beir() -> EvalOptions {
        EvalOptions {
            drop_same_id: true,
            ..EvalOptions::default()
        }
    }

    #[test]
    fn unanswered_queries_count_zero() {
        let (qrels, run) = example();
        let evaluation = evaluate(&qrels, &run, &beir());
        assert_eq!(evaluation.per_query.len(), 3);
        // The tie goes to the higher id: b (gain 1) before a (gain 2).
        let expected = (1.0 + 2.0 / 3.0_f64.log2()) / (2.0 + 1.0 / 3.0_f64.log2());
        assert!((evaluation.per_query["1"][&NDCG] - expected).abs() < 1e-12);
        assert!((evaluation.mean(NDCG) - expected / 3.0).abs() < 1e-12);
        assert!((evaluation.mean(Metric::Success(1)) - 1.0 / 3.0).abs() < 1e-12);
        let summary = &evaluation.summary;
        assert_eq!((summary.queries, summary.answered), (3, 1));
        assert!((summary.standard_errors[&NDCG] - expected / 3.0).abs() < 1e-12);
        let values: Vec<f64> = evaluation.values(NDCG).map(|(_, value)| value).collect();
        assert_eq!(values, [evaluation.per_query["1"][&NDCG], 0.0, 0.0]);
        assert_eq!(evaluation.mean(Metric::Ndcg(7)), 0.0);
    }

    #[test]
    fn the_query_itself_is_dropped_only_on_request() {
        let (qrels, run) = example();
        let kept = evaluate(&qrels, &run, &EvalOptions::default());
        assert_eq!(kept.per_query["1"][&Metric::Success(1)], 0.0);
        assert_eq!(kept.per_query["1"][&Metric::ReciprocalRank(10)], 0.5);
    }

    #[test]
    fn the_depth_is_counted_after_the_rule() {
        let (qrels, run) = example();
        let options = EvalOptions {
            depth: 1,
            metrics: vec![Metric::Recall(10)],
            ..beir()
        };
        let evaluation = evaluate(&qrels, &run, &options);
        assert_eq!(
            evaluation.per_query["1"],
            Scores::from([(Metric::Recall(10), 0.5)])
        );
    }

    #[test]
    fn json_keys_are_stable() {
        let (qrels, run) = example();
        let summary = evaluate(&qrels, &run, &EvalOptions::default()).summary;
        let json = serde_json::to_value(&summary).unwrap();
        for key in [
            "nDCG@10",
            "Acc@1",
            "Recall@100",
            "Recall@10",
            "MRR@10",
            "MAP",
        ] {
            assert!(json[key].is_f64(), "{key} in {json}");
            assert!(json["standard_errors"][key].is_f64(), "{key} in {json}");
        }
        assert_eq!(json["queries"], 3);
        assert_eq!(serde_json::from_value::<Summary>(json).unwrap(), summary);
    }

    #[test]
    fn nothing_judged_is_zero_not_nan() {
        let evaluation = evaluate(&Qrels::new(), &Run::new(), &EvalOptions::default());
        assert_eq!(evaluation.summary, Summary::default());
        assert_eq!(evaluation.mean(NDCG), 0.0);
    }
}
