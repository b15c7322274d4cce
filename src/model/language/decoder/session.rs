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

use ort::session::Session;
use ort::value::Tensor;
use parking_lot::Mutex;

use super::binding::{Input, Memory, run_bound};
use super::config::{LanguageModelConfig, WEIGHTS_FILE, WeightFormat};
use super::kv_cache::KvCache;
use super::kv_device::KvDevice;
use super::kv_shape::{KvShape, kv_shape};
use super::open::{DecoderOptions, kv_device, open_session};
use super::pass::{DecoderInput, DecoderOutput, Logits, Sizes};
use super::tensors::{failed, float_tensor, unusable, wide};
use crate::model::runtime::device::{CudaOptions, Device};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

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

fn too_long() -> Error {
    Error::limit("a text has more than 2,147,483,647 tokens: cut it")
}
