//! A language model in a folder: tokenizer, chat template, decoder.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::decoder::kinds::{Decoder, ExternalSession};
use super::decoder::{DecoderOptions, DecoderSession, LanguageModelConfig, ModelKind};
use super::generation::{BatchLimits, Job, Vocabulary, check, generate};
use super::prompt::ChatTemplate;
use crate::language::{Generated, GenerationRequest, Prompt, TextGenerator};
use crate::model::tokenizer::Tokenizer;
use crate::store::regular_file;
use crate::{Error, ErrorKind, Result};

/// Chat models below this size echo instructions rather than follow them (measured with one of
/// 135 million parameters).
const INSTRUCTABLE_PARAMETERS: usize = 1_000_000_000;

/// The longest `tokenizer.json` that is read.
const MOST_TOKENIZER_BYTES: u64 = 256 << 20;

/// How a [`LanguageModel`] uses the machine. None of it changes what a text means; see
/// [`WeightFormat`](super::WeightFormat) for what can change with 8-bit and 4-bit weights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LanguageModelOptions {
    /// Device, threads, layout of the weights.
    pub decoder: DecoderOptions,
    /// Texts that are written at a time; up to half as many more while the samples of one
    /// request join the last ones of another.
    pub batch_rows: usize,
    /// Memory for keys and values of the texts in flight; fewer are written at a time if it is
    /// not enough. Each step holds them twice, and three times while texts join or leave.
    pub kv_bytes: usize,
}

impl Default for LanguageModelOptions {
    fn default() -> Self {
        LanguageModelOptions {
            decoder: DecoderOptions::default(),
            batch_rows: 16,
            kv_bytes: 1 << 30,
        }
    }
}

impl LanguageModelOptions {
    /// The defaults: 16 texts at a time, within 1 GiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets device, threads and layout of the weights.
    pub fn decoder(mut self, decoder: DecoderOptions) -> Self {
        self.decoder = decoder;
        self
    }

    /// Sets how many texts are written at a time.
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows;
        self
    }
}

/// A language model, ready to write from any number of threads, one step at a time.
#[derive(Debug)]
pub struct LanguageModel {
    config: LanguageModelConfig,
    tokenizer: Tokenizer,
    special_tokens: Vec<String>,
    template: Option<ChatTemplate>,
    decoder: Decoder,
    options: LanguageModelOptions,
    fingerprint: String,
}

impl LanguageModel {
    /// Opens a model folder, loading ONNX Runtime if need be.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] naming the file that is missing or unusable, or when tokenizer and
    /// decoder do not belong together; [`ErrorKind::Runtime`] without a usable ONNX Runtime;
    /// [`ErrorKind::Device`] when the device asked for cannot be used.
    pub fn open(folder: impl AsRef<Path>, options: &LanguageModelOptions) -> Result<LanguageModel> {
        let folder = folder.as_ref();
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
        let decoder = match config.kind {
            ModelKind::DecoderGraph => {
                Decoder::Imported(DecoderSession::open(folder, &options.decoder)?)
            }
            ModelKind::ExternalGraph => {
                let graph = folder.join(&config.graph);
                Decoder::External(ExternalSession::open(&graph, &options.decoder)?)
            }
        };
        let mut hash = Sha256::new();
        let parts = [
            config.weights_sha256.as_str(),
            tokenizer.fingerprint(),
            config.chat_template.as_deref().unwrap_or_default(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        // A folder may have been made before templates were checked, or its record be edited.
        let template = match template(&config, &tokenizer) {
            Ok(template) => template,
            Err(problem) => {
                config.chat_template = None;
                config.chat_template_problem = Some(problem.to_string());
                None
            }
        };
        Ok(LanguageModel {
            special_tokens: tokenizer.special_tokens_in_text(),
            fingerprint: format!("{:x}", hash.finalize()),
            config,
            tokenizer,
            template,
            decoder,
            options: options.clone(),
        })
    }

    /// What the folder says of the model.
    pub fn config(&self) -> &LanguageModelConfig {
        &self.config
    }

    /// The tokenizer; special tokens in a text are what they stand for.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The graph's passes, for scoring; `None` for a graph of another exporter, which has no
    /// tree attention.
    pub fn session(&self) -> Option<&DecoderSession> {
        match &self.decoder {
            Decoder::Imported(session) => Some(session),
            Decoder::External(_) => None,
        }
    }

    /// Logits over the vocabulary of the token behind each of `prompts`, none of which is empty.
    /// Nothing is kept of what is read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty prompt, [`ErrorKind::Model`] when the graph fails.
    pub fn next_logits(&self, prompts: &[Vec<u32>]) -> Result<Vec<Vec<f32>>> {
        let mut logits = vec![Vec::new(); prompts.len()];
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        let len = |&at: &usize| prompts.get(at).map_or(0, Vec::len);
        order.sort_by_key(len);
        let most = self.decoder.pass_tokens(self.config.vocab);
        let same_lens = order.chunk_by(|a, b| len(a) == len(b));
        let passes =
            same_lens.flat_map(|same| same.chunks(rows_of(most, same.first().map_or(0, len))));
        for same_len in passes {
            let rows = same_len.iter().filter_map(|&at| prompts.get(at));
            let rows: Vec<&[u32]> = rows.map(Vec::as_slice).collect();
            let read = self.decoder.read(&rows)?;
            for (row, &at) in same_len.iter().enumerate() {
                if let Some(slot) = logits.get_mut(at) {
                    *slot = read.logits.row(row).to_vec();
                }
            }
        }
        Ok(logits)
    }

    /// An error of the model, with its name in front.
    pub(crate) fn named(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Model => error.about(&self.config.name),
            _ => error,
        }
    }

    /// Weights of embedding and layers, as layers of the family usually divide them.
    fn approximate_parameters(&self) -> usize {
        let config = &self.config;
        let layers = config
            .layers
            .saturating_mul(12)
            .saturating_mul(config.hidden);
        config
            .hidden
            .saturating_mul(layers.saturating_add(config.vocab))
    }

    /// The tokens that the model reads for a prompt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a chat prompt when the model has no chat template,
    /// [`ErrorKind::Model`] when the template or the tokenizer fails.
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>> {
        match prompt {
            Prompt::Completion(text) => self.tokenizer.encode_prompt(&self.plain(text)),
            Prompt::Chat { system, user } => {
                let template = self.template.as_ref().ok_or_else(|| {
                    let name = &self.config.name;
                    Error::invalid(match &self.config.chat_template_problem {
                        Some(problem) => format!("{name}: {problem}"),
                        None => format!(
                            "{name} has no chat template: use prompts of the few-shot style"
                        ),
                    })
                })?;
                let text = template.render(&self.plain(system), &self.plain(user))?;
                self.tokenizer.encode_prompt(&text)
            }
        }
    }

    /// `text` with a blank in every special token that it spells out, so that a document cannot
    /// end its own quotation.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in &self.special_tokens {
            if text.contains(token.as_str()) {
                let mut broken = token.clone();
                broken.insert(token.chars().next().map_or(0, char::len_utf8), ' ');
                text = text.replace(token, &broken);
            }
        }
        text
    }
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

/// Rows of `len` tokens that a pass of at most `most` tokens takes; at least one.
fn rows_of(most: usize, len: usize) -> usize {
    (most / len.max(1)).max(1)
}

impl Vocabulary for LanguageModel {
    fn text(&self, tokens: &[u32]) -> Result<String> {
        self.tokenizer.decode(tokens)
    }

    fn ends(&self, token: u32) -> bool {
        self.config.eos_token_ids.contains(&token)
    }
}

impl TextGenerator for LanguageModel {
    fn name(&self) -> String {
        self.config.name.clone()
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn follows_instructions(&self) -> bool {
        self.template.is_some() && self.approximate_parameters() >= INSTRUCTABLE_PARAMETERS
    }

    fn context_tokens(&self) -> usize {
        self.config.max_positions
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<usize> {
        Ok(self.prompt_ids(prompt)?.len())
    }

    fn first_tokens<'t>(&self, text: &'t str, max_tokens: usize) -> Result<&'t str> {
        self.tokenizer.first_text(text, max_tokens)
    }

    fn generate(
        &self,
        requests: &[GenerationRequest],
        done: &mut dyn FnMut(usize, Generated) -> Result<()>,
    ) -> Result<()> {
        let jobs = requests.iter().map(|request| {
            Ok(Job {
                prompt: self.prompt_ids(&request.prompt)?,
                request,
            })
        });
        let jobs = jobs.collect::<Result<Vec<_>>>()?;
        check(&jobs, self.config.max_positions)?;
        let limits = BatchLimits {
            rows: self.options.batch_rows.max(1),
            kv_bytes: self.options.kv_bytes,
            positions: self.config.max_positions,
            vocab: self.tokenizer.vocab_size(),
        };
        generate(&self.decoder, self, limits, &jobs, done).map_err(|error| self.named(error))
    }
}
