//! The trainer against finite differences, and what fitting must achieve.

use super::softmax_tree::Batch;
use super::*;
use crate::rng::Rng;
use crate::vectors::{norm, normalise};

const DIM: usize = 6;

/// A root with three children, the first of which has two.
fn small_tree() -> SoftmaxTree {
    let mut rng = Rng::new(3);
    let mut unit: Vec<f32> = (0..5 * DIM).map(|_| rng.unit_f32() - 0.5).collect();
    unit.chunks_mut(DIM).for_each(|row| {
        normalise(row);
    });
    SoftmaxTree {
        dim: DIM,
        scale: 3.0,
        node_rows: vec![0..3, 3..5],
        unit,
        bias: vec![0.1, -0.2, 0.3, 0.0, 0.5],
        is_fixed: vec![false; 5],
    }
}

/// Document 0 is [0, 3] or [2]; document 1 is [0, 4]; document 2 is [1].
fn small_paths() -> Vec<Vec<Vec<Step>>> {
    let step = |node, row| Step { node, row };
    vec![
        vec![vec![step(0, 0), step(1, 3)], vec![step(0, 2)]],
        vec![vec![step(0, 0), step(1, 4)]],
        vec![vec![step(0, 1)]],
    ]
}

fn queries(count: usize) -> Vec<f32> {
    let mut rng = Rng::new(11);
    let mut queries: Vec<f32> = (0..count * DIM).map(|_| rng.unit_f32() - 0.5).collect();
    queries.chunks_mut(DIM).for_each(|row| {
        normalise(row);
    });
    queries
}

#[test]
fn the_gradient_equals_finite_differences() {
    let tree = small_tree();
    let paths = small_paths();
    let queries = queries(5);
    let documents = [0usize, 1, 2, 0, 0];
    let batch = || Batch {
        queries: &queries,
        paths: documents.iter().map(|&d| paths[d].as_slice()).collect(),
    };
    let (loss, pulls) = tree.pulls(&batch());
    assert!((loss - tree.loss(&batch())).abs() < 1e-5);

    let mut unit = vec![0.0f32; tree.unit.len()];
    let mut bias = vec![0.0f32; tree.bias.len()];
    for task in tree.gradient_tasks(&pulls) {
        let gradient = task.gradient();
        unit[task.rows.start * DIM..task.rows.end * DIM].copy_from_slice(&gradient.unit);
        bias[task.rows.clone()].copy_from_slice(&gradient.bias);
    }
    let step = 1e-2f32;
    let difference = |change: &dyn Fn(&mut SoftmaxTree, f32)| {
        let at = |amount: f32| {
            let mut moved = tree.clone();
            change(&mut moved, amount);
            moved.loss(&batch()) / documents.len() as f64
        };
        ((at(step) - at(-step)) / f64::from(2.0 * step)) as f32
    };
    for (index, &value) in unit.iter().enumerate() {
        let expected = difference(&|tree, amount| tree.unit[index] += amount);
        assert!(
            (value - expected).abs() < 2e-3,
            "unit {index}: {value} against {expected}"
        );
    }
    for (index, &value) in bias.iter().enumerate() {
        let expected = difference(&|tree, amount| tree.bias[index] += amount);
        assert!(
            (value - expected).abs() < 2e-3,
            "bias {index}: {value} against {expected}"
        );
    }
}

fn fit_small(seed: u64) -> (SoftmaxTree, FitReport) {
    let mut tree = small_tree();
    let queries = queries(40);
    let examples: Vec<Example> = (0..40)
        .map(|query| Example {
            query,
            document: query % 3,
        })
        .collect();
    let options = FitOptions {
        learning_rate: 1e-2,
        batch_examples: 8,
        dropout: 0.1,
        examples: 4000,
        examples_per_check: 200,
        seed,
    };
    // Held out = part of what is trained on, so the loss must fall.
    let report = fit(
        &mut tree,
        &queries,
        &small_paths(),
        &examples,
        &examples[..20],
        &options,
        &mut |_, _| Ok(()),
    )
    .unwrap();
    (tree, report)
}

#[test]
fn fitting_lowers_the_held_out_loss_and_keeps_unit_vectors() {
    let (tree, report) = fit_small(5);
    assert!(report.best_loss < report.initial_loss, "{report:?}");
    assert!(report.best_examples > 0 && report.best_examples <= report.examples);
    assert!(
        tree.unit
            .chunks(DIM)
            .all(|row| (norm(row) - 1.0).abs() < 1e-5)
    );
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_threads() {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| fit_small(5))
    };
    let (one, report_one) = with_threads(1);
    let (four, report_four) = with_threads(4);
    assert_eq!(one.unit, four.unit);
    assert_eq!(one.bias, four.bias);
    assert_eq!(report_one, report_four);
    assert_ne!(one.unit, fit_small(6).0.unit);
}

#[test]
fn without_held_out_examples_nothing_is_changed() {
    let mut tree = small_tree();
    let options = FitOptions {
        learning_rate: 1.0,
        batch_examples: 8,
        dropout: 0.0,
        examples: 100,
        examples_per_check: 10,
        seed: 0,
    };
    let examples = [Example {
        query: 0,
        document: 0,
    }];
    let report = fit(
        &mut tree,
        &queries(1),
        &small_paths(),
        &examples,
        &[],
        &options,
        &mut |_, _| Ok(()),
    )
    .unwrap();
    assert_eq!(report.examples, 0);
    assert_eq!(tree.unit, small_tree().unit);
}

#[test]
fn fixed_rows_take_part_and_stay_as_they_are() {
    let initial = SoftmaxTree {
        is_fixed: vec![true, false, false, false, true],
        ..small_tree()
    };
    let mut fitted = initial.clone();
    let examples: Vec<Example> = (0..3)
        .map(|document| Example {
            query: document,
            document,
        })
        .collect();
    let options = FitOptions {
        learning_rate: 0.05,
        batch_examples: 2,
        dropout: 0.0,
        examples: 300,
        examples_per_check: 10,
        seed: 1,
    };
    let (queries, paths) = (queries(3), small_paths());
    let report = fit(
        &mut fitted,
        &queries,
        &paths,
        &examples,
        &examples,
        &options,
        &mut |_, _| Ok(()),
    )
    .unwrap();
    assert!(report.best_loss < report.initial_loss);
    let row = |tree: &SoftmaxTree, row: usize| {
        (
            tree.unit[row * DIM..(row + 1) * DIM].to_vec(),
            tree.bias[row],
        )
    };
    for index in 0..5 {
        let is_same = row(&initial, index) == row(&fitted, index);
        assert_eq!(is_same, initial.is_fixed[index], "row {index}");
    }
}
