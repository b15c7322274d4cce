//! The graphs of a training, whole.
//!
//! `B` rows of `S` tokens, `N = B·S`; `R` rows of the head, `C` columns, `T` targets, `P` pairs:
//!
//! | input | | |
//! |---|---|---|
//! | `input_ids` | i64 `[B, S]` | of the frozen graph, and of the trained one if no layer is frozen |
//! | `stream` | f32 `[N, hidden]` | of the trained graph otherwise |
//! | `position_ids` | i64 `[B, S]` | |
//! | `attention_bias` | f32 `[B, 1, S, S]` | added to the scores; nothing else hides a token |
//! | `head_rows`, `head_columns` | i64 `[R]`, `[C]` | rows of `N`, tokens |
//! | `column_bias` | f32 `[R or 1, C or 1]` | added to the logits |
//! | `targets`, `target_weights` | i64 `[T, 2]`, f32 `[T]` | places in `[R, C]` |
//! | `row_weights` | f32 `[R, 1]` | sums of the weights of each row |
//! | `pairs`, `pair_weights` | f32 `[P, R]`, `[P, 1]` | |
//! | `layers.{i}.{module}.a`, `.b` | f32 `[inputs, rank]`, `[rank, outputs]` | |
//!
//! Outputs: `stream` of the frozen graph; of the trained one `logits`, `loss` `[]`, `pair_loss`
//! `[]`, and `….gradient` of every A and B.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use prost::Message;

use super::base::FrozenModel;
use super::layer::{Layer, gradient_name};
use super::objective::objective;
use super::steps::Passed;
use super::tape::Tape;
use crate::convert::checkpoint::layout::EMBEDDING;
use crate::model::language::{AdaptableLayer, LinearModule, input_names};
use crate::model::onnx::messages::{DataType, GraphProto, NodeProto, TensorProto, ValueInfoProto};
use crate::model::onnx::nodes::{axis, fixed, integer, model_of, value};
use crate::{Error, Result};

/// The graphs of a training over one decoder.
#[derive(Debug, Clone)]
pub struct TrainingGraphs {
    /// The layers below the first trained one, if there are any.
    pub frozen: Option<Vec<u8>>,
    /// The trained layers, forwards and backwards.
    pub trained: Vec<u8>,
    /// What is trained, in the order of layers.
    pub shapes: Vec<AdaptableLayer>,
}

/// Writes the graphs for the model in `folder`, whose layers from `first_layer` on are trained.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) when the folder has no imported decoder with
/// weights in floats, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when no layer is
/// left to train, [`ErrorKind::Io`](crate::ErrorKind::Io) when it cannot be read.
pub fn training_graphs(folder: &Path, first_layer: usize) -> Result<TrainingGraphs> {
    let base = FrozenModel::read(folder)?;
    let layers = base.config.layers;
    if first_layer >= layers {
        return Err(Error::invalid(format!(
            "layers from {first_layer} on are to be trained, and {} has {layers}",
            base.config.name
        )));
    }
    let mut shapes = Vec::new();
    for layer in first_layer..layers {
        for module in LinearModule::ALL {
            let weight = format!("model.layers.{layer}.{module}.weight");
            let [inputs, outputs] = base.linear_shape(&weight)?;
            shapes.push(AdaptableLayer {
                layer,
                module,
                inputs,
                outputs,
            });
        }
    }
    let frozen = (first_layer > 0).then(|| frozen_graph(&base, first_layer));
    Ok(TrainingGraphs {
        frozen: frozen.transpose()?,
        trained: trained_graph(&base, first_layer, &shapes)?,
        shapes,
    })
}

fn frozen_graph(base: &FrozenModel, layers: usize) -> Result<Vec<u8>> {
    let mut tape = start(base);
    let mut stream = embedded(&mut tape, base)?;
    for number in 0..layers {
        let layer = Layer {
            base,
            number,
            is_trained: false,
        };
        (_, stream) = Passed::forward(&mut tape, &layer, &stream)?;
    }
    tape.name(&stream, "stream");
    let mut inputs = vec![tokens("input_ids")];
    inputs.extend(places());
    let outputs = vec![stream_value(base)];
    finish(base, tape, "zerogr frozen layers 1", inputs, outputs)
}

fn trained_graph(
    base: &FrozenModel,
    first_layer: usize,
    shapes: &[AdaptableLayer],
) -> Result<Vec<u8>> {
    let mut tape = start(base);
    let (mut stream, first) = match first_layer {
        0 => (embedded(&mut tape, base)?, tokens("input_ids")),
        _ => ("stream".to_owned(), stream_value(base)),
    };
    let mut passed = Vec::new();
    for number in first_layer..base.config.layers {
        let layer = Layer {
            base,
            number,
            is_trained: true,
        };
        let (one, behind) = Passed::forward(&mut tape, &layer, &stream)?;
        passed.push(one);
        stream = behind;
    }
    let mut gradient = Some(objective(&mut tape, base, &stream)?);
    for (above_lowest, one) in passed.iter().enumerate().rev() {
        let Some(behind) = &gradient else { break };
        gradient = one.backward(&mut tape, behind, above_lowest > 0);
    }

    let mut inputs = vec![first];
    inputs.extend(places());
    inputs.extend(asked());
    let scalar = |name: &str| value(name, DataType::Float, &[]);
    let logits = value("logits", DataType::Float, &[axis("rows"), axis("columns")]);
    let mut outputs = vec![logits, scalar("loss"), scalar("pair_loss")];
    for shape in shapes {
        let [a, b] = input_names(shape.layer, shape.module);
        let a_shape = [fixed(shape.inputs), axis("rank")];
        let b_shape = [axis("rank"), fixed(shape.outputs)];
        for (name, shape) in [(a, a_shape), (b, b_shape)] {
            outputs.push(value(&gradient_name(&name), DataType::Float, &shape));
            inputs.push(value(&name, DataType::Float, &shape));
        }
    }
    finish(base, tape, "zerogr adapter training 1", inputs, outputs)
}

/// The constants of every layer. In shapes, `0` means "as it is".
fn start(base: &FrozenModel) -> Tape {
    let config = &base.config;
    let (heads, kv_heads) = (config.heads as i64, config.kv_heads as i64);
    let head_dim = config.head_dim as i64;
    let mut tape = Tape::default();
    tape.integers("first_axis", &[0]);
    tape.integers("last_axis", &[-1]);
    tape.integers("both_axes", &[0, 1]);
    tape.integers("flat_heads", &[-1, heads * head_dim]);
    tape.integers("flat_kv", &[-1, kv_heads * head_dim]);
    tape.integers("flat_hidden", &[-1, config.hidden as i64]);
    tape.integers("by_kv_head", &[0, kv_heads, -1, 0]);
    tape.integers("last_of_heads", &[heads, head_dim]);
    tape.integers("last_of_kv_heads", &[kv_heads, head_dim]);
    tape.integers("joined_heads", &[heads * head_dim]);
    tape.integers("joined_kv_heads", &[kv_heads * head_dim]);
    let rows = tape.op("Shape", &["position_ids"]);
    for (shape, end) in [
        ("split_q", "last_of_heads"),
        ("split_k", "last_of_kv_heads"),
        ("joined_q", "joined_heads"),
        ("joined_k", "joined_kv_heads"),
    ] {
        let joined = tape.op_with("Concat", &[&rows, end], vec![integer("axis", 0)]);
        tape.name(&joined, shape);
    }
    tape.integers("by_head", &[0, heads, -1, 0]);
    let back = tape.op("Neg", &["rotary_sin"]);
    tape.name(&back, "rotary_sin_back");
    tape
}

fn embedded(tape: &mut Tape, base: &FrozenModel) -> Result<String> {
    let mut embedded = tape.op("Gather", &[EMBEDDING, "input_ids"]);
    if base.is_half(EMBEDDING)? {
        embedded = tape.floats(&embedded);
    }
    Ok(tape.op("Reshape", &[&embedded, "flat_hidden"]))
}

fn tokens(name: &str) -> ValueInfoProto {
    value(name, DataType::Int64, &[axis("batch"), axis("len")])
}

fn stream_value(base: &FrozenModel) -> ValueInfoProto {
    let shape = [axis("tokens"), fixed(base.config.hidden)];
    value("stream", DataType::Float, &shape)
}

/// The inputs that say where tokens are.
fn places() -> Vec<ValueInfoProto> {
    let bias = [axis("batch"), fixed(1), axis("len"), axis("len")];
    vec![
        tokens("position_ids"),
        value("attention_bias", DataType::Float, &bias),
    ]
}

/// The inputs that say what is wanted.
fn asked() -> Vec<ValueInfoProto> {
    let float = |name: &str, shape: &[_]| value(name, DataType::Float, shape);
    let integer = |name: &str, shape: &[_]| value(name, DataType::Int64, shape);
    vec![
        integer("head_rows", &[axis("rows")]),
        integer("head_columns", &[axis("columns")]),
        float("column_bias", &[axis("bias_rows"), axis("bias_columns")]),
        integer("targets", &[axis("targets"), fixed(2)]),
        float("target_weights", &[axis("targets")]),
        float("row_weights", &[axis("rows"), fixed(1)]),
        float("pairs", &[axis("pairs"), axis("rows")]),
        float("pair_weights", &[axis("pairs"), fixed(1)]),
    ]
}

fn finish(
    base: &FrozenModel,
    tape: Tape,
    name: &str,
    input: Vec<ValueInfoProto>,
    output: Vec<ValueInfoProto>,
) -> Result<Vec<u8>> {
    let (node, constants) = tape.finish();
    let initializer = initializers(base, &node, &constants, &input)?;
    let model = model_of(GraphProto {
        node,
        name: Some(name.into()),
        initializer,
        input,
        output,
    });
    Ok(model.encode_to_vec())
}

/// The constants that are used, and the weights of the base model among them.
fn initializers(
    base: &FrozenModel,
    nodes: &[NodeProto],
    constants: &[TensorProto],
    inputs: &[ValueInfoProto],
) -> Result<Vec<TensorProto>> {
    let operands = nodes.iter().flat_map(|node| &node.input);
    let operands: BTreeSet<&str> = operands.map(String::as_str).collect();
    let of_nodes = nodes.iter().flat_map(|node| &node.output);
    let of_inputs = inputs.iter().filter_map(|input| input.name.as_ref());
    let computed: HashSet<&str> = of_nodes.chain(of_inputs).map(String::as_str).collect();
    let constants: HashMap<&str, &TensorProto> = constants
        .iter()
        .map(|tensor| (tensor.name(), tensor))
        .collect();
    let wanted = operands.into_iter().filter(|name| !computed.contains(name));
    wanted
        .map(|name| match constants.get(name) {
            Some(&constant) => Ok(constant.clone()),
            None => base.tensor(name).cloned(),
        })
        .collect()
}
