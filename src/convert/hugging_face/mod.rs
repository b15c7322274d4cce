//! A folder as Hugging Face publishes it: `config.json`, `tokenizer.json`, and safetensors or an
//! ONNX decoder.

pub(super) mod config_json;
pub(super) mod folder;
pub(super) mod keys;
pub(super) mod safetensors;
mod texts;
pub(super) mod variants;

use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::checkpoint::decoder_config::Architecture;
use super::checkpoint::texts::Texts;
use crate::Result;
use config_json::{CONFIG_FILE, ConfigJson};
use folder::read_json;
pub(super) use safetensors::SafetensorsFolder;

/// What a folder holds.
pub(super) enum Folder {
    /// Weights, from which a graph is built.
    Checkpoint(Box<Checkpoint>),
    /// A graph that another program exported.
    Graph(Box<ExternalFolder>),
}

/// A folder with a graph.
pub(super) struct ExternalFolder {
    pub texts: Texts,
    /// The graph, relative to the folder.
    pub graph: PathBuf,
    pub tokenizer: Vec<u8>,
    pub architecture: String,
    pub max_positions: Option<usize>,
    pub hidden: Option<usize>,
    pub heads: Option<usize>,
    pub vocab: Option<usize>,
}

/// Opens a folder. Weights are preferred to a graph, because our graph can do more.
pub(super) fn open(dir: &Path) -> Result<Folder> {
    if let Some(refusal) = variants::addition(dir) {
        return Err(refusal);
    }
    let Some(values) = read_json(dir, CONFIG_FILE)? else {
        return Err(variants::without_config(dir));
    };
    let config = ConfigJson::new(dir, values);
    let model_type = config.model_type()?;
    let weights = SafetensorsFolder::open(dir)?;
    let graph = graph_in(dir);
    match (weights, Architecture::from_name(&model_type), graph) {
        (Some(weights), Ok(architecture), _) => {
            let decoder = config.decoder(architecture, &weights)?;
            let (tokenizer, texts) = texts::texts(dir, &config)?;
            Ok(Folder::Checkpoint(Box::new(Checkpoint {
                config: decoder,
                files: weights.files().to_vec(),
                tensors: Box::new(weights),
                tokenizer,
                texts,
            })))
        }
        (_, _, Some(graph)) => {
            let (tokenizer, texts) = texts::texts(dir, &config)?;
            Ok(Folder::Graph(Box::new(ExternalFolder {
                texts,
                graph,
                tokenizer,
                architecture: model_type,
                max_positions: config.count("max_position_embeddings")?,
                hidden: config.count("hidden_size")?,
                heads: config.count("num_attention_heads")?,
                vocab: config.count("vocab_size")?,
            })))
        }
        (_, Err(unknown), None) => Err(unknown),
        (None, Ok(_), None) => Err(variants::without_weights(dir)),
    }
}

/// The decoder ONNX of a folder, as the usual exporters place it.
fn graph_in(dir: &Path) -> Option<PathBuf> {
    const NAMES: [&str; 4] = [
        "model.onnx",
        "onnx/model.onnx",
        "decoder_model_merged.onnx",
        "onnx/decoder_model_merged.onnx",
    ];
    if let Some(name) = NAMES.iter().find(|name| dir.join(name).is_file()) {
        return Some(PathBuf::from(name));
    }
    let mut others: Vec<_> = fs::read_dir(dir.join("onnx")).ok()?.flatten().collect();
    others.sort_by_key(|entry| entry.file_name());
    let name = others.iter().map(|entry| entry.file_name()).find(|name| {
        let name = name.to_string_lossy();
        name.starts_with("model") && name.ends_with(".onnx")
    })?;
    Some(Path::new("onnx").join(name))
}
