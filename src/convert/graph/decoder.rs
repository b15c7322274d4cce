//! The decoder graph: weights and a [`DecoderConfig`] become `model.onnx`, the same for CUDA as
//! `model.cuda.onnx`, and the `model.weights` of both.
//!
//! ```text
//! input_ids ─ embedding ─┬─ norm ─ q,k,v ─ attention ─ o ─ + norm ─ feed-forward ─┬─ … ─ norm ─ head
//!                        └───────────── residual ──────────────────────── residual┘
//! ```
//!
//! "zerogr decoder graph 1". `B` rows of `S` new tokens, `P` past ones, `T` in all:
//!
//! | input | | |
//! |---|---|---|
//! | `input_ids`, `position_ids` | i64 `[B, S]` | |
//! | `attention_bias` | f32 `[B or 1, 1, S, T]` | added to the attention scores, which are causal |
//! | `seqlens_k` | i32 `[B]` | valid length of each row, less 1 |
//! | `total_sequence_length` | i32 scalar | `T` |
//! | `head_rows` | i64 `[R]` | the rows of the flattened `[B·S]` that get logits |
//! | `head_columns` | i64 `[C]` | the tokens that get logits; empty for the whole vocabulary |
//! | `past_key_values.{i}.key`, `.value` | f32 `[B, kv_heads, P, head_dim]` | |
//!
//! | output | | |
//! |---|---|---|
//! | `logits` | f32 `[R, C or vocabulary]` | |
//! | `present.{i}.key`, `.value` | f32 `[B, kv_heads, T, head_dim]` | |
//!
//! With a past and several new tokens `B` must be 1 (the attention operator refuses others):
//! that is how prefill goes on and how trie nodes are scored, where the bias hides from each node
//! all but the prompt and its ancestors. Rows of different lengths are padded on the right.
//!
//! I1. Only `head_rows` pass through what follows the last attention, so a prefill does not pay
//! for the logits of a prompt.

use std::fs;
use std::path::Path;

use prost::Message;

use super::weights::{Operators, Weights};
use super::weights_file::WeightsFile;
use crate::convert::checkpoint::decoder_config::DecoderConfig;
use crate::convert::checkpoint::layout::{EMBEDDING, Expected, HEAD, LAST_NORM};
use crate::convert::checkpoint::tensors::TensorSource;
pub use crate::model::language::WEIGHTS_FILE;
use crate::model::language::{LanguageModelConfig, ModelKind, WeightFormat};
use crate::model::onnx::messages::{DataType, GraphProto, ModelProto, TensorProto, ValueInfoProto};
use crate::model::onnx::nodes::{
    MICROSOFT, Nodes, axis, branch, fixed, float, integer, model_of, value,
};
use crate::{Error, Result};

/// Name of the graph's file in a model folder.
pub const GRAPH_FILE: &str = "model.onnx";
/// Name of the file of the graph that runs on CUDA.
pub const CUDA_GRAPH_FILE: &str = "model.cuda.onnx";

/// What the folder of a decoder says of it; name, tokens and origin are left blank.
pub(in crate::convert) fn record_of(
    config: &DecoderConfig,
    format: WeightFormat,
    weights_sha256: String,
) -> LanguageModelConfig {
    LanguageModelConfig {
        format: LanguageModelConfig::FORMAT,
        kind: ModelKind::DecoderGraph,
        name: String::new(),
        architecture: config.architecture.name().into(),
        graph: GRAPH_FILE.into(),
        cuda_graph: Some(CUDA_GRAPH_FILE.into()),
        hidden: config.hidden,
        layers: config.layers,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        vocab: config.vocab,
        max_positions: config.max_positions,
        weights: Some(format),
        bos_token_id: None,
        eos_token_ids: Vec::new(),
        chat_template: None,
        chat_template_problem: None,
        source_sha256: String::new(),
        weights_sha256,
    }
}

/// Writes the graph and its weights into the folder `dir`; returns the SHA-256 of the weights.
/// `layer_done` is called after every layer.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) with the tensor's name when one is missing, has
/// another shape than `config` says, is not used, or holds what `format` cannot express; [`ErrorKind::Io`](crate::ErrorKind::Io) when a file cannot be written.
pub fn write_decoder(
    dir: &Path,
    config: &DecoderConfig,
    source: &dyn TensorSource,
    format: WeightFormat,
    layer_done: &mut dyn FnMut(),
) -> Result<String> {
    config.check()?;
    let source = Expected::of(source, config)?;
    let mut decoder = Decoder {
        config,
        nodes: Nodes::default(),
        weights: Weights {
            source: &source,
            file: WeightsFile::create(dir, WEIGHTS_FILE)?,
            format,
            operators: Operators::Cpu,
        },
    };
    decoder.build(layer_done)?;
    let for_cpu = std::mem::take(&mut decoder.nodes);
    decoder.weights.operators = Operators::Cuda;
    decoder.build(&mut || ())?;
    let for_cuda = decoder.nodes;
    let (tensors, sha256) = decoder.weights.file.finish()?;
    source.finish()?;
    for (name, nodes) in [(GRAPH_FILE, for_cpu), (CUDA_GRAPH_FILE, for_cuda)] {
        let path = dir.join(name);
        let model = model(config, nodes, &tensors);
        fs::write(&path, model.encode_to_vec()).map_err(|e| Error::io("writing", &path, e))?;
    }
    Ok(sha256)
}

/// A graph under construction.
pub(in crate::convert) struct Decoder<'a> {
    pub(in crate::convert) config: &'a DecoderConfig,
    pub(in crate::convert) nodes: Nodes,
    pub(in crate::convert) weights: Weights<'a>,
}

/// The residual stream: `sum` is known only once `branch` has been added to `trunk`.
struct Residual {
    trunk: String,
    branch: String,
}

impl Decoder<'_> {
    fn build(&mut self, layer_done: &mut dyn FnMut()) -> Result<()> {
        let config = self.config;
        self.weights.constants();
        self.shapes();
        if self.weights.operators == Operators::Cuda {
            self.plain_attention_inputs();
        }
        self.rotary_tables()?;
        self.weights
            .rows(EMBEDDING, [config.vocab, config.hidden])?;
        let embedded =
            self.weights
                .picked_rows(&mut self.nodes, EMBEDDING, "input_ids", "embedded");

        let name = "model.layers.0.input_layernorm.weight";
        self.weights.vector(name, config.hidden)?;
        let mut normed = self.norm(&embedded, name, "layers.0.normed");
        let mut trunk = embedded;
        for layer in 0..config.layers {
            let attended = self.attention(layer, &normed)?;
            let mut residual = Residual {
                trunk,
                branch: attended,
            };
            if layer + 1 == config.layers {
                residual = self.head_rows(residual);
            }
            let shape = [config.hidden, config.heads * config.head_dim];
            let output = format!("layers.{layer}.attention_output");
            let projected =
                self.linear(layer, "self_attn.o_proj", shape, &residual.branch, &output)?;
            let name = format!("model.layers.{layer}.post_attention_layernorm.weight");
            let (after, input) = self.add_and_norm(&residual.trunk, &projected, &name)?;
            let fed = self.feed_forward(layer, &input)?;
            let next = if layer + 1 == config.layers {
                LAST_NORM.to_owned()
            } else {
                format!("model.layers.{}.input_layernorm.weight", layer + 1)
            };
            (trunk, normed) = self.add_and_norm(&after, &fed, &next)?;
            layer_done();
        }
        self.head(&normed)
    }

    /// Constant shapes, `0` meaning "as it is".
    fn shapes(&mut self) {
        let config = self.config;
        let flat = |width: usize| [-1, width as i64];
        let file = &mut self.weights.file;
        file.integers("flat_hidden", &[2], &flat(config.hidden));
        file.integers("flat_heads", &[2], &flat(config.heads * config.head_dim));
        let split = |heads: usize| [0, 0, heads as i64, config.head_dim as i64];
        let joined = |heads: usize| [0, 0, (heads * config.head_dim) as i64];
        file.integers("split_q", &[4], &split(config.heads));
        file.integers("split_k", &[4], &split(config.kv_heads));
        file.integers("joined_q", &[3], &joined(config.heads));
        file.integers("joined_k", &[3], &joined(config.kv_heads));
    }

    fn rotary_tables(&mut self) -> Result<()> {
        let frequencies = self.config.rotary_frequencies();
        let shape = [self.config.max_positions, frequencies.len()];
        let cos: fn(f64) -> f64 = f64::cos;
        for (name, function) in [("rotary_cos", cos), ("rotary_sin", f64::sin)] {
            if self.weights.file.has(name) {
                continue;
            }
            self.weights
                .file
                .tensor(name, DataType::Float, &shape, |sink| {
                    for position in 0..shape[0] {
                        let row = frequencies
                            .iter()
                            .map(|f| function(position as f64 * f) as f32);
                        sink.write(row.collect::<Vec<f32>>().as_slice())?;
                    }
                    Ok(())
                })?;
        }
        Ok(())
    }

    /// Of what the last attention gives and of the stream beside it, the rows that get logits.
    fn head_rows(&mut self, residual: Residual) -> Residual {
        let mut pick = |from: &str, shape: &str, to: &str| {
            let flat = self
                .nodes
                .onnx("Reshape", &[from, shape], &format!("{to}.flat"), vec![]);
            self.nodes.onnx("Gather", &[&flat, "head_rows"], to, vec![])
        };
        Residual {
            branch: pick(&residual.branch, "flat_heads", "rows.attended"),
            trunk: pick(&residual.trunk, "flat_hidden", "rows.trunk"),
        }
    }

    /// `down(silu(gate(x)) * up(x))`.
    fn feed_forward(&mut self, layer: usize, input: &str) -> Result<String> {
        let (hidden, width) = (self.config.hidden, self.config.feed_forward);
        let name = |part: &str| format!("layers.{layer}.{part}");
        let gate = self.linear(
            layer,
            "mlp.gate_proj",
            [width, hidden],
            input,
            &name("gate"),
        )?;
        let up = self.linear(layer, "mlp.up_proj", [width, hidden], input, &name("up"))?;
        let sigmoid = self
            .nodes
            .onnx("Sigmoid", &[&gate], &name("gate.sigmoid"), vec![]);
        let opened = self
            .nodes
            .onnx("Mul", &[&gate, &sigmoid], &name("gate.silu"), vec![]);
        let gated = self
            .nodes
            .onnx("Mul", &[&opened, &up], &name("gated"), vec![]);
        self.linear(
            layer,
            "mlp.down_proj",
            [hidden, width],
            &gated,
            &name("down"),
        )
    }

    fn head(&mut self, normed: &str) -> Result<()> {
        let config = self.config;
        let name = if config.tied_head { EMBEDDING } else { HEAD };
        let shape = [config.vocab, config.hidden];
        if !config.tied_head {
            self.weights.rows(name, shape)?;
        }
        let mut whole = Nodes::default();
        let all = self
            .weights
            .product_with_rows(&mut whole, name, shape, normed, "all_logits");
        let mut some = Nodes::default();
        let columns = self
            .weights
            .picked_rows(&mut some, name, "head_columns", "columns");
        let transposed = vec![integer("transB", 1)];
        let few = some.onnx("Gemm", &[normed, &columns], "column_logits", transposed);

        self.weights.file.integers("zero", &[], &[0]);
        let count = self
            .nodes
            .onnx("Size", &["head_columns"], "column_count", vec![]);
        let none = self
            .nodes
            .onnx("Equal", &[&count, "zero"], "no_columns", vec![]);
        let branches = vec![
            branch("then_branch", whole, &all),
            branch("else_branch", some, &few),
        ];
        self.nodes.onnx("If", &[&none], "logits", branches);
        Ok(())
    }

    /// `input · Wᵀ` of a layer's module, and its bias if it has one.
    pub(in crate::convert) fn linear(
        &mut self,
        layer: usize,
        module: &str,
        shape: [usize; 2],
        input: &str,
        output: &str,
    ) -> Result<String> {
        let module_name = format!("model.layers.{layer}.{module}");
        let weight = format!("{module_name}.weight");
        let nodes = &mut self.nodes;
        let product = self.weights.linear(nodes, &weight, shape, input, output)?;
        if !self.config.biases.has(module) {
            return Ok(product);
        }
        let [outputs, _] = shape;
        let bias = format!("{module_name}.bias");
        self.weights.vector(&bias, outputs)?;
        let biased = format!("{output}.biased");
        Ok(nodes.onnx("Add", &[&product, &bias], &biased, vec![]))
    }

    pub(in crate::convert) fn norm(&mut self, input: &str, weight: &str, output: &str) -> String {
        let attributes = vec![
            float("epsilon", self.config.rms_norm_epsilon),
            integer("axis", -1),
        ];
        self.nodes.onnx(
            "SimplifiedLayerNormalization",
            &[input, weight],
            output,
            attributes,
        )
    }

    /// The sum of two tensors, and its norm.
    fn add_and_norm(&mut self, a: &str, b: &str, weight: &str) -> Result<(String, String)> {
        self.weights.vector(weight, self.config.hidden)?;
        let (normed, sum) = (format!("{weight}.normed"), format!("{weight}.sum"));
        self.nodes.add(
            MICROSOFT,
            "SkipSimplifiedLayerNormalization",
            &[a, b, weight],
            &[&normed, "", "", &sum],
            vec![float("epsilon", self.config.rms_norm_epsilon)],
        );
        Ok((sum, normed))
    }
}

/// The graph with its inputs, outputs and operator sets.
fn model(config: &DecoderConfig, nodes: Nodes, tensors: &[TensorProto]) -> ModelProto {
    let operands = nodes.operands();
    let is_used = |tensor: &&TensorProto| operands.contains(tensor.name());
    let initializer = tensors.iter().filter(is_used).cloned().collect();
    let mut input = vec![
        value("input_ids", DataType::Int64, &[axis("batch"), axis("new")]),
        value(
            "position_ids",
            DataType::Int64,
            &[axis("batch"), axis("new")],
        ),
        value(
            "attention_bias",
            DataType::Float,
            &[axis("bias_batch"), fixed(1), axis("new"), axis("total")],
        ),
        value("seqlens_k", DataType::Int32, &[axis("batch")]),
        value("total_sequence_length", DataType::Int32, &[]),
        value("head_rows", DataType::Int64, &[axis("rows")]),
        value("head_columns", DataType::Int64, &[axis("columns")]),
    ];
    let logits = [axis("rows"), axis("logits")];
    let mut output = vec![value("logits", DataType::Float, &logits)];
    let cache = |name: String, len: &str| -> ValueInfoProto {
        let shape = [
            axis("batch"),
            fixed(config.kv_heads),
            axis(len),
            fixed(config.head_dim),
        ];
        value(&name, DataType::Float, &shape)
    };
    for layer in 0..config.layers {
        for part in ["key", "value"] {
            input.push(cache(past_name(layer, part), "past"));
            output.push(cache(present_name(layer, part), "total"));
        }
    }
    model_of(GraphProto {
        node: nodes.finish(),
        name: Some("zerogr decoder graph 1".into()),
        initializer,
        input,
        output,
    })
}

pub(in crate::convert) fn past_name(layer: usize, part: &str) -> String {
    format!("past_key_values.{layer}.{part}")
}

pub(in crate::convert) fn present_name(layer: usize, part: &str) -> String {
    format!("present.{layer}.{part}")
}
