//! Beside each other: systems with a baseline, datasets with their averages.

use zerogr::Snapshot;
use zerogr::raw::docs::Document;
use zerogr::raw::eval::{
    Evaluation, Judgements, Metric, Randomisation, Scores, Significance, macro_average,
    micro_average, paired_significance,
};

use super::Args;
use super::measure::{Measured, SystemResult};
use super::plan::Dataset;
use crate::failure::Failure;

/// Queries that are shown of each kind, won and lost.
const SHOWN_QUERIES: usize = 4;

/// Documents that are shown of each ranking.
const SHOWN_HITS: usize = 3;

/// The baseline where none is named.
const DEFAULT_BASELINE: &str = "lexical";

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

/// A query with the answers of two systems.
pub struct Example {
    /// The query's id.
    pub query: String,
    /// What is asked.
    pub text: String,
    /// The better or worse system, and the baseline.
    pub answers: [Answer; 2],
}

/// What a system answered.
pub struct Answer {
    /// Its name.
    pub system: String,
    /// The metric that is compared.
    pub value: f64,
    /// Its first documents.
    pub hits: Vec<ShownHit>,
}

/// A document as it is shown.
pub struct ShownHit {
    /// Its id.
    pub id: String,
    /// Its title and text, as far as they are known.
    pub document: Option<Document>,
    /// Its judgement; `None`: not judged.
    pub grade: Option<f64>,
}

/// The system that others are compared with.
pub fn baseline_of<'a>(
    args: &'a Args,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = args.baseline.as_deref().unwrap_or(DEFAULT_BASELINE);
    names.find(|name| *name == wanted)
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

/// The queries on which the best system gains and loses most against the baseline: gains first,
/// the largest difference first.
pub fn examples(
    dataset: &Dataset,
    systems: &[SystemResult],
    baseline: Option<&str>,
    snapshot: Option<&Snapshot>,
    ranking: impl Fn(&str, &str) -> Vec<String>,
    args: &Args,
) -> Result<Vec<Example>, Failure> {
    let primary = args.metrics.first().copied().unwrap_or(Metric::Ndcg(10));
    let Some(baseline) = systems.iter().find(|one| Some(&*one.name) == baseline) else {
        return Ok(Vec::new());
    };
    let others = systems.iter().filter(|one| one.name != baseline.name);
    let by_mean = |a: &&SystemResult, b: &&SystemResult| {
        a.mean.mean(primary).total_cmp(&b.mean.mean(primary))
    };
    let Some(system) = others.max_by(by_mean) else {
        return Ok(Vec::new());
    };
    let pairs = system
        .mean
        .values(primary)
        .zip(baseline.mean.values(primary));
    let mut differing: Vec<(&str, f64, f64)> = pairs
        .map(|((query, value), (_, base))| (query, value, base))
        .filter(|(_, value, base)| value != base)
        .collect();
    let difference = |one: &(&str, f64, f64)| one.1 - one.2;
    differing.sort_by(|a, b| difference(b).total_cmp(&difference(a)).then(a.0.cmp(b.0)));
    let gains = differing
        .iter()
        .filter(|one| difference(one) > 0.0)
        .take(SHOWN_QUERIES);
    let losses = differing
        .iter()
        .rev()
        .filter(|one| difference(one) < 0.0)
        .take(SHOWN_QUERIES);
    let mut examples = Vec::new();
    for &(query, value, base) in gains.chain(losses) {
        let judgements = dataset.qrels.get(query);
        let answer = |system: &SystemResult, value: f64| {
            let mut hits = Vec::new();
            for id in ranking(&system.name, query).into_iter().take(SHOWN_HITS) {
                hits.push(shown(id, judgements, snapshot)?);
            }
            Ok::<_, Failure>(Answer {
                system: system.name.clone(),
                value,
                hits,
            })
        };
        let known = dataset.queries.iter().find(|one| one.id == query);
        examples.push(Example {
            query: query.to_owned(),
            text: known.map_or_else(String::new, |one| one.text.clone()),
            answers: [answer(system, value)?, answer(baseline, base)?],
        });
    }
    Ok(examples)
}

fn shown(
    id: String,
    judgements: Option<&Judgements>,
    snapshot: Option<&Snapshot>,
) -> Result<ShownHit, Failure> {
    let document = match snapshot {
        Some(snapshot) => snapshot.document(&id)?,
        None => None,
    };
    let grade = judgements.and_then(|judgements| judgements.get(&id));
    Ok(ShownHit {
        grade: grade.copied(),
        document,
        id,
    })
}
