//! Answering queries: one committed state, and the models of its index.

use std::borrow::Cow;
use std::sync::Arc;

use super::handle::Index;
use super::models::NoEncoder;
use super::search_result::SearchResult;
use super::snapshot::Snapshot;
use crate::encode::TextEncoder;
#[cfg(feature = "models")]
use crate::search::Found;
use crate::search::{EncodedQuery, Mode, RetrieverKind, SearchOptions, Searcher};
use crate::{Error, Result};

impl Index {
    /// The best documents for a query, in the newest state: [`Snapshot::search`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a blank query and for options that make
    /// no sense; [`Corrupt`](crate::ErrorKind::Corrupt) where a damaged part is met. On the first
    /// search that needs a model: [`UntrustedModel`](crate::ErrorKind::UntrustedModel),
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch), [`Runtime`](crate::ErrorKind::Runtime),
    /// [`Device`](crate::ErrorKind::Device) or [`Model`](crate::ErrorKind::Model) when it cannot be
    /// loaded.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<SearchResult> {
        self.snapshot().search(query, options)
    }

    /// Encodes a query, for [`Snapshot::search_encoded`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a blank query, one that leaves no token, and an instruction to an encoder of
    /// tokens whose prompt has no place for it; `UntrustedModel`,
    /// `ModelMismatch`, `Runtime`, `Device` or `Model` when the encoder cannot be loaded.
    pub fn encode_query(&self, query: &str, instruction: Option<&str>) -> Result<EncodedQuery> {
        self.snapshot().encode_query(query, instruction)
    }

    /// The encoder, loaded if it is not yet.
    ///
    /// # Errors
    ///
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) when it is not the one the index was
    /// made with; [`UntrustedModel`](crate::ErrorKind::UntrustedModel),
    /// [`Runtime`](crate::ErrorKind::Runtime), [`Device`](crate::ErrorKind::Device) or
    /// [`Model`](crate::ErrorKind::Model) when it cannot be loaded.
    pub fn encoder(&self) -> Result<Arc<dyn TextEncoder>> {
        let snapshot = self.snapshot();
        let models = snapshot.models.encoder(&snapshot.state)?;
        Ok(models.encoder.unchecked().clone())
    }

    /// A token of a docid in words, if its tokenizer can tell.
    ///
    /// # Errors
    ///
    /// `UntrustedModel`, `ModelMismatch`, `Runtime`, `Device` or `Model` when the encoder cannot be
    /// loaded.
    pub fn token_text(&self, token: u32) -> Result<Option<String>> {
        let snapshot = self.snapshot();
        let models = snapshot.models.encoder(&snapshot.state)?;
        Ok(models.docid_tokenizer().token_text(token))
    }

    /// Makes the models that the index brings known to this machine, so that they run without
    /// [`OpenOptions::trust_model`](crate::OpenOptions::trust_model) from now on, in this index and
    /// in others.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Model`](crate::ErrorKind::Model) or
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) when they are not what the index says;
    /// [`Io`](crate::ErrorKind::Io) when `trusted-models` of the cache folder cannot be written.
    #[cfg(feature = "models")]
    pub fn remember_models(&self) -> Result<()> {
        let snapshot = self.snapshot();
        let named = snapshot.params().language_model.as_ref();
        let named = named.map(|model| std::path::Path::new(&model.folder));
        let given = snapshot.models.options().language_model.as_deref();
        super::models::remember(&snapshot.state.stored, given.or(named))
    }
}

impl Snapshot {
    /// The best documents for a query.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a blank query, for options that make no sense, and for an instruction to an
    /// encoder of tokens whose prompt has no place for it; `Corrupt` where a damaged part is met. On the first search that needs a model: `UntrustedModel`,
    /// `ModelMismatch`, `Runtime`, `Device` or `Model` when it cannot be loaded.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<SearchResult> {
        if query.trim().is_empty() {
            return Err(Error::invalid("the query is empty: give at least one word"));
        }
        let has_encoder = !NoEncoder::is_recorded(&self.params().encoder);
        let compact = options.retriever == RetrieverKind::Compact;
        // Planned search without an encoder is what words alone can do.
        let gives_way = options.mode == Mode::Planned && compact && !has_encoder;
        if options.mode == Mode::Lexical || gives_way {
            return self.search_lexical(query, options);
        }
        match options.retriever {
            RetrieverKind::Compact => {
                let read = self.as_read(query, options.prefix)?;
                let encoded = self.encode_query(&read, options.instruction.as_deref())?;
                self.search_encoded(query, &encoded, options)
            }
            #[cfg(feature = "models")]
            RetrieverKind::LanguageModel => {
                let found = self.ask_language_model(query, options)?;
                Ok(SearchResult::new(found, self))
            }
        }
    }

    /// The query with its last word completed, if that may be the beginning of a longer one
    /// ([`SearchOptions::prefix`]): by the most frequent word of the live documents that begins
    /// with it, in a form that they have. A word that is frequent as it stands is kept.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon or a document is damaged, `Io` when it cannot be read.
    pub fn complete(&self, query: &str) -> Result<String> {
        self.searcher().complete(query).map(Cow::into_owned)
    }

    /// The query as models read it.
    pub(super) fn as_read<'q>(&self, query: &'q str, prefix: bool) -> Result<Cow<'q, str>> {
        match prefix {
            true => self.searcher().complete(query),
            false => Ok(Cow::Borrowed(query)),
        }
    }

    /// Searches by the words alone ([`Mode::Lexical`], whatever mode is given); needs no encoder.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that make no sense;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn search_lexical(&self, words: &str, options: &SearchOptions) -> Result<SearchResult> {
        let found = self.searcher().search_lexical(words, options)?;
        Ok(SearchResult::new(found, self))
    }

    /// Searches with a unit vector of the index's dimension. No tokens are compared.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension, options
    /// that make no sense, or a mode that needs the words of the query: for those see
    /// [`Snapshot::search_encoded`].
    pub fn search_vector(&self, query: &[f32], options: &SearchOptions) -> Result<SearchResult> {
        if !matches!(options.mode, Mode::Generative | Mode::Dense) {
            return Err(Error::invalid(
                "this mode needs the words of the query: give them to Snapshot::search_encoded",
            ));
        }
        if options.prefix {
            return Err(Error::invalid(
                "a vector has no last word that could be a beginning: search without prefix",
            ));
        }
        self.search_encoded("", &EncodedQuery::from(query.to_vec()), options)
    }

    /// Searches with the words of a query and what the encoder made of it.
    ///
    /// # Errors
    ///
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) for a query of another encoder;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension or with
    /// values that are no numbers, for options that make no sense, and for a search by a language
    /// model, which is asked through [`Snapshot::search`];
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn search_encoded(
        &self,
        words: &str,
        query: &EncodedQuery,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let found = self.searcher().search_encoded(words, query, options)?;
        Ok(SearchResult::new(found, self))
    }

    /// Ids and BM25 of the best `k` documents for some words: [`Snapshot::search_lexical`].
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the lexicon is damaged.
    pub fn lexical(&self, words: &str, k: usize) -> Result<Vec<(String, f64)>> {
        self.search_lexical(words, &SearchOptions::new().k(k))
            .map(named_scores)
    }

    /// Ids and cosines of the best `k` documents for a unit vector: a search in [`Mode::Dense`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension;
    /// [`Model`](crate::ErrorKind::Model) when a cosine is not a number.
    pub fn dense(&self, query: &[f32], k: usize) -> Result<Vec<(String, f64)>> {
        self.search_vector(query, &SearchOptions::new().k(k).mode(Mode::Dense))
            .map(named_scores)
    }

    pub(super) fn searcher(&self) -> Searcher<'_> {
        Searcher::new(&self.state.segments, &self.state.params)
    }

    pub(super) fn encode_query(
        &self,
        query: &str,
        instruction: Option<&str>,
    ) -> Result<EncodedQuery> {
        let plain = self.encode_plainly(query, instruction)?;
        Ok(match self.state.query_map()? {
            Some(map) => plain.mapped(map),
            None => plain,
        })
    }

    /// The query without what judgements taught.
    pub(super) fn encode_plainly(
        &self,
        query: &str,
        instruction: Option<&str>,
    ) -> Result<EncodedQuery> {
        if NoEncoder::is_recorded(&self.params().encoder) {
            return Err(Error::invalid(
                "the index has no encoder: search by words (Mode::Lexical, `--mode lexical`)",
            ));
        }
        let models = self.models.encoder(&self.state)?;
        EncodedQuery::new(&models.encoder, &self.params().encoder, query, instruction)
    }

    #[cfg(feature = "models")]
    fn ask_language_model(&self, query: &str, options: &SearchOptions) -> Result<Found> {
        options.check()?;
        let retriever = self.models.language_model(&self.state)?;
        let instruction = options.instruction.as_deref();
        let read = self.as_read(query, options.prefix)?;
        let mut prompted = retriever.prompted(instruction, &read)?;
        // A model that cannot rerank leaves that to the encoder, if it is asked for.
        if options.rerank == Some(true) && !retriever.reranks() {
            prompted.encoded = Some(self.encode_query(&read, instruction)?);
        }
        self.searcher().draw(query, &prompted, options)
    }
}

fn named_scores(result: SearchResult) -> Vec<(String, f64)> {
    let hits = result.hits.into_iter();
    hits.map(|hit| (hit.id, hit.score)).collect()
}
