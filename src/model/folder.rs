//! The files of a sentence encoder: a folder in the layout of sentence-transformers, or the
//! installed default.
//!
//! ```text
//! modules.json                  the steps: Transformer, Pooling, Normalize
//! model.onnx | onnx/model.onnx | onnx/model_quantized.onnx
//! token_head.onnx               optional: nodes, weights and outputs to add to the model
//! tokenizer.json
//! sentence_bert_config.json     max_seq_length
//! 1_Pooling/config.json         pooling_mode_mean_tokens, …
//! ```
//!
//! A token head is an ONNX message that holds a part of a graph. In protocol buffers the bytes of
//! two messages, one behind the other, are the message in which fields of the second are merged
//! into the first: so the model with its token head is the two files, one behind the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cache;
use super::pooling::Pooling;
use super::tokenizer::hex;
use crate::{Error, ErrorKind, Result};

/// Where the pooling step keeps its settings.
const POOLING_FILE: &str = "1_Pooling/config.json";

/// The optional part of a graph behind the model.
const TOKEN_HEAD_FILE: &str = "token_head.onnx";

const MODEL_FILES: [&str; 3] = ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"];

/// The limit for a folder that names none: what the models of this kind were trained with.
const FALLBACK_MAX_LEN_TOKENS: usize = 256;

/// The files of a sentence encoder, in memory.
#[derive(Debug, Clone)]
pub struct EncoderFiles {
    /// The ONNX graph with its weights, with the token head if there is one.
    pub model: Arc<Vec<u8>>,
    /// How many bytes at the end of `model` are the token head, which is no part of the file at
    /// `model_path`; 0 without one.
    pub token_head_len_bytes: usize,
    /// Where the graph was read from.
    pub model_path: PathBuf,
    /// The `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// Where the tokenizer was read from.
    pub tokenizer_path: PathBuf,
    /// How token vectors become one; `None` if the folder has no pooling settings.
    pub pooling: Option<Pooling>,
    /// The most tokens that the model can read.
    pub max_len_tokens: usize,
}

impl EncoderFiles {
    /// Reads a folder in the layout of sentence-transformers: `model.onnx` (or
    /// `onnx/model.onnx`, `onnx/model_quantized.onnx`), `tokenizer.json`,
    /// `1_Pooling/config.json`, and optionally `token_head.onnx`, `modules.json` and
    /// `sentence_bert_config.json`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file that is missing or unusable.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<EncoderFiles> {
        let dir = dir.as_ref();
        if !dir.is_dir() {
            let message = format!(
                "no model folder at {}: give one with model.onnx and tokenizer.json",
                dir.display()
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        let model = MODEL_FILES.iter().find(|name| dir.join(name).is_file());
        let model = model.ok_or_else(|| missing(dir, "model.onnx (or onnx/model.onnx)"))?;
        let tokenizer =
            file(dir, "tokenizer.json")?.ok_or_else(|| missing(dir, "tokenizer.json"))?;
        check_modules(dir)?;
        let mut bytes = file(dir, model)?.ok_or_else(|| missing(dir, model))?;
        let token_head = file(dir, TOKEN_HEAD_FILE)?.unwrap_or_default();
        bytes.extend_from_slice(&token_head);
        Ok(EncoderFiles {
            model: Arc::new(bytes),
            token_head_len_bytes: token_head.len(),
            model_path: dir.join(model),
            tokenizer,
            tokenizer_path: dir.join("tokenizer.json"),
            pooling: pooling(dir)?,
            max_len_tokens: max_len_tokens(dir)?,
        })
    }

    /// Reads the default encoder, all-MiniLM-L6-v2, from where `zerogr setup` put it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it is not installed or not the published one.
    pub fn installed() -> Result<EncoderFiles> {
        let dir = cache::model_dir(cache::DEFAULT_MODEL)?;
        let model_path = dir.join("model.onnx");
        let mut model = fs::read(&model_path).map_err(|error| {
            let path = model_path.display();
            let message =
                format!("cannot read the sentence encoder {path}: {error}; run `zerogr setup`");
            Error::with_source(ErrorKind::Model, message, error)
        })?;
        if hex(&Sha256::digest(&model)) != cache::DEFAULT_MODEL_SHA256 {
            let path = model_path.display();
            let message = format!("{path} is damaged; run `zerogr setup` to replace it");
            return Err(Error::new(ErrorKind::Model, message));
        }
        model.extend_from_slice(cache::DEFAULT_TOKEN_HEAD);
        Ok(EncoderFiles {
            model: Arc::new(model),
            token_head_len_bytes: cache::DEFAULT_TOKEN_HEAD.len(),
            model_path,
            tokenizer: cache::DEFAULT_TOKENIZER.to_vec(),
            tokenizer_path: dir.join("tokenizer.json"),
            pooling: Some(Pooling::Mean),
            max_len_tokens: cache::DEFAULT_MAX_LEN_TOKENS,
        })
    }
}

/// The error for a file that the folder lacks.
fn missing(dir: &Path, name: &str) -> Error {
    let message = format!("the model folder {} has no {name}", dir.display());
    Error::new(ErrorKind::Model, message)
}

/// Refuses folders whose vectors need a step that is not built here.
fn check_modules(dir: &Path) -> Result<()> {
    let name = "modules.json";
    let Some(modules) = json(dir, name)? else {
        return Ok(());
    };
    for module in modules.as_array().into_iter().flatten() {
        let kind = module
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let kind = kind.rsplit('.').next().unwrap_or_default();
        if !matches!(kind, "Transformer" | "Pooling" | "Normalize") {
            return Err(wrong(
                dir,
                name,
                &format!("the step {kind:?} is not supported"),
            ));
        }
    }
    Ok(())
}

fn pooling(dir: &Path) -> Result<Option<Pooling>> {
    let Some(config) = json(dir, POOLING_FILE)? else {
        return Ok(None);
    };
    let unsupported = |what: &str| {
        let what = format!("{what} is not supported; mean, cls and max are");
        Err(wrong(dir, POOLING_FILE, &what))
    };
    if let Some(mode) = config.get("pooling_mode").and_then(Value::as_str) {
        return match mode {
            "mean" => Ok(Some(Pooling::Mean)),
            "cls" => Ok(Some(Pooling::Cls)),
            "max" => Ok(Some(Pooling::Max)),
            other => unsupported(&format!("the pooling {other:?}")),
        };
    }
    let on: Vec<&str> = config
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
        .map(|(key, _)| key.as_str())
        .collect();
    match on.as_slice() {
        ["pooling_mode_mean_tokens"] => Ok(Some(Pooling::Mean)),
        ["pooling_mode_cls_token"] => Ok(Some(Pooling::Cls)),
        ["pooling_mode_max_tokens"] => Ok(Some(Pooling::Max)),
        other => unsupported(&format!("the pooling {other:?}")),
    }
}

fn max_len_tokens(dir: &Path) -> Result<usize> {
    let name = "sentence_bert_config.json";
    let Some(config) = json(dir, name)? else {
        return Ok(FALLBACK_MAX_LEN_TOKENS);
    };
    match config.get("max_seq_length") {
        None | Some(Value::Null) => Ok(FALLBACK_MAX_LEN_TOKENS),
        Some(value) => match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
            Some(n @ 1..=1_000_000) => Ok(n),
            _ => Err(wrong(dir, name, "max_seq_length is not a sensible number")),
        },
    }
}

fn json(dir: &Path, name: &str) -> Result<Option<Value>> {
    let Some(bytes) = file(dir, name)? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&bytes);
    value
        .map(Some)
        .map_err(|e| wrong(dir, name, &e.to_string()))
}

/// The bytes of a file, or `None` if it does not exist.
fn file(dir: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    match fs::read(dir.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => {
            let message = format!("reading {}: {e}", dir.join(name).display());
            Err(Error::with_source(ErrorKind::Model, message, e))
        }
    }
}

fn wrong(dir: &Path, name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Model,
        format!("{}: {what}", dir.join(name).display()),
    )
}
