//! Weights in the graph: one way of storing and multiplying for each [`WeightFormat`].
//!
//! ```text
//!        linear layer x·W                            embedding and head
//! f32    MatMul, [in, out]                           Gather, Gemm of [vocabulary, hidden]
//! f16    the same, through a Cast                    the same, through a Cast
//! int8   DynamicQuantizeMatMul, a scale per output   MatMulNBits, 8 bits, blocks of 32
//! int4   MatMulNBits, 4 bits, blocks of 32           MatMulNBits, 8 bits, blocks of 32
//! ```
//!
//! On CUDA, f16 is a MatMul of 16-bit floats between two Casts, and int8, whose operator CUDA does
//! not have, a MatMul of 32-bit floats made of the codes when the model is opened.
//!
//! `mlp.down_proj`, whose input has outliers, is `MatMulNBits` with 8 bits in both integer formats.
//! Embedding and head are one tensor where the model ties them, in rows of the vocabulary: a row
//! is picked as an embedding or as a column of the head by the same nodes. They keep 8 bits in
//! the 4-bit format, because rounding them costs most.
//!
//! I1. At most one linear layer is in memory, or a few megabytes of an embedding.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::quantize::{BLOCK, LARGEST_SAFE_CODE, block_to_4_bits, block_to_8_bits, row_to_codes};
use super::weights_file::WeightsFile;
use crate::convert::checkpoint::tensors::{TensorSource, check_shape, read_all};
use crate::model::language::WeightFormat;
use crate::model::onnx::messages::DataType;
use crate::model::onnx::nodes::{MICROSOFT, Nodes, integer};
use crate::{Error, ErrorKind, Result};

/// How exact a product of quantised weights is: 8-bit activations, the fast way.
const ACCURACY_LEVEL: i64 = 4;
/// Values read at a time.
const CHUNK_VALUES: usize = 1 << 20;

/// Whose operators a graph consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::convert) enum Operators {
    /// The fused ones of the CPU.
    Cpu,
    /// Those that CUDA has for 32-bit floats.
    Cuda,
}

/// Writes weights, each once, and the nodes that use them.
pub(in crate::convert) struct Weights<'a> {
    pub source: &'a dyn TensorSource,
    pub file: WeightsFile,
    pub format: WeightFormat,
    pub operators: Operators,
}

/// How a linear layer is stored.
#[derive(Debug, Clone, Copy)]
enum Linear {
    F32,
    F16,
    Int8,
    /// In blocks, with codes of so many bits.
    Blocks(usize),
}

impl Weights<'_> {
    /// Writes a vector (a norm's or a bias) as 32-bit floats under its own name.
    pub fn vector(&mut self, name: &str, len: usize) -> Result<()> {
        if self.file.has(name) {
            return Ok(());
        }
        let values = read_all(self.source, name, &[len])?;
        self.file.tensor(name, DataType::Float, &[len], |sink| {
            sink.write(values.as_slice())
        })
    }

    /// `output = input · Wᵀ` for the tensor `name` of shape `[outputs, inputs]`.
    pub fn linear(
        &mut self,
        nodes: &mut Nodes,
        name: &str,
        shape: [usize; 2],
        input: &str,
        output: &str,
    ) -> Result<String> {
        let format = match self.format {
            WeightFormat::Int8 | WeightFormat::Int4 if has_outliers(name) => Linear::Blocks(8),
            WeightFormat::F32 => Linear::F32,
            WeightFormat::F16 => Linear::F16,
            WeightFormat::Int8 => Linear::Int8,
            WeightFormat::Int4 => Linear::Blocks(4),
        };
        if !self.file.has(name) {
            self.write_linear(name, shape, format)?;
        }
        Ok(self.linear_product(nodes, name, shape, format, input, output))
    }

    fn write_linear(
        &mut self,
        name: &str,
        [outputs, inputs]: [usize; 2],
        format: Linear,
    ) -> Result<()> {
        let shape = [inputs, outputs];
        match format {
            Linear::F32 => {
                let values = self.transposed(name, [outputs, inputs], |row, to: &mut [f32]| {
                    to.copy_from_slice(row);
                    Ok(())
                })?;
                self.file.tensor(name, DataType::Float, &shape, |sink| {
                    sink.write(values.as_slice())
                })
            }
            Linear::F16 => {
                let values = self.transposed(name, [outputs, inputs], |row, to: &mut [f16]| {
                    to_halves(name, row, to)
                })?;
                self.file.tensor(name, DataType::Float16, &shape, |sink| {
                    sink.write(values.as_slice())
                })
            }
            Linear::Int8 => {
                let mut scales = Vec::with_capacity(outputs);
                let codes = self.transposed(name, [outputs, inputs], |row, to: &mut [i8]| {
                    scales.push(row_to_codes(row, LARGEST_SAFE_CODE, to));
                    Ok(())
                })?;
                self.file.tensor(name, DataType::Int8, &shape, |sink| {
                    sink.write(codes.as_slice())
                })?;
                let scale = format!("{name}.scales");
                self.file
                    .tensor(&scale, DataType::Float, &[outputs], |sink| {
                        sink.write(scales.as_slice())
                    })
            }
            Linear::Blocks(bits) => self.blocks(name, [outputs, inputs], bits),
        }
    }

    fn linear_product(
        &self,
        nodes: &mut Nodes,
        name: &str,
        shape: [usize; 2],
        format: Linear,
        input: &str,
        output: &str,
    ) -> String {
        let scales = format!("{name}.scales");
        match (format, self.operators) {
            (Linear::F32, _) => nodes.onnx("MatMul", &[input, name], output, vec![]),
            (Linear::F16, Operators::Cpu) => {
                let weight = nodes.cast_to_float(name, &format!("{name}.f32"));
                nodes.onnx("MatMul", &[input, &weight], output, vec![])
            }
            (Linear::F16, Operators::Cuda) => {
                let halves = nodes.cast_to_half(input, &format!("{output}.f16_input"));
                let product = format!("{output}.f16");
                let product = nodes.onnx("MatMul", &[&halves, name], &product, vec![]);
                nodes.cast_to_float(&product, output)
            }
            (Linear::Int8, Operators::Cpu) => {
                let operands = [input, name, &scales];
                let operator = "DynamicQuantizeMatMul";
                nodes.add(MICROSOFT, operator, &operands, &[output], vec![]);
                output.into()
            }
            (Linear::Int8, Operators::Cuda) => {
                let codes = nodes.cast_to_float(name, &format!("{name}.codes"));
                let weight = format!("{name}.f32");
                let weight = nodes.onnx("Mul", &[&codes, &scales], &weight, vec![]);
                nodes.onnx("MatMul", &[input, &weight], output, vec![])
            }
            (Linear::Blocks(bits), _) => {
                self.blocks_product(nodes, name, shape, bits, input, output)
            }
        }
    }

    /// Writes the tensor `name` of shape `[rows, width]`, whose rows are picked by
    /// [`Weights::picked_rows`] and multiplied by [`Weights::product_with_rows`].
    pub fn rows(&mut self, name: &str, shape: [usize; 2]) -> Result<()> {
        if self.file.has(name) {
            return Ok(());
        }
        match self.format {
            WeightFormat::F32 => {
                self.copied_rows(name, shape, DataType::Float, |sink, row| sink.write(row))
            }
            WeightFormat::F16 => self.copied_rows(name, shape, DataType::Float16, |sink, row| {
                let mut halves = vec![f16::ZERO; row.len()];
                to_halves(name, row, &mut halves)?;
                sink.write(halves.as_slice())
            }),
            WeightFormat::Int8 | WeightFormat::Int4 => self.blocks(name, shape, 8),
        }
    }

    /// The rows `ids` of the tensor `name` as floats, `[…ids, width]`.
    pub fn picked_rows(
        &mut self,
        nodes: &mut Nodes,
        name: &str,
        ids: &str,
        output: &str,
    ) -> String {
        match self.format {
            WeightFormat::F32 => nodes.onnx("Gather", &[name, ids], output, vec![]),
            WeightFormat::F16 => {
                let halves = nodes.onnx("Gather", &[name, ids], &format!("{output}.f16"), vec![]);
                nodes.cast_to_float(&halves, output)
            }
            WeightFormat::Int8 | WeightFormat::Int4 => {
                let part = |what: &str| format!("{output}.{what}");
                let codes = nodes.onnx("Gather", &[name, ids], &part("codes"), vec![]);
                let codes = nodes.cast_to_float(&codes, &part("float_codes"));
                let centred =
                    nodes.onnx("Sub", &[&codes, EIGHT_BIT_ZERO], &part("centred"), vec![]);
                let scales = format!("{name}.scales");
                let scales = nodes.onnx("Gather", &[&scales, ids], &part("scales"), vec![]);
                let scales = nodes.onnx("Unsqueeze", &[&scales, LAST_AXIS], &part("scale"), vec![]);
                let blocks = nodes.onnx("Mul", &[&centred, &scales], &part("blocks"), vec![]);
                // [.., blocks, 32] -> [.., width]
                let shape = nodes.onnx("Shape", &[ids], &part("ids_shape"), vec![]);
                let shape = nodes.onnx(
                    "Concat",
                    &[&shape, LAST_AXIS],
                    &part("shape"),
                    vec![integer("axis", 0)],
                );
                nodes.onnx("Reshape", &[&blocks, &shape], output, vec![])
            }
        }
    }

    /// `output = input · rowsᵀ` for the whole tensor `name` of shape `[rows, width]`.
    pub fn product_with_rows(
        &mut self,
        nodes: &mut Nodes,
        name: &str,
        shape: [usize; 2],
        input: &str,
        output: &str,
    ) -> String {
        match self.format {
            WeightFormat::F32 => {
                nodes.onnx("Gemm", &[input, name], output, vec![integer("transB", 1)])
            }
            WeightFormat::F16 => {
                let rows = nodes.cast_to_float(name, &format!("{output}.f32_rows"));
                nodes.onnx("Gemm", &[input, &rows], output, vec![integer("transB", 1)])
            }
            WeightFormat::Int8 | WeightFormat::Int4 => {
                self.blocks_product(nodes, name, shape, 8, input, output)
            }
        }
    }

    /// The constants that [`Weights::picked_rows`] uses.
    pub fn constants(&mut self) {
        if matches!(self.format, WeightFormat::Int8 | WeightFormat::Int4) {
            self.file.scalar(EIGHT_BIT_ZERO, 128.0);
            self.file.integers(LAST_AXIS, &[1], &[-1]);
        }
    }

    fn blocks_product(
        &self,
        nodes: &mut Nodes,
        name: &str,
        [outputs, inputs]: [usize; 2],
        bits: usize,
        input: &str,
        output: &str,
    ) -> String {
        let scales = format!("{name}.scales");
        let zeros = format!("{name}.zeros");
        let mut operands = vec![input, name, &scales];
        if bits == 4 {
            operands.push(&zeros);
        }
        let attributes = vec![
            integer("K", inputs as i64),
            integer("N", outputs as i64),
            integer("bits", bits as i64),
            integer("block_size", BLOCK as i64),
            integer("accuracy_level", ACCURACY_LEVEL),
        ];
        nodes.add(MICROSOFT, "MatMulNBits", &operands, &[output], attributes);
        output.into()
    }

    /// Writes codes in blocks along the rows, their scales, and for 4 bits their zeros.
    fn blocks(&mut self, name: &str, [rows, width]: [usize; 2], bits: usize) -> Result<()> {
        if !width.is_multiple_of(BLOCK) {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "{name} has rows of {width}, which is no multiple of {BLOCK}: choose f32 or \
                     f16 weights for this model"
                ),
            ));
        }
        let blocks = width / BLOCK;
        let code_bytes = BLOCK * bits / 8;
        let mut scales = Vec::with_capacity(rows * blocks);
        let mut zeros = Vec::new();
        let shape = [rows, blocks, code_bytes];
        let source = self.source;
        self.file.tensor(name, DataType::Uint8, &shape, |sink| {
            let mut codes = vec![0; blocks * code_bytes];
            each_row(source, name, [rows, width], |row| {
                let mut row_zeros = vec![0_u8; blocks.div_ceil(2)];
                let to = codes.chunks_exact_mut(code_bytes);
                for (at, (block, to)) in row.chunks_exact(BLOCK).zip(to).enumerate() {
                    if bits == 4 {
                        let (scale, zero) = block_to_4_bits(block, to);
                        scales.push(scale);
                        if let Some(pair) = row_zeros.get_mut(at / 2) {
                            *pair |= zero << (4 * (at % 2));
                        }
                    } else {
                        scales.push(block_to_8_bits(block, to));
                    }
                }
                if bits == 4 {
                    zeros.extend_from_slice(&row_zeros);
                }
                sink.write(codes.as_slice())
            })
        })?;
        let shape = [rows, blocks];
        self.file
            .tensor(&format!("{name}.scales"), DataType::Float, &shape, |sink| {
                sink.write(scales.as_slice())
            })?;
        if bits == 4 {
            let shape = [rows, blocks.div_ceil(2)];
            self.file
                .tensor(&format!("{name}.zeros"), DataType::Uint8, &shape, |sink| {
                    sink.write(zeros.as_slice())
                })?;
        }
        Ok(())
    }

    /// Writes the rows in their order.
    fn copied_rows(
        &mut self,
        name: &str,
        shape: [usize; 2],
        data_type: DataType,
        mut write: impl FnMut(&mut super::weights_file::Sink<'_>, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let source = self.source;
        self.file.tensor(name, data_type, &shape, |sink| {
            each_row(source, name, shape, |row| write(sink, row))
        })
    }

    /// Encodes the rows of a tensor; the result has them as columns.
    fn transposed<T: Copy + Default>(
        &self,
        name: &str,
        [rows, width]: [usize; 2],
        mut encode: impl FnMut(&[f32], &mut [T]) -> Result<()>,
    ) -> Result<Vec<T>> {
        let mut columns = vec![T::default(); rows * width];
        let mut encoded = vec![T::default(); width];
        let mut at = 0;
        each_row(self.source, name, [rows, width], |row| {
            encode(row, &mut encoded)?;
            let places = columns.iter_mut().skip(at).step_by(rows);
            places.zip(&encoded).for_each(|(to, &from)| *to = from);
            at += 1;
            Ok(())
        })?;
        Ok(columns)
    }
}

/// True for the layer whose input has values hundreds of times the others: with one scale for the
/// whole input they round the others away (SmolLM2 then keeps the most probable token in 62 % of
/// the places, and in 86 % with a scale per block).
fn has_outliers(name: &str) -> bool {
    name.ends_with("mlp.down_proj.weight")
}

/// Rounds to 16-bit floats, which end at 65,504.
fn to_halves(name: &str, row: &[f32], to: &mut [f16]) -> Result<()> {
    to.convert_from_f32_slice(row);
    if to.iter().all(|half| half.is_finite()) {
        return Ok(());
    }
    let message = format!(
        "{name} has a weight too large for 16-bit floats: choose f32 weights for this model"
    );
    Err(Error::new(ErrorKind::Model, message))
}

/// Name of the code that stands for 0 in 8-bit blocks.
const EIGHT_BIT_ZERO: &str = "eight_bit_zero";
/// Name of the axis list `[-1]`, which is also the shape "all that is left".
const LAST_AXIS: &str = "last_axis";

/// Calls `visit` with each row of the tensor, after checking its shape.
pub(in crate::convert) fn each_row(
    source: &dyn TensorSource,
    name: &str,
    [rows, width]: [usize; 2],
    mut visit: impl FnMut(&[f32]) -> Result<()>,
) -> Result<()> {
    check_shape(source, name, &[rows, width])?;
    let at_a_time = (CHUNK_VALUES / width.max(1)).clamp(1, rows.max(1));
    let mut values = vec![0.0; at_a_time * width];
    for from in (0..rows).step_by(at_a_time) {
        let to = (from + at_a_time).min(rows);
        let values = values.get_mut(..(to - from) * width).unwrap_or_default();
        source.read_rows(name, from..to, values)?;
        values.chunks_exact(width).try_for_each(&mut visit)?;
    }
    Ok(())
}
