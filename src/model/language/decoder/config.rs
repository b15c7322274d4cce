//! What a model folder says of itself: `zerogr-model.json`.
//!
//! ```text
//! model.onnx          the graph (small)
//! model.cuda.onnx     the same for CUDA
//! model.weights       the weights of both, ONNX external data, every tensor at a multiple of 4,096 bytes
//! tokenizer.json      for the `tokenizers` library
//! zerogr-model.json   this record
//! ```

use std::fmt;
use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// Name of the record in a model folder.
pub const CONFIG_FILE: &str = "zerogr-model.json";

/// Name of the file of an imported graph's weights in a model folder.
pub const WEIGHTS_FILE: &str = "model.weights";

/// The version of the record that this program writes.
const FORMAT: u32 = 1;

/// The longest record that is read.
const MOST_BYTES: u64 = 16 << 20;

/// How the weights of a decoder are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightFormat {
    /// 32-bit floats: exact, stable scores.
    #[default]
    F32,
    /// 16-bit floats in the file: stable scores from half the file. The CPU makes 32-bit floats of
    /// them; CUDA multiplies them as they are, in half the memory.
    F16,
    /// 8-bit integers with quantised activations: fast text; a score depends on what else is in
    /// the pass.
    Int8,
    /// 4-bit integers in blocks of 32 with quantised activations: the smallest.
    Int4,
}

impl WeightFormat {
    /// The name on the command line and in the record.
    pub fn name(self) -> &'static str {
        match self {
            WeightFormat::F32 => "f32",
            WeightFormat::F16 => "f16",
            WeightFormat::Int8 => "int8",
            WeightFormat::Int4 => "int4",
        }
    }

    /// True if the score of a text does not depend on what shares its pass (beyond the rounding
    /// of 32-bit floats).
    pub fn has_stable_scores(self) -> bool {
        matches!(self, WeightFormat::F32 | WeightFormat::F16)
    }
}

impl fmt::Display for WeightFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose graph a model folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ModelKind {
    /// The graph that [`convert`](crate::raw::convert) builds.
    #[default]
    #[serde(rename = "zerogr decoder graph 1")]
    DecoderGraph,
    /// A decoder that another program exported: no tree attention.
    #[serde(rename = "external graph")]
    ExternalGraph,
}

/// What a model folder says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageModelConfig {
    /// Version of the record: 1.
    pub format: u32,
    /// Whose graph it is.
    #[serde(default)]
    pub kind: ModelKind,
    /// The model's name for people.
    pub name: String,
    /// `llama`, `mistral`, `qwen2` or `qwen3`; of an external graph, what its `config.json` says.
    pub architecture: String,
    /// The graph's file, relative to the folder.
    #[serde(default = "default_graph")]
    pub graph: String,
    /// The file of the same graph for CUDA, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda_graph: Option<String>,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Tokens of the vocabulary, which is the width of the logits.
    pub vocab: usize,
    /// Most positions, prompt and output together.
    pub max_positions: usize,
    /// How the weights are stored; of an external graph unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightFormat>,
    /// The token that starts a text, if the model wants one.
    pub bos_token_id: Option<u32>,
    /// The tokens that end an output.
    pub eos_token_ids: Vec<u32>,
    /// The chat template (Jinja), if the model has one.
    pub chat_template: Option<String>,
    /// Why the chat template of the checkpoint is not used, if it has one that does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template_problem: Option<String>,
    /// SHA-256 of the file (or of the files in order of name) that the weights came from.
    pub source_sha256: String,
    /// SHA-256 of `model.weights`; of an external graph, of its files in the order of their names.
    pub weights_sha256: String,
}

fn default_graph() -> String {
    "model.onnx".into()
}

impl LanguageModelConfig {
    /// The version of the record that this program writes.
    pub const FORMAT: u32 = FORMAT;

    /// Reads the record of the folder `dir`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it is missing, unreadable, or of another version.
    pub fn read(dir: &Path) -> Result<LanguageModelConfig> {
        let path = dir.join(CONFIG_FILE);
        let wrong = |what: &str| {
            let message = format!(
                "{}: {what}; make the folder with `zerogr model import`",
                path.display()
            );
            Error::new(ErrorKind::Model, message)
        };
        let bytes = regular_file::read(&path, MOST_BYTES).map_err(|e| wrong(&e.to_string()))?;
        let config: LanguageModelConfig =
            serde_json::from_slice(&bytes).map_err(|e| wrong(&e.to_string()))?;
        if config.format != FORMAT {
            let what = format!(
                "its format is {}, and this program reads {FORMAT}",
                config.format
            );
            return Err(wrong(&what));
        }
        let graphs = [Some(&config.graph), config.cuda_graph.as_ref()];
        let is_inside = |name: &&String| {
            let mut parts = Path::new(name).components();
            parts.all(|part| matches!(part, Component::Normal(_)))
        };
        if let Some(name) = graphs.into_iter().flatten().find(|name| !is_inside(name)) {
            return Err(wrong(&format!("its graph {name:?} is outside the folder")));
        }
        Ok(config)
    }

    /// Writes the record into the folder `dir`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] when it cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(CONFIG_FILE);
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::with_source(ErrorKind::Model, e.to_string(), e))?;
        fs::write(&path, text + "\n").map_err(|e| Error::io("writing", &path, e))
    }
}
