//! A and B of every changed layer, and their optimiser.

use crate::model::language::{AdaptableLayer, FactorShape, input_names};
use crate::rng::Rng;
use crate::train::adam::{self, Moments, corrected_rate};

/// The factors of an adapter, A and B of a layer next to each other.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factors {
    pub(super) shapes: Vec<FactorShape>,
    pub(super) values: Vec<Vec<f32>>,
}

impl Factors {
    /// Where a fit begins: A is random, uniform within one over the root of its inputs, and B is
    /// zero, so that nothing is changed yet (the usual start of LoRA).
    pub(super) fn new(shapes: &[AdaptableLayer], rank: usize, seed: u64) -> Factors {
        let mut factors = Factors {
            shapes: Vec::with_capacity(2 * shapes.len()),
            values: Vec::with_capacity(2 * shapes.len()),
        };
        for shape in shapes {
            let [a_name, b_name] = input_names(shape.layer, shape.module);
            let mut rng = Rng::for_name(seed, a_name.trim_end_matches(".a"));
            let bound = 1.0 / (shape.inputs as f32).sqrt();
            let a = (0..shape.inputs * rank).map(|_| bound * (2.0 * rng.unit_f32() - 1.0));
            factors.push(a_name, [shape.inputs, rank], a.collect());
            let b = vec![0.0; rank * shape.outputs];
            factors.push(b_name, [rank, shape.outputs], b);
        }
        factors
    }

    fn push(&mut self, name: String, dims: [usize; 2], values: Vec<f32>) {
        self.shapes.push(FactorShape { name, dims });
        self.values.push(values);
    }

    /// As a step of the session takes them.
    pub(super) fn pairs(&self) -> Vec<(&FactorShape, &[f32])> {
        let values = self.values.iter().map(Vec::as_slice);
        self.shapes.iter().zip(values).collect()
    }
}

/// AdamW (Loshchilov and Hutter 2019) with the norm of all gradients together clipped.
#[derive(Debug)]
pub(super) struct AdamW {
    pub(super) steps: u32,
    pub(super) moments: Vec<Moments>,
}

impl AdamW {
    pub(super) fn new(factors: &Factors) -> AdamW {
        let moments = factors.values.iter().map(|one| Moments::zero(one.len()));
        AdamW {
            steps: 0,
            moments: moments.collect(),
        }
    }

    /// Moves the factors against their gradients, whose norm is at most `clip_norm` then.
    pub(super) fn step(
        &mut self,
        factors: &mut Factors,
        gradients: &mut [Vec<f32>],
        rate: f32,
        weight_decay: f32,
        clip_norm: f32,
    ) {
        let squares = gradients
            .iter()
            .flatten()
            .map(|g| f64::from(*g) * f64::from(*g));
        let norm = squares.sum::<f64>().sqrt() as f32;
        if norm > clip_norm {
            let scale = clip_norm / norm;
            gradients.iter_mut().flatten().for_each(|g| *g *= scale);
        }
        self.steps += 1;
        let corrected = corrected_rate(rate, self.steps);
        let parts = factors
            .values
            .iter_mut()
            .zip(gradients)
            .zip(&mut self.moments);
        for ((values, gradient), moments) in parts {
            values
                .iter_mut()
                .for_each(|value| *value -= rate * weight_decay * *value);
            let Moments { first, second } = moments;
            adam::step(corrected, values, gradient, first, second);
        }
    }
}
