//! The feed-forward part of a layer.

use super::building::Encoder;
use super::config::{Activation, Layer};
use crate::Result;
use crate::model::onnx::nodes::{MICROSOFT, integer};

impl Encoder<'_> {
    /// `down(activation(up(x)))`, or `down(activation(gate(x)) * up(x))`, without the last bias.
    pub(super) fn feed_forward(
        &mut self,
        layer: &Layer,
        number: usize,
        input: &str,
    ) -> Result<String> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let wide = match self.config.is_gated {
            false => {
                let up = &layer.up;
                let product = self
                    .weights
                    .product(&mut self.nodes, up, input, &name("up"))?;
                let bias = match up.has_bias {
                    true => Some(self.weights.bias(up)?),
                    false => None,
                };
                self.activated(&product, bias.as_deref(), &name("activated"))
            }
            true => {
                let both = self
                    .weights
                    .linear(&mut self.nodes, &layer.up, input, &name("up"))?;
                let (gate, up) = (name("gate"), name("factor"));
                let attributes = vec![integer("axis", -1), integer("num_outputs", 2)];
                self.nodes
                    .add("", "Split", &[&both], &[&gate, &up], attributes);
                let opened = self.activated(&gate, None, &name("opened"));
                self.nodes
                    .onnx("Mul", &[&opened, &up], &name("gated"), vec![])
            }
        };
        self.weights
            .product(&mut self.nodes, &layer.down, &wide, &name("down"))
    }

    /// The activation of `input`, to which a bias is added before.
    pub(super) fn activated(&mut self, input: &str, bias: Option<&str>, output: &str) -> String {
        let activation = self.config.activation;
        self.activated_by(activation, input, bias, output)
    }

    /// The same of another activation than that of the layers.
    pub(super) fn activated_by(
        &mut self,
        activation: Activation,
        input: &str,
        bias: Option<&str>,
        output: &str,
    ) -> String {
        let fused = match (activation, bias) {
            (Activation::Gelu, Some(bias)) => Some(("BiasGelu", vec![input, bias])),
            (Activation::Gelu, None) => Some(("Gelu", vec![input])),
            (Activation::GeluTanh, Some(bias)) => Some(("FastGelu", vec![input, bias])),
            (Activation::GeluTanh, None) => Some(("FastGelu", vec![input])),
            _ => None,
        };
        if let Some((operator, operands)) = fused {
            self.nodes
                .add(MICROSOFT, operator, &operands, &[output], vec![]);
            return output.to_owned();
        }
        let biased = match bias {
            None => input.to_owned(),
            Some(bias) => {
                let biased = format!("{output}.biased");
                self.nodes.onnx("Add", &[input, bias], &biased, vec![])
            }
        };
        match activation {
            Activation::Relu => self.nodes.onnx("Relu", &[&biased], output, vec![]),
            Activation::QuickGelu => {
                self.nodes
                    .add(MICROSOFT, "QuickGelu", &[&biased], &[output], vec![]);
                output.to_owned()
            }
            _ => {
                let sigmoid = format!("{output}.sigmoid");
                let sigmoid = self.nodes.onnx("Sigmoid", &[&biased], &sigmoid, vec![]);
                self.nodes.onnx("Mul", &[&biased, &sigmoid], output, vec![])
            }
        }
    }
}
