//! A model folder, open: what all models over it share.
//!
//! ```text
//!   LanguageModel ──┬──► Core: record, tokenizer, chat template
//!   (an adapter)    └──► session ◄── of one of the two graphs, as long as anybody runs it
//! ```
//!
//! A graph with inputs for adapters costs a few per cent of a pass, so models without one run the
//! graph as it was imported. I1. Where the other is open already, it serves them too: a second copy
//! of weights would cost more.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::decoder::kinds::{Decoder, ExternalSession};
use super::decoder::{DecoderSession, LanguageModelConfig, ModelKind, WeakSession};
use super::options::LanguageModelOptions;
use super::prompt::ChatTemplate;
use crate::model::tokenizer::Tokenizer;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// The longest `tokenizer.json` that is read.
const MOST_TOKENIZER_BYTES: u64 = 256 << 20;

/// A model folder, open.
#[derive(Debug)]
pub(super) struct Core {
    folder: PathBuf,
    pub(super) config: LanguageModelConfig,
    pub(super) tokenizer: Tokenizer,
    pub(super) special_tokens: Vec<String>,
    pub(super) template: Option<ChatTemplate>,
    pub(super) options: LanguageModelOptions,
    pub(super) fingerprint: String,
    sessions: Mutex<Sessions>,
}

/// The sessions that somebody has open.
#[derive(Debug, Default)]
struct Sessions {
    plain: WeakSession,
    adaptable: WeakSession,
    external: Weak<ExternalSession>,
}

impl Core {
    /// Reads a model folder, without its weights.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file that is missing or unusable, or when tokenizer and
    /// decoder do not belong together.
    pub(super) fn open(folder: &Path, options: &LanguageModelOptions) -> Result<Core> {
        let mut config = LanguageModelConfig::read(folder)?;
        let path = folder.join("tokenizer.json");
        let bytes = regular_file::read(&path, MOST_TOKENIZER_BYTES).map_err(|e| {
            let message = format!(
                "cannot read {}: {e}; import the model again with its tokenizer",
                path.display()
            );
            Error::with_source(ErrorKind::Model, message, e)
        })?;
        let tokenizer = Tokenizer::for_prompts(&bytes)?;
        if tokenizer.vocab_size() > config.vocab {
            let message = format!(
                "{} has {} tokens and the model {}: they do not belong together; \
                 import the model again with its own tokenizer",
                path.display(),
                tokenizer.vocab_size(),
                config.vocab
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        let fingerprint = hash_of(&[
            &config.weights_sha256,
            tokenizer.fingerprint(),
            config.chat_template.as_deref().unwrap_or_default(),
        ]);
        // A folder may have been made before templates were checked, or its record be edited.
        let template = match template(&config, &tokenizer) {
            Ok(template) => template,
            Err(problem) => {
                config.chat_template = None;
                config.chat_template_problem = Some(problem.to_string());
                None
            }
        };
        Ok(Core {
            folder: folder.to_path_buf(),
            special_tokens: tokenizer.special_tokens_in_text(),
            fingerprint,
            config,
            tokenizer,
            template,
            options: options.clone(),
            sessions: Mutex::default(),
        })
    }

    /// The decoder as it was imported.
    ///
    /// # Errors
    ///
    /// Those of opening it: [`ErrorKind::Runtime`], [`ErrorKind::Device`], [`ErrorKind::Model`].
    pub(super) fn decoder(&self) -> Result<Decoder> {
        let options = &self.options.decoder;
        // Held while one is opened, so that it is opened once.
        let mut sessions = self.sessions.lock();
        if self.config.kind == ModelKind::ExternalGraph {
            if let Some(session) = sessions.external.upgrade() {
                return Ok(Decoder::External(session));
            }
            let graph = self.folder.join(&self.config.graph);
            let session = Arc::new(ExternalSession::open(&graph, options)?);
            sessions.external = Arc::downgrade(&session);
            return Ok(Decoder::External(session));
        }
        let open = sessions.plain.upgrade();
        if let Some(session) = open.or_else(|| sessions.adaptable.upgrade()) {
            return Ok(Decoder::Imported(session));
        }
        let session = DecoderSession::open(&self.folder, options)?;
        sessions.plain = session.downgrade();
        Ok(Decoder::Imported(session))
    }

    /// The decoder with inputs for adapters.
    ///
    /// # Errors
    ///
    /// Those of opening it; [`ErrorKind::Model`] for a graph of another exporter.
    pub(super) fn adaptable(&self) -> Result<DecoderSession> {
        if self.config.kind == ModelKind::ExternalGraph {
            let message = format!(
                "{} is the graph of another exporter, which takes no adapter: import the \
                 checkpoint that it was made of",
                self.config.name
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        let mut sessions = self.sessions.lock();
        if let Some(session) = sessions.adaptable.upgrade() {
            return Ok(session);
        }
        let session = DecoderSession::open_adaptable(&self.folder, &self.options.decoder)?;
        sessions.adaptable = session.downgrade();
        Ok(session)
    }
}

/// SHA-256 of parts, none of which can end where another begins.
pub(super) fn hash_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}

/// The chat template of a model, if it has one.
fn template(config: &LanguageModelConfig, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>> {
    let Some(source) = &config.chat_template else {
        return Ok(None);
    };
    let text = |id: Option<u32>| {
        let text = id.and_then(|id| tokenizer.token(id));
        text.unwrap_or_default()
    };
    let eos = config.eos_token_ids.first().copied();
    ChatTemplate::new(source, text(config.bos_token_id), text(eos)).map(Some)
}
