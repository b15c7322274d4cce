//! Layers behind the pooling, or behind the tokens where these are compared.
//!
//! A layer gives the same for the token that is picked, and, if it is linear, for the mean of the
//! tokens, whether it comes before the pooling or behind it. So it is applied to every token, and
//! tokens can still be compared one by one; only where the order matters is the pooling part of
//! the graph.

use std::path::Path;

use serde_json::{Map, Value};

use super::building::Encoder;
use super::config::Activation;
use crate::Result;
use crate::convert::checkpoint::tensors::{TensorSource, check_shape, read_all};
use crate::convert::hugging_face::folder::{read_json, wrong};
use crate::convert::hugging_face::safetensors::SafetensorsFolder;
use crate::model::Pooling;
use crate::model::onnx::nodes::integer;

/// How the settings of the pooling name the sum of the vectors over the root of their number.
const OVER_ROOT: &str = "mean_sqrt_len";

/// The layers behind the pooling, and the pooling before them.
pub(super) struct Head {
    pub pooling: HeadPooling,
    pub layers: Vec<Dense>,
}

/// How tokens are pooled before the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadPooling {
    As(Pooling),
    OverRoot,
    /// Not at all: tokens are what is compared.
    OfTokens,
}

/// A layer.
pub(super) struct Dense {
    outputs: usize,
    inputs: usize,
    /// `[outputs, inputs]`.
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    activation: DenseActivation,
    residual: Residual,
}

/// What is added behind the activation.
enum Residual {
    None,
    Input,
    /// The product of the input with `[outputs, inputs]`.
    Projected(Vec<f32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DenseActivation {
    None,
    Tanh,
    Sigmoid,
    Other(Activation),
}

impl HeadPooling {
    /// What the settings of the pooling ask for. Settings that cannot be applied are refused by
    /// whoever reads the folder that is written.
    pub fn of(settings: &Value) -> HeadPooling {
        const MODES: [(&str, &str, Pooling); 5] = [
            ("cls", "cls_token", Pooling::Cls),
            ("max", "max_tokens", Pooling::Max),
            ("weightedmean", "weightedmean_tokens", Pooling::WeightedMean),
            ("lasttoken", "lasttoken", Pooling::LastToken),
            ("mean", "mean_tokens", Pooling::Mean),
        ];
        let name = settings.get("pooling_mode").and_then(Value::as_str);
        let is_on =
            |mode: &str| settings.get(format!("pooling_mode_{mode}")) == Some(&Value::Bool(true));
        if name == Some(OVER_ROOT) || is_on("mean_sqrt_len_tokens") {
            return HeadPooling::OverRoot;
        }
        let found = MODES
            .iter()
            .find(|(short, long, _)| name == Some(short) || is_on(long));
        HeadPooling::As(found.map_or(Pooling::Mean, |(_, _, pooling)| *pooling))
    }
}

impl Head {
    /// The layers in the folders of `dir`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) naming the folder that lacks a file, has an
    /// unknown setting or a weight of another shape than its neighbours call for.
    pub fn read(
        dir: &Path,
        folders: &[String],
        pooling: HeadPooling,
        hidden: usize,
    ) -> Result<Head> {
        let mut width = hidden;
        let mut layers = Vec::new();
        for folder in folders {
            let layer = Dense::read(&dir.join(folder), width, pooling)?;
            width = layer.outputs;
            layers.push(layer);
        }
        Ok(Head { pooling, layers })
    }

    /// True if the pooled vectors are the result.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Values of a vector.
    pub fn width(&self, hidden: usize) -> usize {
        self.layers.last().map_or(hidden, |layer| layer.outputs)
    }

    /// True if the layers give the same before the pooling.
    fn commutes(&self) -> bool {
        let is_linear = |layer: &Dense| layer.activation == DenseActivation::None;
        match self.pooling {
            HeadPooling::OfTokens | HeadPooling::As(Pooling::Cls | Pooling::LastToken) => true,
            HeadPooling::As(Pooling::Mean | Pooling::WeightedMean) => {
                self.layers.iter().all(is_linear)
            }
            HeadPooling::As(Pooling::Max) => false,
            HeadPooling::OverRoot => {
                let is_exact = |layer: &Dense| is_linear(layer) && layer.bias.is_none();
                self.layers.iter().all(is_exact)
            }
        }
    }
}

impl Dense {
    /// The projection of tokens, among the tensors of a transformer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when it is not there, or does not fit.
    pub fn projection(source: &dyn TensorSource, name: &str, inputs: usize) -> Result<Dense> {
        let shape = source.shape(name).unwrap_or_default();
        let outputs = shape.first().copied().unwrap_or(0);
        Ok(Dense {
            outputs,
            inputs,
            weights: read_all(source, name, &[outputs, inputs])?,
            bias: None,
            activation: DenseActivation::None,
            residual: Residual::None,
        })
    }

    fn read(dir: &Path, inputs: usize, pooling: HeadPooling) -> Result<Dense> {
        const CONFIG: &str = "config.json";
        let settings: Map<String, Value> = read_json(dir, CONFIG)?
            .ok_or_else(|| wrong(dir, CONFIG, "is missing, and modules.json names it"))?;
        let known = [
            "in_features",
            "out_features",
            "bias",
            "activation_function",
            "use_residual",
            "module_input_name",
            "module_output_name",
        ];
        if let Some(key) = settings.keys().find(|key| !known.contains(&key.as_str())) {
            let what = format!("has the setting {key}, which is not known here");
            return Err(wrong(dir, CONFIG, &what));
        }
        let size = |key: &str| {
            let size = settings.get(key).and_then(Value::as_u64);
            let size = size.and_then(|size| usize::try_from(size).ok());
            size.ok_or_else(|| wrong(dir, CONFIG, &format!("does not say {key}")))
        };
        let (found, outputs) = (size("in_features")?, size("out_features")?);
        if found != inputs {
            let what =
                format!("says {found} in_features, and what comes before has {inputs} values");
            return Err(wrong(dir, CONFIG, &what));
        }
        let of_pooling = match pooling {
            HeadPooling::OfTokens => "token_embeddings",
            _ => "sentence_embedding",
        };
        for key in ["module_input_name", "module_output_name"] {
            match settings.get(key) {
                None | Some(Value::Null) => {}
                Some(name) if name == of_pooling => {}
                Some(name) => {
                    let what = format!("says {name} for {key}, which cannot be imported here");
                    return Err(wrong(dir, CONFIG, &what));
                }
            }
        }
        let flag = |key: &str, default: bool| match settings.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong(dir, CONFIG, &format!("says no truth for {key}"))),
        };
        let has_bias = flag("bias", true)?;
        let has_residual = flag("use_residual", false)?;
        let is_projected = has_residual && inputs != outputs;
        let name = settings
            .get("activation_function")
            .and_then(|name| name.as_str());
        let activation = match name.map(|name| name.rsplit('.').next().unwrap_or(name)) {
            Some("Identity") => DenseActivation::None,
            None | Some("Tanh") => DenseActivation::Tanh,
            Some("Sigmoid") => DenseActivation::Sigmoid,
            Some("ReLU") => DenseActivation::Other(Activation::Relu),
            Some("GELU") => DenseActivation::Other(Activation::Gelu),
            Some("SiLU") => DenseActivation::Other(Activation::Silu),
            Some(other) => {
                let what = format!("asks for the activation {other}, which cannot be imported");
                return Err(wrong(dir, CONFIG, &what));
            }
        };
        let source = SafetensorsFolder::open(dir)?.ok_or_else(|| {
            let what = "is missing (weights in PyTorch's own format are not read)";
            wrong(dir, "model.safetensors", what)
        })?;
        let known = match is_projected {
            true => &["linear.weight", "linear.bias", "residual.weight"][..],
            false => &["linear.weight", "linear.bias"],
        };
        if let Some(name) = source
            .names()
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            let what = format!("has the tensor {name}, which is not known here");
            return Err(wrong(dir, "model.safetensors", &what));
        }
        if !has_bias && source.shape("linear.bias").is_some() {
            let what = "has a bias, and config.json says that there is none";
            return Err(wrong(dir, "model.safetensors", what));
        }
        check_shape(&source, "linear.weight", &[outputs, inputs])?;
        let bias = match has_bias {
            true => Some(read_all(&source, "linear.bias", &[outputs])?),
            false => None,
        };
        Ok(Dense {
            outputs,
            inputs,
            weights: read_all(&source, "linear.weight", &[outputs, inputs])?,
            bias,
            activation,
            residual: match (has_residual, is_projected) {
                (false, _) => Residual::None,
                (true, false) => Residual::Input,
                (true, true) => {
                    Residual::Projected(read_all(&source, "residual.weight", &[outputs, inputs])?)
                }
            },
        })
    }
}

impl Encoder<'_> {
    /// Adds the layers behind `input`, the vectors of the tokens; true if they are pooled. The
    /// output has the first name, or the second one where it is pooled.
    pub(super) fn head(&mut self, head: &Head, input: &str, names: [&str; 2]) -> Result<bool> {
        let is_pooled = !head.commutes();
        let [tokens, texts] = names;
        let mut x = match is_pooled {
            true => self.pooled(head.pooling, input)?,
            false => input.to_owned(),
        };
        for (number, layer) in head.layers.iter().enumerate() {
            let name = |part: &str| format!("dense.{number}.{part}");
            let is_last = number + 1 == head.layers.len();
            let output = match (is_last, is_pooled) {
                (false, _) => name("output"),
                (true, false) => tokens.to_owned(),
                (true, true) => texts.to_owned(),
            };
            x = self.dense(layer, number, &x, &output)?;
        }
        Ok(is_pooled)
    }

    /// Layers behind the pooling are small, and stay floats.
    fn dense(&mut self, layer: &Dense, number: usize, input: &str, output: &str) -> Result<String> {
        let name = |part: &str| format!("dense.{number}.{part}");
        let weight = self.columns(layer, &layer.weights, &name("weight"))?;
        let has_residual = !matches!(layer.residual, Residual::None);
        // What comes last has the name of the output.
        let mut rest = vec!["product"];
        rest.extend(layer.bias.is_some().then_some("biased"));
        rest.extend((layer.activation != DenseActivation::None).then_some("activated"));
        rest.extend(has_residual.then_some("sum"));
        let last = rest.last().copied().unwrap_or_default();
        let named = |part: &str| match part == last {
            true => output.to_owned(),
            false => name(part),
        };
        let operands = [input, &weight];
        let mut x = self
            .nodes
            .onnx("MatMul", &operands, &named("product"), vec![]);
        if let Some(values) = &layer.bias {
            let bias = name("bias");
            let constants = &mut self.weights.constants;
            constants.floats(&bias, &[layer.outputs], values)?;
            x = self
                .nodes
                .onnx("Add", &[&x, &bias], &named("biased"), vec![]);
        }
        let activated = named("activated");
        x = match layer.activation {
            DenseActivation::None => x,
            DenseActivation::Tanh => self.nodes.onnx("Tanh", &[&x], &activated, vec![]),
            DenseActivation::Sigmoid => self.nodes.onnx("Sigmoid", &[&x], &activated, vec![]),
            DenseActivation::Other(activation) => {
                self.activated_by(activation, &x, None, &activated)
            }
        };
        let added = match &layer.residual {
            Residual::None => return Ok(x),
            Residual::Input => input.to_owned(),
            Residual::Projected(weights) => {
                let weight = self.columns(layer, weights, &name("residual_weight"))?;
                let operands = [input, &weight];
                self.nodes
                    .onnx("MatMul", &operands, &name("residual"), vec![])
            }
        };
        Ok(self.nodes.onnx("Add", &[&x, &added], &named("sum"), vec![]))
    }

    /// Weights of a layer with its outputs as columns, under a name.
    fn columns(&mut self, layer: &Dense, weights: &[f32], name: &str) -> Result<String> {
        let (inputs, outputs) = (layer.inputs, layer.outputs);
        let mut columns = Vec::with_capacity(weights.len());
        for at in 0..inputs {
            columns.extend(weights.iter().skip(at).step_by(inputs.max(1)).copied());
        }
        let constants = &mut self.weights.constants;
        constants.floats(name, &[inputs, outputs], &columns)?;
        Ok(name.to_owned())
    }

    /// A vector per text.
    fn pooled(&mut self, pooling: HeadPooling, input: &str) -> Result<String> {
        let constants = &mut self.weights.constants;
        constants.integers("vector_axis", &[1], &[2])?;
        constants.integers("pooled_axis", &[1], &[1])?;
        let nodes = &mut self.nodes;
        let mask = nodes.cast_to_float("attention_mask", "pooled.mask");
        let mask = nodes.onnx(
            "Unsqueeze",
            &[&mask, "vector_axis"],
            "pooled.tokens",
            vec![],
        );
        let plain = || vec![integer("keepdims", 0)];
        if pooling == HeadPooling::As(Pooling::Max) {
            constants.floats("pooled.least", &[], &[f32::MIN])?;
            constants.floats("pooled.half", &[], &[0.5])?;
            let is_token = nodes.onnx(
                "Greater",
                &[&mask, "pooled.half"],
                "pooled.is_token",
                vec![],
            );
            let operands = [is_token.as_str(), input, "pooled.least"];
            let all = nodes.onnx("Where", &operands, "pooled.all", vec![]);
            return Ok(nodes.onnx("ReduceMax", &[&all, "pooled_axis"], "pooled", plain()));
        }
        let weights = match pooling {
            HeadPooling::As(Pooling::WeightedMean) => {
                let sum = nodes.onnx("CumSum", &[&mask, "pooled_axis"], "pooled.places", vec![]);
                nodes.onnx("Mul", &[&sum, &mask], "pooled.weights", vec![])
            }
            _ => mask,
        };
        let weighed = nodes.onnx("Mul", &[input, &weights], "pooled.weighed", vec![]);
        let sum = nodes.onnx(
            "ReduceSum",
            &[&weighed, "pooled_axis"],
            "pooled.sum",
            plain(),
        );
        let mut count = nodes.onnx(
            "ReduceSum",
            &[&weights, "pooled_axis"],
            "pooled.count",
            plain(),
        );
        if pooling == HeadPooling::OverRoot {
            count = nodes.onnx("Sqrt", &[&count], "pooled.root", vec![]);
        }
        Ok(nodes.onnx("Div", &[&sum, &count], "pooled", vec![]))
    }
}
