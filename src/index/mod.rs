//! The public face: create an index, add documents, train, search.
//!
//! ```text
//!   Index ── writer() ──► Writer ── commit() ──► one new segment, durable
//!     │ ── train() ─────► new heads for all segments, durable
//!     └─ snapshot() ────► Snapshot ── search ──► hits
//! ```
//!
//! [`Index`] is `Send + Sync` and cheap to clone; any number of threads may search while one
//! writes. The encoder is loaded on first use, so opening an index does not wait for it.

mod check;
mod commit;
mod condition;
mod dense;
mod documents;
mod encoded_query;
mod encoder;
mod explain;
mod filter;
mod fitted_edges;
mod known_sections;
#[cfg(feature = "models")]
mod language;
mod lexical;
mod live;
mod live_sums;
mod mend;
mod merge;
mod merge_policy;
mod options;
mod params;
mod params_left;
mod prepare;
mod progress;
mod purge;
mod query_table;
mod recover;
mod rerank;
mod search;
mod search_options;
mod segment;
mod segment_builder;
mod snapshot;
mod train;
mod training_set;
mod view;
mod write_queries;
mod writer;

#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

pub use check::{CheckReport, check};
pub use condition::AtRisk;
pub use documents::{Documents, Unreadable};
pub use encoded_query::EncodedQuery;
pub use explain::{Decision, Explanation, MatchedTerm};
pub use filter::{Filter, MAX_FILTER_NESTING};
pub use merge_policy::MergePolicy;
pub use options::{EncoderSource, IndexOptions, OpenOptions};
pub use params::{
    DocidParams, DocidSource, EncoderParams, FitRecord, IndexParams, LanguageModelParams,
    LexiconParams, PseudoQueryParams, SearchParams, TokenizerParams, TrainingRecord,
};
pub use progress::{Progress, ProgressFn, Stage};
pub use purge::DeadDocuments;
pub use query_table::QueryWriterRecord;
pub use recover::{RecoverReport, recover, recover_with};
pub use search::{Hit, SearchResult};
pub use search_options::{Mode, Retriever, SearchOptions};
pub use snapshot::Snapshot;
pub use train::TrainOptions;
pub use write_queries::QueryReport;
pub use writer::{CommitReport, Writer};

use crate::columns::SectionSource;
use crate::docs::sections::TOMBSTONES;
use crate::encode::TextEncoder;
use crate::format::{ExtentKind, SegmentEntry};
use crate::store::{self, Backend, CreateOptions, Store, VacuumReport, WriteOptions};
use crate::trie::TokenWidth;
use crate::{Error, Result};
use segment::{Segment, SegmentCounts};
use snapshot::State;

/// Tokens of a query that are encoded.
const MAX_QUERY_TOKENS: usize = 256;

/// An index file, open.
///
/// ```
/// # use zerogr::index::{Index, IndexOptions, SearchOptions};
/// # use zerogr::Document;
/// # fn main() -> zerogr::Result<()> {
/// # if zerogr::model::Runtime::load(None).is_err() {
/// #     eprintln!("skipped: `zerogr setup` has not been run");
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("papers.zgr");
/// let index = Index::create(&path, IndexOptions::default())?;
/// let mut writer = index.writer()?;
/// writer.add(Document::new("doc-1").text("Thin wings may vibrate."))?;
/// writer.commit()?;
/// drop((writer, index));
///
/// let index = Index::open(&path)?;
/// assert_eq!(index.snapshot().document_count(), 1);
/// assert_eq!(index.search("flutter of wings", &SearchOptions::new())?.hits[0].id, "doc-1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    options: OpenOptions,
    encoder: OnceLock<Arc<dyn TextEncoder>>,
    #[cfg(feature = "models")]
    language: OnceLock<language::LanguageRetriever>,
    /// Held while a model is being loaded, so that it is loaded once.
    loading: Mutex<()>,
    current: RwLock<Snapshot>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Creates an index at `path`, where nothing may exist yet.
    ///
    /// # Errors
    ///
    /// [`Path`](crate::ErrorKind::Path) when something exists there;
    /// [`Runtime`](crate::ErrorKind::Runtime) or [`Model`](crate::ErrorKind::Model) when the
    /// encoder cannot be loaded.
    pub fn create(path: impl AsRef<Path>, options: IndexOptions) -> Result<Index> {
        let path = path.as_ref();
        Index::create_in(options, |store_options, fill| {
            Store::create_with(path, store_options, fill)
        })
    }

    /// Creates an index in an empty backend, for example in memory.
    ///
    /// # Errors
    ///
    /// [`Path`](crate::ErrorKind::Path) when the backend is not empty, and those of
    /// [`Index::create`].
    pub fn create_on(backend: Arc<dyn Backend>, options: IndexOptions) -> Result<Index> {
        Index::create_in(options, |store_options, fill| {
            let store = Store::create_on(backend, store_options)?;
            fill(&store)?;
            Ok(store)
        })
    }

    fn create_in(
        options: IndexOptions,
        create_store: impl FnOnce(&CreateOptions, &dyn Fn(&Store) -> Result<()>) -> Result<Store>,
    ) -> Result<Index> {
        options.check()?;
        let loaded = encoder::load_new(&options)?;
        let tokenizer = loaded.encoder.tokenizer();
        let width = TokenWidth::for_vocabulary(tokenizer.vocabulary_size())?;
        let encoder = EncoderParams {
            fingerprint: loaded.encoder.fingerprint(),
            dim: loaded.encoder.dim(),
            max_passage_tokens: options.max_passage_tokens,
            max_query_tokens: MAX_QUERY_TOKENS,
            pooling: loaded.pooling,
            max_model_tokens: loaded.max_model_tokens,
            lower_case: loaded.lower_case,
            query_prompt: loaded.query_prompt,
            document_prompt: loaded.document_prompt,
            token_vectors: options.token_vectors && loaded.encoder.has_token_vectors(),
        };
        let tokenizer = TokenizerParams {
            fingerprint: tokenizer.fingerprint(),
            vocabulary_size: tokenizer.vocabulary_size(),
            token_width_bytes: width.bytes_per_token(),
        };
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
            encoder: None,
            write_options: WriteOptions::default(),
            #[cfg(feature = "models")]
            encoder_options: options.encoder_options,
            #[cfg(feature = "models")]
            language_model: options.language_model,
            // Whoever creates an index brings its models.
            #[cfg(feature = "models")]
            trust_model: true,
        };
        Index::from_store(store, open, Some(loaded.encoder))
    }

    /// Opens an index; sections are read into memory. Needs no lock and writes nothing.
    ///
    /// # Errors
    ///
    /// [`NotAnIndex`](crate::ErrorKind::NotAnIndex), [`Corrupt`](crate::ErrorKind::Corrupt),
    /// [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion) as the file is.
    pub fn open(path: impl AsRef<Path>) -> Result<Index> {
        Index::open_with(path, OpenOptions::new())
    }

    /// [`Index::open`] with options.
    pub fn open_with(path: impl AsRef<Path>, options: OpenOptions) -> Result<Index> {
        Index::from_store(Store::open(path.as_ref())?, options, None)
    }

    /// Opens an index through a backend.
    ///
    /// # Errors
    ///
    /// Those of [`Index::open`].
    pub fn open_on(backend: Arc<dyn Backend>, options: OpenOptions) -> Result<Index> {
        Index::from_store(Store::open_on(backend)?, options, None)
    }

    /// Opens an index; sections are mapped, not copied, and shared between processes.
    ///
    /// # Safety
    ///
    /// As long as the index or anything taken from it is alive, nobody may
    /// 1. change bytes of the file other than by appending through this library, or
    /// 2. truncate it in place.
    ///
    /// Replacing the file by renaming another one over it is fine.
    #[allow(unsafe_code)]
    pub unsafe fn open_mmap(path: impl AsRef<Path>, options: OpenOptions) -> Result<Index> {
        // SAFETY: the caller keeps the contract above, which is the store's.
        let store = unsafe { Store::open_mmap(path.as_ref())? };
        Index::from_store(store, options, None)
    }

    fn from_store(
        store: Store,
        options: OpenOptions,
        loaded: Option<Arc<dyn TextEncoder>>,
    ) -> Result<Index> {
        let snapshot = read_state(store.snapshot(), None)?;
        let encoder = OnceLock::new();
        if let Some(loaded) = loaded {
            let _ = encoder.set(loaded);
        }
        let inner = Inner {
            store,
            options,
            encoder,
            #[cfg(feature = "models")]
            language: OnceLock::new(),
            loading: Mutex::new(()),
            current: RwLock::new(snapshot),
        };
        Ok(Index {
            inner: Arc::new(inner),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.inner.store.path()
    }

    /// The storage engine below the index.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The newest state this handle knows: what it committed itself, or found at
    /// [`Index::refresh`].
    pub fn snapshot(&self) -> Snapshot {
        self.inner.current.read().clone()
    }

    /// Looks for commits of other processes. True when there is a newer state.
    pub fn refresh(&self) -> Result<bool> {
        self.inner.store.refresh()?;
        self.catch_up()
    }

    /// Reads the newest state the store knows. True when there is a newer one.
    fn catch_up(&self) -> Result<bool> {
        let stored = self.inner.store.snapshot();
        let known = self.snapshot();
        if stored.is_same_state(&known.state.stored) {
            return Ok(false);
        }
        let snapshot = read_state(stored, Some(&known))?;
        let mut current = self.inner.current.write();
        // Another thread may have come further meanwhile.
        if snapshot.generation() >= current.generation() {
            *current = snapshot;
        }
        Ok(true)
    }

    /// Starts writing as [`OpenOptions::write_options`] says: by default, if nobody else is.
    ///
    /// # Errors
    ///
    /// Those of [`Index::writer_with`].
    pub fn writer(&self) -> Result<Writer> {
        self.writer_with(&self.inner.options.write_options)
    }

    /// Starts writing, as the options say: how long to wait for another writer, and what commits
    /// wait for.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::ErrorKind::Locked) while another writer of this or another process is at
    /// work; [`LockUnsupported`](crate::ErrorKind::LockUnsupported) where the file system has no
    /// locks; [`Io`](crate::ErrorKind::Io) when the file cannot be written.
    pub fn writer_with(&self, options: &WriteOptions) -> Result<Writer> {
        Writer::new(self.clone(), options)
    }

    /// Gives the space of deleted, replaced and merged data back, by writing a new file and
    /// renaming it over the old one. No byte of a deleted or replaced document is in the new file.
    /// Snapshots taken before stay readable.
    ///
    /// # Errors
    ///
    /// Those of [`Store::vacuum`] and [`Index::writer`].
    pub fn vacuum(&self) -> Result<VacuumReport> {
        self.writer()?.vacuum()
    }

    /// Fits the heads to pseudo-queries of the documents, in one commit: to all documents the first
    /// time, later to those that are new ([`TrainOptions::full`]).
    ///
    /// # Errors
    ///
    /// Those of the encoder and of a commit; an index without documents is left as it is.
    pub fn train(&self, options: &TrainOptions, progress: ProgressFn<'_>) -> Result<CommitReport> {
        self.writer()?.commit_with(Some(options), progress)
    }

    /// Merges all segments into one and leaves deleted documents out of it, in one commit.
    ///
    /// # Errors
    ///
    /// Those of a commit.
    pub fn merge(&self) -> Result<CommitReport> {
        let writer = self.writer()?;
        writer.merge_policy(MergePolicy::Everything).commit()
    }

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
            Retriever::Compact => snapshot.search(&*self.encoder()?, query, options),
            Retriever::LanguageModel => self.ask_language_model(&snapshot, query, options),
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
        let prompt = retriever.prompt(instruction, query)?;
        // A model that cannot rerank leaves that to the document head, if it is asked for.
        let encoded = match options.rerank {
            Some(true) if !retriever.reranks() => Some(self.encode_query(query, instruction)?),
            _ => None,
        };
        snapshot.search_prompt(query, retriever, &prompt, encoded.as_ref(), options)
    }

    #[cfg(feature = "models")]
    fn language_retriever(&self) -> Result<&language::LanguageRetriever> {
        let inner = &self.inner;
        if let Some(retriever) = inner.language.get() {
            return Ok(retriever);
        }
        let _loading = inner.loading.lock();
        if let Some(retriever) = inner.language.get() {
            return Ok(retriever);
        }
        let loaded = language::LanguageRetriever::open(
            self.snapshot().params(),
            inner.options.language_model.as_ref(),
            inner.options.encoder_options.device,
            inner.options.trust_model,
        )?;
        Ok(inner.language.get_or_init(|| loaded))
    }

    /// Makes the models that the index brings known to this machine, so that they run without
    /// [`OpenOptions::trust_model`] from now on, in this index and in others.
    ///
    /// # Errors
    ///
    /// Those of reading them, and of writing `trusted-models` in the
    /// [cache folder](crate::model::cache).
    #[cfg(feature = "models")]
    pub fn remember_models(&self) -> Result<()> {
        let snapshot = self.snapshot();
        let named = snapshot.params().language_model.as_ref();
        let named = named.map(|model| Path::new(&model.folder));
        let folder = self.inner.options.language_model.as_deref().or(named);
        encoder::remember(&snapshot.state.stored, folder)
    }

    /// Encodes a query, for [`Snapshot::search_encoded`].
    pub fn encode_query(&self, query: &str, instruction: Option<&str>) -> Result<EncodedQuery> {
        self.snapshot()
            .encode_query(&*self.encoder()?, query, instruction)
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

/// Reads one committed state.
fn read_state(stored: store::Snapshot, earlier: Option<&Snapshot>) -> Result<Snapshot> {
    let manifest = stored.manifest().clone();
    let params = IndexParams::from_json(&manifest.params)?;
    let unchanged = |entry: &SegmentEntry| {
        let state = &earlier?.state;
        // After a vacuum, holding on to segments would keep the old file.
        if !stored.is_in_file_of(&state.stored) {
            return None;
        }
        let known = state.stored.manifest();
        let mut known = known.segments.iter().zip(&state.segments);
        let (_, segment) = known.find(|(known, _)| *known == entry)?;
        Some(segment.clone())
    };
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        if let Some(segment) = unchanged(entry) {
            segments.push(segment);
            continue;
        }
        let heads = entry
            .heads
            .as_ref()
            .ok_or_else(|| Error::corrupt(format!("segment {} has no trie head", entry.id)))?;
        let body = known_sections::open(&stored, &entry.segment, ExtentKind::Segment)?;
        let heads = known_sections::open(&stored, heads, ExtentKind::Heads)?;
        let counts = SegmentCounts {
            documents: entry.doc_count,
            docids: entry.docid_count,
        };
        let mut segment = Segment::open(&body, &heads, counts, &params)?;
        if let Some(tombstones) = &entry.tombstones {
            let extent = known_sections::open(&stored, tombstones, ExtentKind::Tombstones)?;
            let bitmap = SectionSource::section(&extent, TOMBSTONES)?;
            segment = segment.with_tombstones(&bitmap)?;
        }
        segments.push(segment);
    }
    Ok(Snapshot {
        state: Arc::new(State {
            stored,
            params,
            segments,
        }),
    })
}
