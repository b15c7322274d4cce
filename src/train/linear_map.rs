//! Fitting a linear map of queries to what they should find.
//!
//! ```text
//!   P(d | q) = softmax over the rivals of q of  scale * <q + M q, d>
//! ```
//!
//! The gradient of the loss is closed form: for each query the outer product of what it is compared
//! with pulls at, and the query. `M` starts at zero, and the fewer steps are made, the nearer it
//! stays.

use half::f16;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

use super::adam::{Moments, corrected_rate, step};
use crate::Result;
use crate::rng::Rng;
use crate::vectors::{LinearMap, add_scaled_f16, dot_f16};

/// Steps of a fit, after each of which there is a map.
pub const STEPS: [u32; 3] = [20, 60, 180];

/// Pairs per step.
const BATCH_PAIRS: usize = 64;

/// Adam's step size for the matrix.
const LEARNING_RATE: f32 = 1e-3;

/// A query, and what it is compared with.
#[derive(Debug, Clone)]
pub struct MapPair<'a> {
    /// A unit vector.
    pub query: &'a [f32],
    /// Unit vectors; the first is what the query should find.
    pub found: Vec<&'a [f16]>,
}

/// The maps after each number of [`STEPS`]; `go_on` is asked before every step.
///
/// # Errors
///
/// What `go_on` gives.
pub fn fit_linear_maps(
    pairs: &[MapPair<'_>],
    dim: usize,
    scale: f32,
    seed: u64,
    go_on: &mut dyn FnMut() -> Result<()>,
) -> Result<Vec<LinearMap>> {
    let mut map = LinearMap::identity(dim);
    let mut moments = Moments::zero(dim * dim);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let mut rng = Rng::new(seed);
    let mut position = order.len();
    let mut maps = Vec::with_capacity(STEPS.len());
    for number in 1..=STEPS.last().copied().unwrap_or(0) {
        go_on()?;
        if position >= order.len() {
            rng.shuffle(&mut order);
            position = 0;
        }
        let batch = order.iter().skip(position).take(BATCH_PAIRS);
        let batch: Vec<&MapPair<'_>> = batch.filter_map(|&at| pairs.get(at)).collect();
        position += BATCH_PAIRS;
        let gradient = gradient(&map, &batch, scale, dim);
        let rate = corrected_rate(LEARNING_RATE, number);
        let Moments { first, second } = &mut moments;
        step(rate, map.rows_mut(), &gradient, first, second);
        if STEPS.contains(&number) {
            maps.push(map.clone());
        }
    }
    Ok(maps)
}

/// The gradient of the mean loss of some pairs by the matrix.
fn gradient(map: &LinearMap, batch: &[&MapPair<'_>], scale: f32, dim: usize) -> Vec<f32> {
    let queries: Vec<f32> = batch.iter().flat_map(|pair| pair.query).copied().collect();
    let mapped = map.apply_to_all(&queries);
    let share = scale / batch.len().max(1) as f32;
    // What each pair pulls at.
    let pulls: Vec<Vec<f32>> = batch
        .par_iter()
        .zip(mapped.par_chunks(dim.max(1)))
        .map(|(pair, mapped)| {
            let logits = pair.found.iter().map(|head| scale * dot_f16(mapped, head));
            let logits: Vec<f32> = logits.collect();
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
            let mut pull = vec![0.0; dim];
            for (at, (head, logit)) in pair.found.iter().zip(&logits).enumerate() {
                let wanted = if at == 0 { 1.0 } else { 0.0 };
                let probability = (logit - most).exp() / total;
                add_scaled_f16(&mut pull, share * (probability - wanted), head);
            }
            pull
        })
        .collect();
    let pulls = pulls.concat();
    let mut gradient = vec![0.0; dim * dim];
    let shape = (batch.len(), dim);
    let views = (
        ArrayView2::from_shape(shape, &pulls),
        ArrayView2::from_shape(shape, &queries),
        ArrayViewMut2::from_shape((dim, dim), &mut gradient),
    );
    if let (Ok(pulls), Ok(queries), Ok(mut gradient)) = views {
        general_mat_mul(1.0, &pulls.t(), &queries, 0.0, &mut gradient);
    }
    gradient
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loss of some pairs.
    fn loss(map: &LinearMap, batch: &[&MapPair<'_>], scale: f32) -> f64 {
        let loss = |pair: &&MapPair<'_>| -> f64 {
            let mapped = map.apply_to_all(pair.query);
            let logits = pair
                .found
                .iter()
                .map(|head| f64::from(scale * dot_f16(&mapped, head)));
            let logits: Vec<f64> = logits.collect();
            logits.iter().map(|logit| logit.exp()).sum::<f64>().ln() - logits[0]
        };
        batch.iter().map(loss).sum::<f64>() / batch.len() as f64
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        const DIM: usize = 5;
        let mut rng = Rng::new(3);
        let mut values =
            |count: usize| -> Vec<f32> { (0..count).map(|_| rng.unit_f32() - 0.5).collect() };
        let heads: Vec<f16> = values(DIM * 4).into_iter().map(f16::from_f32).collect();
        let (first, second) = (values(DIM), values(DIM));
        let heads: Vec<&[f16]> = heads.chunks(DIM).collect();
        let pairs = [
            MapPair {
                query: &first,
                found: heads[..3].to_vec(),
            },
            MapPair {
                query: &second,
                found: heads[1..].to_vec(),
            },
        ];
        let batch: Vec<&MapPair<'_>> = pairs.iter().collect();
        let mut map = LinearMap::identity(DIM);
        map.rows_mut().copy_from_slice(&values(DIM * DIM));
        let gradient = gradient(&map, &batch, 3.0, DIM);
        for (place, &found) in gradient.iter().enumerate() {
            const STEP: f32 = 1e-2;
            let at = |by: f32| {
                let mut moved = map.clone();
                moved.rows_mut()[place] += by;
                loss(&moved, &batch, 3.0)
            };
            let slope = (at(STEP) - at(-STEP)) / f64::from(2.0 * STEP);
            let found = f64::from(found);
            assert!((slope - found).abs() < 1e-3, "{place}: {slope} {found}");
        }
    }
}
