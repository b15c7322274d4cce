//! Making a new index.

use std::path::Path;
use std::sync::Arc;

use super::handle::Index;
use super::models::encoder;
use super::options::{IndexOptions, OpenOptions};
use crate::Result;
use crate::encode::DocidTokenizer;
use crate::segment::{DocidParams, IndexParams, PseudoQueryParams, SearchParams, TokenizerParams};
use crate::store::{Backend, CreateOptions, Store, open_or_make};
use crate::trie::TokenWidth;

impl Index {
    /// Creates an index at `path`, where nothing may exist yet.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something is there, `NotFound` when its folder is missing;
    /// `PermissionDenied`, `DiskFull` or `Io` when it cannot be written; `InvalidInput` for options
    /// that make no sense; `Runtime`, `Device` or `Model` when the encoder cannot be loaded.
    pub fn create(path: impl AsRef<Path>, options: IndexOptions) -> Result<Index> {
        let path = path.as_ref();
        Index::create_in(options, OpenOptions::new(), |store_options, fill| {
            Store::create_with(path, store_options, fill)
        })
    }

    /// Opens the index at `path` as `open` says, or creates one as `options` say where nothing is.
    /// Of any number of threads and processes that do so at once, one creates it, and all have it.
    /// What `options` say is of no account for an index that is there, and its encoder is not
    /// loaded.
    ///
    /// # Errors
    ///
    /// Of an index that is there, `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the file is,
    /// and `PermissionDenied` or `Io`. Of one that is not, `NotFound` when its folder is missing;
    /// `PermissionDenied`, `DiskFull` or `Io` when it cannot be written; `InvalidInput` for options
    /// that make no sense; `Runtime`, `Device` or `Model` when the encoder cannot be loaded.
    pub fn open_or_create(
        path: impl AsRef<Path>,
        options: IndexOptions,
        open: OpenOptions,
    ) -> Result<Index> {
        let path = path.as_ref();
        let create = || {
            Index::create_in(options, open.clone(), |store_options, fill| {
                Store::create_with(path, store_options, fill)
            })
        };
        open_or_make(path, || Index::open_with(path, open.clone()), create)
    }

    /// Creates an index in an empty backend, for example in memory.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when the backend is not empty; `InvalidInput` for options that make no
    /// sense; `Runtime`, `Device` or `Model` when the encoder cannot be loaded; `Io`.
    pub fn create_on(backend: Arc<dyn Backend>, options: IndexOptions) -> Result<Index> {
        Index::create_in(options, OpenOptions::new(), |store_options, fill| {
            let store = Store::create_on(backend, store_options)?;
            fill(&store)?;
            Ok(store)
        })
    }

    fn create_in(
        options: IndexOptions,
        open: OpenOptions,
        create_store: impl FnOnce(&CreateOptions, &dyn Fn(&Store) -> Result<()>) -> Result<Store>,
    ) -> Result<Index> {
        options.check()?;
        let loaded = encoder::load_new(&options)?;
        let models = loaded.loaded();
        let encoder = loaded.params(options.max_passage_tokens, options.token_vectors);
        let tokenizer = tokenizer_params(models.docid_tokenizer())?;
        let search = loaded.search_params(SearchParams::default());
        let params = IndexParams {
            language_model: loaded.language_model,
            docids: DocidParams {
                source: options.docids,
                words: options.docid_words,
                per_document: options.docids_per_document,
                writer: options.docid_writer,
            },
            pseudo_queries: PseudoQueryParams {
                per_document: options.pseudo_queries_per_document,
            },
            lexicon: options.lexicon,
            passages: options.passages,
            fields: options.fields,
            search,
            ..IndexParams::new(encoder, tokenizer)
        };
        let store_options = CreateOptions {
            seed: options.file_seed,
            ..CreateOptions::default()
        };
        let store = create_store(&store_options, &|store| {
            let mut transaction = store.begin()?;
            let mut manifest = transaction.base().clone();
            manifest.params = params.to_json()?;
            for blob in &loaded.blobs {
                manifest.blobs.push(blob.append(&mut transaction)?);
            }
            transaction.commit(manifest).map(drop)
        })?;
        let open = OpenOptions {
            #[cfg(feature = "models")]
            encoder_options: options.encoder_options,
            #[cfg(feature = "models")]
            language_model: options.language_model,
            // Whoever creates an index brings its models.
            #[cfg(feature = "models")]
            trust_model: true,
            ..open
        };
        Index::from_store(store, open, Some(models))
    }
}

/// What is recorded of the tokenizer of docids.
///
/// # Errors
///
/// `Limit` for a vocabulary that no trie can have.
pub(super) fn tokenizer_params(tokenizer: &dyn DocidTokenizer) -> Result<TokenizerParams> {
    let width = TokenWidth::for_vocabulary(tokenizer.vocabulary_size())?;
    Ok(TokenizerParams {
        fingerprint: tokenizer.fingerprint(),
        vocabulary_size: tokenizer.vocabulary_size(),
        token_width_bytes: width.bytes_per_token(),
    })
}
