//! A folder as Hugging Face publishes it: `config.json`, `tokenizer.json`, and safetensors or an
//! ONNX decoder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::decoder_config::{Architecture, DecoderConfig, RopeScaling};
use super::import::Checkpoint;
use super::safetensors::SafetensorsFolder;
use super::tensors::TensorSource;
use crate::{Error, ErrorKind, Result};

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

/// What the folder says of texts.
pub(super) struct Texts {
    pub name: String,
    pub chat_template: Option<String>,
    pub bos_token_id: Option<u32>,
    pub eos_token_ids: Vec<u32>,
}

/// Opens a folder. Weights are preferred to a graph, because our graph can do more.
pub(super) fn open(dir: &Path) -> Result<Folder> {
    let settings: Settings = read_json(dir, "config.json")?.ok_or_else(|| {
        let what = "is missing; give a GGUF file, or a folder as published on Hugging Face";
        wrong(dir, "config.json", what)
    })?;
    let tokenizer = read(dir, "tokenizer.json")?.ok_or_else(|| {
        let what = "is missing; download it with the model (other tokenizer files cannot be read)";
        wrong(dir, "tokenizer.json", what)
    })?;
    let texts = texts(dir, &settings)?;
    let weights = SafetensorsFolder::open(dir)?;
    let graph = graph_in(dir);
    let architecture = Architecture::from_name(&settings.model_type);
    match (weights, architecture, graph) {
        (Some(weights), Ok(architecture), _) => {
            let config = settings.decoder(dir, architecture, &weights)?;
            Ok(Folder::Checkpoint(Box::new(Checkpoint {
                config,
                files: weights.files().to_vec(),
                tensors: Box::new(weights),
                tokenizer,
                name: texts.name,
                chat_template: texts.chat_template,
                bos_token_id: texts.bos_token_id,
                eos_token_ids: texts.eos_token_ids,
            })))
        }
        (_, _, Some(graph)) => Ok(Folder::Graph(Box::new(ExternalFolder {
            texts,
            graph,
            tokenizer,
            architecture: settings.model_type,
            max_positions: settings.max_position_embeddings,
            hidden: settings.hidden_size,
            heads: settings.num_attention_heads,
            vocab: settings.vocab_size,
        }))),
        (_, Err(unknown), None) => Err(unknown),
        (None, Ok(_), None) => {
            let message = format!(
                "{} has neither model.safetensors nor an ONNX decoder: download the weights",
                dir.display()
            );
            Err(Error::new(ErrorKind::Model, message))
        }
    }
}

/// `config.json`, as far as it matters.
#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    model_type: String,
    hidden_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    intermediate_size: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<RopeSettings>,
    rope_parameters: Option<RopeSettings>,
    tie_word_embeddings: Option<bool>,
    sliding_window: Option<usize>,
    use_sliding_window: Option<bool>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    hidden_act: Option<String>,
    bos_token_id: Option<Value>,
    eos_token_id: Option<Value>,
}

/// `rope_scaling`, or `rope_parameters` of newer files.
#[derive(Deserialize, Default)]
struct RopeSettings {
    #[serde(alias = "type")]
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
    low_freq_factor: Option<f64>,
    high_freq_factor: Option<f64>,
    original_max_position_embeddings: Option<f64>,
}

impl Settings {
    fn decoder(
        &self,
        dir: &Path,
        architecture: Architecture,
        weights: &SafetensorsFolder,
    ) -> Result<DecoderConfig> {
        let wrong = |what: &str| wrong(dir, "config.json", what);
        let need = |name: &str, value: Option<usize>| {
            value.ok_or_else(|| wrong(&format!("does not say {name}")))
        };
        // The files of Qwen 2 have biases and do not say so.
        let biases = [self.attention_bias, self.mlp_bias].contains(&Some(true));
        if biases {
            return Err(wrong("asks for biases that this family is not built with"));
        }
        if !matches!(self.hidden_act.as_deref(), None | Some("silu" | "swish")) {
            return Err(wrong("asks for another activation than silu"));
        }
        let hidden = need("hidden_size", self.hidden_size)?;
        let heads = need("num_attention_heads", self.num_attention_heads)?;
        let positions = need("max_position_embeddings", self.max_position_embeddings)?;
        // Up to the window, attention within it is attention to everything. Qwen names a window
        // that is switched off.
        let window = self.sliding_window.filter(|_| {
            self.use_sliding_window
                .unwrap_or(architecture == Architecture::Mistral)
        });
        let tied = self.tie_word_embeddings.unwrap_or(false);
        Ok(DecoderConfig {
            architecture,
            hidden,
            layers: need("num_hidden_layers", self.num_hidden_layers)?,
            heads,
            kv_heads: self.num_key_value_heads.unwrap_or(heads),
            head_dim: match self.head_dim {
                Some(dim) => dim,
                None => hidden.checked_div(heads).unwrap_or(0),
            },
            feed_forward: need("intermediate_size", self.intermediate_size)?,
            vocab: need("vocab_size", self.vocab_size)?,
            max_positions: window.map_or(positions, |window| window.min(positions)),
            rms_norm_epsilon: self.rms_norm_eps.unwrap_or(1e-6) as f32,
            rope_theta: self.rope_theta(),
            rope_scaling: self.rope_scaling().map_err(|what| wrong(&what))?,
            tied_head: tied || weights.shape("lm_head.weight").is_none(),
        })
    }

    fn rope(&self) -> Option<&RopeSettings> {
        self.rope_parameters.as_ref().or(self.rope_scaling.as_ref())
    }

    fn rope_theta(&self) -> f64 {
        let nested = self.rope().and_then(|rope| rope.rope_theta);
        nested.or(self.rope_theta).unwrap_or(10_000.0)
    }

    fn rope_scaling(&self) -> std::result::Result<RopeScaling, String> {
        let Some(rope) = self.rope() else {
            return Ok(RopeScaling::None);
        };
        let need = |name: &str, value: Option<f64>| {
            value.ok_or_else(|| format!("does not say {name} of the rotary scaling"))
        };
        match rope.rope_type.as_deref().unwrap_or("default") {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear {
                factor: need("factor", rope.factor)?,
            }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: need("factor", rope.factor)?,
                low_freq_factor: need("low_freq_factor", rope.low_freq_factor)?,
                high_freq_factor: need("high_freq_factor", rope.high_freq_factor)?,
                original_positions: need(
                    "original_max_position_embeddings",
                    rope.original_max_position_embeddings,
                )?,
            }),
            other => Err(format!(
                "asks for the rotary scaling {other:?}; none, linear and llama3 are supported"
            )),
        }
    }
}

fn texts(dir: &Path, settings: &Settings) -> Result<Texts> {
    #[derive(Deserialize, Default)]
    struct TokenizerSettings {
        chat_template: Option<Value>,
    }
    #[derive(Deserialize, Default)]
    struct GenerationSettings {
        bos_token_id: Option<Value>,
        eos_token_id: Option<Value>,
    }
    let tokenizer: TokenizerSettings = read_json(dir, "tokenizer_config.json")?.unwrap_or_default();
    let generation: GenerationSettings =
        read_json(dir, "generation_config.json")?.unwrap_or_default();
    let template = match read(dir, "chat_template.jinja")? {
        Some(bytes) => Some(
            String::from_utf8(bytes)
                .map_err(|_| wrong(dir, "chat_template.jinja", "is not UTF-8"))?,
        ),
        None => tokenizer.chat_template.as_ref().and_then(template_text),
    };
    let vocab = settings.vocab_size.unwrap_or(usize::MAX);
    let ids = |value: &Option<Value>| -> Result<Vec<u32>> {
        let list = match value {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
        };
        let id = |value: &Value| {
            let id = value.as_u64().filter(|id| *id < vocab as u64);
            let id = id.and_then(|id| u32::try_from(id).ok());
            id.ok_or_else(|| wrong(dir, "config.json", &format!("names the token {value}")))
        };
        list.iter().map(id).collect()
    };
    let first = |a: Vec<u32>, b: Vec<u32>| if a.is_empty() { b } else { a };
    let mut eos_token_ids = first(ids(&generation.eos_token_id)?, ids(&settings.eos_token_id)?);
    eos_token_ids.sort_unstable();
    eos_token_ids.dedup();
    let bos = first(ids(&generation.bos_token_id)?, ids(&settings.bos_token_id)?);
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy();
    Ok(Texts {
        name: name.into_owned(),
        chat_template: template,
        bos_token_id: bos.first().copied(),
        eos_token_ids,
    })
}

/// A template, or the one called `default` of several.
fn template_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(several) => {
            let named = |name: &str| several.iter().find(|one| one["name"] == name);
            let chosen = named("default").or(several.first())?;
            chosen["template"].as_str().map(str::to_owned)
        }
        _ => None,
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

fn read_json<T: for<'a> Deserialize<'a>>(dir: &Path, name: &str) -> Result<Option<T>> {
    let Some(bytes) = read(dir, name)? else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed
        .map(Some)
        .map_err(|e| wrong(dir, name, &format!("cannot be read: {e}")))
}

fn read(dir: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", &path, e)),
    }
}

fn wrong(dir: &Path, name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("{} {what}", dir.join(name).display()),
    )
}
