//! The graph of an encoder.
//!
//! ```text
//! input_ids ─ embedding ─ norm ─┬─ attention ─ + norm ─┬─ feed-forward ─ + norm ─┬─ … ─ last_hidden_state
//!                               └───────────── residual┘────────────── residual ─┘
//! ```
//!
//! Norms stand before a branch, behind it, or behind the sum, as the family wants. Inputs are
//! `input_ids` and `attention_mask`, i64 `[texts, tokens]`, rows padded on the right. The output is
//! a vector per token, or one per text where layers behind the pooling ask for it.
//!
//! Norms of sums are called `layer_norm_1`, `layer_norm_2`, …, two to a layer, and the last of them
//! is the output: token heads read them by these names.

use prost::Message;

use super::building::Encoder;
use super::config::{EncoderConfig, Layer, Linear, Norm, NormKind, Norms};
use super::constants::Constants;
use super::dense::Head;
use super::weights::Weights;
use crate::Result;
use crate::convert::checkpoint::layout::Expected;
use crate::convert::checkpoint::tensors::{TensorSource, read_all};
use crate::model::language::WeightFormat;
use crate::model::onnx::messages::{DataType, GraphProto};
use crate::model::onnx::nodes::{MICROSOFT, Nodes, axis, fixed, float, integer, model_of, value};

/// The output with a vector per token.
const TOKENS: &str = "last_hidden_state";
/// The output with a vector per text.
const TEXTS: &str = "sentence_embedding";

/// The graph with its weights.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) naming the tensor that is missing, has another
/// shape than `config` says, is not used, or holds what `format` cannot express.
pub(super) fn encoder_graph(
    config: &EncoderConfig,
    source: &dyn TensorSource,
    head: &Head,
    format: WeightFormat,
    layer_done: &mut dyn FnMut(),
) -> Result<Vec<u8>> {
    config.check()?;
    let expected = Expected::new(source, config.tensors(), &|name| {
        config
            .irrelevant
            .iter()
            .any(|start| name.starts_with(start))
            || name.ends_with("position_ids")
    })?;
    let mut encoder = Encoder {
        config,
        nodes: Nodes::default(),
        weights: Weights {
            source: &expected,
            constants: Constants::default(),
            format,
        },
    };
    let is_pooled = encoder.build(head, layer_done)?;
    let Encoder { nodes, weights, .. } = encoder;
    let constants = weights.constants.finish();
    expected.finish()?;
    let per_token = [axis("texts"), axis("tokens")];
    let width = fixed(head.width(config.hidden));
    let output = match is_pooled {
        true => value(TEXTS, DataType::Float, &[axis("texts"), width]),
        false => value(
            TOKENS,
            DataType::Float,
            &[axis("texts"), axis("tokens"), width],
        ),
    };
    let operands = nodes.operands();
    let is_used = |name: &str| operands.contains(name);
    let initializer = constants
        .into_iter()
        .filter(|tensor| is_used(tensor.name()))
        .collect();
    let model = model_of(GraphProto {
        input: ["input_ids", "attention_mask"]
            .map(|name| value(name, DataType::Int64, &per_token))
            .to_vec(),
        node: nodes.finish(),
        name: Some("zerogr encoder graph 1".into()),
        initializer,
        output: vec![output],
    });
    Ok(model.encode_to_vec())
}

impl Encoder<'_> {
    /// Adds all nodes; true if the output is a vector per text.
    fn build(&mut self, head: &Head, layer_done: &mut dyn FnMut()) -> Result<bool> {
        let config = self.config;
        self.attention_inputs()?;
        let mut x = self.embedding()?;
        let output = match head.is_empty() {
            true => TOKENS,
            false => "layers.output",
        };
        for (number, layer) in config.layers.iter().enumerate() {
            let is_last = number + 1 == config.layers.len() && config.last_norm.is_none();
            let sums = [
                format!("layer_norm_{}", 2 * number + 1),
                match is_last {
                    true => output.to_owned(),
                    false => format!("layer_norm_{}", 2 * number + 2),
                },
            ];
            x = self.layer(layer, number, &x, &sums)?;
            layer_done();
        }
        if let Some(norm) = &config.last_norm {
            x = self.weights.norm(&mut self.nodes, norm, &x, output)?;
        }
        match head.is_empty() {
            true => Ok(false),
            false => self.head(head, &x, [TOKENS, TEXTS]),
        }
    }

    fn embedding(&mut self) -> Result<String> {
        let config = self.config;
        let shape = [config.vocab, config.hidden];
        let mut x = self.weights.picked_rows(
            &mut self.nodes,
            &config.words,
            shape,
            "input_ids",
            "words",
        )?;
        if config.words_scale != 1.0 {
            let scale = [config.words_scale];
            self.weights.constants.floats("words_scale", &[], &scale)?;
            x = self
                .nodes
                .onnx("Mul", &[&x, "words_scale"], "scaled_words", vec![]);
        }
        if let Some(places) = self.places()? {
            x = self.nodes.onnx("Add", &[&x, &places], "embedded", vec![]);
        }
        match &config.embedding_norm {
            Some(norm) => self.weights.norm(&mut self.nodes, norm, &x, "layer_norm"),
            None => Ok(x),
        }
    }

    /// What is added to the embeddings of a text: vectors of the places, with that of the first
    /// segment in them; or that of the segment alone.
    fn places(&mut self) -> Result<Option<String>> {
        let config = self.config;
        let width = config.hidden;
        let segment = match &config.segments {
            None => None,
            Some((table, rows)) => {
                let mut all = read_all(self.weights.source, table, &[*rows, width])?;
                all.truncate(width);
                Some(all)
            }
        };
        let constants = &mut self.weights.constants;
        let Some(places) = &config.places else {
            return match segment {
                None => Ok(None),
                Some(segment) => {
                    constants.floats("segment", &[width], &segment)?;
                    Ok(Some("segment".into()))
                }
            };
        };
        let all = read_all(self.weights.source, &places.table, &[places.rows, width])?;
        let mut rows = all.get(places.first * width..).unwrap_or_default().to_vec();
        rows.truncate(config.max_tokens * width);
        for row in rows.chunks_exact_mut(width) {
            let added = segment.iter().flatten();
            row.iter_mut().zip(added).for_each(|(to, from)| *to += from);
        }
        let shape = [rows.len() / width.max(1), width];
        match self.weights.format {
            WeightFormat::F32 => constants.floats(&places.table, &shape, &rows)?,
            _ => constants.halves(&places.table, &shape, &rows)?,
        }
        constants.integers("first", &[1], &[0])?;
        constants.integers("first_axis", &[1], &[0])?;
        let attributes = vec![integer("start", 1), integer("end", 2)];
        let len = self.nodes.onnx("Shape", &["input_ids"], "len", attributes);
        let operands = [places.table.as_str(), "first", &len, "first_axis"];
        let is_exact = self.weights.format == WeightFormat::F32;
        let name = if is_exact { "places" } else { "places.f16" };
        let picked = self.nodes.onnx("Slice", &operands, name, vec![]);
        Ok(Some(match is_exact {
            true => picked,
            false => self.nodes.cast_to_float(&picked, "places"),
        }))
    }

    fn layer(
        &mut self,
        layer: &Layer,
        number: usize,
        input: &str,
        [attended, fed]: &[String; 2],
    ) -> Result<String> {
        let name = |part: &str| format!("layers.{number}.{part}");
        let norms = &layer.attention_norms;
        let x = self.before(norms, input, &name("attention_input"))?;
        let branch = self.attention(layer, number, &x)?;
        let output = &layer.attention_output;
        let branch =
            self.weights
                .product(&mut self.nodes, output, &branch, &name("attention_output"))?;
        let input = self.add(norms, input, &branch, output, attended)?;

        let norms = &layer.feed_forward_norms;
        let x = self.before(norms, &input, &name("feed_forward_input"))?;
        let branch = self.feed_forward(layer, number, &x)?;
        self.add(norms, &input, &branch, &layer.down, fed)
    }

    fn before(&mut self, norms: &Norms, input: &str, output: &str) -> Result<String> {
        match &norms.before {
            Some(norm) => self.weights.norm(&mut self.nodes, norm, input, output),
            None => Ok(input.to_owned()),
        }
    }

    /// The sum of the residual `x` and of a branch that ends in the product of `last`, whose bias
    /// is still to be added; with the norms that belong there.
    fn add(
        &mut self,
        norms: &Norms,
        x: &str,
        branch: &str,
        last: &Linear,
        output: &str,
    ) -> Result<String> {
        let bias = match last.has_bias {
            true => Some(self.weights.bias(last)?),
            false => None,
        };
        if let (None, Some(norm)) = (&norms.after, &norms.sum)
            && let NormKind::Layer { has_bias } = norm.kind
        {
            return self.fused_sum(norm, has_bias, [x, branch], bias.as_deref(), output);
        }
        let mut branch = branch.to_owned();
        if let Some(bias) = bias {
            let biased = format!("{output}.biased");
            branch = self.nodes.onnx("Add", &[&branch, &bias], &biased, vec![]);
        }
        if let Some(norm) = &norms.after {
            let normed = format!("{output}.branch");
            branch = self.weights.norm(&mut self.nodes, norm, &branch, &normed)?;
        }
        let Some(norm) = &norms.sum else {
            return Ok(self.nodes.onnx("Add", &[x, &branch], output, vec![]));
        };
        let sum = format!("{output}.sum");
        let sum = self.nodes.onnx("Add", &[x, &branch], &sum, vec![]);
        self.weights.norm(&mut self.nodes, norm, &sum, output)
    }

    fn fused_sum(
        &mut self,
        norm: &Norm,
        has_bias: bool,
        [x, branch]: [&str; 2],
        bias: Option<&str>,
        output: &str,
    ) -> Result<String> {
        let (weight, beta) = (
            format!("{}.weight", norm.module),
            format!("{}.bias", norm.module),
        );
        self.weights.vector(&weight, norm.len, false)?;
        let mut operands = vec![x, branch, &weight, ""];
        if has_bias {
            self.weights.vector(&beta, norm.len, false)?;
            operands = vec![x, branch, &weight, &beta];
        }
        operands.extend(bias);
        let attributes = vec![float("epsilon", norm.epsilon)];
        self.nodes.add(
            MICROSOFT,
            "SkipLayerNormalization",
            &operands,
            &[output],
            attributes,
        );
        Ok(output.to_owned())
    }
}
