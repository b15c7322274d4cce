//! What judgements can teach, one thing after the other: each is tried on top of what was kept.

use super::bench::{Asked, Bench};
use super::folds::{Outcome, Setting};
use super::options::JudgedOptions;
use crate::Result;
use crate::learn::{JudgedQuery, fit_query_maps};
use crate::search::Pool;
use crate::segment::{HeldOut, JudgedPart, JudgedPartName, Progress, SearchParams, Stage, Watch};
use crate::train::STEPS;
use crate::vectors::LinearMap;

/// Shares of BM25 and of the comparison of tokens that are tried.
const PRIOR_SHARES: [f64; 9] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65];
const TOKEN_SHARES: [f64; 7] = [0.0, 0.2, 0.35, 0.5, 0.67, 0.85, 1.0];

/// Candidates of each query that its answers are held apart from.
const RIVALS: usize = 100;

/// What was learnt, and what was tried.
pub(super) struct Learnt {
    pub(super) parts: Vec<JudgedPart>,
    /// The map of queries, if it was kept.
    pub(super) map: Option<LinearMap>,
    pub(super) search: SearchParams,
}

/// Tries all parts.
///
/// # Errors
///
/// Those of a search; `Cancelled`.
pub(super) fn learn(
    bench: &Bench<'_>,
    options: &JudgedOptions,
    watch: &mut Watch<'_>,
) -> Result<Learnt> {
    let mut learnt = Learnt {
        parts: Vec::new(),
        map: None,
        search: bench.params.search.clone(),
    };
    let pools = query_map(bench, &mut learnt, options, watch)?;
    shares(bench, &pools, &mut learnt, options, watch)?;
    Ok(learnt)
}

/// The map of queries. What the next part goes on with: each query as what was learnt without its
/// fold understands it, if a map is kept.
fn query_map(
    bench: &Bench<'_>,
    learnt: &mut Learnt,
    options: &JudgedOptions,
    watch: &mut Watch<'_>,
) -> Result<Vec<Pool>> {
    let plain = bench.pools(|_| None, watch)?;
    let mut by_fold: Vec<Vec<LinearMap>> = Vec::with_capacity(bench.folds);
    for fold in 0..bench.folds {
        watch.report(Progress::new(Stage::LearningJudged, fold, bench.folds))?;
        let counts = |one: &Asked<'_>| one.fold != fold;
        by_fold.push(maps(bench, &plain, counts, options, watch)?);
    }
    let mut settings = vec![bench.both(&plain, &learnt.search)?];
    let mut mapped = Vec::with_capacity(STEPS.len());
    for steps in 0..STEPS.len() {
        let pools = bench.pools(|fold| by_fold.get(fold)?.get(steps), watch)?;
        settings.push(bench.both(&pools, &learnt.search)?);
        mapped.push(pools);
    }
    let outcome = compare(bench, &settings, JudgedPartName::QueryMap, learnt, options)?;
    let Some(best) = outcome.best.checked_sub(1).filter(|_| outcome.is_better) else {
        return Ok(plain);
    };
    let mut all = maps(bench, &plain, |_| true, options, watch)?;
    if best < all.len() && best < mapped.len() {
        learnt.map = Some(all.swap_remove(best));
        return Ok(mapped.swap_remove(best));
    }
    Ok(plain)
}

/// Maps fitted to the queries that count.
fn maps(
    bench: &Bench<'_>,
    pools: &[Pool],
    counts: impl Fn(&Asked<'_>) -> bool,
    options: &JudgedOptions,
    watch: &mut Watch<'_>,
) -> Result<Vec<LinearMap>> {
    let asked = bench.asked.iter().zip(pools).filter(|(one, _)| counts(one));
    let queries: Vec<JudgedQuery<'_>> = asked
        .map(|(one, pool)| JudgedQuery {
            vector: one.encoded.vector(),
            answers: &one.answers,
            drawn: pool.places().take(RIVALS).collect(),
        })
        .collect();
    let seed = options.train.seed;
    fit_query_maps(bench.segments, &queries, bench.params, seed, &mut || {
        watch.check()
    })
}

/// Shares of BM25 and of tokens.
fn shares(
    bench: &Bench<'_>,
    pools: &[Pool],
    learnt: &mut Learnt,
    options: &JudgedOptions,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let present = learnt.search.clone();
    let pairs = PRIOR_SHARES.iter().flat_map(|&prior_share| {
        let pair = move |&token_share: &f64| (prior_share, token_share);
        TOKEN_SHARES.iter().map(pair)
    });
    let grid = pairs.map(|(prior_share, token_share)| SearchParams {
        prior_share,
        token_share,
        ..present.clone()
    });
    let mut tried = vec![present.clone()];
    // Without vectors of tokens their share is no setting.
    let counts = |one: &SearchParams| {
        bench.params.encoder.token_vectors || one.token_share == TOKEN_SHARES[0]
    };
    tried.extend(grid.filter(counts));
    let mut settings: Vec<Setting<'_>> = Vec::with_capacity(tried.len());
    for search in &tried {
        let progress = Progress::new(Stage::LearningJudged, settings.len(), tried.len());
        watch.report(progress)?;
        settings.push(vec![bench.planned(pools, search)?]);
    }
    let outcome = compare(bench, &settings, JudgedPartName::Shares, learnt, options)?;
    if let Some(best) = tried.get(outcome.best).filter(|_| outcome.is_better) {
        learnt.search = SearchParams {
            token_share: match bench.params.encoder.token_vectors {
                true => best.token_share,
                false => present.token_share,
            },
            ..best.clone()
        };
    }
    Ok(())
}

/// Compares settings, and notes what came of it.
fn compare(
    bench: &Bench<'_>,
    settings: &[Setting<'_>],
    part: JudgedPartName,
    learnt: &mut Learnt,
    options: &JudgedOptions,
) -> Result<Outcome> {
    let outcome = bench.folds(options.train.seed).compare(settings)?;
    let figures = |mode: usize| {
        let (before, after) = (outcome.before.get(mode)?, outcome.after.get(mode)?);
        Some(HeldOut {
            before: rounded(*before),
            after: rounded(*after),
        })
    };
    learnt.parts.push(JudgedPart {
        part,
        planned: figures(0).unwrap_or(HeldOut {
            before: 0.0,
            after: 0.0,
        }),
        generative: figures(1),
        p: rounded(outcome.p),
        kept: outcome.is_better,
    });
    Ok(outcome)
}

/// A figure as it is recorded: its digits are the same when they are read again.
fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}
