//! The files of a sentence encoder: a folder in the layout of sentence-transformers, or the
//! installed default.
//!
//! ```text
//! modules.json                  the steps: Transformer, Pooling, Normalize
//! model.onnx | onnx/model.onnx | onnx/model_quantized.onnx
//! token_head.onnx               optional: nodes, weights and outputs to add to the model
//! tokenizer.json
//! …                             what changes vectors beside these: `settings`
//! ```
//!
//! Weights that the graph keeps in files beside it are taken into its bytes, so that what is
//! recorded, hashed and embedded is everything it computes with.
//!
//! A token head is an ONNX message that holds a part of a graph. In protocol buffers the bytes of
//! two messages, one behind the other, are the message in which fields of the second are merged
//! into the first: so the model with its token head is the two files, one behind the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::pooling::Pooling;
use super::settings::EncoderSettings;
use super::settings_file::{file, wrong};
use crate::encode::LateInteraction;
use crate::model::onnx;
use crate::model::runtime::cache;
use crate::{Error, ErrorKind, Result};

/// The optional part of a graph behind the model.
const TOKEN_HEAD_FILE: &str = "token_head.onnx";

const MODEL_FILES: [&str; 3] = ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"];

/// The bytes of a model: owned, or a view of a map that the `Arc` keeps alive. The encoder keeps
/// them to make further sessions.
pub type ModelBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// The bytes and settings that make an encoder.
#[derive(Clone)]
pub struct EncoderBytes<'a> {
    /// The ONNX graph with its weights.
    pub model: ModelBytes,
    /// The `tokenizer.json`.
    pub tokenizer: &'a [u8],
    /// How token vectors become one; unused when the graph pools by itself.
    pub pooling: Pooling,
    /// The most tokens that the model can read, special tokens included.
    pub max_len_tokens: usize,
    /// Texts are made lower case before they are tokenised.
    pub lower_case: bool,
    /// How queries and documents are read, if tokens are what the encoder was trained to compare.
    pub late_interaction: Option<LateInteraction>,
}

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
    /// Whether weights in `model` came from other files than the one at `model_path`.
    pub has_weights_beside: bool,
    /// The `tokenizer.json`.
    pub tokenizer: Vec<u8>,
    /// Where the tokenizer was read from.
    pub tokenizer_path: PathBuf,
    /// How texts become vectors with them.
    pub settings: EncoderSettings,
}

impl EncoderFiles {
    /// Reads a folder in the layout of sentence-transformers: `model.onnx` (or
    /// `onnx/model.onnx`, `onnx/model_quantized.onnx`), `tokenizer.json`,
    /// `1_Pooling/config.json`, and optionally `token_head.onnx` and the files of
    /// [`EncoderSettings`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file that is missing or unusable, or the setting that cannot
    /// be applied.
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
        let settings = EncoderSettings::read(dir, &tokenizer)?;
        let mut bytes = file(dir, model)?.ok_or_else(|| missing(dir, model))?;
        let model_path = dir.join(model);
        let beside = model_path.parent().unwrap_or(dir);
        let inside =
            onnx::with_weights_inside(&bytes, beside).map_err(|what| wrong(dir, model, &what))?;
        let has_weights_beside = inside.is_some();
        if let Some(inside) = inside {
            bytes = inside;
        }
        let token_head = file(dir, TOKEN_HEAD_FILE)?.unwrap_or_default();
        bytes.extend_from_slice(&token_head);
        Ok(EncoderFiles {
            model: Arc::new(bytes),
            token_head_len_bytes: token_head.len(),
            model_path,
            has_weights_beside,
            tokenizer,
            tokenizer_path: dir.join("tokenizer.json"),
            settings,
        })
    }

    /// What an encoder is made of.
    pub(super) fn bytes(&self) -> EncoderBytes<'_> {
        EncoderBytes {
            model: self.model.clone(),
            tokenizer: &self.tokenizer,
            pooling: self.settings.pooling.unwrap_or_default(),
            max_len_tokens: self.settings.max_len_tokens,
            lower_case: self.settings.lower_case,
            late_interaction: self.settings.late_interaction.clone(),
        }
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
        if format!("{:x}", Sha256::digest(&model)) != cache::DEFAULT_MODEL_SHA256 {
            let path = model_path.display();
            let message = format!("{path} is damaged; run `zerogr setup` to replace it");
            return Err(Error::new(ErrorKind::Model, message));
        }
        model.extend_from_slice(cache::DEFAULT_TOKEN_HEAD);
        Ok(EncoderFiles {
            model: Arc::new(model),
            token_head_len_bytes: cache::DEFAULT_TOKEN_HEAD.len(),
            model_path,
            has_weights_beside: false,
            tokenizer: cache::DEFAULT_TOKENIZER.to_vec(),
            tokenizer_path: dir.join("tokenizer.json"),
            settings: EncoderSettings::plain(Some(Pooling::Mean), cache::DEFAULT_MAX_LEN_TOKENS),
        })
    }
}

/// The error for a file that the folder lacks.
fn missing(dir: &Path, name: &str) -> Error {
    let message = format!("the model folder {} has no {name}", dir.display());
    Error::new(ErrorKind::Model, message)
}
