//! A frozen linear layer with a low-rank change, and its gradients.
//!
//! ```text
//!   forward    y  = x·W + (x·A)·B
//!   backward   dx = dy·Wᵀ + t·Aᵀ      t = dy·Bᵀ      dA = xᵀ·t      dB = (x·A)ᵀ·dy
//! ```

use super::base::FrozenModel;
use super::tape::{Tape, across, plain};
use crate::Result;
use crate::model::language::{LinearModule, input_names};

/// What the backward pass needs of a forward one.
pub(super) struct Linear {
    weight: String,
    input: String,
    low_rank: Option<LowRank>,
}

struct LowRank {
    a: String,
    b: String,
    /// `x·A`.
    reduced: String,
}

/// The gradients of a change.
pub(super) struct LinearGradients {
    pub(super) a: String,
    pub(super) b: String,
}

impl Linear {
    /// `input · W`, changed if the layer is trained, `+ sum` if there is one. Also returns the result.
    pub(super) fn forward(
        tape: &mut Tape,
        base: &FrozenModel,
        (layer, module): (usize, LinearModule),
        input: &str,
        sum: Option<&str>,
        is_trained: bool,
    ) -> Result<(Linear, String)> {
        let prefix = format!("model.layers.{layer}.{module}");
        let name = format!("{prefix}.weight");
        base.linear_shape(&name)?;
        let weight = match base.is_half(&name)? {
            true => tape.floats(&name),
            false => name,
        };
        let mut output = tape.gemm(plain(input), plain(&weight), sum);
        let bias = format!("{prefix}.bias");
        if base.has(&bias) {
            output = tape.op("Add", &[&output, &bias]);
        }
        let mut low_rank = None;
        if is_trained {
            let [a, b] = input_names(layer, module);
            let reduced = tape.gemm(plain(input), plain(&a), None);
            output = tape.gemm(plain(&reduced), plain(&b), Some(&output));
            low_rank = Some(LowRank { a, b, reduced });
        }
        let input = input.to_owned();
        let linear = Linear {
            weight,
            input,
            low_rank,
        };
        Ok((linear, output))
    }

    /// The gradients of the change, and that of the input where `others` is given: `+ others` if
    /// it has a value.
    pub(super) fn backward(
        &self,
        tape: &mut Tape,
        gradient: &str,
        others: Option<Option<&str>>,
    ) -> (Option<LinearGradients>, Option<String>) {
        let mut of_input = others.map(|sum| tape.gemm(plain(gradient), across(&self.weight), sum));
        let gradients = self.low_rank.as_ref().map(|LowRank { a, b, reduced }| {
            let reduced_gradient = tape.gemm(plain(gradient), across(b), None);
            if let Some(sum) = &mut of_input {
                *sum = tape.gemm(plain(&reduced_gradient), across(a), Some(sum.as_str()));
            }
            LinearGradients {
                a: tape.gemm(across(&self.input), plain(&reduced_gradient), None),
                b: tape.gemm(across(reduced), plain(gradient), None),
            }
        });
        (gradients, of_input)
    }
}
