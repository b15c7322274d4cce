//! Adam (Kingma and Ba 2015) on unit vectors: the gradient is projected onto the sphere before
//! the step and the vector is scaled back to unit length after it. Rows without a gradient are
//! left alone ("lazy"), so the cost follows what a batch touches.

use crate::vectors::wide::{self, Kernel, Registers};
use crate::vectors::{add_scaled, dot, normalise};

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// First and second moments of a run of parameters.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
}

impl Moments {
    pub(super) fn zero(len: usize) -> Self {
        Moments {
            first: vec![0.0; len],
            second: vec![0.0; len],
        }
    }
}

/// The step size of step `step` (counted from 1) with Adam's bias corrections folded in.
pub(super) fn corrected_rate(learning_rate: f32, step: u32) -> f32 {
    let step = step.min(100_000) as i32;
    learning_rate * (1.0 - BETA_2.powi(step)).sqrt() / (1.0 - BETA_1.powi(step))
}

/// One step of plain parameters.
pub(super) fn step(
    rate: f32,
    values: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    wide::run(Step {
        rate,
        values,
        gradient,
        first,
        second,
    });
}

struct Step<'a> {
    rate: f32,
    values: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Registers>(self) {
        let moments = self.first.iter_mut().zip(self.second);
        let state = self.values.iter_mut().zip(self.gradient).zip(moments);
        for ((value, gradient), (first, second)) in state {
            *first += (1.0 - BETA_1) * (gradient - *first);
            *second += (1.0 - BETA_2) * (gradient * gradient - *second);
            *value -= self.rate * *first / (second.sqrt() + EPSILON);
        }
    }
}

/// One step of a unit vector.
pub(super) fn step_on_sphere(
    rate: f32,
    unit: &mut [f32],
    gradient: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let outward = dot(unit, gradient);
    add_scaled(gradient, -outward, unit);
    step(rate, unit, gradient, first, second);
    normalise(unit);
}
