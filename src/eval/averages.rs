//! Means over datasets and over seeds.
//!
//! ```text
//!   macro   mean over the datasets of each dataset's mean     every dataset counts alike
//!   micro   mean over the queries of all datasets             every query counts alike
//! ```
//!
//! BEIR and MAIR report macro averages.

use std::collections::BTreeMap;

use super::metric::Scores;
use super::summary::{Evaluation, mean_of, sample_deviation};

/// The mean over datasets of their means; empty for no dataset.
pub fn macro_average<'a>(datasets: impl IntoIterator<Item = &'a Evaluation>) -> Scores {
    let means = datasets.into_iter();
    mean_of(means.map(|evaluation| &evaluation.summary.means))
}

/// The mean over the queries of all datasets; empty for no query.
pub fn micro_average<'a>(datasets: impl IntoIterator<Item = &'a Evaluation>) -> Scores {
    let queries = datasets.into_iter();
    mean_of(queries.flat_map(|evaluation| evaluation.per_query.values()))
}

/// One system, measured under several seeds on the same queries.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OverSeeds {
    /// The values of each query, averaged over the seeds, and their means.
    pub mean: Evaluation,
    /// Sample deviations of the means between seeds; 0 for a single seed.
    pub deviations: Scores,
}

/// Averages evaluations of the same queries under several seeds.
///
/// ```
/// use zerogr::raw::eval::{EvalOptions, Metric, Qrels, Run, evaluate, over_seeds};
///
/// let mut qrels = Qrels::new();
/// qrels.add("q", "good", 1.0)?;
/// let seed = |id: &str| -> zerogr::Result<_> {
///     let mut run = Run::new();
///     run.insert("q", [(id, 1.0)])?;
///     Ok(evaluate(&qrels, &run, &EvalOptions::default()))
/// };
/// let both = over_seeds(&[seed("good")?, seed("bad")?]);
/// assert_eq!(both.mean.mean(Metric::Success(1)), 0.5);
/// assert!((both.deviations[&Metric::Success(1)] - 0.5_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), zerogr::Error>(())
/// ```
pub fn over_seeds(seeds: &[Evaluation]) -> OverSeeds {
    let mut values: BTreeMap<&str, Vec<&Scores>> = BTreeMap::new();
    for evaluation in seeds {
        for (query, scores) in &evaluation.per_query {
            values.entry(query).or_default().push(scores);
        }
    }
    let per_query = values
        .into_iter()
        .map(|(query, scores)| (query.to_owned(), mean_of(scores)))
        .collect();
    let answered = seeds.iter().map(|seed| seed.summary.answered);
    let mean = Evaluation::of_queries(per_query, answered.max().unwrap_or(0));
    let deviation = |(metric, mean): (&_, &f64)| {
        let means = seeds.iter().map(|seed| seed.mean(*metric));
        (*metric, sample_deviation(means, *mean))
    };
    let deviations = mean.summary.means.iter().map(deviation).collect();
    OverSeeds { mean, deviations }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Metric;

    const ACC: Metric = Metric::Success(1);

    fn evaluation(values: &[f64]) -> Evaluation {
        let query =
            |(number, value): (usize, &f64)| (number.to_string(), Scores::from([(ACC, *value)]));
        Evaluation::of_queries(values.iter().enumerate().map(query).collect(), values.len())
    }

    #[test]
    fn macro_weighs_datasets_and_micro_weighs_queries() {
        let datasets = [evaluation(&[1.0]), evaluation(&[0.0, 0.0, 1.0])];
        assert!((macro_average(&datasets)[&ACC] - 2.0 / 3.0).abs() < 1e-12);
        assert!((micro_average(&datasets)[&ACC] - 0.5).abs() < 1e-12);
        assert!(macro_average(&[]).is_empty() && micro_average(&[]).is_empty());
    }

    #[test]
    fn seeds_are_averaged_per_query() {
        let both = over_seeds(&[evaluation(&[1.0, 0.0]), evaluation(&[1.0, 1.0])]);
        assert_eq!(both.mean.per_query["1"][&ACC], 0.5);
        assert_eq!(both.mean.mean(ACC), 0.75);
        assert!((both.deviations[&ACC] - 0.125_f64.sqrt()).abs() < 1e-12);
        assert_eq!(both.mean.summary.answered, 2);
        let one = over_seeds(&[evaluation(&[1.0, 0.0])]);
        assert_eq!(one.mean, evaluation(&[1.0, 0.0]));
        assert_eq!(one.deviations[&ACC], 0.0);
        assert_eq!(over_seeds(&[]), OverSeeds::default());
    }
}
