//! A decoder layer, forwards and backwards, and the gradients that are collected on the way.

use super::attention::Attention;
use super::base::FrozenModel;
use super::feed_forward::FeedForward;
use super::linear::{Linear, factor_names};
use super::norm::Norm;
use super::tape::Tape;
use crate::Result;
use crate::model::language::LinearModule;

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
            let [a, b] = factor_names(self.layer, module);
            tape.name(&own.a, &gradient_name(&a));
            tape.name(&own.b, &gradient_name(&b));
        }
        of_input
    }
}

/// What the backward pass needs of a layer's forward one.
pub(super) struct Passed {
    layer: usize,
    before_attention: Norm,
    attention: Attention,
    before_feed_forward: Norm,
    feed_forward: FeedForward,
}

impl Passed {
    /// The residual stream behind a layer.
    pub(super) fn forward(
        tape: &mut Tape,
        layer: &Layer<'_>,
        stream: &str,
    ) -> Result<(Passed, String)> {
        let prefix = format!("model.layers.{}", layer.number);
        let epsilon = layer.base.rms_norm_epsilon;
        let weight = format!("{prefix}.input_layernorm.weight");
        let (before_attention, normed) = Norm::forward(tape, stream, &weight, epsilon);
        let (attention, stream) = Attention::forward(tape, layer, &normed, stream)?;
        let weight = format!("{prefix}.post_attention_layernorm.weight");
        let (before_feed_forward, normed) = Norm::forward(tape, &stream, &weight, epsilon);
        let (feed_forward, stream) = FeedForward::forward(tape, layer, &normed, &stream)?;
        let passed = Passed {
            layer: layer.number,
            before_attention,
            attention,
            before_feed_forward,
            feed_forward,
        };
        Ok((passed, stream))
    }

    /// The gradient of the residual stream before the layer, if it `is_wanted`.
    pub(super) fn backward(
        &self,
        tape: &mut Tape,
        gradient: &str,
        is_wanted: bool,
    ) -> Option<String> {
        let mut gradients = Gradients { layer: self.layer };
        let fed = self.feed_forward.backward(tape, &mut gradients, gradient)?;
        let fed = self.before_feed_forward.backward(tape, &fed);
        let gradient = tape.op("Add", &[gradient, &fed]);
        let attended = self
            .attention
            .backward(tape, &mut gradients, &gradient, is_wanted)?;
        let attended = self.before_attention.backward(tape, &attended);
        Some(tape.op("Add", &[&gradient, &attended]))
    }
}
