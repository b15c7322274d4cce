//! The feed-forward part `down(silu(gate(x)) · up(x))` and its gradient.
//!
//! ```text
//!   s = sigmoid(g)      silu(g) = g·s      silu'(g) = s + g·s·(1 − s)
//! ```

use super::layer::{Gradients, Layer};
use super::linear::Linear;
use super::tape::Tape;
use crate::Result;
use crate::model::language::LinearModule;

/// What the backward pass needs of a forward one.
pub(super) struct FeedForward {
    gate: Linear,
    up: Linear,
    down: Linear,
    sigmoid: String,
    opened: String,
    raised: String,
}

impl FeedForward {
    /// The result for `input`, and `sum` added. Also returns it.
    pub(super) fn forward(
        tape: &mut Tape,
        layer: &Layer<'_>,
        input: &str,
        sum: &str,
    ) -> Result<(FeedForward, String)> {
        let (gate, gated) = layer.linear(tape, LinearModule::Gate, input, None)?;
        let (up, raised) = layer.linear(tape, LinearModule::Up, input, None)?;
        let sigmoid = tape.op("Sigmoid", &[&gated]);
        let opened = tape.op("Mul", &[&gated, &sigmoid]);
        let inner = tape.op("Mul", &[&opened, &raised]);
        let (down, output) = layer.linear(tape, LinearModule::Down, &inner, Some(sum))?;
        let feed_forward = FeedForward {
            gate,
            up,
            down,
            sigmoid,
            opened,
            raised,
        };
        Ok((feed_forward, output))
    }

    /// The gradient of the input.
    pub(super) fn backward(
        &self,
        tape: &mut Tape,
        gradients: &mut Gradients,
        gradient: &str,
    ) -> Option<String> {
        let inner = gradients.linear(LinearModule::Down, &self.down, tape, gradient)?;
        let raised = tape.op("Mul", &[&inner, &self.opened]);
        let opened = tape.op("Mul", &[&inner, &self.raised]);
        let both = tape.op("Mul", &[&self.opened, &self.sigmoid]);
        let rest = tape.op("Sub", &[&self.opened, &both]);
        let slope = tape.op("Add", &[&self.sigmoid, &rest]);
        let gated = tape.op("Mul", &[&opened, &slope]);
        let of_up = gradients.linear(LinearModule::Up, &self.up, tape, &raised)?;
        let onto = Some(Some(of_up.as_str()));
        gradients.linear_onto(LinearModule::Gate, &self.gate, tape, &gated, onto)
    }
}
