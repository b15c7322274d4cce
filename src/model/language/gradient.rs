//! One step of training an adapter: examples in, losses and gradients out.
//!
//! The graphs are those of [`convert::training`](crate::convert): the frozen layers, if there are
//! any, and the trained ones forwards and backwards.
//!
//! ```text
//!   tokens ──► frozen ──► stream, once per example ──► trained ──► losses, gradients of A and B
//! ```

use std::path::Path;

use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, ValueRef};
use parking_lot::Mutex;

use super::decoder::DecoderOptions;
use super::decoder::open::open_session;
use super::decoder::tensors::{failed, wide};
use crate::{Error, Result};

/// Rows of tokens, padded to one width.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingRows {
    /// Rows.
    pub rows: usize,
    /// Tokens of a row, padding included.
    pub width: usize,
    /// `[rows, width]`.
    pub tokens: Vec<u32>,
    /// Positions in the text, `[rows, width]`.
    pub positions: Vec<u32>,
    /// Added to the attention scores, `[rows, width, width]`: 0 to see a token, a large negative
    /// number not to.
    pub bias: Vec<f32>,
}

/// What the trained layers begin with.
#[derive(Debug, Clone, Copy)]
pub enum Beginning<'a> {
    /// The tokens of the rows: no layer is frozen.
    Tokens,
    /// What the frozen layers gave for them, `[rows * width, hidden]`.
    Stream(&'a [f32]),
}

/// A value that the logits are to have: cross-entropy with the weights as the distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Index among the head's rows.
    pub row: usize,
    /// Index among the head's columns.
    pub column: usize,
    /// Its weight in the loss.
    pub weight: f32,
}

/// Two rows of which the first is to have the higher logit in every column (RankNet).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedPair {
    /// Index of the better among the head's rows.
    pub better: usize,
    /// Index of the worse.
    pub worse: usize,
    /// Its weight in the loss.
    pub weight: f32,
}

/// What the head of a decoder is asked for in a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objective {
    /// Tokens of the flattened rows that get logits.
    pub head_rows: Vec<usize>,
    /// Vocabulary ids that get logits.
    pub head_columns: Vec<u32>,
    /// Added to the logits, `[head_rows, head_columns]`, or empty.
    pub column_bias: Vec<f32>,
    /// Cross-entropies.
    pub targets: Vec<Target>,
    /// Order of rows.
    pub pairs: Vec<RankedPair>,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepGradients {
    /// The weighted sum of the cross-entropies, in nats.
    pub loss: f32,
    /// The weighted sum over the pairs.
    pub pair_loss: f32,
    /// Of every factor, in the order in which they were given.
    pub gradients: Vec<Vec<f32>>,
}

/// The name, height and width of a factor of an adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorShape {
    /// `layers.{layer}.{module}.a` or `.b`.
    pub name: String,
    /// Rows and columns.
    pub dims: [usize; 2],
}

/// The graphs of a training, ready to run.
pub struct GradientSession {
    frozen: Option<Mutex<Session>>,
    trained: Mutex<Session>,
}

impl std::fmt::Debug for GradientSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GradientSession")
            .field("has_frozen_layers", &self.frozen.is_some())
            .finish_non_exhaustive()
    }
}

impl GradientSession {
    /// Opens the graphs, whose weights lie in the model folder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Runtime`](crate::ErrorKind::Runtime) without a usable ONNX Runtime,
    /// [`ErrorKind::Device`](crate::ErrorKind::Device) when the device asked for cannot be used,
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when a graph is unusable.
    pub fn open(
        frozen: Option<&[u8]>,
        trained: &[u8],
        folder: &Path,
        options: &DecoderOptions,
    ) -> Result<GradientSession> {
        let open = |graph: &[u8]| -> Result<Mutex<Session>> {
            let (session, _) = open_session(&|_| Ok(graph.to_vec()), folder, options)?;
            Ok(Mutex::new(session))
        };
        Ok(GradientSession {
            frozen: frozen.map(open).transpose()?,
            trained: open(trained)?,
        })
    }

    /// The residual stream behind the frozen layers, `[rows * width, hidden]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when no layer is frozen or the
    /// rows do not fit together, [`ErrorKind::Model`](crate::ErrorKind::Model) when the graph fails.
    pub fn frozen_stream(&self, rows: &TrainingRows) -> Result<Vec<f32>> {
        let frozen = self
            .frozen
            .as_ref()
            .ok_or_else(|| Error::invalid("no layer of this training is frozen"))?;
        let mut inputs = places(rows)?;
        inputs.push(("input_ids", wide([rows.rows, rows.width], &rows.tokens)?));
        let mut session = frozen.lock();
        let outputs = session.run(inputs).map_err(failed)?;
        let stream = outputs.get("stream").ok_or_else(lost)?;
        let (_, values) = stream.try_extract_tensor::<f32>().map_err(failed)?;
        Ok(values.to_vec())
    }

    /// Losses and gradients of one step. `factors` are the values of A and B by their shapes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when the parts do not fit
    /// together, [`ErrorKind::Model`](crate::ErrorKind::Model) when the graph fails.
    pub fn step(
        &self,
        rows: &TrainingRows,
        beginning: Beginning<'_>,
        objective: &Objective,
        factors: &[(&FactorShape, &[f32])],
    ) -> Result<StepGradients> {
        let mut inputs = places(rows)?;
        match beginning {
            Beginning::Tokens => {
                inputs.push(("input_ids", wide([rows.rows, rows.width], &rows.tokens)?));
            }
            Beginning::Stream(stream) => {
                let tokens = rows.rows * rows.width;
                let dims = [tokens, stream.len().checked_div(tokens).unwrap_or(0)];
                inputs.push(("stream", floats(dims, stream.to_vec())?));
            }
        }
        inputs.extend(asked(objective)?);
        for (shape, values) in factors {
            inputs.push((shape.name.as_str(), floats(shape.dims, values.to_vec())?));
        }
        let mut session = self.trained.lock();
        let outputs = session.run(inputs).map_err(failed)?;
        let value = |name: &str| outputs.get(name).ok_or_else(lost);
        let gradients = factors.iter().map(|(shape, _)| {
            let gradient = value(&format!("{}.gradient", shape.name))?;
            numbers(&gradient.view())
        });
        let first = |name: &str| -> Result<f32> {
            let values = numbers(&value(name)?.view())?;
            values.first().copied().ok_or_else(lost)
        };
        Ok(StepGradients {
            gradients: gradients.collect::<Result<_>>()?,
            loss: first("loss")?,
            pair_loss: first("pair_loss")?,
        })
    }
}

type Named<'a> = Vec<(&'a str, SessionInputValue<'a>)>;

/// Where the tokens of the rows are, and what they see.
fn places<'a>(rows: &TrainingRows) -> Result<Named<'a>> {
    let dims = [rows.rows, rows.width];
    let tokens = rows.rows * rows.width;
    let fits = rows.tokens.len() == tokens
        && rows.positions.len() == tokens
        && rows.bias.len() == tokens * rows.width;
    if !fits || tokens == 0 {
        return Err(Error::invalid(
            "the rows of a training step have other sizes than they say",
        ));
    }
    let [height, width] = dims;
    let bias = floats([height, 1, width, width], rows.bias.clone())?;
    Ok(vec![
        ("position_ids", wide(dims, &rows.positions)?),
        ("attention_bias", bias),
    ])
}

/// What is wanted of the head.
fn asked<'a>(objective: &Objective) -> Result<Named<'a>> {
    let (rows, columns) = (objective.head_rows.len(), objective.head_columns.len());
    let mut row_weights = vec![0.0; rows];
    let mut places = Vec::with_capacity(2 * objective.targets.len());
    for target in &objective.targets {
        let weight = row_weights.get_mut(target.row).ok_or_else(outside)?;
        *weight += target.weight;
        if target.column >= columns {
            return Err(outside());
        }
        places.extend([target.row as u32, target.column as u32]);
    }
    let weights = objective.targets.iter().map(|target| target.weight);
    let mut pairs = vec![0.0; objective.pairs.len() * rows];
    for (pair, line) in objective.pairs.iter().zip(pairs.chunks_mut(rows.max(1))) {
        for (row, sign) in [(pair.better, 1.0), (pair.worse, -1.0)] {
            *line.get_mut(row).ok_or_else(outside)? += sign;
        }
    }
    let bias = match objective.column_bias.len() {
        0 => floats([1, 1], vec![0.0])?,
        _ => floats([rows, columns], objective.column_bias.clone())?,
    };
    let pair_weights = objective.pairs.iter().map(|pair| pair.weight).collect();
    let head_rows: Vec<u32> = objective.head_rows.iter().map(|&row| row as u32).collect();
    Ok(vec![
        ("head_rows", wide([rows], &head_rows)?),
        ("head_columns", wide([columns], &objective.head_columns)?),
        ("column_bias", bias),
        ("targets", wide([objective.targets.len(), 2], &places)?),
        (
            "target_weights",
            floats([objective.targets.len()], weights.collect())?,
        ),
        ("row_weights", floats([rows, 1], row_weights)?),
        ("pairs", floats([objective.pairs.len(), rows], pairs)?),
        (
            "pair_weights",
            floats([objective.pairs.len(), 1], pair_weights)?,
        ),
    ])
}

fn floats<'a, const N: usize>(dims: [usize; N], values: Vec<f32>) -> Result<SessionInputValue<'a>> {
    if dims.iter().product::<usize>() != values.len() {
        return Err(Error::invalid(
            "a tensor of a training step has another size than its shape",
        ));
    }
    Ok(Tensor::from_array((dims, values)).map_err(failed)?.into())
}

fn numbers(value: &ValueRef<'_>) -> Result<Vec<f32>> {
    let (_, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
    Ok(values.to_vec())
}

fn outside() -> Error {
    Error::invalid("a target of a training step is outside the head's rows or columns")
}

fn lost() -> Error {
    super::decoder::tensors::unusable("its training graph lacks an output")
}
