//! Answering queries with the models of the index, which are loaded when they are first needed.

use std::sync::Arc;

use super::encoder;
use super::handle::Index;
#[cfg(feature = "models")]
use super::language::LanguageModelRetriever;
use super::snapshot::Snapshot;
use crate::encode::TextEncoder;
use crate::search::{EncodedQuery, Mode, RetrieverKind, SearchOptions, SearchResult};
use crate::{Error, Result};

impl Index {
    /// The best documents for a query.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a blank query; those of loading the
    /// encoder on first use.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<SearchResult> {
        if query.trim().is_empty() {
            return Err(Error::invalid("the query is empty: give at least one word"));
        }
        let snapshot = self.snapshot();
        if options.mode == Mode::Lexical {
            return snapshot.search_lexical(query, options);
        }
        match options.retriever {
            RetrieverKind::Compact => {
                let encoded = self.encode_query(query, options.instruction.as_deref())?;
                snapshot.search_encoded(query, &encoded, options)
            }
            RetrieverKind::LanguageModel => self.ask_language_model(&snapshot, query, options),
        }
    }

    #[cfg(not(feature = "models"))]
    fn ask_language_model(&self, _: &Snapshot, _: &str, _: &SearchOptions) -> Result<SearchResult> {
        Err(Error::new(
            crate::ErrorKind::Model,
            "this build has no model support: search with the compact retriever",
        ))
    }

    #[cfg(feature = "models")]
    fn ask_language_model(
        &self,
        snapshot: &Snapshot,
        query: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let retriever = self.language_retriever()?;
        let instruction = options.instruction.as_deref();
        let mut prompted = retriever.prompted(instruction, query)?;
        // A model that cannot rerank leaves that to the encoder, if it is asked for.
        if options.rerank == Some(true) && !retriever.reranks() {
            prompted.encoded = Some(self.encode_query(query, instruction)?);
        }
        snapshot.searcher().draw(query, &prompted, options)
    }

    #[cfg(feature = "models")]
    fn language_retriever(&self) -> Result<&LanguageModelRetriever> {
        let inner = &self.inner;
        if let Some(retriever) = inner.language.get() {
            return Ok(retriever);
        }
        let _loading = inner.loading.lock();
        if let Some(retriever) = inner.language.get() {
            return Ok(retriever);
        }
        let loaded = LanguageModelRetriever::open(
            self.snapshot().params(),
            inner.options.language_model.as_ref(),
            inner.options.encoder_options.device,
            inner.options.trust_model,
        )?;
        Ok(inner.language.get_or_init(|| loaded))
    }

    /// Makes the models that the index brings known to this machine, so that they run without
    /// [`OpenOptions::trust_model`](crate::OpenOptions::trust_model) from now on, in this index and in others.
    ///
    /// # Errors
    ///
    /// Those of reading them, and of writing `trusted-models` in the
    /// [cache folder](crate::model::cache).
    #[cfg(feature = "models")]
    pub fn remember_models(&self) -> Result<()> {
        let snapshot = self.snapshot();
        let named = snapshot.params().language_model.as_ref();
        let named = named.map(|model| std::path::Path::new(&model.folder));
        let folder = self.inner.options.language_model.as_deref().or(named);
        encoder::remember(&snapshot.state.stored, folder)
    }

    /// Encodes a query, for [`Snapshot::search_encoded`].
    pub fn encode_query(&self, query: &str, instruction: Option<&str>) -> Result<EncodedQuery> {
        let encoder = self.encoder()?;
        EncodedQuery::new(
            &*encoder,
            &self.snapshot().params().encoder,
            query,
            instruction,
        )
    }

    /// The encoder, loaded if it is not yet.
    ///
    /// # Errors
    ///
    /// [`ModelMismatch`](crate::ErrorKind::ModelMismatch) when it is not the one the index was
    /// made with; those of loading.
    pub fn encoder(&self) -> Result<Arc<dyn TextEncoder>> {
        if let Some(encoder) = self.inner.encoder.get() {
            return Ok(encoder.clone());
        }
        let _loading = self.inner.loading.lock();
        if let Some(encoder) = self.inner.encoder.get() {
            return Ok(encoder.clone());
        }
        let snapshot = self.snapshot();
        let stored = &snapshot.state.stored;
        let loaded = encoder::load_recorded(stored, snapshot.params(), &self.inner.options)?;
        Ok(self.inner.encoder.get_or_init(|| loaded).clone())
    }
}
