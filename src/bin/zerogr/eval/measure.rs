//! Answering the queries of every dataset with every system, and measuring the answers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use zerogr::raw::decode::Work;
use zerogr::raw::eval::{
    EvalOptions, Evaluation, Metric, Qrels, Query, Run, evaluate, over_seeds, ranking,
};
use zerogr::{Index, SearchOptions, Snapshot};

use super::args::{Args, baseline_of};
use super::examples::examples;
use super::measured::{CURVE, Cost, IndexFacts, Measured, SystemResult};
use super::plan::{DEPTH, Dataset, IndexPlace, Plan, System, SystemKind};
use super::run_files::{Answers, read_run, write_runs};
use super::searched::open_or_build;
use crate::console::failure::Failure;
use crate::console::output;
use crate::console::progress::bar;
use crate::options::mode::ModeArg;

/// Measures everything that was planned.
pub fn all(args: &Args, plan: Plan) -> Result<Vec<Measured>, Failure> {
    let mut opened: Option<(IndexPlace, Index, IndexFacts)> = None;
    let mut measured = Vec::with_capacity(plan.datasets.len());
    for dataset in &plan.datasets {
        let is_open = opened
            .as_ref()
            .is_some_and(|(place, ..)| *place == dataset.index);
        if !is_open {
            // One index at a time: each has an encoder of its own in memory.
            drop(opened.take());
            opened = open_or_build(args, &dataset.index)?
                .map(|(index, facts)| (dataset.index.clone(), index, facts));
        }
        let searched = opened.as_ref().map(|(_, index, facts)| (index, facts));
        measured.push(one(args, dataset, &plan.systems, searched)?);
    }
    Ok(measured)
}

fn one(
    args: &Args,
    dataset: &Dataset,
    systems: &[System],
    searched: Option<(&Index, &IndexFacts)>,
) -> Result<Measured, Failure> {
    let unknown_documents = match searched {
        Some((index, facts)) => check_judged(dataset, &index.snapshot(), facts)?,
        None => 0,
    };
    let mut results = Vec::with_capacity(systems.len());
    let mut runs = HashMap::new();
    for system in systems {
        let answers = match (&system.kind, searched) {
            (SystemKind::Search(mode), Some((index, _))) => {
                search_with_seeds(args, dataset, *mode, index)?
            }
            (SystemKind::Search(_), None) => continue, // refused by the plan
            (SystemKind::RunFile(path), _) => vec![read_run(path, dataset)?],
        };
        let depth = match system.kind {
            SystemKind::Search(_) => args.depth.map_or(DEPTH, |depth| depth as usize),
            SystemKind::RunFile(_) => args.depth.map_or(usize::MAX, |depth| depth as usize),
        };
        let options = EvalOptions {
            metrics: args.metrics.clone(),
            drop_same_id: args.drop_same_id,
            depth,
        };
        write_runs(args, dataset, &system.name, &answers)?;
        results.push(result(&system.name, &dataset.qrels, &answers, &options));
        if let (Some(_), Some(first)) = (&args.report, answers.into_iter().next()) {
            runs.insert(system.name.clone(), (first.run, options));
        }
    }
    let rankings = |name: &str, query: &str| -> Vec<String> {
        let found = runs
            .get(name)
            .map(|(run, options)| ranking(run, query, options));
        let found = found.into_iter().flatten().map(str::to_owned);
        found.collect()
    };
    let examples = match &args.report {
        Some(_) => {
            let baseline = baseline_of(args, results.iter().map(|result| &*result.name));
            let snapshot = searched.map(|(index, _)| index.snapshot());
            examples(
                dataset,
                &results,
                baseline,
                snapshot.as_ref(),
                rankings,
                args,
            )?
        }
        None => Vec::new(),
    };
    Ok(Measured {
        name: dataset.name.clone(),
        query_count: dataset.qrels.len(),
        judgement_count: dataset.qrels.judgement_count(),
        index: searched.map(|(_, facts)| facts.clone()),
        unknown_documents,
        systems: results,
        examples,
    })
}

/// Counts the relevant documents the index does not have; having none of them is an error.
fn check_judged(
    dataset: &Dataset,
    snapshot: &Snapshot,
    facts: &IndexFacts,
) -> Result<usize, Failure> {
    let relevant: HashSet<&str> = dataset
        .qrels
        .iter()
        .flat_map(|(_, judgements)| judgements)
        .filter(|(_, score)| **score > 0.0)
        .map(|(id, _)| id.as_str())
        .collect();
    let mut unknown: Vec<&str> = relevant
        .iter()
        .copied()
        .filter(|id| !snapshot.contains(id))
        .collect();
    unknown.sort_unstable();
    let Some(first) = unknown.first() else {
        return Ok(0);
    };
    if unknown.len() == relevant.len() {
        return Err(Failure::new(format!(
            "{} has none of the documents that are relevant in {}: it is the index of another \
             collection",
            output::path(&facts.path),
            output::inline(&dataset.name)
        )));
    }
    output::notice(format!(
        "warning: {}: {} of {} relevant documents are not in {}, the first is {first:?}; \
         they count as not found",
        output::inline(&dataset.name),
        unknown.len(),
        relevant.len(),
        output::path(&facts.path)
    ));
    Ok(unknown.len())
}

fn search_with_seeds(
    args: &Args,
    dataset: &Dataset,
    mode: ModeArg,
    index: &Index,
) -> Result<Vec<Answers>, Failure> {
    let samples = mode.generates() && args.decoding.samples();
    let mut all = Vec::new();
    for seed in args.decoding.seeds(if samples { args.seeds } else { 1 }) {
        let mut options = args.decoding.options_with_seed(mode.mode(), seed);
        if mode != ModeArg::Planned {
            (options.planner, options.prior_share) = (None, None);
        }
        if !mode.generates() {
            options.rerank = None;
        }
        if mode == ModeArg::Fusion {
            // A baseline does not move with the settings of what it is compared with.
            (options.draws, options.prior_share) = (None, args.fusion_share);
        }
        options.k = args.depth.map_or(DEPTH, |depth| depth as usize);
        options.instruction = args.instruction.clone();
        let label = format!("{}: {}", dataset.name, mode.name());
        let (run, cost) = answer(
            index,
            &dataset.queries,
            &options,
            !args.no_instructions,
            &label,
        )?;
        all.push(Answers {
            run,
            cost: Some(cost),
            seed: (samples && args.seeds > 1).then_some(seed),
        });
    }
    Ok(all)
}

/// Answers queries with `options`; where queries bring instructions, these come before that of
/// the options.
fn answer(
    index: &Index,
    queries: &[Query],
    options: &SearchOptions,
    use_instructions: bool,
    label: &str,
) -> Result<(Run, Cost), Failure> {
    if options.mode != zerogr::Mode::Lexical {
        // Loaded here, so that the first query does not wait for it.
        index.encoder()?;
    }
    let snapshot = index.snapshot();
    let mut run = Run::new();
    let mut cost = Cost {
        times_ms: BTreeMap::new(),
        work: Work::default(),
        answered: queries.len(),
        incomplete: 0,
    };
    let bar = bar(queries.len() as u64, label);
    for query in queries {
        let mut search = options.clone();
        if let (true, Some(instruction)) = (use_instructions, &query.instruction) {
            search.instruction = Some(instruction.clone());
        }
        // One more where one may be dropped for being the query itself.
        search.k += usize::from(snapshot.contains(&query.id));
        let started = Instant::now();
        let result = index.search(&query.text, &search);
        let elapsed_ms = started.elapsed().as_secs_f64() * 1e3;
        let result = result
            .map_err(|error| Failure::new(format!("{label}: query {:?}: {error}", query.id)))?;
        cost.times_ms.insert(query.id.clone(), elapsed_ms);
        cost.work.add(&result.work);
        cost.incomplete += usize::from(!result.complete);
        let hits = result.hits.into_iter().map(|hit| (hit.id, hit.score));
        run.insert_ranked(&query.id, hits)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((run, cost))
}

/// What a search with `options` gives on a collection's queries, default metrics.
pub fn of_search(
    name: &str,
    index: &Index,
    queries: &[Query],
    qrels: &Qrels,
    options: SearchOptions,
) -> Result<SystemResult, Failure> {
    let (run, cost) = answer(index, queries, &options.k(DEPTH), true, name)?;
    let answers = Answers {
        run,
        cost: Some(cost),
        seed: None,
    };
    let options = EvalOptions {
        depth: DEPTH,
        ..EvalOptions::default()
    };
    Ok(result(name, qrels, &[answers], &options))
}

fn result(name: &str, qrels: &Qrels, answers: &[Answers], options: &EvalOptions) -> SystemResult {
    let under = |options: &EvalOptions| {
        let seeds = answers.iter();
        let seeds: Vec<Evaluation> = seeds
            .map(|answers| evaluate(qrels, &answers.run, options))
            .collect();
        over_seeds(&seeds)
    };
    let both = under(options);
    let other = under(&EvalOptions {
        drop_same_id: !options.drop_same_id,
        ..options.clone()
    });
    let other = other.mean.summary.means;
    let reached = CURVE.into_iter().filter(|k| *k <= options.depth);
    let curve = under(&EvalOptions {
        metrics: reached.map(Metric::Recall).collect(),
        ..options.clone()
    });
    SystemResult {
        name: name.to_owned(),
        other_rule: (other != both.mean.summary.means).then_some(other),
        mean: both.mean,
        deviations: both.deviations,
        seeds: answers.len(),
        recall_curve: curve.mean.summary.means.into_values().collect(),
        cost: costs(answers),
    }
}

/// The costs of all seeds together, times averaged.
fn costs(answers: &[Answers]) -> Option<Cost> {
    let mut together = Cost {
        times_ms: BTreeMap::new(),
        work: Work::default(),
        answered: 0,
        incomplete: 0,
    };
    for answers in answers {
        let cost = answers.cost.as_ref()?;
        for (query, time_ms) in &cost.times_ms {
            *together.times_ms.entry(query.clone()).or_default() += time_ms;
        }
        together.work.add(&cost.work);
        together.answered += cost.answered;
        together.incomplete += cost.incomplete;
    }
    let seeds = answers.len().max(1) as f64;
    together.times_ms.values_mut().for_each(|sum| *sum /= seeds);
    Some(together)
}
