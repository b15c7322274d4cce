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
//! - I4. Adapters are inputs of a pass: sessions with different ones share the graph.

use std::path::Path;
use std::sync::{Arc, Weak};

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
use crate::model::language::adapter::graph::AdaptableGraph;
use crate::model::language::adapter::inputs::AdapterInputs;
use crate::model::language::adapter::{AdaptableLayer, Adapter};
use crate::model::runtime::device::{CudaOptions, Device};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// A decoder graph, ready to run from any number of threads, one pass at a time. Clones, and those
/// with other adapters, run the same graph.
#[derive(Clone)]
pub struct DecoderSession {
    graph: Arc<OpenGraph>,
    adapter: Option<Arc<AdapterInputs>>,
}

/// A graph that is open.
struct OpenGraph {
    session: Mutex<Session>,
    shape: KvShape,
    past_names: Vec<String>,
    present_names: Vec<String>,
    cuda: Option<CudaOptions>,
    kv_device: Option<Arc<KvDevice>>,
    /// The layers that it has inputs for; none in a graph without any.
    adaptable: Vec<AdaptableLayer>,
}

/// A session that others may have open.
#[derive(Debug, Default)]
pub(in crate::model::language) struct WeakSession(Weak<OpenGraph>);

impl WeakSession {
    /// It, without an adapter, if anybody still has it open.
    pub(in crate::model::language) fn upgrade(&self) -> Option<DecoderSession> {
        let graph = self.0.upgrade()?;
        Some(DecoderSession {
            graph,
            adapter: None,
        })
    }
}

impl std::fmt::Debug for OpenGraph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenGraph").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DecoderSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecoderSession")
            .field("shape", &self.graph.shape)
            .field("cuda", &self.graph.cuda)
            .field("is_adapted", &self.adapter.is_some())
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
        DecoderSession::open_as(folder, options, false)
    }

    /// The same with inputs for adapters, which cost a few per cent of a pass. Passes without one
    /// give the same numbers.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_adaptable(folder: &Path, options: &DecoderOptions) -> Result<DecoderSession> {
        DecoderSession::open_as(folder, options, true)
    }

    fn open_as(
        folder: &Path,
        options: &DecoderOptions,
        is_adaptable: bool,
    ) -> Result<DecoderSession> {
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
        if !is_adaptable {
            return DecoderSession::of_graphs(&graph, folder, &options, Vec::new());
        }
        // The same ones of the graph for CUDA.
        let layers = AdaptableGraph::of(&graph(false)?)?.layers;
        let graph = |on_cuda| Ok(AdaptableGraph::of(&graph(on_cuda)?)?.bytes);
        DecoderSession::of_graphs(&graph, folder, &options, layers)
    }

    /// The session with an adapter, over the same graph and weights.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when it was opened without inputs for adapters,
    /// [`ErrorKind::Model`] when the adapter changes layers that the graph has not.
    pub fn with_adapter(&self, adapter: &Adapter) -> Result<DecoderSession> {
        if self.graph.adaptable.is_empty() {
            let what = "the decoder was opened without inputs for adapters: use open_adaptable";
            return Err(Error::invalid(what));
        }
        let inputs = AdapterInputs::new(adapter, &self.graph.adaptable)?;
        Ok(DecoderSession {
            graph: self.graph.clone(),
            adapter: Some(Arc::new(inputs)),
        })
    }

    /// Whether both run one graph, whose weights are in memory once.
    pub fn shares_weights_with(&self, other: &DecoderSession) -> bool {
        Arc::ptr_eq(&self.graph, &other.graph)
    }

    /// The session, as one that others may close.
    pub(in crate::model::language) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.graph))
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
        let graph = |_| Ok(graph.to_vec());
        DecoderSession::of_graphs(&graph, weights_folder, options, Vec::new())
    }

    fn of_graphs(
        graph: &dyn Fn(bool) -> Result<Vec<u8>>,
        weights_folder: &Path,
        options: &DecoderOptions,
        adaptable: Vec<AdaptableLayer>,
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
        let graph = OpenGraph {
            session: Mutex::new(session),
            shape,
            past_names,
            present_names,
            cuda,
            kv_device: kv_device(shape, cuda, options)?,
            adaptable,
        };
        Ok(DecoderSession {
            graph: Arc::new(graph),
            adapter: None,
        })
    }

    /// Layers, heads and values per head of the caches.
    pub fn kv_shape(&self) -> KvShape {
        self.graph.shape
    }

    /// The device in use: [`Device::Cpu`] or [`Device::Cuda`].
    pub fn device(&self) -> Device {
        self.graph.cuda.map_or(Device::Cpu, Device::Cuda)
    }

    /// Runs one pass.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the parts of the input do not fit each other or the kind
    /// of pass is not one of the module head's; [`ErrorKind::Model`] when the graph fails, for
    /// example on a token outside its vocabulary.
    pub fn run(&self, input: &DecoderInput<'_>) -> Result<DecoderOutput> {
        let graph = &*self.graph;
        let sizes = Sizes::of(input, graph.shape)?;
        let (rows, width) = (sizes.rows, sizes.width);
        let total = sizes.past + width;
        let bias = input.bias.map(<[f32]>::to_vec);
        let bias = bias.unwrap_or_else(|| vec![0.0; width * total]);
        let empty;
        let past = match input.past {
            Some(past) => past,
            None => {
                empty = KvCache::empty(graph.shape, rows)?;
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
        for (name, tensor) in graph.past_names.iter().zip(past.tensors()) {
            inputs.push((name.into(), tensor.into()));
        }
        for (name, tensor) in self.adapter.iter().flat_map(|adapter| adapter.iter()) {
            inputs.push((name.into(), tensor.into()));
        }
        let mut wanted = vec![("logits", Memory::Host)];
        if input.keep_present {
            let memory = Memory::of(graph.cuda);
            wanted.extend(
                graph
                    .present_names
                    .iter()
                    .map(|name| (name.as_str(), memory)),
            );
        }
        let outputs = run_bound(&mut graph.session.lock(), &inputs, &wanted).map_err(failed)?;
        let mut outputs = outputs.into_iter();
        let logits = outputs
            .next()
            .ok_or_else(|| unusable("it gave no logits"))?;
        let logits = Logits::new(logits, input.head_rows.len())?;
        let present = if input.keep_present {
            let tensors = outputs.map(float_tensor).collect::<Result<_>>()?;
            let device = graph.kv_device.clone();
            let cache = KvCache::from_tensors(graph.shape, row_lens, tensors, device)?;
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
