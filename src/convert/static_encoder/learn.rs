//! A table that says of texts what its teacher says of them.
//!
//! ```text
//!   tokens alone ──► map ──► rows ──► mean over the tokens of a text ≈ the teacher's vector of it
//!                     │       │
//!                     └───────┴── both fitted by least squares, pulled towards where they began
//! ```
//!
//! A token alone in a text is not what it is among others. First one map of all tokens is fitted, which
//! has few numbers and so needs few texts; then the rows of the tokens that the texts have, each by
//! itself; a row that no text has stays what the map made of it. Only directions are compared, so each
//! text's sum is divided by the length it had before a fit. The constants are those of
//! `benches/QUALITY.md`.

use rayon::prelude::*;

use super::least_squares::{Lanes, add, blocks, conjugate_gradients, row_of};
use super::text_counts::TextCounts;
use crate::vectors::{add_scaled, dot, norm, normalise};

/// How strongly the map is pulled, as a part of the mean square along a direction.
const MAP_PULL: f32 = 1e-2;
/// How strongly a row is pulled, as a part of what a typical text holds against it.
const ROW_PULL: f32 = 0.1;
/// Steps towards the map.
const MAP_ROUNDS: usize = 30;
/// Steps towards the rows.
const ROW_ROUNDS: usize = 20;

/// Texts, and what the teacher has of them.
pub(super) struct Lessons {
    counts: TextCounts,
    /// `[texts, dim]`, unit vectors.
    targets: Vec<f32>,
    dim: usize,
}

impl Lessons {
    /// Of the tokens of texts, and of their vectors, `[texts, dim]`.
    pub(super) fn new(texts: &[Vec<u32>], targets: Vec<f32>, dim: usize) -> Lessons {
        Lessons {
            counts: TextCounts::of(texts),
            targets,
            dim: dim.max(1),
        }
    }

    /// The unit vectors that a table gives the texts.
    pub(super) fn text_vectors(&self, table: &[f32]) -> Vec<f32> {
        let mut vectors = self.counts.sums(table, self.dim);
        vectors.chunks_exact_mut(self.dim).for_each(|vector| {
            normalise(vector);
        });
        vectors
    }

    /// The rows of a table, `[tokens, dim]`, learnt from `features`, the same of tokens alone, and
    /// `map`, `[dim, dim]`, which is thought to turn them into such rows.
    pub(super) fn table(&mut self, features: &[f32], map: &[f32]) -> Vec<f32> {
        self.divide_by_length(&product(features, map, self.dim));
        let map = self.fitted_map(&self.counts.sums(features, self.dim), map);
        let mut table = product(features, &map, self.dim);
        self.divide_by_length(&table);
        self.fit_rows(&mut table);
        table
    }

    /// Divides each text's counts so that the sum of its rows has length 1.
    fn divide_by_length(&mut self, table: &[f32]) {
        let sums = self.counts.sums(table, self.dim);
        let lengths: Vec<f32> = sums.chunks_exact(self.dim).map(norm).collect();
        self.counts.divide(&lengths);
    }

    /// The map of `sums`, `[texts, dim]`, to the targets, beginning with `map`.
    fn fitted_map(&self, sums: &[f32], map: &[f32]) -> Vec<f32> {
        let dim = self.dim;
        let begun = product(sums, map, dim);
        let scale = scale(&begun, &self.targets);
        let squares = gram(sums, sums, dim);
        let trace: f32 = squares.iter().step_by(dim + 1).sum();
        let pull = MAP_PULL * trace / dim as f32;
        let right = gram(sums, &self.rest(&begun, scale), dim);
        let of_columns = |right: Vec<Lanes>| {
            conjugate_gradients(right, pull, MAP_ROUNDS, |lanes| {
                times_square(&squares, lanes)
            })
        };
        let changes: Vec<Vec<Lanes>> = blocks(&right, dim)
            .into_par_iter()
            .map(of_columns)
            .collect();
        let mut fitted: Vec<f32> = map.iter().map(|value| scale * value).collect();
        for (row, values) in fitted.chunks_exact_mut(dim).enumerate() {
            add_scaled(values, 1.0, &row_of(&changes, dim, row));
        }
        fitted
    }

    /// Fits the rows of the tokens that the texts have.
    fn fit_rows(&self, table: &mut [f32]) {
        let dim = self.dim;
        let begun = self.counts.sums(table, dim);
        let scale = scale(&begun, &self.targets);
        let pull = ROW_PULL * self.counts.typical_square();
        let rest = blocks(&self.rest(&begun, scale), dim);
        let of_columns = |rest: &Vec<Lanes>| {
            let right = self.counts.transposed_times(rest);
            conjugate_gradients(right, pull, ROW_ROUNDS, |lanes| {
                self.counts.transposed_times(&self.counts.times(lanes))
            })
        };
        let changes: Vec<Vec<Lanes>> = rest.par_iter().map(of_columns).collect();
        table.iter_mut().for_each(|value| *value *= scale);
        for (column, &token) in self.counts.tokens.iter().enumerate() {
            if let Some(row) = table.chunks_exact_mut(dim).nth(token as usize) {
                add_scaled(row, 1.0, &row_of(&changes, dim, column));
            }
        }
    }

    /// What `begun`, times `scale`, leaves of the targets.
    fn rest(&self, begun: &[f32], scale: f32) -> Vec<f32> {
        let mut rest = self.targets.clone();
        add_scaled(&mut rest, -scale, begun);
        rest
    }
}

/// What `begun` is to be multiplied by to come nearest to `targets`.
fn scale(begun: &[f32], targets: &[f32]) -> f32 {
    let square = dot(begun, begun);
    match square > 0.0 {
        true => dot(begun, targets) / square,
        false => 1.0,
    }
}

/// `[rows, dim]` times a square matrix.
fn product(rows: &[f32], square: &[f32], dim: usize) -> Vec<f32> {
    let mut all = vec![0.0; rows.len()];
    let pairs = all.par_chunks_mut(dim).zip(rows.par_chunks(dim));
    pairs.for_each(|(sums, row)| {
        for (value, of_square) in row.iter().zip(square.chunks_exact(dim)) {
            add_scaled(sums, *value, of_square);
        }
    });
    all
}

/// The products of all columns of `a` with all columns of `b`, `[n, dim]` both.
fn gram(a: &[f32], b: &[f32], dim: usize) -> Vec<f32> {
    let mut all = vec![0.0; dim * dim];
    all.par_chunks_mut(dim)
        .enumerate()
        .for_each(|(column, sums)| {
            for (a, b) in a.chunks_exact(dim).zip(b.chunks_exact(dim)) {
                let factor = a.get(column).copied().unwrap_or(0.0);
                add_scaled(sums, factor, b);
            }
        });
    all
}

/// A square matrix times a block of columns.
fn times_square(square: &[f32], lanes: &[Lanes]) -> Vec<Lanes> {
    let row = |row: &[f32]| {
        let mut sums = [Lanes::default()];
        for (factor, lanes) in row.iter().zip(lanes) {
            add(&mut sums, [*factor; _], std::slice::from_ref(lanes));
        }
        let [sums] = sums;
        sums
    };
    square.chunks_exact(lanes.len().max(1)).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const DIM: usize = 5;
    const TOKENS: usize = 12;

    fn random(rng: &mut Rng, count: usize) -> Vec<f32> {
        (0..count).map(|_| rng.unit_f32() - 0.5).collect()
    }

    /// Texts of the first ten tokens, and what a teacher has of them that knows their rows.
    fn lessons(rng: &mut Rng, rows: &[f32]) -> (Vec<Vec<u32>>, Vec<f32>) {
        let texts: Vec<Vec<u32>> = (0..60)
            .map(|_| {
                (0..rng.between(1, 9))
                    .map(|_| rng.below(10) as u32)
                    .collect()
            })
            .collect();
        let mut targets = TextCounts::of(&texts).sums(rows, DIM);
        targets.chunks_exact_mut(DIM).for_each(|target| {
            normalise(target);
        });
        (texts, targets)
    }

    /// Solves `matrix x = right` by elimination.
    fn eliminated(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
        let count = right.len();
        for pivot in 0..count {
            for row in 0..count {
                if row != pivot {
                    let factor = matrix[row][pivot] / matrix[pivot][pivot];
                    let subtracted = matrix[pivot].clone();
                    for (value, other) in matrix[row].iter_mut().zip(subtracted) {
                        *value -= factor * other;
                    }
                    right[row] -= factor * right[pivot];
                }
            }
        }
        (0..count).map(|at| right[at] / matrix[at][at]).collect()
    }

    /// The least of the squared distances of `inputs x` from `targets`, column by column, and of
    /// `pull` times that of `x` from `begun`.
    fn plain(inputs: &[Vec<f64>], targets: &[f32], begun: &[f64], pull: f64) -> Vec<Vec<f64>> {
        let count = inputs[0].len();
        let of_column = |column: usize| {
            let product = |a: usize, b: usize| inputs.iter().map(|row| row[a] * row[b]).sum();
            let mut matrix: Vec<Vec<f64>> = (0..count)
                .map(|a| (0..count).map(|b| product(a, b)).collect())
                .collect();
            (0..count).for_each(|at| matrix[at][at] += pull);
            let right = |at: usize| -> f64 {
                let targets = targets.chunks_exact(DIM).map(|row| f64::from(row[column]));
                let product: f64 = inputs.iter().zip(targets).map(|(row, y)| row[at] * y).sum();
                product + pull * begun[at * DIM + column]
            };
            eliminated(matrix, (0..count).map(right).collect())
        };
        let columns: Vec<Vec<f64>> = (0..DIM).map(of_column).collect();
        (0..count)
            .map(|row| columns.iter().map(|column| column[row]).collect())
            .collect()
    }

    fn wide(values: &[f32]) -> Vec<f64> {
        values.iter().map(|&value| f64::from(value)).collect()
    }

    /// Sums of rows by text, divided by the lengths that `table` gives them.
    fn divided(texts: &[Vec<u32>], rows: &[f64], of: usize, table: &[f64]) -> Vec<Vec<f64>> {
        let sum = |text: &Vec<u32>, rows: &[f64], of: usize| -> Vec<f64> {
            let value = |at: usize| {
                text.iter()
                    .map(|&token| rows[token as usize * of + at])
                    .sum()
            };
            (0..of).map(value).collect()
        };
        let of_text = |text: &Vec<u32>| {
            let length = sum(text, table, DIM)
                .iter()
                .map(|x| x * x)
                .sum::<f64>()
                .sqrt();
            sum(text, rows, of).iter().map(|x| x / length).collect()
        };
        texts.iter().map(of_text).collect()
    }

    fn times(rows: &[f64], map: &[f64]) -> Vec<f64> {
        let row = |row: &[f64]| -> Vec<f64> {
            let value = |column: usize| (0..DIM).map(|at| row[at] * map[at * DIM + column]).sum();
            (0..DIM).map(value).collect()
        };
        rows.chunks_exact(DIM).flat_map(row).collect()
    }

    fn scaled(inputs: &[Vec<f64>], begun: &[f64], targets: &[f32]) -> Vec<f64> {
        let of = begun.len() / DIM;
        let (mut above, mut below) = (0.0, 0.0);
        for (row, target) in inputs.iter().zip(targets.chunks_exact(DIM)) {
            for (column, target) in target.iter().enumerate() {
                let sum: f64 = (0..of).map(|at| row[at] * begun[at * DIM + column]).sum();
                above += sum * f64::from(*target);
                below += sum * sum;
            }
        }
        begun.iter().map(|value| value * above / below).collect()
    }

    #[test]
    fn a_table_is_what_plain_loops_find() {
        let mut rng = Rng::new(7);
        let teacher = random(&mut rng, TOKENS * DIM);
        let (texts, targets) = lessons(&mut rng, &teacher);
        let features = random(&mut rng, TOKENS * DIM);
        let map: Vec<f32> = (0..DIM * DIM)
            .map(|at| if at % (DIM + 1) == 0 { 1.5 } else { 0.0 })
            .collect();
        let found = Lessons::new(&texts, targets.clone(), DIM).table(&features, &map);

        let (features, map) = (wide(&features), wide(&map));
        let inputs = divided(&texts, &features, DIM, &times(&features, &map));
        let trace: f64 = inputs.iter().flatten().map(|value| value * value).sum();
        let pull = f64::from(MAP_PULL) * trace / DIM as f64;
        let fitted = plain(&inputs, &targets, &scaled(&inputs, &map, &targets), pull).concat();
        let table = times(&features, &fitted);
        let units: Vec<f64> = (0..10 * 10)
            .map(|at| f64::from(u8::from(at % 11 == 0)))
            .collect();
        let inputs = divided(&texts, &units, 10, &table);
        let mut squares: Vec<f64> = inputs
            .iter()
            .map(|row| row.iter().map(|x| x * x).sum())
            .collect();
        squares.sort_by(f64::total_cmp);
        let pull = f64::from(ROW_PULL) * squares[squares.len() / 2];
        let begun = scaled(&inputs, &table[..10 * DIM], &targets);
        let rows = plain(&inputs, &targets, &begun, pull).concat();
        let scale = begun[0] / table[0];
        let unseen = table[10 * DIM..].iter().map(|value| value * scale);
        let expected = rows.iter().copied().chain(unseen);
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-3,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn texts_come_near_to_their_targets() {
        let mut rng = Rng::new(8);
        let teacher = random(&mut rng, TOKENS * DIM);
        let (texts, targets) = lessons(&mut rng, &teacher);
        let features = random(&mut rng, TOKENS * DIM);
        let mut lessons = Lessons::new(&texts, targets.clone(), DIM);
        let likeness = |vectors: Vec<f32>| dot(&vectors, &targets) / texts.len() as f32;
        let before = likeness(lessons.text_vectors(&features));
        let identity: Vec<f32> = (0..DIM * DIM)
            .map(|at| f32::from(u8::from(at % (DIM + 1) == 0)))
            .collect();
        let table = lessons.table(&features, &identity);
        let after = likeness(lessons.text_vectors(&table));
        assert!(before < 0.5 && after > 0.95, "{before} {after}");
    }
}
