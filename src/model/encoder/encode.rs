//! The sentence encoder: texts to unit vectors.
//!
//! ```text
//! texts ─► windows of 8,192 ─► tokens (all cores) ─► sorted by length ─► batches
//!                                                                          │
//!                vectors, order restored ◄─ pool + scale to 1 ◄─ sessions ◄┘
//!                                                                   └─► what is made of tokens
//! ```
//!
//! Two layouts, by measurement. Queries and small jobs run on one session with all threads,
//! which answers soonest and loads fastest, and on further ones once threads wait for it
//! (`session_pool`). A bulk job makes a session of one thread per core, which together do more
//! work, and drops them at its end, because each holds a copy of the weights.
//!
//! On a CPU every text has a pass of its own: what is quantised at run time, per tensor, would
//! depend on the texts beside it and on their padding, and one text's values stay in the cache. On
//! CUDA, where small passes leave the device idle, texts of like length share one, and a vector
//! depends on them by float noise.
//!
//! Invariants:
//!
//! - I1. The result is in the order of the input, one unit vector of finite values per text; that
//!   of a text that leaves no token is zero, and the model is not asked.
//! - I2. No lock is held while tokenising or while the model runs; a query waits for a session
//!   only while as many others are being answered as there are sessions, and never for a bulk
//!   job.
//! - I3. On a CPU the same text has the same vector, to the last bit, whatever is encoded beside it
//!   and on however many threads, on the same machine. Batches follow from the texts alone.

mod passes;
mod text_encoder;
mod vocabulary;

use std::borrow::Cow;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::asked::Asked;
use super::files::{EncoderBytes, EncoderFiles, ModelBytes};
use super::graph::{Graph, unusable};
use super::late_interaction::{Role, TokenReader};
use super::pooling::Pooling;
use crate::encode::{EachText, TextEncoder, TokenVectors};
use crate::model::runtime::Runtime;
use crate::model::runtime::device::{CudaOptions, Device, EncoderOptions};
use crate::model::runtime::session::on_device;
use crate::model::runtime::session_pool::SessionPool;
use crate::model::tokenizer::Tokenizer;
use crate::{Error, ErrorKind, Result};

/// The least values of a vector: below it a model scores or classifies.
const MIN_DIM: usize = 8;

/// Texts that are tokenised and sorted together: bounds the memory for token ids.
const WINDOW_TEXTS: usize = 8_192;

/// A sentence encoder on ONNX Runtime, ready for use from any number of threads.
pub struct Encoder {
    graphs: SessionPool<Graph>,
    runtime: &'static Runtime,
    model: ModelBytes,
    options: EncoderOptions,
    pooled: bool,
    tokenizer: Tokenizer,
    pooling: Pooling,
    dim: usize,
    max_len_tokens: usize,
    lower_case: bool,
    /// How queries and documents are read, if tokens are what it was trained to compare.
    reader: Option<TokenReader>,
    fingerprint: String,
    cuda: Option<CudaOptions>,
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("dim", &self.dim)
            .field("max_len_tokens", &self.max_len_tokens)
            .field("fingerprint", &self.fingerprint)
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// Makes an encoder of bytes in memory, loading ONNX Runtime if need be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Runtime`] without a usable ONNX Runtime, [`ErrorKind::Device`] when the
    /// device asked for cannot be used, and [`ErrorKind::Model`] when the graph or the tokenizer
    /// is unusable, or the two do not belong together.
    pub fn from_bytes(bytes: EncoderBytes<'_>, options: &EncoderOptions) -> Result<Encoder> {
        let tokenizer = Tokenizer::from_bytes(bytes.tokenizer)?;
        let reader = bytes
            .late_interaction
            .map(|settings| TokenReader::new(settings, &tokenizer))
            .transpose()?;
        let runtime = Runtime::load(None)?;
        let model: &[u8] = (*bytes.model).as_ref();
        let threads = options.threads_or_default();
        let (graph, cuda) = on_device(runtime, options.device, |cuda| {
            Graph::new(runtime, model, threads, cuda)
        })?;
        if reader.is_some() && graph.is_pooled() {
            return Err(unusable(
                "it has vectors of texts, and tokens are to be compared",
            ));
        }
        let fingerprint = format!("{:x}", Sha256::digest(model));
        let mut encoder = Encoder {
            pooled: graph.is_pooled(),
            graphs: SessionPool::new(graph, options.sessions_or_default(cuda.is_some())),
            runtime,
            model: bytes.model,
            options: options.clone(),
            tokenizer,
            pooling: bytes.pooling,
            dim: 0,
            max_len_tokens: bytes.max_len_tokens,
            lower_case: bytes.lower_case,
            reader,
            fingerprint,
            cuda,
        };
        encoder.dim = encoder.try_out()?;
        let suffix = encoder.fingerprint_suffix();
        encoder.fingerprint.push_str(&suffix);
        Ok(encoder)
    }

    /// Makes an encoder of its files.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](Self::from_bytes), and [`ErrorKind::Model`] when the graph leaves the
    /// pooling open and the files do not settle it.
    pub fn from_files(files: &EncoderFiles, options: &EncoderOptions) -> Result<Encoder> {
        let settings = &files.settings;
        let encoder =
            Encoder::from_bytes(files.bytes(), options).map_err(|error| match error.kind() {
                // Bytes have no name; these have.
                ErrorKind::Model => error.about(files.model_path.display()),
                _ => error,
            })?;
        if settings.pooling.is_none() && !encoder.pooled {
            let path = files.model_path.display();
            let message = format!("the folder of {path} has no 1_Pooling/config.json");
            return Err(Error::new(ErrorKind::Model, message));
        }
        let room = settings.max_len_tokens
            - encoder
                .tokenizer
                .special_tokens()
                .min(settings.max_len_tokens);
        for prompt in [&settings.query_prompt, &settings.document_prompt] {
            let tokens = encoder.token_count(prompt.trim_end())?;
            if tokens >= room && !prompt.is_empty() {
                let message = format!(
                    "{}: of the {room} tokens that it reads, its prompt has {tokens}",
                    files.model_path.display()
                );
                return Err(Error::new(ErrorKind::Model, message));
            }
        }
        Ok(encoder)
    }

    /// Makes an encoder of a folder; see [`EncoderFiles::from_dir`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file that is missing or unusable, or the setting that cannot
    /// be applied; [`ErrorKind::Runtime`] without ONNX Runtime; [`ErrorKind::Device`] when a
    /// required device cannot be used.
    pub fn from_dir(dir: impl AsRef<Path>, options: &EncoderOptions) -> Result<Encoder> {
        Encoder::from_files(&EncoderFiles::from_dir(dir)?, options)
    }

    /// Makes the default encoder, all-MiniLM-L6-v2, from where `zerogr setup` put it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when it is not installed or not the published one;
    /// [`ErrorKind::Runtime`] without ONNX Runtime; [`ErrorKind::Device`] when a required device
    /// cannot be used.
    pub fn from_cache(options: &EncoderOptions) -> Result<Encoder> {
        Encoder::from_files(&EncoderFiles::installed()?, options)
    }

    /// Encodes `texts`, each cut at `max_len_tokens` tokens (special tokens included, and never
    /// more than the model reads), into a row-major matrix of `texts.len()` rows of
    /// [`dim`](Self::dim) values: unit vectors in the order of the texts. An empty text has a
    /// vector too, that of the special tokens alone; without any, it is zero.
    ///
    /// An encoder that reads queries in another way than documents takes these for documents.
    ///
    /// `progress` is called from this thread with (texts done, texts in all); its error ends the call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the limit leaves no room for text, [`ErrorKind::Model`]
    /// when the model fails or returns a value that is not finite.
    pub fn encode<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        max_len_tokens: usize,
        progress: impl FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        self.encode_each(texts, max_len_tokens, Role::Document, progress, None)
    }

    /// As [`encode`](Self::encode), of queries or documents, and calls `each` with the vectors of each
    /// text's tokens if the graph leaves the pooling open.
    fn encode_each<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        max_len_tokens: usize,
        role: Role,
        mut progress: impl FnMut(usize, usize) -> Result<()>,
        each: Option<EachText<'_>>,
    ) -> Result<Vec<f32>> {
        let limit = max_len_tokens.min(self.max_len_tokens);
        let mut vectors = vec![0.0; texts.len() * self.dim];
        let windows = vectors
            .chunks_mut(WINDOW_TEXTS * self.dim.max(1))
            .zip(texts.chunks(WINDOW_TEXTS));
        let mut bulk = Vec::new();
        let mut done = 0;
        for (number, (out, window)) in windows.enumerate() {
            let tokens = window
                .par_iter()
                .map(|text| self.tokens_of(text.as_ref(), limit, role))
                .collect::<Result<Vec<_>>>()?;
            let tell = |at: usize, tokens: TokenVectors<'_>| {
                if let Some(each) = each {
                    each(number * WINDOW_TEXTS + at, tokens);
                }
            };
            let asked = Asked {
                role,
                each: each.is_some().then_some(&tell),
            };
            let mut store = |batch: &[usize], encoded: &[f32]| -> Result<()> {
                self.store_vectors(out, batch, encoded)?;
                done += batch.len();
                progress(done, texts.len())
            };
            self.encode_window(&tokens, asked, &mut bulk, &mut store)?;
            for at in (0..tokens.len()).filter(|&at| tokens.get(at).is_none_or(Vec::is_empty)) {
                tell(at, TokenVectors::plain(&[], &[]));
                done += 1;
                progress(done, texts.len())?;
            }
        }
        Ok(vectors)
    }

    /// Encodes one text as [`encode`](Self::encode) does, cut at the model's limit.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn encode_one(&self, text: &str) -> Result<Vec<f32>> {
        let tokens = self.tokens_of(text, self.max_len_tokens, Role::Document)?;
        match tokens.is_empty() {
            true => Ok(vec![0.0; self.dim]),
            false => self.run(&[&tokens], Asked::VECTORS),
        }
    }

    /// Number of values in each vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The most tokens that the model reads, special tokens included.
    pub fn max_len_tokens(&self) -> usize {
        self.max_len_tokens
    }

    /// SHA-256 of the model's bytes in lower-case hexadecimal, with `+` and the name of the pooling
    /// behind it when the token vectors are pooled in another way than by their mean, and `+lower`
    /// when texts are made lower case; for an encoder of tokens, with what identifies how it reads.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The tokenizer of the encoder.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The device in use: [`Device::Cpu`] or [`Device::Cuda`].
    pub fn device(&self) -> Device {
        self.cuda.map_or(Device::Cpu, Device::Cuda)
    }

    fn fingerprint_suffix(&self) -> String {
        let mut suffix = String::new();
        if !self.pooled && self.pooling != Pooling::Mean {
            suffix.extend(["+", self.pooling.name()]);
        }
        if self.lower_case {
            suffix.push_str("+lower");
        }
        suffix.extend(self.reader.as_ref().map(TokenReader::fingerprint_suffix));
        suffix
    }

    /// The text as the tokenizer gets it.
    fn as_read<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.lower_case {
            true => Cow::Owned(text.to_lowercase()),
            false => Cow::Borrowed(text),
        }
    }

    /// The tokens that the model reads of a text.
    fn tokens_of(&self, text: &str, max_len_tokens: usize, role: Role) -> Result<Vec<u32>> {
        let text = self.as_read(text);
        match &self.reader {
            Some(reader) => reader.tokens(&self.tokenizer, &text, max_len_tokens, role),
            None => self.tokenizer.encode(&text, max_len_tokens),
        }
    }

    /// Runs the model twice, on the largest token id too: a tokenizer with more tokens than the
    /// model must fail here and not in the middle of a build, and a model that is no encoder before
    /// anything is found by what it says. Returns the dimension.
    fn try_out(&self) -> Result<usize> {
        let special = self.tokenizer.encode("", self.max_len_tokens)?;
        let largest = self.tokenizer.vocab_size().saturating_sub(1);
        let largest = u32::try_from(largest).unwrap_or(u32::MAX);
        let vector = |tokens: &[u32]| -> Result<Vec<f32>> {
            let asked = Asked {
                each: Some(&|_, _| {}),
                ..Asked::VECTORS
            };
            self.run(&[&[&special, tokens].concat()], asked)
        };
        let (one, other) = (
            vector(&[largest])?,
            vector(&[largest, largest / 2, largest / 3])?,
        );
        if one.len() < MIN_DIM {
            return Err(unusable(&format!(
                "its vectors have {} values, and those of an encoder have at least {MIN_DIM}: it may \
                 be a reranker or a classifier",
                one.len()
            )));
        }
        match one == other {
            true => Err(unusable("it gives every text the same vector")),
            false => Ok(one.len()),
        }
    }

    /// Puts the vectors of a batch at their places in `out`.
    fn store_vectors(&self, out: &mut [f32], batch: &[usize], vectors: &[f32]) -> Result<()> {
        if vectors.len() != batch.len() * self.dim {
            let message = "the encoder changed the number of values in its vectors";
            return Err(Error::new(ErrorKind::Model, message));
        }
        let dim = self.dim.max(1);
        for (&at, vector) in batch.iter().zip(vectors.chunks_exact(dim)) {
            if let Some(row) = out.chunks_exact_mut(dim).nth(at) {
                row.copy_from_slice(vector);
            }
        }
        Ok(())
    }
}
