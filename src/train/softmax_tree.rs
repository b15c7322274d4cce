//! A hierarchy of softmaxes over unit vectors, its likelihood and its gradient.
//!
//! Node `v` owns the rows `node_rows[v]` of one matrix, one row per child:
//!
//! ```text
//!   P(child c | v, q) = softmax over the rows of v of  scale * <q, unit_c> + bias_c
//!   P(path | q)       = product over the steps of the path
//!   P(document | q)   = sum over the document's paths (one per docid)
//! ```
//!
//! The loss of an example is `-ln P(document | q)`: what is trained is what decoding ranks by.
//! Its gradient weighs each path by its share of the document's probability.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

/// Rows handled by one task: enough work to be worth a thread, few enough to share a large node.
const ROWS_PER_TASK: usize = 256;

/// One decision on the way to a docid: at `node`, take the child in `row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The softmax.
    pub node: u32,
    /// The row, counted over the whole matrix.
    pub row: u32,
}

/// The parameters: for every node, the rows of its children.
#[derive(Debug, Clone)]
pub struct SoftmaxTree {
    /// Values per row.
    pub dim: usize,
    /// Sharpness of every softmax.
    pub scale: f32,
    /// Rows of each node; contiguous, disjoint, ascending.
    pub node_rows: Vec<Range<u32>>,
    /// `[rows, dim]` unit vectors.
    pub unit: Vec<f32>,
    /// `[rows]` biases.
    pub bias: Vec<f32>,
    /// `[rows]`: true where a row takes part but is not fitted.
    pub is_fixed: Vec<bool>,
}

/// A batch: queries `[n, dim]` and for each the paths of its document.
pub(super) struct Batch<'a> {
    pub(super) queries: &'a [f32],
    pub(super) paths: Vec<&'a [Vec<Step>]>,
}

/// One node visited by a batch, with log-probabilities laid out `[children, visitors]`.
struct Visit {
    node: u32,
    /// Which examples of the batch pass through, ascending.
    visitors: Vec<u32>,
    /// Their queries, `[visitors, dim]`.
    queries: Vec<f32>,
    log_probs: Vec<f32>,
}

/// What a batch pulls at: the gradient of its mean loss by the logits, from which that of any
/// rows follows.
pub(super) struct Pulls(Vec<Visit>);

/// Some rows whose gradient is not zero; those of several tasks are disjoint.
pub(super) struct GradientTask<'a> {
    visit: &'a Visit,
    /// Its rows in the tree.
    pub(super) rows: Range<usize>,
    first_row: usize,
    dim: usize,
    scale: f32,
}

/// The gradient of some rows.
pub(super) struct RowsGradient {
    /// `[rows, dim]`.
    pub(super) unit: Vec<f32>,
    /// `[rows]`.
    pub(super) bias: Vec<f32>,
}

impl SoftmaxTree {
    /// A tree without a node.
    pub fn empty(dim: usize, scale: f32) -> Self {
        SoftmaxTree {
            dim,
            scale,
            node_rows: Vec::new(),
            unit: Vec::new(),
            bias: Vec::new(),
            is_fixed: Vec::new(),
        }
    }

    /// Appends a node with its rows: unit vector and bias of each, and whether they are fixed.
    pub fn push_node(&mut self, rows: impl IntoIterator<Item = ((Vec<f32>, f32), bool)>) {
        let first = self.bias.len() as u32;
        for ((unit, bias), is_fixed) in rows {
            self.unit.extend_from_slice(&unit);
            self.bias.push(bias);
            self.is_fixed.push(is_fixed);
        }
        self.node_rows.push(first..self.bias.len() as u32);
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.bias.len()
    }

    /// Sum of the losses of a batch.
    pub(super) fn loss(&self, batch: &Batch<'_>) -> f64 {
        let visits = self.forward(batch);
        (0..batch.paths.len())
            .map(|example| f64::from(-self.shares(batch, &visits, example).1))
            .sum()
    }

    /// Sum of the losses of a batch, and what the gradient of its mean follows from.
    pub(super) fn pulls(&self, batch: &Batch<'_>) -> (f64, Pulls) {
        let mut visits = self.forward(batch);
        let mut loss = 0.0;
        // What each visitor of each visit pulls towards: (visit, visitor, child, weight).
        let mut pulls: Vec<Vec<(usize, usize, f32)>> = visits.iter().map(|_| Vec::new()).collect();
        for example in 0..batch.paths.len() {
            let (shares, log_prob) = self.shares(batch, &visits, example);
            loss -= f64::from(log_prob);
            for (path, share) in batch.paths[example].iter().zip(shares) {
                for step in path {
                    let (visit, visitor, child) = self.locate(&visits, example, *step);
                    pulls[visit].push((visitor, child, share));
                }
            }
        }
        let factor = 1.0 / batch.paths.len().max(1) as f32;
        visits
            .par_iter_mut()
            .zip(&pulls)
            .for_each(|(visit, pulls)| residuals(visit, pulls, factor));

        (loss, Pulls(visits))
    }

    /// The rows that are pulled at; they ascend, runs of fixed ones may be missing.
    pub(super) fn gradient_tasks<'a>(&self, pulls: &'a Pulls) -> Vec<GradientTask<'a>> {
        let of_visit = |visit: &'a Visit| {
            let first_row = self.rows(visit.node).start;
            self.tasks(visit.node).map(move |rows| GradientTask {
                visit,
                rows,
                first_row,
                dim: self.dim,
                scale: self.scale,
            })
        };
        let tasks = pulls.0.iter().flat_map(of_visit);
        tasks
            .filter(|task| self.is_fixed[task.rows.clone()].contains(&false))
            .collect()
    }

    /// The rows of `node`, cut into tasks.
    fn tasks(&self, node: u32) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.rows(node);
        rows.clone()
            .step_by(ROWS_PER_TASK)
            .map(move |start| start..(start + ROWS_PER_TASK).min(rows.end))
    }

    fn rows(&self, node: u32) -> Range<usize> {
        let rows = &self.node_rows[node as usize];
        rows.start as usize..rows.end as usize
    }

    fn forward(&self, batch: &Batch<'_>) -> Vec<Visit> {
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for (example, paths) in (0u32..).zip(&batch.paths) {
            pairs.extend(paths.iter().flatten().map(|step| (step.node, example)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        pairs
            .chunk_by(|a, b| a.0 == b.0)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|group| self.visit(batch, group))
            .collect()
    }

    fn visit(&self, batch: &Batch<'_>, group: &[(u32, u32)]) -> Visit {
        let node = group[0].0;
        let visitors: Vec<u32> = group.iter().map(|pair| pair.1).collect();
        let mut queries = Vec::with_capacity(visitors.len() * self.dim);
        for &example in &visitors {
            let start = example as usize * self.dim;
            queries.extend_from_slice(&batch.queries[start..start + self.dim]);
        }
        let rows = self.rows(node);
        let mut log_probs = vec![0.0; rows.len() * visitors.len()];
        log_probs
            .par_chunks_mut(ROWS_PER_TASK * visitors.len())
            .zip(self.tasks(node).collect::<Vec<_>>())
            .for_each(|(logits, rows)| {
                for (row, logits) in rows.clone().zip(logits.chunks_mut(visitors.len())) {
                    logits.fill(self.bias[row]);
                }
                let mut logits = matrix_mut(logits, rows.len(), visitors.len());
                let units = matrix(
                    &self.unit[rows.start * self.dim..rows.end * self.dim],
                    rows.len(),
                    self.dim,
                );
                let queries = matrix(&queries, visitors.len(), self.dim);
                general_mat_mul(self.scale, &units, &queries.t(), 1.0, &mut logits);
            });
        log_softmax_columns(&mut log_probs, visitors.len());
        Visit {
            node,
            visitors,
            queries,
            log_probs,
        }
    }

    /// Where a step of an example is kept: (visit, visitor, child).
    fn locate(&self, visits: &[Visit], example: usize, step: Step) -> (usize, usize, usize) {
        let visit = visits.partition_point(|visit| visit.node < step.node);
        let visitor = visits[visit]
            .visitors
            .partition_point(|&other| (other as usize) < example);
        (
            visit,
            visitor,
            (step.row - self.node_rows[step.node as usize].start) as usize,
        )
    }

    /// Each path's share of the document's probability, and the log of that probability.
    fn shares(&self, batch: &Batch<'_>, visits: &[Visit], example: usize) -> (Vec<f32>, f32) {
        let mut log_probs: Vec<f32> = batch.paths[example]
            .iter()
            .map(|path| {
                path.iter()
                    .map(|&step| {
                        let (visit, visitor, child) = self.locate(visits, example, step);
                        let visit = &visits[visit];
                        visit.log_probs[child * visit.visitors.len() + visitor]
                    })
                    .sum()
            })
            .collect();
        let max = log_probs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = log_probs.iter().map(|value| (value - max).exp()).sum();
        log_probs
            .iter_mut()
            .for_each(|value| *value = (*value - max).exp() / sum);
        (log_probs, max + sum.ln())
    }
}

impl GradientTask<'_> {
    pub(super) fn gradient(&self) -> RowsGradient {
        let visitors = self.visit.visitors.len();
        let (start, end) = (
            self.rows.start - self.first_row,
            self.rows.end - self.first_row,
        );
        let residuals = &self.visit.log_probs[start * visitors..end * visitors];
        let mut unit = vec![0.0; self.rows.len() * self.dim];
        general_mat_mul(
            self.scale,
            &matrix(residuals, self.rows.len(), visitors),
            &matrix(&self.visit.queries, visitors, self.dim),
            0.0,
            &mut matrix_mut(&mut unit, self.rows.len(), self.dim),
        );
        let bias = residuals
            .chunks(visitors)
            .map(|row| row.iter().sum())
            .collect();
        RowsGradient { unit, bias }
    }
}

/// Turns log-probabilities into the gradient of the mean loss by the logits.
fn residuals(visit: &mut Visit, pulls: &[(usize, usize, f32)], factor: f32) {
    let visitors = visit.visitors.len();
    let mut weights = vec![0.0f32; visitors];
    for &(visitor, _, share) in pulls {
        weights[visitor] += share;
    }
    for row in visit.log_probs.chunks_mut(visitors) {
        for (value, weight) in row.iter_mut().zip(&weights) {
            *value = value.exp() * weight * factor;
        }
    }
    for &(visitor, child, share) in pulls {
        visit.log_probs[child * visitors + visitor] -= share * factor;
    }
}

/// Log-softmax of each column of a `[rows, columns]` matrix.
fn log_softmax_columns(matrix: &mut [f32], columns: usize) {
    let mut max = vec![f32::NEG_INFINITY; columns];
    for row in matrix.chunks(columns) {
        max.iter_mut()
            .zip(row)
            .for_each(|(max, value)| *max = max.max(*value));
    }
    let mut sum = vec![0.0f32; columns];
    for row in matrix.chunks(columns) {
        sum.iter_mut()
            .zip(row)
            .zip(&max)
            .for_each(|((sum, value), max)| *sum += (value - max).exp());
    }
    let log_total: Vec<f32> = max
        .iter()
        .zip(sum)
        .map(|(max, sum)| max + sum.ln())
        .collect();
    for row in matrix.chunks_mut(columns) {
        row.iter_mut()
            .zip(&log_total)
            .for_each(|(value, total)| *value -= total);
    }
}

#[expect(
    clippy::expect_used,
    reason = "both callers pass slices cut to rows * columns"
)]
fn matrix(values: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), values).expect("a slice of rows * columns values")
}

#[expect(
    clippy::expect_used,
    reason = "both callers pass slices cut to rows * columns"
)]
fn matrix_mut(values: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), values).expect("a slice of rows * columns values")
}
