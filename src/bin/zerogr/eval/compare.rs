//! Beside each other: systems with a baseline, datasets with their averages.

use zerogr::raw::eval::{
    Evaluation, Metric, Randomisation, Scores, Significance, macro_average, micro_average,
    paired_significance,
};

use super::args::{Args, baseline_of};
use super::measured::Measured;
use crate::console::failure::Failure;

/// Everything there is to print.
pub struct Results {
    /// In the order of the command line.
    pub datasets: Vec<Measured>,
    /// Which judgements.
    pub split: String,
    /// What was measured, in the order it was asked for.
    pub metrics: Vec<Metric>,
    /// The first of them, which is compared.
    pub primary: Metric,
    /// Whether hits with the query's own id were dropped.
    pub drop_same_id: bool,
    /// Every system with the baseline, on every dataset.
    pub comparisons: Vec<Comparison>,
    /// By system; empty with fewer than two datasets.
    pub averages: Vec<Averages>,
}

/// A system over several datasets.
pub struct Averages {
    /// Its name.
    pub system: String,
    /// Every dataset counts alike.
    pub macro_average: Scores,
    /// Every query counts alike.
    pub micro_average: Scores,
}

/// A system beside the baseline.
pub struct Comparison {
    /// The dataset; `None`: the queries of all of them.
    pub dataset: Option<String>,
    /// The system.
    pub system: String,
    /// What it is compared with.
    pub baseline: String,
    /// What came out.
    pub significance: Significance,
}

/// Compares and averages what was measured.
pub fn compare(datasets: Vec<Measured>, args: &Args) -> Result<Results, Failure> {
    let primary = args.metrics.first().copied().unwrap_or(Metric::Ndcg(10));
    let names: Vec<String> = datasets
        .first()
        .into_iter()
        .flat_map(|dataset| &dataset.systems)
        .map(|system| system.name.clone())
        .collect();
    let of_system = |number: usize| {
        let systems = datasets
            .iter()
            .filter_map(move |dataset| dataset.systems.get(number));
        systems.map(|system| &system.mean)
    };
    let averages = |(number, name): (usize, &String)| Averages {
        system: name.clone(),
        macro_average: macro_average(of_system(number)),
        micro_average: micro_average(of_system(number)),
    };
    let averages = match datasets.len() {
        0 | 1 => Vec::new(),
        _ => names.iter().enumerate().map(averages).collect(),
    };

    let baseline = baseline_of(args, names.iter().map(String::as_str));
    let baseline = baseline.and_then(|name| names.iter().position(|other| other == name));
    let mut comparisons = Vec::new();
    if let Some(baseline) = baseline {
        let others = names
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != baseline);
        for (number, name) in others {
            let mut add = |dataset: Option<&Measured>| -> Result<(), Failure> {
                let values = |number: usize| match dataset {
                    Some(dataset) => {
                        let system = dataset.systems.get(number);
                        values_of(system.map(|system| &system.mean), primary)
                    }
                    None => values_of(of_system(number), primary),
                };
                let randomisation = Randomisation::default();
                comparisons.push(Comparison {
                    dataset: dataset.map(|dataset| dataset.name.clone()),
                    system: name.clone(),
                    baseline: names.get(baseline).cloned().unwrap_or_default(),
                    significance: paired_significance(
                        &values(baseline),
                        &values(number),
                        randomisation,
                    )?,
                });
                Ok(())
            };
            for dataset in &datasets {
                add(Some(dataset))?;
            }
            if datasets.len() > 1 {
                add(None)?;
            }
        }
    }
    Ok(Results {
        datasets,
        split: args.split.clone(),
        metrics: args.metrics.clone(),
        primary,
        drop_same_id: args.drop_same_id,
        comparisons,
        averages,
    })
}

/// The values of all queries, in the same order for every system.
fn values_of<'a>(
    evaluations: impl IntoIterator<Item = &'a Evaluation>,
    metric: Metric,
) -> Vec<f64> {
    let all = evaluations.into_iter();
    all.flat_map(|evaluation| evaluation.values(metric).map(|(_, value)| value))
        .collect()
}

impl Results {
    /// The comparison of a system on a dataset (`None`: on all queries).
    pub fn comparison(&self, dataset: Option<&str>, system: &str) -> Option<&Comparison> {
        self.comparisons
            .iter()
            .find(|one| one.dataset.as_deref() == dataset && one.system == system)
    }
}
