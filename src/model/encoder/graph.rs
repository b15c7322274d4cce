//! One session of an encoder graph: discovering its inputs and output, and running one batch.
//!
//! Published encoders differ in small things. Inputs: `input_ids` always, `attention_mask` and
//! `token_type_ids` sometimes. Output: a vector per token (`last_hidden_state`,
//! `token_embeddings`) or one per text (`sentence_embedding`). A graph with a token head also says
//! what tokens count when they are compared (`query_token_weights`, `document_token_weights`).

use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorElementType, ValueType};

use super::pooling::{self, Pooling};
use crate::encode::TokenVectors;
use crate::model::runtime::Runtime;
use crate::model::runtime::device::CudaOptions;
use crate::model::runtime::session::{SessionSettings, make_session};
use crate::vectors::all_finite;
use crate::{Error, ErrorKind, Result};

/// The outputs of a token head, `[texts, tokens]`.
pub(crate) const QUERY_TOKEN_WEIGHTS: &str = "query_token_weights";
const DOCUMENT_TOKEN_WEIGHTS: &str = "document_token_weights";

/// What a graph takes and gives.
#[derive(Debug, Clone)]
struct Shape {
    inputs: Vec<Input>,
    output: String,
    pooled: bool,
    query_weights: Option<&'static str>,
    document_weights: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Ids,
    Mask,
    Types,
}

/// What is told the place of a row in its batch and what the graph made of its tokens, special ones
/// included. A graph that pools tells nothing.
pub(super) type EachRow<'a> = &'a mut dyn FnMut(usize, TokenVectors<'_>) -> Result<()>;

/// A session and what is known of its graph.
pub(super) struct Graph {
    session: Session,
    shape: Shape,
}

impl Graph {
    /// Makes a session of `model` with `threads` threads, on CUDA or on the CPU.
    pub(super) fn new(
        runtime: &Runtime,
        model: &[u8],
        threads: usize,
        cuda: Option<CudaOptions>,
    ) -> Result<Graph> {
        let settings = SessionSettings {
            threads,
            cuda,
            prepack: true,
            weights_folder: None,
        };
        let session = make_session(runtime, model, &settings)?;
        let shape = Shape::of(&session)?;
        Ok(Graph { session, shape })
    }

    /// True if the graph itself pools the tokens.
    pub(super) fn is_pooled(&self) -> bool {
        self.shape.pooled
    }

    /// Runs one batch of rows, each with a token at least: `[rows, dim]` unit vectors. No token attends
    /// to `unattended` ones, which stand at the ends of rows.
    pub(super) fn run(
        &mut self,
        rows: &[&[u32]],
        pooling: Pooling,
        unattended: Option<u32>,
        each: Option<EachRow<'_>>,
    ) -> Result<Vec<f32>> {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        if width == 0 || rows.iter().any(|row| row.is_empty()) {
            return Err(Error::invalid(
                "the encoder was given a text without a token",
            ));
        }
        let padded = |value: &dyn Fn(u32) -> i64| -> Result<SessionInputValue<'_>> {
            let mut data = vec![0i64; rows.len() * width];
            for (line, row) in data.chunks_exact_mut(width.max(1)).zip(rows) {
                line.iter_mut()
                    .zip(*row)
                    .for_each(|(to, &id)| *to = value(id));
            }
            Ok(Tensor::from_array(([rows.len(), width], data))
                .map_err(failed)?
                .into())
        };
        let is_attended = |id: u32| i64::from(Some(id) != unattended);
        let inputs = self.shape.inputs.iter().map(|input| {
            Ok(match input {
                Input::Ids => ("input_ids", padded(&i64::from)?),
                Input::Mask => ("attention_mask", padded(&is_attended)?),
                Input::Types => ("token_type_ids", padded(&|_| 0)?),
            })
        });
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let outputs = self.session.run(inputs).map_err(failed)?;
        let Some(value) = outputs.get(&self.shape.output) else {
            return Err(unusable("it gave no output"));
        };
        let (dims, data) = values_of(value)?;
        match (self.shape.pooled, dims.as_slice()) {
            (false, &[n, len, dim]) if n == rows.len() && len == width && dim > 0 => {
                let mut out = vec![0.0; n * dim];
                let lines = data.chunks_exact(width * dim).zip(rows);
                for (to, (line, row)) in out.chunks_exact_mut(dim).zip(lines) {
                    pooling.pool(line, row.len(), to)?;
                }
                if let Some(each) = each {
                    self.shape.tell(&outputs, data, rows, (width, dim), each)?;
                }
                Ok(out)
            }
            (true, &[n, dim]) if n == rows.len() && dim > 0 => {
                let mut out = data.to_vec();
                out.chunks_exact_mut(dim).try_for_each(pooling::normalize)?;
                Ok(out)
            }
            _ => Err(unusable(&format!("its output has the shape {dims:?}"))),
        }
    }
}

impl Shape {
    fn of(session: &Session) -> Result<Shape> {
        let mut inputs = Vec::new();
        for input in session.inputs() {
            inputs.push(match input.name() {
                "input_ids" => Input::Ids,
                "attention_mask" => Input::Mask,
                "token_type_ids" => Input::Types,
                other => return Err(unusable(&format!("it wants the unknown input {other:?}"))),
            });
            match input.dtype() {
                ValueType::Tensor {
                    ty: TensorElementType::Int64,
                    ..
                } => {}
                other => {
                    let what = format!("its input {:?} is {other}, not int64", input.name());
                    return Err(unusable(&what));
                }
            }
        }
        if !inputs.contains(&Input::Ids) {
            return Err(unusable("it has no input called input_ids"));
        }
        let rank = |name: &str| {
            let output = session
                .outputs()
                .iter()
                .find(|output| output.name() == name)?;
            match output.dtype() {
                ValueType::Tensor {
                    ty: TensorElementType::Float32,
                    shape,
                    ..
                } => Some(shape.len()),
                _ => None,
            }
        };
        let known = [
            ("sentence_embedding", 2),
            ("last_hidden_state", 3),
            ("token_embeddings", 3),
        ];
        let known = known.iter().map(|&(name, want)| (name, want));
        let others = session.outputs().iter();
        let is_weights = |name| [QUERY_TOKEN_WEIGHTS, DOCUMENT_TOKEN_WEIGHTS].contains(&name);
        let others = others.map(|output| output.name());
        let others = others.filter(|&name| !is_weights(name) && !is_of_another_kind(name));
        let others = others.flat_map(|name| [(name, 3), (name, 2)]);
        let found = known
            .chain(others)
            .find(|&(name, want)| rank(name) == Some(want));
        match found {
            Some((name, found)) => {
                let is_there = |name| session.outputs().iter().any(|output| output.name() == name);
                let weights = |name| match (is_there(name), rank(name)) {
                    (false, _) => Ok(None),
                    (true, Some(2)) => Ok(Some(name)),
                    (true, _) => {
                        let what = format!("its output {name} is not float32 of texts x tokens");
                        Err(unusable(&what))
                    }
                };
                Ok(Shape {
                    inputs,
                    output: name.to_owned(),
                    pooled: found == 2,
                    query_weights: weights(QUERY_TOKEN_WEIGHTS)?,
                    document_weights: weights(DOCUMENT_TOKEN_WEIGHTS)?,
                })
            }
            None => {
                let mut names = session.outputs().iter().map(|output| output.name());
                Err(match names.find(|&name| is_of_another_kind(name)) {
                    Some(name) => unusable(&format!(
                        "its output {name:?} is that of a reranker, a classifier or a language model"
                    )),
                    None => unusable("it has no float32 output of vectors per token or per text"),
                })
            }
        }
    }

    /// Tells `each` what the outputs say of the tokens of each row; `vectors` are those that are pooled,
    /// `width` of them per row, of `dim` values.
    fn tell(
        &self,
        outputs: &SessionOutputs<'_>,
        vectors: &[f32],
        rows: &[&[u32]],
        (width, dim): (usize, usize),
        each: EachRow<'_>,
    ) -> Result<()> {
        if !all_finite(vectors) {
            return Err(unusable(
                "it gave a token a vector with a value that is not a finite number",
            ));
        }
        let weights = |name: Option<&str>| match name.and_then(|name| outputs.get(name)) {
            Some(output) => token_weights(output, rows, width),
            None => Ok(vec![&[][..]; rows.len()]),
        };
        let weights = weights(self.query_weights)?
            .into_iter()
            .zip(weights(self.document_weights)?);
        let lines = vectors.chunks_exact(width * dim).zip(rows).zip(weights);
        for (at, ((line, row), (query_weights, document_weights))) in lines.enumerate() {
            let tokens = TokenVectors {
                tokens: row,
                vectors: line.get(..row.len() * dim).unwrap_or(&[]),
                query_weights,
                document_weights,
            };
            each(at, tokens)?;
        }
        Ok(())
    }
}

/// Outputs by which models say something else than vectors.
fn is_of_another_kind(output: &str) -> bool {
    output == "score" || output == "scores" || output.ends_with("logits")
}

/// The shape and the values of an output.
fn values_of(output: &DynValue) -> Result<(Vec<usize>, &[f32])> {
    let (shape, data) = output.try_extract_tensor::<f32>().map_err(failed)?;
    let dims = shape.iter().map(|&n| usize::try_from(n).unwrap_or(0));
    Ok((dims.collect(), data))
}

/// Per row the weights that a token head gave its tokens.
fn token_weights<'a>(
    output: &'a DynValue,
    rows: &[&[u32]],
    width: usize,
) -> Result<Vec<&'a [f32]>> {
    let (dims, data) = values_of(output)?;
    if dims != [rows.len(), width] {
        let message = format!("its token head gave weights of the shape {dims:?}");
        return Err(unusable(&message));
    }
    let of_row = |(line, row): (&'a [f32], &&[u32])| {
        let weights = line.get(..row.len()).unwrap_or(&[]);
        match weights
            .iter()
            .all(|weight| weight.is_finite() && *weight >= 0.0)
        {
            true => Ok(weights),
            false => Err(unusable(
                "its token head gave a weight that is not a number from 0 up",
            )),
        }
    };
    data.chunks_exact(width.max(1))
        .zip(rows)
        .map(of_row)
        .collect()
}

pub(super) fn unusable(what: &str) -> Error {
    let message = format!("the model is not a usable sentence encoder: {what}");
    Error::new(ErrorKind::Model, message)
}

fn failed(source: ort::Error) -> Error {
    let message =
        format!("running the encoder: {source}; check that model and tokenizer belong together");
    Error::with_source(ErrorKind::Model, message, source)
}
