//! Queries with the answers of two systems: where one gains and loses most.

use zerogr::Snapshot;
use zerogr::raw::eval::{Judgements, Metric};

use super::args::Args;
use super::measured::{Answer, Example, ShownHit, SystemResult};
use super::plan::Dataset;
use crate::console::failure::Failure;

/// Queries that are shown of each kind, won and lost.
const SHOWN_QUERIES: usize = 4;

/// Documents that are shown of each ranking.
const SHOWN_HITS: usize = 3;

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
