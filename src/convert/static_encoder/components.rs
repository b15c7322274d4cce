//! Principal components of rows: the directions in which they differ most.
//!
//! Covariance in 64 bits, and its eigenvectors by Jacobi's method: rotations that set one pair of
//! entries after the other to zero, in sweeps over all pairs, until nothing is left off the diagonal.
//! It is slower than others and exact to the last bits, and its result depends on the input alone.

use rayon::prelude::*;

/// Sweeps after which what is left off the diagonal is believed to be noise; eight are usual.
const MAX_SWEEPS: usize = 32;

/// Where rows lie, and how far they spread along which directions.
pub(super) struct Components {
    /// `[dim]`.
    mean: Vec<f64>,
    /// Unit vectors, that of the largest variance first.
    directions: Vec<Vec<f64>>,
    /// Along each of them, from the largest on.
    variances: Vec<f64>,
}

impl Components {
    /// The first `count` components of the rows of `values`, of `dim` values each.
    pub(super) fn new(values: &[f32], dim: usize, count: usize) -> Components {
        let rows = || values.chunks_exact(dim.max(1));
        let total = rows().len().max(1) as f64;
        let mut mean = vec![0.0; dim];
        for row in rows() {
            for (sum, &value) in mean.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        mean.iter_mut().for_each(|sum| *sum /= total);
        let (variances, directions) = eigenvectors(covariance(values, &mean));
        let mut order: Vec<usize> = (0..dim).collect();
        let variance = |at: usize| variances.get(at).copied().unwrap_or(0.0);
        order.sort_by(|&a, &b| variance(b).total_cmp(&variance(a)).then(a.cmp(&b)));
        order.truncate(count);
        Components {
            mean,
            directions: order
                .iter()
                .filter_map(|&at| directions.get(at).cloned())
                .map(with_one_sign)
                .collect(),
            variances: order.iter().map(|&at| variance(at).max(0.0)).collect(),
        }
    }

    /// What is to be multiplied along each direction so that the spread is taken to the power
    /// `1 - 2 * power`; none where rows do not differ.
    pub(super) fn evening(&self, power: f64) -> Vec<f64> {
        let variances = self.variances.iter();
        variances
            .map(|&variance| match variance > 0.0 {
                true => variance.powf(-power),
                false => 0.0,
            })
            .collect()
    }

    /// `[dim, dim]`: what multiplies a row by `factors` along the directions and leaves it otherwise
    /// where it is.
    pub(super) fn map(&self, factors: &[f64]) -> Vec<f32> {
        let dim = self.mean.len();
        let mut map = vec![0.0f64; dim * dim];
        for (direction, factor) in self.directions.iter().zip(factors) {
            for (row, own) in map.chunks_exact_mut(dim.max(1)).zip(direction) {
                for (sum, other) in row.iter_mut().zip(direction) {
                    *sum += factor * own * other;
                }
            }
        }
        map.into_iter().map(|value| value as f32).collect()
    }

    /// A row's distance from the mean.
    pub(super) fn distance<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f64> + Clone + 'a {
        let values = row.iter().zip(&self.mean);
        values.map(|(&value, mean)| f64::from(value) - mean)
    }

    /// The products of a row's values with the directions.
    pub(super) fn along<'a>(
        &'a self,
        values: impl Iterator<Item = f64> + Clone + 'a,
    ) -> impl Iterator<Item = f64> + 'a {
        let directions = self.directions.iter();
        directions.map(move |direction| {
            let pairs = values.clone().zip(direction);
            pairs.map(|(value, unit)| value * unit).sum()
        })
    }

    /// A row by its distance from the mean along each direction, times `factors`.
    pub(super) fn project<'a>(
        &'a self,
        row: &'a [f32],
        factors: &'a [f64],
    ) -> impl Iterator<Item = f64> + 'a {
        let along = self.along(self.distance(row)).zip(factors);
        along.map(|(along, factor)| along * factor)
    }
}

/// `[dim, dim]`: the mean product of the distances of every two values from their means.
fn covariance(values: &[f32], mean: &[f64]) -> Vec<Vec<f64>> {
    let dim = mean.len();
    let rows = values.chunks_exact(dim.max(1));
    let total = rows.len().max(1) as f64;
    let of_value = |(at, own): (usize, &f64)| {
        let mut sums = vec![0.0; dim];
        for row in rows.clone() {
            let distance = row.get(at).map_or(0.0, |&value| f64::from(value) - own);
            for ((sum, &value), mean) in sums.iter_mut().zip(row).zip(mean) {
                *sum += distance * (f64::from(value) - mean);
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= total);
        sums
    };
    mean.par_iter().enumerate().map(of_value).collect()
}

/// Eigenvalues and unit eigenvectors of a symmetric matrix.
fn eigenvectors(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let dim = matrix.len();
    let unit = |at: usize| (0..dim).map(|i| f64::from(u8::from(i == at))).collect();
    let mut vectors: Vec<Vec<f64>> = (0..dim).map(unit).collect();
    for _ in 0..MAX_SWEEPS {
        let mut turned = false;
        for p in 0..dim {
            for q in p + 1..dim {
                turned |= zero_pair(&mut matrix, &mut vectors, p, q);
            }
        }
        if !turned {
            break;
        }
    }
    let diagonal = matrix.iter().enumerate();
    let values = diagonal.map(|(at, row)| row.get(at).copied().unwrap_or(0.0));
    (values.collect(), vectors)
}

/// Turns the axes `p` and `q` so that their product is zero; false where it is already, to 64 bits.
fn zero_pair(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) -> bool {
    let at = |i: usize, j: usize| matrix.get(i).and_then(|row| row.get(j)).copied();
    let (Some(pp), Some(qq), Some(pq)) = (at(p, p), at(q, q), at(p, q)) else {
        return false;
    };
    if pq.abs() <= f64::EPSILON * (pp.abs() * qq.abs()).sqrt() || pq.abs() < f64::MIN_POSITIVE {
        return false;
    }
    let slope = (qq - pp) / (2.0 * pq);
    let tangent = slope.signum() / (slope.abs() + slope.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        if let Ok([a, b]) = row.get_disjoint_mut([p, q]) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    }
    for rows in [matrix, vectors] {
        if let Ok([a, b]) = rows.get_disjoint_mut([p, q]) {
            for (a, b) in a.iter_mut().zip(b.iter_mut()) {
                (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
            }
        }
    }
    true
}

/// Either of two opposite vectors is an eigenvector: the one whose largest value is positive.
fn with_one_sign(mut vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().copied().fold(0.0, |most: f64, value| {
        if value.abs() > most.abs() {
            value
        } else {
            most
        }
    });
    if largest < 0.0 {
        vector.iter_mut().for_each(|value| *value = -*value);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Rows that spread by 3, 2, 1, … along turned axes.
    fn rows(dim: usize, count: usize) -> Vec<f32> {
        let mut rng = Rng::new(7);
        let mut uniform = || 2.0 * rng.unit_f32() - 1.0;
        let mut values = Vec::new();
        for _ in 0..count {
            let mut row: Vec<f32> = (0..dim).map(|i| uniform() * (dim - i) as f32).collect();
            for at in 1..dim {
                let (a, b) = (row[at - 1], row[at]);
                (row[at - 1], row[at]) = (0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b);
            }
            row.iter_mut().for_each(|value| *value += 5.0);
            values.extend(row);
        }
        values
    }

    #[test]
    fn directions_are_orthogonal_and_what_is_projected_has_no_covariance() {
        let (dim, count) = (12, 400);
        let values = rows(dim, count);
        let components = Components::new(&values, dim, dim);
        assert!(components.variances.is_sorted_by(|a, b| a >= b));
        for (i, a) in components.directions.iter().enumerate() {
            for (j, b) in components.directions.iter().enumerate() {
                let dot: f64 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
        let ones = vec![1.0; dim];
        let projected: Vec<f32> = values
            .chunks(dim)
            .flat_map(|row| components.project(row, &ones).collect::<Vec<_>>())
            .map(|value| value as f32)
            .collect();
        let covariance = covariance(&projected, &vec![0.0; dim]);
        for (i, row) in covariance.iter().enumerate() {
            for (j, &found) in row.iter().enumerate() {
                let expected = if i == j { components.variances[i] } else { 0.0 };
                assert!((found - expected).abs() < 1e-4, "{i} {j}: {found}");
            }
        }
    }

    #[test]
    fn the_first_components_are_those_of_all_and_evening_makes_spreads_equal() {
        let values = rows(6, 200);
        let (all, first) = (
            Components::new(&values, 6, 6),
            Components::new(&values, 6, 2),
        );
        assert_eq!(first.directions, all.directions[..2]);
        for (factor, variance) in all.evening(0.5).iter().zip(&all.variances) {
            assert!((factor * variance.sqrt() - 1.0).abs() < 1e-9);
        }
        let same = Components::new(&[1.0; 18], 6, 6);
        assert_eq!(same.evening(0.25), [0.0; 6]);
    }
}
