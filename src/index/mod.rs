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

mod encoder;
mod known_sections;
mod options;
mod params;
mod progress;
mod segment;
mod segment_builder;
mod snapshot;
mod train;
mod writer;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};

pub use options::{EncoderSource, IndexOptions, OpenOptions};
pub use params::{
    DocidParams, DocidSource, EncoderParams, FitRecord, IndexParams, PseudoQueryParams,
    SearchParams, TokenizerParams, TrainingRecord,
};
pub use progress::{Progress, ProgressFn, Stage};
pub use snapshot::{Hit, SearchOptions, SearchResult, Snapshot};
pub use train::TrainOptions;
pub use writer::{CommitReport, Writer};

use crate::columns::SectionSource;
use crate::encode::TextEncoder;
use crate::format::{ExtentKind, Manifest};
use crate::store::{Backend, CreateOptions, Store};
use crate::trie::TokenWidth;
use crate::{Error, Result};
use segment::{Segment, SegmentCounts};
use snapshot::State;

/// Sharpness of every softmax: what the retriever's prototype was measured with.
const SCALE: f32 = 20.0;

/// Documents drawn before reranking, the K of the ZeroGR paper.
const DRAWS: usize = 100;

/// Tokens of a query that are encoded.
const MAX_QUERY_TOKENS: usize = 256;

/// An index file, open.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    options: OpenOptions,
    encoder: OnceLock<Arc<dyn TextEncoder>>,
    /// Held while the encoder is being loaded, so that it is loaded once.
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
        if path.symlink_metadata().is_ok() {
            return Err(Error::new(
                crate::ErrorKind::Path,
                format!(
                    "{} exists already: remove it or choose another name",
                    path.display()
                ),
            ));
        }
        Index::create_in(options, |store_options| Store::create(path, store_options))
    }

    /// Creates an index in an empty backend, for example in memory.
    ///
    /// # Errors
    ///
    /// [`Path`](crate::ErrorKind::Path) when the backend is not empty, and those of
    /// [`Index::create`].
    pub fn create_on(backend: Arc<dyn Backend>, options: IndexOptions) -> Result<Index> {
        Index::create_in(options, |store_options| {
            Store::create_on(backend, store_options)
        })
    }

    fn create_in(
        options: IndexOptions,
        create_store: impl FnOnce(&CreateOptions) -> Result<Store>,
    ) -> Result<Index> {
        let loaded = encoder::load_new(&options)?;
        let tokenizer = loaded.encoder.tokenizer();
        let width = TokenWidth::for_vocabulary(tokenizer.vocabulary_size())?;
        let params = IndexParams {
            encoder: EncoderParams {
                fingerprint: loaded.encoder.fingerprint(),
                dim: loaded.encoder.dim(),
                max_passage_tokens: options.max_passage_tokens,
                max_query_tokens: MAX_QUERY_TOKENS,
                pooling: loaded.pooling,
                max_model_tokens: loaded.max_model_tokens,
            },
            tokenizer: TokenizerParams {
                fingerprint: tokenizer.fingerprint(),
                vocabulary_size: tokenizer.vocabulary_size(),
                token_width_bytes: width.bytes_per_token(),
            },
            docids: DocidParams {
                source: options.docids,
                words: options.docid_words,
                per_document: options.docids_per_document,
            },
            pseudo_queries: PseudoQueryParams {
                per_document: options.pseudo_queries_per_document,
            },
            scale: SCALE,
            search: SearchParams {
                draws: DRAWS,
                rerank: true,
            },
            training: None,
        };
        let store = create_store(&CreateOptions {
            seed: options.file_seed,
            ..CreateOptions::default()
        })?;
        let mut transaction = store.begin()?;
        let mut manifest = transaction.base().clone();
        manifest.params = params.to_json()?;
        for blob in loaded.blobs {
            manifest.blobs.push(blob.append(&mut transaction)?);
        }
        transaction.commit(manifest)?;
        let open = OpenOptions {
            encoder: None,
            #[cfg(feature = "models")]
            encoder_options: options.encoder_options,
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
        let snapshot = read_state(&store, store.manifest())?;
        let encoder = OnceLock::new();
        if let Some(loaded) = loaded {
            let _ = encoder.set(loaded);
        }
        let inner = Inner {
            store,
            options,
            encoder,
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
        let manifest = self.inner.store.manifest();
        if manifest.generation == self.snapshot().generation() {
            return Ok(false);
        }
        let snapshot = read_state(&self.inner.store, manifest)?;
        *self.inner.current.write() = snapshot;
        Ok(true)
    }

    /// Starts writing.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::ErrorKind::Locked) while there is another writer.
    pub fn writer(&self) -> Result<Writer> {
        Writer::new(self.clone())
    }

    /// Fits the heads of the whole index to pseudo-queries of its documents, in one commit.
    ///
    /// # Errors
    ///
    /// Those of the encoder and of a commit; an index without documents is left as it is.
    pub fn train(&self, options: &TrainOptions, progress: ProgressFn<'_>) -> Result<CommitReport> {
        self.writer()?.commit_with(Some(options), progress)
    }

    /// The best documents for a query.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a blank query; those of loading the
    /// encoder on first use.
    pub fn search(&self, query: &str, options: &SearchOptions) -> Result<SearchResult> {
        self.snapshot().search(&*self.encoder()?, query, options)
    }

    /// The unit vector of a query, for [`Snapshot::search_vector`] and [`Snapshot::dense`].
    pub fn encode_query(&self, query: &str, instruction: Option<&str>) -> Result<Vec<f32>> {
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
        let loaded = encoder::load_recorded(&self.inner.store, &snapshot, &self.inner.options)?;
        Ok(self.inner.encoder.get_or_init(|| loaded).clone())
    }
}

/// Reads one committed state.
fn read_state(store: &Store, manifest: Arc<Manifest>) -> Result<Snapshot> {
    let params = IndexParams::from_json(&manifest.params)?;
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let heads = entry
            .heads
            .as_ref()
            .ok_or_else(|| Error::corrupt(format!("segment {} has no trie head", entry.id)))?;
        let body = known_sections::open(store, &entry.segment, ExtentKind::Segment)?;
        let heads = known_sections::open(store, heads, ExtentKind::Heads)?;
        let counts = SegmentCounts {
            documents: entry.doc_count,
            docids: entry.docid_count,
        };
        let mut segment = Segment::open(&body, &heads, counts, &params)?;
        if let Some(tombstones) = &entry.tombstones {
            let extent = known_sections::open(store, tombstones, ExtentKind::Tombstones)?;
            let bitmap = SectionSource::section(&extent, crate::docs::sections::TOMBSTONES)?;
            segment = segment.with_tombstones(&bitmap)?;
        }
        segments.push(segment);
    }
    Ok(Snapshot {
        state: Arc::new(State {
            manifest,
            params,
            segments,
        }),
    })
}
