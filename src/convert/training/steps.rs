//! A decoder layer, forwards and backwards.

use super::attention::Attention;
use super::feed_forward::FeedForward;
use super::layer::{Gradients, Layer};
use super::norm::Norm;
use super::tape::Tape;
use crate::Result;

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
