//! One pass of a decoder: tokens in, logits and the grown cache out.
//!
//! The graph is the one that `zerogr model import` writes ("zerogr decoder graph 1"). Three kinds
//! of pass serve everything:
//!
//! ```text
//!   rows  new tokens  past   bias      use
//!   1     many        any    causal    reading a prompt, or the rest of one
//!   1     many        any    yours     scoring the nodes of a tree below one prompt: each token
//!                                      sees the past and its own ancestors only
//!   many  many        none   causal    reading several prompts, padded at their ends
//!   many  one each    any    causal    writing the next token of several texts
//! ```
//!
//! Invariants:
//!
//! - I1. A token never sees one that is listed behind it, whatever the bias says: list ancestors
//!   first.
//! - I2. Padding is at the end of a row and nobody sees it.
//! - I3. The weights are pages of their file, shared between processes, unless they are prepacked.

use std::path::Path;
use std::sync::Arc;

use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorElementType, TensorValueType, ValueType};
use parking_lot::Mutex;

use super::binding::{Input, Memory, run_bound};
use super::config::{LanguageModelConfig, WEIGHTS_FILE, WeightFormat};
use super::kv_cache::{KvCache, KvShape};
use super::kv_device::KvDevice;
use crate::model::device::{CudaOptions, Device, threads_or_cores};
use crate::model::runtime::Runtime;
use crate::model::session::{SessionSettings, make_session, on_device};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// How a decoder uses the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DecoderOptions {
    /// Which hardware to use.
    pub device: Device,
    /// Threads of one pass; 0 means one per core.
    pub threads: usize,
    /// Lay the weights out anew when the model is opened: faster products, for a copy of the
    /// weights in memory that is not shared and the time to make it. 4-bit weights always are.
    pub prepack: bool,
    /// On the CPU, take the graph for CUDA and move caches as there: for tests.
    #[doc(hidden)]
    pub rehearse_cuda: bool,
}

impl DecoderOptions {
    /// Any device, one thread per core, weights left in their file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chooses the hardware.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the number of threads; 0 means one per core.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets whether the weights are laid out anew.
    pub fn prepack(mut self, prepack: bool) -> Self {
        self.prepack = prepack;
        self
    }

    /// Sets whether the CPU does what CUDA would.
    #[doc(hidden)]
    pub fn rehearse_cuda(mut self, rehearse_cuda: bool) -> Self {
        self.rehearse_cuda = rehearse_cuda;
        self
    }

    pub(super) fn threads_or_default(&self) -> usize {
        threads_or_cores(self.threads)
    }
}

/// What a pass reads. Rows are equally wide; `width` is the length of `tokens` by that of `lens`.
#[derive(Debug, Clone, Copy)]
pub struct DecoderInput<'a> {
    /// Token ids, `[rows, width]`; anything below the vocabulary size where a row is padded.
    pub tokens: &'a [u32],
    /// Positions in the text, `[rows, width]`.
    pub positions: &'a [u32],
    /// New tokens of each row, at most `width`; the others are padding.
    pub lens: &'a [usize],
    /// Added to the attention scores, `[width, past width + width]`, the same for all rows:
    /// 0 to see a token and a large negative number (-1e9) not to; `None` for plain causal.
    pub bias: Option<&'a [f32]>,
    /// What was read before.
    pub past: Option<&'a KvCache>,
    /// Which of the `rows * width` tokens get logits.
    pub head_rows: &'a [usize],
    /// Which vocabulary ids get logits; empty means all.
    pub head_columns: &'a [u32],
    /// Whether the grown cache is wanted.
    pub keep_present: bool,
}

/// What a pass gave.
#[derive(Debug)]
pub struct DecoderOutput {
    /// A row for each of the head rows asked for.
    pub logits: Logits,
    /// The past with the new tokens, if it was to be kept.
    pub present: Option<KvCache>,
}

/// Logits, `[head rows, head columns or vocabulary]`.
#[derive(Debug)]
pub struct Logits {
    values: Tensor<f32>,
    columns: usize,
    /// Rows of `values` per row: the last of them counts.
    stride: usize,
}

impl Logits {
    pub(super) fn new(value: DynValue, rows: usize) -> Result<Logits> {
        let values = value
            .downcast::<TensorValueType<f32>>()
            .map_err(|e| unusable(&format!("its logits are not float32: {e}")))?;
        let len = values.extract_tensor().1.len();
        if len.checked_rem(rows.max(1)) != Some(0) {
            return Err(unusable("its logits have an unexpected shape"));
        }
        Ok(Logits {
            columns: len / rows.max(1),
            values,
            stride: 1,
        })
    }

    /// Only the last of every `stride` rows.
    pub(super) fn every(mut self, stride: usize) -> Logits {
        self.stride = stride;
        self
    }

    /// Values per row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row; empty if there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        let (_, values) = self.values.extract_tensor();
        let start = (row * self.stride + self.stride - 1) * self.columns;
        values.get(start..start + self.columns).unwrap_or_default()
    }
}

/// A decoder graph, ready to run from any number of threads, one pass at a time.
pub struct DecoderSession {
    session: Mutex<Session>,
    shape: KvShape,
    past_names: Vec<String>,
    present_names: Vec<String>,
    cuda: Option<CudaOptions>,
    kv_device: Option<Arc<KvDevice>>,
}

impl std::fmt::Debug for DecoderSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecoderSession")
            .field("shape", &self.shape)
            .field("cuda", &self.cuda)
            .finish_non_exhaustive()
    }
}

impl DecoderSession {
    /// Opens the graph of an imported model, whose weights lie beside it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Runtime`] without a usable ONNX Runtime, [`ErrorKind::Device`] when the
    /// device asked for cannot be used, [`ErrorKind::Model`] when the graph is unusable.
    pub fn open(folder: &Path, options: &DecoderOptions) -> Result<DecoderSession> {
        let config = LanguageModelConfig::read(folder)?;
        let mut options = options.clone();
        options.prepack |= config.weights == Some(WeightFormat::Int4);
        let graph = |on_cuda: bool| {
            let name = if on_cuda || options.rehearse_cuda {
                config.cuda_graph.as_deref()
            } else {
                Some(config.graph.as_str())
            };
            let again = "give a folder that `zerogr model import` wrote";
            let name = name.ok_or_else(|| {
                let message = format!("{} has no graph for CUDA; {again}", folder.display());
                Error::new(ErrorKind::Model, message)
            })?;
            let path = folder.join(name);
            regular_file::read(&path, u64::MAX).map_err(|e| {
                let message = format!("cannot read {}: {e}; {again}", path.display());
                Error::with_source(ErrorKind::Model, message, e)
            })
        };
        // ONNX Runtime opens it by its name and would wait for a pipe.
        let weights = folder.join(WEIGHTS_FILE);
        regular_file::open(&weights).map_err(|e| {
            let message = format!(
                "cannot open {}: {e}; import the model again",
                weights.display()
            );
            Error::with_source(ErrorKind::Model, message, e)
        })?;
        DecoderSession::of_graphs(&graph, folder, &options)
    }

    /// Opens a graph in memory whose weights are in files of `weights_folder`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_graph(
        graph: &[u8],
        weights_folder: &Path,
        options: &DecoderOptions,
    ) -> Result<DecoderSession> {
        DecoderSession::of_graphs(&|_| Ok(graph.to_vec()), weights_folder, options)
    }

    fn of_graphs(
        graph: &dyn Fn(bool) -> Result<Vec<u8>>,
        weights_folder: &Path,
        options: &DecoderOptions,
    ) -> Result<DecoderSession> {
        let (session, cuda) = open_session(graph, weights_folder, options)?;
        let shape = kv_shape(&session)?;
        let names = |prefix: &str| -> Vec<String> {
            let layer = |i| [format!("{prefix}.{i}.key"), format!("{prefix}.{i}.value")];
            (0..shape.layers).flat_map(layer).collect()
        };
        let (past_names, present_names) = (names("past_key_values"), names("present"));
        let own = [
            "input_ids",
            "position_ids",
            "attention_bias",
            "seqlens_k",
            "total_sequence_length",
            "head_rows",
            "head_columns",
        ];
        let has_inputs = {
            let mut wanted = own.into_iter().chain(past_names.iter().map(String::as_str));
            session.inputs().len() == own.len() + past_names.len()
                && wanted.all(|name| session.inputs().iter().any(|input| input.name() == name))
        };
        let has_outputs = {
            let mut wanted = present_names.iter().map(String::as_str).chain(["logits"]);
            wanted.all(|name| session.outputs().iter().any(|output| output.name() == name))
        };
        if !has_inputs || !has_outputs {
            return Err(unusable(
                "its inputs and outputs are not those of an imported decoder",
            ));
        }
        Ok(DecoderSession {
            session: Mutex::new(session),
            shape,
            past_names,
            present_names,
            cuda,
            kv_device: kv_device(shape, cuda, options)?,
        })
    }

    /// Layers, heads and values per head of the caches.
    pub fn kv_shape(&self) -> KvShape {
        self.shape
    }

    /// The device in use: [`Device::Cpu`] or [`Device::Cuda`].
    pub fn device(&self) -> Device {
        self.cuda.map_or(Device::Cpu, Device::Cuda)
    }

    /// Runs one pass.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the parts of the input do not fit each other or the kind
    /// of pass is not one of the module head's; [`ErrorKind::Model`] when the graph fails, for
    /// example on a token outside its vocabulary.
    pub fn run(&self, input: &DecoderInput<'_>) -> Result<DecoderOutput> {
        let sizes = Sizes::of(input, self.shape)?;
        let (rows, width) = (sizes.rows, sizes.width);
        let total = sizes.past + width;
        let bias = input.bias.map(<[f32]>::to_vec);
        let bias = bias.unwrap_or_else(|| vec![0.0; width * total]);
        let empty;
        let past = match input.past {
            Some(past) => past,
            None => {
                empty = KvCache::empty(self.shape, rows)?;
                &empty
            }
        };
        let row_lens: Vec<usize> = past
            .row_lens()
            .iter()
            .zip(input.lens)
            .map(|(past, new)| past + new)
            .collect();
        let last = |&len: &usize| i32::try_from(len).map_or(i32::MAX, |len| len - 1);
        let total = i32::try_from(total).map_err(|_| too_long())?;

        let mut inputs: Vec<Input<'_>> = vec![
            ("input_ids".into(), wide([rows, width], input.tokens)?),
            ("position_ids".into(), wide([rows, width], input.positions)?),
            (
                "attention_bias".into(),
                Tensor::from_array(([1, 1, width, sizes.past + width], bias))
                    .map_err(failed)?
                    .into(),
            ),
            (
                "seqlens_k".into(),
                Tensor::from_array(([rows], row_lens.iter().map(last).collect::<Vec<i32>>()))
                    .map_err(failed)?
                    .into(),
            ),
            (
                "total_sequence_length".into(),
                Tensor::from_array(((), vec![total]))
                    .map_err(failed)?
                    .into(),
            ),
            ("head_rows".into(), {
                let ids: Vec<i64> = input.head_rows.iter().map(|&row| row as i64).collect();
                Tensor::from_array(([ids.len()], ids))
                    .map_err(failed)?
                    .into()
            }),
            (
                "head_columns".into(),
                wide([input.head_columns.len()], input.head_columns)?,
            ),
        ];
        for (name, tensor) in self.past_names.iter().zip(past.tensors()) {
            inputs.push((name.into(), tensor.into()));
        }
        let mut wanted = vec![("logits", Memory::Host)];
        if input.keep_present {
            let memory = Memory::of(self.cuda);
            wanted.extend(
                self.present_names
                    .iter()
                    .map(|name| (name.as_str(), memory)),
            );
        }
        let outputs = run_bound(&mut self.session.lock(), &inputs, &wanted).map_err(failed)?;
        let mut outputs = outputs.into_iter();
        let logits = outputs
            .next()
            .ok_or_else(|| unusable("it gave no logits"))?;
        let logits = Logits::new(logits, input.head_rows.len())?;
        let present = if input.keep_present {
            let tensors = outputs.map(float_tensor).collect::<Result<_>>()?;
            let device = self.kv_device.clone();
            let cache = KvCache::from_tensors(self.shape, row_lens, tensors, device)?;
            Some(cache)
        } else {
            None
        };
        Ok(DecoderOutput { logits, present })
    }
}

/// Opens a session of a decoder on the device asked for. `graph` gives its bytes, for CUDA if it
/// is told so.
pub(super) fn open_session(
    graph: &dyn Fn(bool) -> Result<Vec<u8>>,
    weights_folder: &Path,
    options: &DecoderOptions,
) -> Result<(Session, Option<CudaOptions>)> {
    let runtime = Runtime::load(None)?;
    // A relative path would be taken as relative to the graph, which has no place.
    let folder = std::path::absolute(weights_folder)
        .map_err(|e| Error::io("resolving", weights_folder, e))?;
    on_device(runtime, options.device, |cuda| {
        let settings = SessionSettings {
            threads: options.threads_or_default(),
            cuda,
            prepack: options.prepack,
            weights_folder: Some(&folder),
        };
        make_session(runtime, &graph(cuda.is_some())?, &settings)
    })
}

/// What moves the caches of a decoder, where the program itself cannot.
pub(super) fn kv_device(
    shape: KvShape,
    cuda: Option<CudaOptions>,
    options: &DecoderOptions,
) -> Result<Option<Arc<KvDevice>>> {
    if cuda.is_none() && !options.rehearse_cuda {
        return Ok(None);
    }
    KvDevice::open(Runtime::load(None)?, shape, cuda).map(Some)
}

/// The sizes of a pass.
struct Sizes {
    rows: usize,
    width: usize,
    /// Width of the past.
    past: usize,
}

impl Sizes {
    fn of(input: &DecoderInput<'_>, shape: KvShape) -> Result<Sizes> {
        let rows = input.lens.len();
        let width = input.tokens.len().checked_div(rows).unwrap_or(0);
        let past = input.past.map_or(0, KvCache::width);
        let wrong = |what: &str| Err(Error::invalid(format!("a pass of the decoder: {what}")));
        if width == 0 || rows * width != input.tokens.len() {
            return wrong("give at least one token per row, and rows of the same width");
        }
        if input.positions.len() != input.tokens.len() {
            return wrong("give a position for every token");
        }
        if input.lens.iter().any(|&len| len == 0 || len > width) {
            return wrong("a row needs between one token and the width of the pass");
        }
        if input
            .bias
            .is_some_and(|bias| bias.len() != width * (past + width))
        {
            return wrong("the bias needs a row per new token and a column per token");
        }
        if input
            .past
            .is_some_and(|cache| cache.rows() != rows || cache.shape() != shape)
        {
            return wrong("the past has other rows, or is of another model");
        }
        if rows > 1 && past > 0 && width > 1 {
            return wrong("several rows with a past can have only one new token each");
        }
        if input.head_rows.iter().any(|&row| row >= rows * width) {
            return wrong("logits are wanted for a token that is not there");
        }
        Ok(Sizes { rows, width, past })
    }
}

/// Layers, heads and values per head, as the inputs of a graph tell them.
pub(super) fn kv_shape(session: &Session) -> Result<KvShape> {
    let mut layers = 0;
    let mut dims = None;
    for input in session.inputs() {
        let Some(name) = input.name().strip_prefix("past_key_values.") else {
            continue;
        };
        let ValueType::Tensor { ty, shape, .. } = input.dtype() else {
            return Err(unusable("its past is no tensor"));
        };
        if *ty != TensorElementType::Float32 {
            let what = format!("its keys and values are {ty}; export it with float32 ones");
            return Err(unusable(&what));
        }
        let found = match shape.as_ref() {
            &[_, heads, _, dim] => usize::try_from(heads).ok().zip(usize::try_from(dim).ok()),
            _ => None,
        };
        let found = found.filter(|&(heads, dim)| heads > 0 && dim > 0);
        let found = found.ok_or_else(|| unusable("its past has no fixed heads and sizes"))?;
        if dims.is_some_and(|dims| dims != found) {
            return Err(unusable("its layers differ in heads or sizes"));
        }
        dims = Some(found);
        layers += usize::from(name.ends_with(".key"));
    }
    let Some((kv_heads, head_dim)) = dims.filter(|_| layers > 0) else {
        return Err(unusable("it has no inputs past_key_values.*"));
    };
    Ok(KvShape {
        layers,
        kv_heads,
        head_dim,
    })
}

/// An int64 tensor of ids.
pub(super) fn wide<const N: usize>(
    dims: [usize; N],
    ids: &[u32],
) -> Result<SessionInputValue<'static>> {
    let ids: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    Ok(Tensor::from_array((dims, ids)).map_err(failed)?.into())
}

/// The tensor in a value.
pub(super) fn float_tensor(value: DynValue) -> Result<Tensor<f32>> {
    value
        .downcast::<TensorValueType<f32>>()
        .map_err(|e| unusable(&format!("its keys and values are not float32: {e}")))
}

fn too_long() -> Error {
    Error::limit("a text has more than 2,147,483,647 tokens: cut it")
}

pub(super) fn unusable(what: &str) -> Error {
    let message = format!("the model is not a usable decoder: {what}");
    Error::new(ErrorKind::Model, message)
}

pub(super) fn failed(source: ort::Error) -> Error {
    let message = format!(
        "running the language model: {source}; check that model and tokenizer belong together"
    );
    Error::with_source(ErrorKind::Model, message, source)
}
