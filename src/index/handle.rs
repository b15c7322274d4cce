//! An open index.

use std::path::Path;
use std::sync::Arc;

use parking_lot::RwLock;

use super::models::{Loaded, Models};
use super::options::OpenOptions;
use super::purge::Purge;
use super::snapshot::Snapshot;
use super::state::State;
use super::writer::{CommitReport, Writer};
use crate::decode::CancelToken;
use crate::learn::TrainOptions;
use crate::segment::ProgressFn;
use crate::store::{self, Backend, Store, VacuumReport, WriteOptions};
use crate::{Error, Result};

/// An index file, open.
///
/// ```
/// # use zerogr::{Index, IndexOptions, SearchOptions};
/// # use zerogr::Document;
/// # #[cfg(not(feature = "models"))]
/// # fn main() {}
/// # #[cfg(feature = "models")]
/// # fn main() -> zerogr::Result<()> {
/// # if let Err(missing) = zerogr::raw::model::Encoder::from_cache(&Default::default()) {
/// #     eprintln!("skipped: {missing}");
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
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Store,
    write_options: WriteOptions,
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
    /// Opens an index; sections are read into memory. Needs no lock and writes nothing.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the
    /// file is; `PermissionDenied` or `Io` when it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Index> {
        Index::open_with(path, OpenOptions::new())
    }

    /// [`Index::open`] with options.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the
    /// file is; `PermissionDenied` or `Io` when it cannot be read.
    pub fn open_with(path: impl AsRef<Path>, options: OpenOptions) -> Result<Index> {
        Index::from_store(Store::open(path.as_ref())?, options, None)
    }

    /// Opens an index through a backend.
    ///
    /// # Errors
    ///
    /// `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the bytes are; `Io` when they cannot be
    /// read.
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
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex`, `Corrupt` or `UnsupportedVersion` as the
    /// file is; `PermissionDenied` or `Io` when it cannot be read.
    #[allow(unsafe_code)]
    pub unsafe fn open_mmap(path: impl AsRef<Path>, options: OpenOptions) -> Result<Index> {
        // SAFETY: the caller keeps the contract above, which is the store's.
        let store = unsafe { Store::open_mmap(path.as_ref())? };
        Index::from_store(store, options, None)
    }

    pub(super) fn from_store(
        store: Store,
        options: OpenOptions,
        loaded: Option<Loaded>,
    ) -> Result<Index> {
        let state = State::read(store.snapshot(), None)?;
        let write_options = options.write_options.clone();
        // In snapshots alone, so that those of an earlier state go with it.
        let models = Arc::new(Models::new(options, loaded));
        let inner = Inner {
            store,
            current: RwLock::new(Snapshot::new(state, models)),
            write_options,
        };
        Ok(Index {
            inner: Arc::new(inner),
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.inner.store.path()
    }

    /// The newest state this handle knows, as the storage engine has it: its extents, and the space
    /// they take. It can be looked at and not written, so what is in the file always opens:
    ///
    /// ```compile_fail,E0599
    /// # fn no_way_to_write(index: &zerogr::Index) {
    /// index.stored().begin();
    /// # }
    /// ```
    ///
    /// What it gives is outside semantic versioning, as all of [`raw`](crate::raw) is.
    pub fn stored(&self) -> store::Snapshot {
        self.inner.store.snapshot()
    }

    /// Copies the newest state to a new file at `path`, byte for byte, what was deleted included,
    /// and verifies it before it appears there. Needs no lock; others may write meanwhile.
    /// [`Index::vacuum_into`] leaves the dead bytes out.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something is at `path`,
    /// [`NotFound`](crate::ErrorKind::NotFound) when its folder is missing;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the index is damaged, and then there is no copy;
    /// [`DiskFull`](crate::ErrorKind::DiskFull) and the other kinds of failures of I/O;
    /// [`Replaced`](crate::ErrorKind::Replaced) when another index took the place of this one.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        self.inner.store.backup(path.as_ref())
    }

    /// The newest state this handle knows: what it committed itself, or found at
    /// [`Index::refresh`].
    pub fn snapshot(&self) -> Snapshot {
        self.inner.current.read().clone()
    }

    /// Looks for commits of other processes. True when there is a newer state.
    ///
    /// # Errors
    ///
    /// `Corrupt` when no committed state can be found any more, `UnsupportedVersion` when a newer
    /// version wrote it, `Replaced` when another index is at the path, `Io`. The handle keeps its
    /// state.
    pub fn refresh(&self) -> Result<bool> {
        self.inner.store.refresh()?;
        self.catch_up()
    }

    /// Reads the newest state the store knows. True when there is a newer one.
    pub(super) fn catch_up(&self) -> Result<bool> {
        self.catch_up_with(None)
    }

    /// The same; `next` is the encoder of the newest state, if this handle knows it.
    pub(super) fn catch_up_with(&self, next: Option<&Loaded>) -> Result<bool> {
        let stored = self.inner.store.snapshot();
        let known = self.snapshot();
        if stored.is_same_state(&known.state.stored) {
            return Ok(false);
        }
        let snapshot = known.successor(stored, next)?;
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
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is.
    pub fn writer(&self) -> Result<Writer> {
        self.writer_with(&self.inner.write_options)
    }

    /// Starts writing, as the options say: how long to wait for another writer, and what commits
    /// wait for.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is.
    pub fn writer_with(&self, options: &WriteOptions) -> Result<Writer> {
        Writer::new(self.clone(), options)
    }

    /// Gives the space of deleted, replaced and merged data back, by writing a new file and
    /// renaming it over the old one. No byte of a deleted or replaced document is in the new file.
    /// Snapshots taken before stay readable. Locks as [`Index::writer`] does while it runs: a
    /// program with a [`Writer`] calls [`Writer::vacuum`].
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is.
    /// `InvalidInput` when the file has another hard link, which would keep the old one;
    /// `DiskFull`. Up to the exchange of the files an error leaves everything as it was.
    pub fn vacuum(&self) -> Result<VacuumReport> {
        self.only_writer("Writer::vacuum")?.vacuum()
    }

    /// Copies the newest state to a new file at `path` as [`Index::vacuum`] would leave it, and
    /// needs no lock: neither dead bytes nor deleted documents are in the copy.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something is at `path`;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the index is damaged;
    /// [`DiskFull`](crate::ErrorKind::DiskFull), [`Io`](crate::ErrorKind::Io) and the like when the
    /// copy cannot be written. There is no new file then.
    pub fn vacuum_into(&self, path: impl AsRef<Path>) -> Result<()> {
        let purge = Purge {
            known: &self.snapshot(),
            cancel: &CancelToken::new(),
        };
        self.inner.store.vacuum_into_with(path.as_ref(), &purge)
    }

    /// Fits the heads to pseudo-queries of the documents, in one commit: to all documents the first
    /// time, later to those that are new ([`TrainOptions::full`]). Locks as [`Index::writer`] does
    /// while it runs: a program with a [`Writer`] calls [`Writer::train`].
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is.
    /// `InvalidInput` for options that make no sense, and for an index without an encoder;
    /// `UntrustedModel`, `ModelMismatch`, `Runtime`,
    /// `Device` or `Model` when the encoder cannot be loaded; `DiskFull` or `Poisoned` when the
    /// commit cannot be written. An index without documents is left as it is.
    pub fn train(&self, options: &TrainOptions, progress: ProgressFn<'_>) -> Result<CommitReport> {
        self.only_writer("Writer::train")?.train(options, progress)
    }

    /// Merges all segments into one and leaves deleted documents out of it, in one commit. Locks as
    /// [`Index::writer`] does while it runs: a program with a [`Writer`] calls [`Writer::merge`].
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process is at work; `LockUnsupported` where
    /// the file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another file is at the path; `Corrupt` or `UnsupportedVersion` as
    /// the newest state is; `DiskFull` or `Poisoned` when the commit cannot be written.
    pub fn merge(&self) -> Result<CommitReport> {
        self.only_writer("Writer::merge")?.merge()
    }

    /// A writer for one call; `by_writer` is what does the same where there is one already.
    pub(super) fn only_writer(&self, by_writer: &str) -> Result<Writer> {
        self.writer().map_err(|error| match error.is_locked() {
            true => Error::new(
                error.kind(),
                format!("{error}; a program that has a Writer itself calls {by_writer}"),
            ),
            false => error,
        })
    }
}
