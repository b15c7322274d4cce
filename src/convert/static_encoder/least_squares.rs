//! Least squares with many right-hand sides, by conjugate gradients.
//!
//! Columns are solved [`LANES`] at a time, each for itself: what comes out depends neither on the
//! threads nor on the columns beside it.

/// Columns that are solved at once.
pub(super) const LANES: usize = 16;

/// A row of a block of columns.
pub(super) type Lanes = [f32; LANES];

/// The columns of `[n, columns]` in blocks of `[n, LANES]`, the last filled up with zeros.
pub(super) fn blocks(matrix: &[f32], columns: usize) -> Vec<Vec<Lanes>> {
    let starts = (0..columns).step_by(LANES);
    let block = |start: usize| {
        let rows = matrix.chunks_exact(columns.max(1));
        let lanes = rows.map(|row| {
            let mut lanes = Lanes::default();
            for (lane, value) in lanes.iter_mut().zip(row.iter().skip(start)) {
                *lane = *value;
            }
            lanes
        });
        lanes.collect()
    };
    starts.map(block).collect()
}

/// A row of the matrix that such blocks are.
pub(super) fn row_of(blocks: &[Vec<Lanes>], columns: usize, row: usize) -> Vec<f32> {
    let lanes = blocks.iter().filter_map(|block| block.get(row)).flatten();
    lanes.take(columns).copied().collect()
}

/// What `apply`, a positive matrix, and `pull` times itself add up to `right`, after `rounds` steps
/// towards it from nothing. Fewer steps leave out what `apply` makes least of.
pub(super) fn conjugate_gradients(
    right: Vec<Lanes>,
    pull: f32,
    rounds: usize,
    apply: impl Fn(&[Lanes]) -> Vec<Lanes>,
) -> Vec<Lanes> {
    let mut found = vec![Lanes::default(); right.len()];
    let mut rest = right;
    let mut direction = rest.clone();
    let mut squares = products(&rest, &rest);
    for _ in 0..rounds {
        let mut image = apply(&direction);
        add(&mut image, [pull; LANES], &direction);
        let step = ratios(squares, products(&direction, &image));
        add(&mut found, step, &direction);
        add(&mut rest, step.map(|step| -step), &image);
        let smaller = products(&rest, &rest);
        let kept = ratios(smaller, squares);
        for (direction, rest) in direction.iter_mut().zip(&rest) {
            for ((value, kept), rest) in direction.iter_mut().zip(kept).zip(rest) {
                *value = rest + kept * *value;
            }
        }
        squares = smaller;
    }
    found
}

/// Adds `factors` times `rows` to `sums`.
pub(super) fn add(sums: &mut [Lanes], factors: Lanes, rows: &[Lanes]) {
    for (sums, row) in sums.iter_mut().zip(rows) {
        for ((sum, factor), value) in sums.iter_mut().zip(factors).zip(row) {
            *sum += factor * value;
        }
    }
}

/// The products of the columns of `a` and `b`.
fn products(a: &[Lanes], b: &[Lanes]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(a * b);
        }
    }
    sums
}

/// Zero where nothing is left to be divided by.
fn ratios(above: [f64; LANES], below: [f64; LANES]) -> Lanes {
    let mut ratios = [0.0; LANES];
    for ((ratio, above), below) in ratios.iter_mut().zip(above).zip(below) {
        if below > f64::from(f32::MIN_POSITIVE) {
            *ratio = (above / below) as f32;
        }
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_every_column() {
        let matrix: Vec<f32> = (0..2 * 19).map(|value| value as f32).collect();
        let blocks = blocks(&matrix, 19);
        assert_eq!((blocks.len(), blocks[1].len()), (2, 2));
        assert_eq!(blocks[1][0][3], 0.0);
        let rows: Vec<f32> = (0..2).flat_map(|row| row_of(&blocks, 19, row)).collect();
        assert_eq!(rows, matrix);
    }

    #[test]
    fn as_many_rounds_as_rows_solve_it() {
        let matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]];
        let times = |rows: &[Lanes]| -> Vec<Lanes> {
            let product = |row: &[f32; 3]| {
                let mut sums = [[0.0; LANES]];
                for (factor, values) in row.iter().zip(rows) {
                    add(&mut sums, [*factor; LANES], &[*values]);
                }
                sums[0]
            };
            matrix.iter().map(product).collect()
        };
        let mut expected = vec![[0.0; LANES]; 3];
        for (lane, value) in [(0, 1.0), (1, -2.0), (5, 30.0)] {
            expected[0][lane] = value;
            expected[1][lane] = 3.0 - value;
            expected[2][lane] = 0.25 * value;
        }
        let found = conjugate_gradients(times(&expected), 0.0, 3, times);
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }
}
