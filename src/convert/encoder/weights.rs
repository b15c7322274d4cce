//! Weights in the graph: one way of storing and multiplying for each [`WeightFormat`].
//!
//! ```text
//!        linear layer x·W                            embedding
//! f32    MatMul, [in, out]                           Gather
//! f16    the same, through a Cast                    the same, through a Cast
//! int8   DynamicQuantizeMatMul, a scale per output   codes and a scale per token
//!        and one per token of the input
//! ```
//!
//! I1. Of the checkpoint, at most one linear layer or a few megabytes of an embedding are in
//! memory beside the graph.

use super::config::{Linear, Norm, NormKind};
use super::constants::Constants;
use crate::convert::checkpoint::tensors::{TensorSource, read_all};
use crate::convert::graph::quantize::{LARGEST_CODE, LARGEST_SAFE_CODE, row_to_codes};
use crate::convert::graph::weights::each_row;
use crate::model::language::WeightFormat;
use crate::model::onnx::nodes::{MICROSOFT, Nodes, float, integer};
use crate::{Error, Result};

/// Reads weights, and stores each once.
pub(super) struct Weights<'a> {
    pub source: &'a dyn TensorSource,
    pub constants: Constants,
    pub format: WeightFormat,
}

/// A matrix in the graph.
pub(super) struct Matrix {
    /// `[inputs, outputs]`: floats in all formats but int8.
    pub values: String,
    /// Of int8, what the codes of an output are multiplied by.
    pub scales: Option<String>,
}

impl Weights<'_> {
    /// True if products are of integers.
    pub fn is_quantised(&self) -> bool {
        self.format == WeightFormat::Int8
    }

    /// A vector as 32-bit floats under its own name; 1 is added to it, or not.
    pub fn vector(&mut self, name: &str, len: usize, is_offset: bool) -> Result<()> {
        if self.constants.has(name) {
            return Ok(());
        }
        let mut values = read_all(self.source, name, &[len])?;
        if is_offset {
            values.iter_mut().for_each(|value| *value += 1.0);
        }
        self.constants.floats(name, &[len], &values)
    }

    /// The matrix of a linear layer.
    pub fn matrix(&mut self, nodes: &mut Nodes, linear: &Linear) -> Result<Matrix> {
        let (inputs, outputs) = (linear.inputs, linear.outputs());
        let name = format!("{}.weight", linear.name());
        let shape = [inputs, outputs];
        match self.format {
            WeightFormat::F32 => {
                let values =
                    self.transposed(linear, |row, to: &mut [f32]| to.copy_from_slice(row))?;
                self.constants.floats(&name, &shape, &values)?;
                Ok(Matrix {
                    values: name,
                    scales: None,
                })
            }
            WeightFormat::F16 => {
                let values =
                    self.transposed(linear, |row, to: &mut [f32]| to.copy_from_slice(row))?;
                self.constants.halves(&name, &shape, &values)?;
                Ok(Matrix {
                    values: nodes.cast_to_float(&name, &format!("{name}.f32")),
                    scales: None,
                })
            }
            WeightFormat::Int8 => {
                let mut scales = Vec::with_capacity(outputs);
                let codes = self.transposed(linear, |row, to: &mut [i8]| {
                    scales.push(row_to_codes(row, LARGEST_SAFE_CODE, to));
                })?;
                self.constants.bytes(&name, &shape, &codes)?;
                let scales_name = format!("{name}.scales");
                self.constants.floats(&scales_name, &[outputs], &scales)?;
                Ok(Matrix {
                    values: name,
                    scales: Some(scales_name),
                })
            }
            WeightFormat::Int4 => Err(Error::invalid("encoders have weights of f32, f16 or int8")),
        }
    }

    /// The bias of a linear layer, `[outputs]`; zeros if it has none.
    pub fn bias(&mut self, linear: &Linear) -> Result<String> {
        let name = format!("{}.bias", linear.name());
        if !self.constants.has(&name) {
            let mut values = Vec::with_capacity(linear.outputs());
            for (module, rows) in &linear.modules {
                match linear.has_bias {
                    true => {
                        values.extend(read_all(self.source, &format!("{module}.bias"), &[*rows])?)
                    }
                    false => values.extend(std::iter::repeat_n(0.0, *rows)),
                }
            }
            self.constants.floats(&name, &[values.len()], &values)?;
        }
        Ok(name)
    }

    /// `output = input · Wᵀ`, without the bias.
    pub fn product(
        &mut self,
        nodes: &mut Nodes,
        linear: &Linear,
        input: &str,
        output: &str,
    ) -> Result<String> {
        let matrix = self.matrix(nodes, linear)?;
        match &matrix.scales {
            None => Ok(nodes.onnx("MatMul", &[input, &matrix.values], output, vec![])),
            Some(scales) => self.product_by_token(nodes, [&matrix.values, scales], input, output),
        }
    }

    /// The integer product of rows that are scaled to a largest magnitude of 1, and scaled back.
    ///
    /// The operator rounds all tokens by one scale. The first of a text, which no word is at, has
    /// values ten times those of the others, which would be rounded to nothing much: of the distance
    /// of MiniLM's vectors to the exact ones, half would be due to that.
    fn product_by_token(
        &mut self,
        nodes: &mut Nodes,
        [codes, scales]: [&str; 2],
        input: &str,
        output: &str,
    ) -> Result<String> {
        self.constants.integers("last_axis", &[1], &[-1])?;
        self.constants.floats("least", &[], &[f32::MIN_POSITIVE])?;
        let part = |what: &str| format!("{output}.{what}");
        let sizes = nodes.onnx("Abs", &[input], &part("sizes"), vec![]);
        let largest = nodes.onnx(
            "ReduceMax",
            &[&sizes, "last_axis"],
            &part("largest"),
            vec![],
        );
        let largest = nodes.onnx("Max", &[&largest, "least"], &part("scale"), vec![]);
        let scaled = nodes.onnx("Div", &[input, &largest], &part("scaled"), vec![]);
        let product = part("scaled_product");
        let operands = [scaled.as_str(), codes, scales];
        nodes.add(
            MICROSOFT,
            "DynamicQuantizeMatMul",
            &operands,
            &[&product],
            vec![],
        );
        Ok(nodes.onnx("Mul", &[&product, &largest], output, vec![]))
    }

    /// `output = input · Wᵀ`, and the bias if there is one.
    pub fn linear(
        &mut self,
        nodes: &mut Nodes,
        linear: &Linear,
        input: &str,
        output: &str,
    ) -> Result<String> {
        if !linear.has_bias {
            return self.product(nodes, linear, input, output);
        }
        let product = self.product(nodes, linear, input, &format!("{output}.product"))?;
        let bias = self.bias(linear)?;
        Ok(nodes.onnx("Add", &[&product, &bias], output, vec![]))
    }

    /// The norm of `input`.
    pub fn norm(
        &mut self,
        nodes: &mut Nodes,
        norm: &Norm,
        input: &str,
        output: &str,
    ) -> Result<String> {
        let weight = format!("{}.weight", norm.module);
        let bias = format!("{}.bias", norm.module);
        let attributes = vec![integer("axis", -1), float("epsilon", norm.epsilon)];
        let is_offset = norm.kind == NormKind::RootMeanSquare { is_offset: true };
        self.vector(&weight, norm.len, is_offset)?;
        let mut operands = vec![input, &weight];
        let operator = match norm.kind {
            NormKind::RootMeanSquare { .. } => "SimplifiedLayerNormalization",
            NormKind::Layer { has_bias } => {
                if has_bias {
                    self.vector(&bias, norm.len, false)?;
                    operands.push(&bias);
                }
                "LayerNormalization"
            }
        };
        Ok(nodes.onnx(operator, &operands, output, attributes))
    }

    /// The rows `ids` of the tensor `name`, `[…ids, width]`.
    pub fn picked_rows(
        &mut self,
        nodes: &mut Nodes,
        name: &str,
        shape: [usize; 2],
        ids: &str,
        output: &str,
    ) -> Result<String> {
        let mut values = Vec::new();
        match self.format {
            WeightFormat::Int8 | WeightFormat::Int4 => {
                let [rows, width] = shape;
                let mut codes = Vec::with_capacity(rows * width);
                let mut scales = Vec::with_capacity(rows);
                let mut of_row = vec![0; width];
                each_row(self.source, name, shape, |row| {
                    scales.push(row_to_codes(row, LARGEST_CODE, &mut of_row));
                    codes.extend_from_slice(&of_row);
                    Ok(())
                })?;
                let scales_name = format!("{name}.scales");
                self.constants.bytes(name, &shape, &codes)?;
                self.constants.floats(&scales_name, &[rows, 1], &scales)?;
                let part = |what: &str| format!("{output}.{what}");
                let codes = nodes.onnx("Gather", &[name, ids], &part("codes"), vec![]);
                let codes = nodes.cast_to_float(&codes, &part("float_codes"));
                let scales = nodes.onnx("Gather", &[&scales_name, ids], &part("scales"), vec![]);
                Ok(nodes.onnx("Mul", &[&codes, &scales], output, vec![]))
            }
            format => {
                each_row(self.source, name, shape, |row| {
                    values.extend_from_slice(row);
                    Ok(())
                })?;
                if format == WeightFormat::F32 {
                    self.constants.floats(name, &shape, &values)?;
                    return Ok(nodes.onnx("Gather", &[name, ids], output, vec![]));
                }
                self.constants.halves(name, &shape, &values)?;
                let halves = nodes.onnx("Gather", &[name, ids], &format!("{output}.f16"), vec![]);
                Ok(nodes.cast_to_float(&halves, output))
            }
        }
    }

    /// Encodes the rows of a linear layer; the result has them as columns.
    fn transposed<T: Copy + Default>(
        &self,
        linear: &Linear,
        mut encode: impl FnMut(&[f32], &mut [T]),
    ) -> Result<Vec<T>> {
        let (inputs, outputs) = (linear.inputs, linear.outputs());
        let mut columns = vec![T::default(); inputs * outputs];
        let mut encoded = vec![T::default(); inputs];
        let mut at = 0;
        for (module, rows) in &linear.modules {
            each_row(
                self.source,
                &format!("{module}.weight"),
                [*rows, inputs],
                |row| {
                    encode(row, &mut encoded);
                    let places = columns.iter_mut().skip(at).step_by(outputs);
                    places.zip(&encoded).for_each(|(to, &from)| *to = from);
                    at += 1;
                    Ok(())
                },
            )?;
        }
        Ok(columns)
    }
}
