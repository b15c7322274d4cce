//! Fitting a [`SoftmaxTree`] with early stopping on held-out examples.

use super::adam::{Moments, corrected_rate, step, step_on_sphere};
use super::schedule::schedule;
use super::softmax_tree::{Batch, Pulls, SoftmaxTree, Step};
use crate::Result;
use crate::rng::Rng;
use rayon::prelude::*;

/// A query vector and the document it should find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Row of the query matrix.
    pub query: u32,
    /// Index into the list of documents' paths.
    pub document: u32,
}

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitOptions {
    /// Adam's largest step size: it rises over the first twentieth and then falls to zero.
    pub learning_rate: f32,
    /// Examples per step.
    pub batch_examples: usize,
    /// Share of query components zeroed in training (the rest is scaled up).
    pub dropout: f32,
    /// Examples to see.
    pub examples: usize,
    /// Examples between two looks at the held-out loss.
    pub examples_per_check: usize,
    /// Seed of the order of examples and of dropout.
    pub seed: u64,
}

/// What fitting did.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FitReport {
    /// Examples seen.
    pub examples: usize,
    /// Examples seen when the kept parameters were reached; 0 = the initial ones are the best.
    pub best_examples: usize,
    /// Mean held-out loss before fitting, in nats.
    pub initial_loss: f64,
    /// Mean held-out loss of the kept parameters, in nats.
    pub best_loss: f64,
}

/// Fits `tree` to `training` and keeps the parameters with the least loss on `held_out`.
///
/// `queries` is `[n, dim]`; `paths[d]` are the paths of document `d`, one per docid. `progress`
/// is told the examples seen and the most that will be.
///
/// # Errors
///
/// What `progress` gives.
pub fn fit(
    tree: &mut SoftmaxTree,
    queries: &[f32],
    paths: &[Vec<Vec<Step>>],
    training: &[Example],
    held_out: &[Example],
    options: &FitOptions,
    progress: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<FitReport> {
    let initial_loss = mean_loss(tree, queries, paths, held_out, options.batch_examples);
    let mut report = FitReport {
        initial_loss,
        best_loss: initial_loss,
        ..FitReport::default()
    };
    let can_change = tree.row_count() > 1 && tree.is_fixed.contains(&false);
    if training.is_empty() || held_out.is_empty() || !can_change {
        return Ok(report);
    }
    let mut best = (tree.unit.clone(), tree.bias.clone());
    let mut units = Moments::zero(tree.unit.len());
    let mut biases = Moments::zero(tree.bias.len());
    let mut rng = Rng::new(options.seed);
    let mut order: Vec<u32> = (0..training.len() as u32).collect();
    let mut position = order.len();
    let mut steps = 0u32;
    let mut next_check = options.examples_per_check;
    let mut batch_queries = Vec::new();

    while report.examples < options.examples {
        batch_queries.clear();
        let mut batch_paths = Vec::with_capacity(options.batch_examples);
        while batch_paths.len() < options.batch_examples.max(1) {
            if position == order.len() {
                rng.shuffle(&mut order);
                position = 0;
                if !batch_paths.is_empty() {
                    break;
                }
            }
            let example = training[order[position] as usize];
            position += 1;
            push_query(
                &mut batch_queries,
                row(queries, example.query, tree.dim),
                options.dropout,
                &mut rng,
            );
            batch_paths.push(paths[example.document as usize].as_slice());
        }
        report.examples += batch_paths.len();
        steps += 1;
        let (_, pulls) = tree.pulls(&Batch {
            queries: &batch_queries,
            paths: batch_paths,
        });
        let rate = corrected_rate(options.learning_rate, steps)
            * schedule(report.examples as f32 / options.examples as f32);
        apply(tree, &mut units, &mut biases, &pulls, rate);
        progress(report.examples, options.examples)?;

        if report.examples >= next_check {
            next_check += options.examples_per_check;
            let loss = mean_loss(tree, queries, paths, held_out, options.batch_examples);
            if loss < report.best_loss {
                report.best_loss = loss;
                report.best_examples = report.examples;
                best.0.copy_from_slice(&tree.unit);
                best.1.copy_from_slice(&tree.bias);
            }
        }
    }
    (tree.unit, tree.bias) = best;
    Ok(report)
}

/// Mean loss over `examples`, in nats.
fn mean_loss(
    tree: &SoftmaxTree,
    queries: &[f32],
    paths: &[Vec<Vec<Step>>],
    examples: &[Example],
    batch: usize,
) -> f64 {
    let total: f64 = examples
        .chunks(batch.max(1))
        .map(|chunk| {
            let gathered: Vec<f32> = chunk
                .iter()
                .flat_map(|example| row(queries, example.query, tree.dim))
                .copied()
                .collect();
            let paths = chunk
                .iter()
                .map(|example| paths[example.document as usize].as_slice())
                .collect();
            tree.loss(&Batch {
                queries: &gathered,
                paths,
            })
        })
        .sum();
    total / examples.len().max(1) as f64
}

fn row(queries: &[f32], index: u32, dim: usize) -> &[f32] {
    &queries[index as usize * dim..(index as usize + 1) * dim]
}

fn push_query(batch: &mut Vec<f32>, query: &[f32], dropout: f32, rng: &mut Rng) {
    if dropout <= 0.0 {
        batch.extend_from_slice(query);
        return;
    }
    let kept = 1.0 / (1.0 - dropout);
    batch.extend(query.iter().map(|value| {
        if rng.unit_f32() < dropout {
            0.0
        } else {
            value * kept
        }
    }));
}

/// One optimiser step. The tasks' rows are disjoint and ascend, so each has slices of its own; it
/// makes its gradient and applies it while that is in the cache.
fn apply(
    tree: &mut SoftmaxTree,
    units: &mut Moments,
    biases: &mut Moments,
    pulls: &Pulls,
    rate: f32,
) {
    struct Slices<'a> {
        is_fixed: &'a [bool],
        unit: &'a mut [f32],
        unit_first: &'a mut [f32],
        unit_second: &'a mut [f32],
        bias: &'a mut [f32],
        bias_first: &'a mut [f32],
        bias_second: &'a mut [f32],
    }
    let dim = tree.dim;
    let pulled = tree.gradient_tasks(pulls);
    let mut rest = Slices {
        is_fixed: &tree.is_fixed,
        unit: &mut tree.unit,
        unit_first: &mut units.first,
        unit_second: &mut units.second,
        bias: &mut tree.bias,
        bias_first: &mut biases.first,
        bias_second: &mut biases.second,
    };
    let mut done_rows = 0;
    let mut tasks = Vec::with_capacity(pulled.len());
    for task in pulled {
        let skip = task.rows.start - done_rows;
        let take = task.rows.len();
        done_rows = task.rows.end;
        let slices = Slices {
            is_fixed: &rest.is_fixed[task.rows.clone()],
            unit: cut(&mut rest.unit, skip * dim, take * dim),
            unit_first: cut(&mut rest.unit_first, skip * dim, take * dim),
            unit_second: cut(&mut rest.unit_second, skip * dim, take * dim),
            bias: cut(&mut rest.bias, skip, take),
            bias_first: cut(&mut rest.bias_first, skip, take),
            bias_second: cut(&mut rest.bias_second, skip, take),
        };
        tasks.push((task, slices));
    }
    tasks.into_par_iter().for_each(|(task, slices)| {
        let mut gradient = task.gradient();
        let rows = slices
            .unit
            .chunks_mut(dim)
            .zip(gradient.unit.chunks_mut(dim))
            .zip(slices.unit_first.chunks_mut(dim))
            .zip(slices.unit_second.chunks_mut(dim))
            .zip(slices.is_fixed);
        for ((((unit, gradient), first), second), _) in rows.filter(|(_, fixed)| !**fixed) {
            step_on_sphere(rate, unit, gradient, first, second);
        }
        // Adam moves nothing along a gradient that is always zero.
        for (gradient, _) in gradient
            .bias
            .iter_mut()
            .zip(slices.is_fixed)
            .filter(|(_, fixed)| **fixed)
        {
            *gradient = 0.0;
        }
        step(
            rate,
            slices.bias,
            &gradient.bias,
            slices.bias_first,
            slices.bias_second,
        );
    });
}

/// Cuts `take` values off the front of `rest` after dropping `skip`.
fn cut<'a>(rest: &mut &'a mut [f32], skip: usize, take: usize) -> &'a mut [f32] {
    let (_, tail) = std::mem::take(rest).split_at_mut(skip);
    let (head, tail) = tail.split_at_mut(take);
    *rest = tail;
    head
}
