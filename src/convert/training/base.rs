//! The frozen decoder below an adapter, as its inference graph describes it.

use std::collections::HashMap;
use std::path::Path;

use prost::Message;

use crate::convert::checkpoint::layout::{EMBEDDING, HEAD, LAST_NORM};
use crate::model::language::{LanguageModelConfig, ModelKind};
use crate::model::onnx::messages::{DataType, ModelProto, TensorProto};
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// The largest graph that is read; weights are beside it.
const MOST_GRAPH_BYTES: u64 = 256 << 20;

/// An imported decoder: its record, and the tensors that its graph names.
pub(super) struct FrozenModel {
    pub(super) config: LanguageModelConfig,
    pub(super) rms_norm_epsilon: f32,
    tensors: HashMap<String, TensorProto>,
}

impl FrozenModel {
    /// Reads the record and the graph of a model folder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the folder has no imported decoder with weights in floats.
    pub(super) fn read(folder: &Path) -> Result<FrozenModel> {
        let config = LanguageModelConfig::read(folder)?;
        if config.kind != ModelKind::DecoderGraph {
            return Err(untrainable(
                &config,
                "its graph was made by another program",
            ));
        }
        if !config
            .weights
            .is_some_and(|weights| weights.has_stable_scores())
        {
            return Err(untrainable(&config, "its weights are integers"));
        }
        let path = folder.join(&config.graph);
        let bytes = regular_file::read(&path, MOST_GRAPH_BYTES)
            .map_err(|error| Error::io("reading", &path, error))?;
        let model = ModelProto::decode(bytes.as_slice())
            .map_err(|error| Error::with_source(ErrorKind::Model, error.to_string(), error))?;
        let graph = model.graph.unwrap_or_default();
        let mut nodes = graph.node.iter();
        let norm = nodes.find(|node| node.op_type() == "SimplifiedLayerNormalization");
        let mut attributes = norm.into_iter().flat_map(|norm| &norm.attribute);
        let epsilon = attributes.find(|one| one.name() == "epsilon");
        let rms_norm_epsilon = epsilon
            .and_then(|one| one.f)
            .ok_or_else(|| untrainable(&config, "its graph has no norm"))?;
        let named = graph.initializer.into_iter();
        let tensors = named
            .map(|tensor| (tensor.name().to_owned(), tensor))
            .collect();
        let base = FrozenModel {
            config,
            rms_norm_epsilon,
            tensors,
        };
        base.tensor(LAST_NORM)?;
        Ok(base)
    }

    /// True if the graph has a tensor of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor, without its values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when there is none.
    pub(super) fn tensor(&self, name: &str) -> Result<&TensorProto> {
        let tensor = self.tensors.get(name);
        tensor.ok_or_else(|| untrainable(&self.config, &format!("its graph has no {name}")))
    }

    /// True if a tensor is of 16-bit floats.
    pub(super) fn is_half(&self, name: &str) -> Result<bool> {
        Ok(self.tensor(name)?.data_type() == DataType::Float16)
    }

    /// Inputs and outputs of a linear layer.
    pub(super) fn linear_shape(&self, name: &str) -> Result<[usize; 2]> {
        match *self.tensor(name)?.dims.as_slice() {
            [inputs, outputs] if inputs > 0 && outputs > 0 => {
                Ok([inputs as usize, outputs as usize])
            }
            _ => Err(untrainable(&self.config, &format!("{name} is no matrix"))),
        }
    }

    /// The tensor whose rows are the columns of the head.
    pub(super) fn head(&self) -> &'static str {
        if self.has(HEAD) { HEAD } else { EMBEDDING }
    }
}

fn untrainable(config: &LanguageModelConfig, why: &str) -> Error {
    let message = format!(
        "{} cannot be trained: {why}; import it with `zerogr model import --weights f32` (or f16)",
        config.name
    );
    Error::new(ErrorKind::Model, message)
}
