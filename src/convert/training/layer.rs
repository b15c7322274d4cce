//! What the parts of a decoder layer share: the layer they are of, and where gradients go.

use super::base::FrozenModel;
use super::linear::Linear;
use super::tape::Tape;
use crate::Result;
use crate::model::language::{LinearModule, input_names};

/// A layer that is being written.
pub(super) struct Layer<'a> {
    pub(super) base: &'a FrozenModel,
    pub(super) number: usize,
    pub(super) is_trained: bool,
}

impl Layer<'_> {
    /// One of its linear layers.
    pub(super) fn linear(
        &self,
        tape: &mut Tape,
        module: LinearModule,
        input: &str,
        sum: Option<&str>,
    ) -> Result<(Linear, String)> {
        let place = (self.number, module);
        Linear::forward(tape, self.base, place, input, sum, self.is_trained)
    }
}

/// Gives the gradients of changes their names.
pub(super) struct Gradients {
    pub(super) layer: usize,
}

/// The name under which the gradient of an input comes out.
pub(super) fn gradient_name(input: &str) -> String {
    format!("{input}.gradient")
}

impl Gradients {
    /// Goes back through a linear layer; returns the gradient of its input.
    pub(super) fn linear(
        &mut self,
        module: LinearModule,
        linear: &Linear,
        tape: &mut Tape,
        gradient: &str,
    ) -> Option<String> {
        self.linear_onto(module, linear, tape, gradient, Some(None))
    }

    /// The same, the gradient of the input added to others, or left out.
    pub(super) fn linear_onto(
        &mut self,
        module: LinearModule,
        linear: &Linear,
        tape: &mut Tape,
        gradient: &str,
        others: Option<Option<&str>>,
    ) -> Option<String> {
        let (own, of_input) = linear.backward(tape, gradient, others);
        if let Some(own) = own {
            let [a, b] = input_names(self.layer, module);
            tape.name(&own.a, &gradient_name(&a));
            tape.name(&own.b, &gradient_name(&b));
        }
        of_input
    }
}
