//! A language model in a folder: tokenizer, chat template, decoder.

use std::path::Path;
use std::sync::Arc;

use super::adapter::{Adapter, BaseModel};
use super::core::{Core, hash_of};
use super::decoder::kinds::Decoder;
use super::decoder::{DecoderSession, LanguageModelConfig};
use super::generation::{BatchLimits, Job, Vocabulary, check, generate};
use super::options::LanguageModelOptions;
use super::shared;
use crate::language::{Generated, GenerationRequest, Prompt, TextGenerator, TuningPair};
use crate::model::tokenizer::Tokenizer;
use crate::{Error, ErrorKind, Result};

/// Chat models below this size echo instructions rather than follow them (measured with one of
/// 135 million parameters).
const INSTRUCTABLE_PARAMETERS: usize = 1_000_000_000;

/// A language model, ready to write from any number of threads, one step at a time.
#[derive(Debug)]
pub struct LanguageModel {
    core: Arc<Core>,
    decoder: Decoder,
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
        LanguageModel::over(Arc::new(Core::open(folder.as_ref(), options)?), None)
    }

    /// Opens a model folder as [`open`](Self::open) does, changed by an adapter.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and as [`with_adapter`](Self::with_adapter).
    pub fn open_adapted(
        folder: impl AsRef<Path>,
        options: &LanguageModelOptions,
        adapter: &Adapter,
    ) -> Result<LanguageModel> {
        let core = Core::open(folder.as_ref(), options)?;
        LanguageModel::over(Arc::new(core), Some(adapter))
    }

    /// Opens a model folder, perhaps with an adapter; of all that are open by this way with the
    /// same files and options, the weights are in memory once.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and as [`with_adapter`](Self::with_adapter).
    pub(crate) fn open_shared(
        folder: &Path,
        options: &LanguageModelOptions,
        adapter: Option<&Adapter>,
    ) -> Result<LanguageModel> {
        LanguageModel::over(shared::core(folder, options)?, adapter)
    }

    /// The model changed by an adapter. All models that are made so of one share its weights;
    /// this one, without an adapter, may have a copy of its own of those that are prepacked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ModelMismatch`] when the adapter was trained for another model;
    /// [`ErrorKind::Model`] for the graph of another exporter, and when the adapter does not fit the
    /// layers; [`ErrorKind::Runtime`] or [`ErrorKind::Device`] when the graph cannot be opened.
    pub fn with_adapter(&self, adapter: &Adapter) -> Result<LanguageModel> {
        LanguageModel::over(self.core.clone(), Some(adapter))
    }

    fn over(core: Arc<Core>, adapter: Option<&Adapter>) -> Result<LanguageModel> {
        let Some(adapter) = adapter else {
            return Ok(LanguageModel {
                decoder: core.decoder()?,
                fingerprint: core.fingerprint.clone(),
                core,
            });
        };
        let base = adapter.base();
        if base.fingerprint != core.fingerprint {
            let message = format!(
                "the adapter was trained for the language model {} ({}), the one at hand is {} \
                 ({}): use it with the former, or train one for the latter",
                base.name, base.fingerprint, core.config.name, core.fingerprint
            );
            return Err(Error::new(ErrorKind::ModelMismatch, message));
        }
        Ok(LanguageModel {
            decoder: Decoder::Imported(core.adaptable()?.with_adapter(adapter)?),
            fingerprint: hash_of(&[&core.fingerprint, &adapter.fingerprint()]),
            core,
        })
    }

    /// What an adapter that is trained for this model says of it.
    pub fn as_base(&self) -> BaseModel {
        BaseModel {
            name: self.core.config.name.clone(),
            fingerprint: self.core.fingerprint.clone(),
        }
    }

    /// What the folder says of the model.
    pub fn config(&self) -> &LanguageModelConfig {
        &self.core.config
    }

    /// The tokenizer; special tokens in a text are what they stand for.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.core.tokenizer
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
        let most = self.decoder.pass_tokens(self.core.config.vocab);
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
            ErrorKind::Model => error.about(&self.core.config.name),
            _ => error,
        }
    }

    /// Weights of embedding and layers, as layers of the family usually divide them.
    fn approximate_parameters(&self) -> usize {
        let config = &self.core.config;
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
        self.core
            .tokenizer
            .encode_prompt(&self.prompt_text(prompt)?)
    }

    /// The tokens of a prompt, and those of what is written behind it. One that stands across the
    /// two is written.
    ///
    /// # Errors
    ///
    /// As [`prompt_ids`](Self::prompt_ids); [`ErrorKind::InvalidInput`] when the first token does
    /// not end before the prompt does.
    pub fn pair_ids(&self, pair: &TuningPair) -> Result<(Vec<u32>, Vec<u32>)> {
        let mut prompt = self.prompt_ids(&pair.prompt)?;
        let text = self.prompt_text(&pair.prompt)? + &self.plain(&pair.completion);
        let both = self.core.tokenizer.encode_prompt(&text)?;
        let shared = prompt.iter().zip(&both).take_while(|(a, b)| a == b).count();
        if shared == 0 {
            return Err(Error::invalid(
                "a prompt is too short: it has no token of its own",
            ));
        }
        prompt.truncate(shared);
        let written = both.get(shared..).unwrap_or_default().to_vec();
        Ok((prompt, written))
    }

    /// What the model reads for a prompt.
    fn prompt_text(&self, prompt: &Prompt) -> Result<String> {
        match prompt {
            Prompt::Completion(text) => Ok(self.plain(text)),
            Prompt::Chat { system, user } => {
                let template = self.core.template.as_ref().ok_or_else(|| {
                    let name = &self.core.config.name;
                    Error::invalid(match &self.core.config.chat_template_problem {
                        Some(problem) => format!("{name}: {problem}"),
                        None => format!(
                            "{name} has no chat template: use prompts of the few-shot style"
                        ),
                    })
                })?;
                template.render(&self.plain(system), &self.plain(user))
            }
        }
    }

    /// `text` with a blank in every special token that it spells out, so that a document cannot
    /// end its own quotation.
    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for token in &self.core.special_tokens {
            if text.contains(token.as_str()) {
                let mut broken = token.clone();
                broken.insert(token.chars().next().map_or(0, char::len_utf8), ' ');
                text = text.replace(token, &broken);
            }
        }
        text
    }
}

/// Rows of `len` tokens that a pass of at most `most` tokens takes; at least one.
fn rows_of(most: usize, len: usize) -> usize {
    (most / len.max(1)).max(1)
}

impl Vocabulary for LanguageModel {
    fn text(&self, tokens: &[u32]) -> Result<String> {
        self.core.tokenizer.decode(tokens)
    }

    fn ends(&self, token: u32) -> bool {
        self.core.config.eos_token_ids.contains(&token)
    }
}

impl TextGenerator for LanguageModel {
    fn name(&self) -> String {
        self.core.config.name.clone()
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn follows_instructions(&self) -> bool {
        self.core.template.is_some() && self.approximate_parameters() >= INSTRUCTABLE_PARAMETERS
    }

    fn context_tokens(&self) -> usize {
        self.core.config.max_positions
    }

    fn prompt_tokens(&self, prompt: &Prompt) -> Result<usize> {
        Ok(self.prompt_ids(prompt)?.len())
    }

    fn first_tokens<'t>(&self, text: &'t str, max_tokens: usize) -> Result<&'t str> {
        self.core.tokenizer.first_text(text, max_tokens)
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
        check(&jobs, self.core.config.max_positions)?;
        let limits = BatchLimits {
            rows: self.core.options.batch_rows.max(1),
            kv_bytes: self.core.options.kv_bytes,
            positions: self.core.config.max_positions,
            vocab: self.core.tokenizer.vocab_size(),
        };
        generate(&self.decoder, self, limits, &jobs, done).map_err(|error| self.named(error))
    }
}
