//! Queries answered by a language model: the `lm` retriever (`ARCHITECTURE.md`, D5).
//!
//! ```text
//!   at creation   the model's tokenizer makes the docid tokens; it is kept in the file
//!   by training   an adapter changes the model for this index; it is kept in the file
//!   at search     instruction, line break, query, in the model's chat template ──► prompt
//!                 docids are generated below it, over the trie
//! ```
//!
//! The model itself stays in its folder: it is larger than most indexes, and serves many. The
//! file records which one it was; another one is refused.
//!
//! The prompt is cut before the docid ever is: instruction and query have limits of their own
//! (recorded in the file), and what follows them always has room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::new_blob::NewBlob;
use super::recorded;
use crate::decode::{Expander, LanguageExpander, LanguageQuery, RowsExpander};
use crate::format::BlobRole;
use crate::index::options::{IndexOptions, OpenOptions};
use crate::language::{Prompt, TextGenerator};
use crate::model::language::{
    Adapter, BaseModel, DecoderOptions, DecoderSession, LanguageModel, LanguageModelOptions,
};
use crate::model::{Device, Tokenizer, trust};
use crate::search::{EncodedQuery, Reranker, Retriever};
use crate::segment::{IndexParams, LanguageModelParams};
use crate::store::{self, regular_file};
use crate::trie::Forest;
use crate::{Error, ErrorKind, Result};

/// Tokens of an instruction that are read: those of the ZeroGR paper's training.
const MAX_INSTRUCTION_TOKENS: usize = 64;

/// Tokens of a query that are read: those of the ZeroGR reference's search.
const MAX_QUERY_TOKENS: usize = 128;

/// Tokens of a pseudo-query that are trained on: those of the ZeroGR paper.
const MAX_TRAINING_QUERY_TOKENS: usize = 64;

/// A language model that answers the queries of an index.
#[derive(Debug)]
pub(crate) struct LanguageModelRetriever {
    model: LanguageModel,
    params: LanguageModelParams,
    /// Where the model is.
    folder: PathBuf,
    /// Whether the index has an adapter for it.
    is_trained: bool,
    /// Whether the index was made with a token that ranks. What a training on pseudo-queries has
    /// taught one is weaker than the order of drawing, so that has to be asked for.
    reranks_by_itself: bool,
}

/// What a new index takes from its language model.
pub(in crate::index) struct NewLanguageModel {
    pub(in crate::index) params: LanguageModelParams,
    pub(in crate::index) tokenizer: Tokenizer,
    pub(in crate::index) blob: NewBlob,
}

/// Reads the language model of a new index, if it is to have one.
///
/// # Errors
///
/// Those of opening it; `Model` when its scores would depend on what is scored together.
pub(in crate::index) fn load_new(options: &IndexOptions) -> Result<Option<NewLanguageModel>> {
    let Some(folder) = &options.language_model else {
        return Ok(None);
    };
    let model = open(folder, options.encoder_options.device, false, None)?;
    let config = model.config();
    if let Some(weights) = config
        .weights
        .filter(|weights| !weights.has_stable_scores())
    {
        let message = format!(
            "the weights of {} are {weights}, with which a docid's score depends on what is scored \
             beside it: import the model with --weights f32 or f16",
            config.name
        );
        return Err(Error::new(ErrorKind::Model, message));
    }
    let Some(&end_token) = config.eos_token_ids.first() else {
        let message = format!("{} has no token that ends a docid", config.name);
        return Err(Error::new(ErrorKind::Model, message));
    };
    let folder =
        std::path::absolute(folder).map_err(|error| Error::io("resolving", folder, error))?;
    let path = folder.join("tokenizer.json");
    let read = regular_file::read(&path, u64::MAX);
    let bytes = read.map_err(|error| Error::io("reading", &path, error))?;
    let blob = NewBlob::inside(
        BlobRole::DocidTokenizer,
        "docid-tokenizer.json",
        "application/json",
        Arc::new(bytes.clone()),
    );
    // Whoever builds with a folder trusts it. Without a list, opening the index asks.
    let _ = trust::remember(vec![blob.model_file(), trust::of_language_model(&folder)?]);
    Ok(Some(NewLanguageModel {
        params: LanguageModelParams {
            name: config.name.clone(),
            fingerprint: model.fingerprint(),
            folder: folder.to_string_lossy().into_owned(),
            end_token,
            max_instruction_tokens: MAX_INSTRUCTION_TOKENS,
            max_query_tokens: MAX_QUERY_TOKENS,
            rerank_token: options.rerank_token,
        },
        tokenizer: Tokenizer::from_bytes(&bytes)?,
        blob,
    }))
}

fn open(
    folder: &Path,
    device: Device,
    prepack: bool,
    adapter: Option<&Adapter>,
) -> Result<LanguageModel> {
    let decoder = DecoderOptions::new().device(device).prepack(prepack);
    let options = LanguageModelOptions::new().decoder(decoder);
    LanguageModel::open_shared(folder, &options, adapter)
}

impl LanguageModelRetriever {
    /// Opens the language model of an index, from the folder that `options` name or from where it
    /// was; there it must be known to this machine, as the adapter in the file must be, unless the
    /// options trust them. Indexes with one model share it.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the index was made without one, `ModelMismatch` when it is another
    /// one, and those of opening it.
    pub(in crate::index) fn open(
        stored: &store::Snapshot,
        params: &IndexParams,
        options: &OpenOptions,
    ) -> Result<LanguageModelRetriever> {
        let mut params = params.language_model.clone().ok_or_else(|| {
            Error::invalid(
                "the docids of this index are not made of a language model's tokens: build it for \
                 one (IndexOptions::language_model, `zerogr build --retriever-model`), or search with \
                 the compact retriever",
            )
        })?;
        let recorded = PathBuf::from(&params.folder);
        let folder = options.language_model.as_ref();
        if !options.trust_model {
            let mut files = recorded::model_files(stored, &[BlobRole::Adapter]);
            if folder.is_none() {
                files.push(trust::of_language_model(&recorded)?);
            }
            let unknown = trust::unknown(files);
            if !unknown.is_empty() {
                return Err(trust::question(&unknown));
            }
        }
        let adapter = recorded::adapter(stored)?;
        let device = options.encoder_options.device;
        let folder = folder.unwrap_or(&recorded).clone();
        let model = open(&folder, device, true, adapter.as_ref())?;
        let at_hand = model.as_base();
        if at_hand.fingerprint != params.fingerprint {
            let message = format!(
                "the index was made for the language model {} ({}), the one at hand is {} ({}): \
                 open it with the former, or build a new index with the latter",
                params.name, params.fingerprint, at_hand.name, at_hand.fingerprint
            );
            return Err(Error::new(ErrorKind::ModelMismatch, message));
        }
        let is_trained = adapter.is_some();
        let trained = adapter.and_then(|adapter| adapter.rerank_token());
        let reranks_by_itself = params.rerank_token.is_some();
        params.rerank_token = params.rerank_token.or(trained);
        Ok(LanguageModelRetriever {
            model,
            params,
            folder,
            is_trained,
            reranks_by_itself,
        })
    }

    /// Whether the model was trained to score drawn documents.
    pub(in crate::index) fn reranks(&self) -> bool {
        self.params.rerank_token.is_some()
    }

    /// Where the model is.
    pub(in crate::index) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Decoder layers of the model.
    pub(in crate::index) fn layers(&self) -> usize {
        self.model.config().layers
    }

    /// The device in use.
    pub(in crate::index) fn device(&self) -> Device {
        self.model
            .session()
            .map_or(Device::Cpu, DecoderSession::device)
    }

    /// The token with which the model ends a docid.
    pub(in crate::index) fn end_token(&self) -> u32 {
        self.params.end_token
    }

    /// The model as adapters name it.
    pub(in crate::index) fn base_model(&self) -> BaseModel {
        self.model.as_base()
    }

    /// The token whose logit ranks: that of the index, or else a special token of the model that
    /// neither begins nor ends a text, the last of them.
    pub(in crate::index) fn rerank_token(&self) -> Option<u32> {
        let config = self.model.config();
        let is_used = |token: &u32| {
            config.bos_token_id == Some(*token) || config.eos_token_ids.contains(token)
        };
        let special = self.model.tokenizer().special_token_ids();
        let free = special.into_iter().filter(|token| !is_used(token));
        self.params.rerank_token.or_else(|| free.max())
    }

    /// The beginning of a pseudo-query that is trained on.
    pub(in crate::index) fn cut_for_training<'q>(&self, query: &'q str) -> Result<&'q str> {
        self.model.first_tokens(query, MAX_TRAINING_QUERY_TOKENS)
    }

    /// A query as an adapted model reads it: instruction and query on lines of their own, as in
    /// the ZeroGR paper, in no template.
    pub(in crate::index) fn training_prompt(
        &self,
        instruction: Option<&str>,
        query: &str,
    ) -> Result<Vec<u32>> {
        let text = self.asked(instruction, query)?;
        let prompt = Prompt::Completion(format!("{text}\n"));
        self.model.prompt_ids(&prompt)
    }

    /// A query as the model reads it.
    pub(in crate::index) fn prompted(
        &self,
        instruction: Option<&str>,
        query: &str,
    ) -> Result<Prompted<'_>> {
        Ok(Prompted {
            retriever: self,
            prompt: self.prompt(instruction, query)?,
            encoded: None,
        })
    }

    /// The prompt of a query, as token ids.
    fn prompt(&self, instruction: Option<&str>, query: &str) -> Result<Vec<u32>> {
        if self.is_trained {
            return self.training_prompt(instruction, query);
        }
        let text = self.asked(instruction, query)?;
        let prompt = match self.model.config().chat_template {
            Some(_) => Prompt::Chat {
                system: String::new(),
                user: text,
            },
            None => Prompt::Completion(format!("{text}\n")),
        };
        self.model.prompt_ids(&prompt)
    }
}

impl LanguageModelRetriever {
    /// Instruction and query, each cut to its own length.
    fn asked(&self, instruction: Option<&str>, query: &str) -> Result<String> {
        let params = &self.params;
        let query = self.model.first_tokens(query, params.max_query_tokens)?;
        let Some(instruction) = instruction else {
            return Ok(query.to_owned());
        };
        let limit = params.max_instruction_tokens;
        let instruction = self.model.first_tokens(instruction, limit)?;
        Ok(format!("{instruction}\n{query}"))
    }
}

/// A query, as the language model of an index holds it.
pub(in crate::index) struct Prompted<'a> {
    retriever: &'a LanguageModelRetriever,
    prompt: Vec<u32>,
    /// The query for the encoder, which is to rerank what the model draws.
    pub(in crate::index) encoded: Option<EncodedQuery>,
}

impl Retriever for Prompted<'_> {
    fn expander<'a>(&'a self, forest: &'a Forest<'a>) -> Box<dyn Expander + 'a> {
        let LanguageModelRetriever { model, params, .. } = self.retriever;
        let query = LanguageQuery {
            prompt: &self.prompt,
            end_token: params.end_token,
            rerank_token: params.rerank_token,
            max_positions: model.config().max_positions,
        };
        match model.session() {
            Some(session) => Box::new(LanguageExpander::new(session, query, forest)),
            None => Box::new(RowsExpander::new(model, query, forest)),
        }
    }

    fn reranker(&self, asked_for: Option<bool>, _: bool) -> Option<Reranker<'_>> {
        let reranks = asked_for.unwrap_or(self.retriever.reranks_by_itself);
        match self.retriever.reranks() && reranks {
            true => Some(Reranker::Docids),
            false => self.encoded.as_ref().map(Reranker::Encoder),
        }
    }

    fn encoded_query(&self) -> Option<&EncodedQuery> {
        self.encoded.as_ref()
    }

    fn named(&self, error: Error) -> Error {
        self.retriever.model.named(error)
    }
}

#[cfg(test)]
mod tests;
