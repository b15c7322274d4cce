//! The handle that everything else hangs on.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};

use super::backend::Backend;
use super::extent::Extent;
use super::file::FileBackend;
use super::map::MapPermit;
use super::select::{self, State};
use super::transaction::Transaction;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{ExtentRef, FileHeader, HEADER_FLAG_SEEDED, Manifest};

/// How the bytes of sections come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read into aligned buffers.
    Read,
    /// Borrowed from memory maps; see [`Store::open_mmap`].
    Map,
}

/// An open index file. Clones share everything.
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    backend: Arc<dyn Backend>,
    access: Access,
    permit: Option<MapPermit>,
    header: FileHeader,
    state: RwLock<State>,
    /// Extents of the newest state that were opened.
    extents: Mutex<HashMap<ExtentRef, Extent>>,
    /// A transaction of this handle is open.
    writing: AtomicBool,
    /// A write or sync failed.
    poisoned: AtomicBool,
    /// What was in the file when it was opened is known to be on stable storage.
    synced: AtomicBool,
}

impl Store {
    /// Opens an index for reading and, once a transaction begins, writing. Writes nothing.
    ///
    /// # Errors
    /// `Path` when nothing is there, `NotAnIndex`, `UnsupportedVersion`, `Corrupt` when no
    /// committed state is intact, or `Io`.
    pub fn open(path: &Path) -> Result<Store> {
        Store::open_with(path, Access::Read, None)
    }

    /// Opens an index through a backend.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open_on(backend: Arc<dyn Backend>) -> Result<Store> {
        Store::open_backend(backend, Access::Read, None)
    }

    pub(super) fn open_with(
        path: &Path,
        access: Access,
        permit: Option<MapPermit>,
    ) -> Result<Store> {
        let metadata =
            std::fs::metadata(path).map_err(|error| Error::io("opening", path, error))?;
        if !metadata.is_file() {
            return Err(Error::new(
                ErrorKind::NotAnIndex,
                format!(
                    "{} is not a zerogr index: it is not a regular file",
                    path.display()
                ),
            ));
        }
        let backend = FileBackend::open(path).map_err(|error| Error::io("opening", path, error))?;
        Store::open_backend(Arc::new(backend), access, permit)
    }

    fn open_backend(
        backend: Arc<dyn Backend>,
        access: Access,
        permit: Option<MapPermit>,
    ) -> Result<Store> {
        let header = select::read_header(&*backend)?;
        let state = select::select(&*backend, &header)?;
        Ok(Store::from_parts(backend, access, permit, header, state))
    }

    pub(super) fn from_parts(
        backend: Arc<dyn Backend>,
        access: Access,
        permit: Option<MapPermit>,
        header: FileHeader,
        state: State,
    ) -> Store {
        Store(Arc::new(Shared {
            backend,
            access,
            permit,
            header,
            state: RwLock::new(state),
            extents: Mutex::default(),
            writing: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            synced: AtomicBool::new(false),
        }))
    }

    /// The file's absolute path, symbolic links resolved.
    pub fn path(&self) -> &Path {
        self.0.backend.path()
    }

    /// Identity of the file; copies share it.
    pub fn uuid(&self) -> [u8; 16] {
        self.0.header.file_uuid
    }

    /// The file header.
    pub fn header(&self) -> &FileHeader {
        &self.0.header
    }

    /// How sections come into memory.
    pub fn access(&self) -> Access {
        self.0.access
    }

    /// Length of the file now, a dead tail included.
    ///
    /// # Errors
    /// `Io`.
    pub fn len_bytes(&self) -> Result<u64> {
        self.backend()
            .len_bytes()
            .map_err(|error| Error::io("measuring", self.path(), error))
    }

    /// End of the newest committed state known to this handle.
    pub fn committed_end_bytes(&self) -> u64 {
        self.0.state.read().superblock.committed_end_bytes
    }

    /// The newest committed state known to this handle.
    pub fn manifest(&self) -> Arc<Manifest> {
        self.0.state.read().manifest.clone()
    }

    /// Why a superblock slot was passed over when the newest state was chosen: an interrupted
    /// commit, or damage that made this handle fall back to the commit before. Empty for a file
    /// in good order; otherwise worth showing to a person, and gone after the next commit.
    pub fn passed_over(&self) -> Vec<String> {
        self.0.state.read().passed_over.clone()
    }

    /// Looks for a newer commit, by this or another process; true when there was one.
    ///
    /// # Errors
    /// `Corrupt` when the state this handle already knows can no longer be found, and those of
    /// [`Store::open`]. The handle keeps its state.
    pub fn refresh(&self) -> Result<bool> {
        let found = select::select(self.backend(), &self.0.header)?;
        let mut state = self.0.state.write();
        let (old, new) = (&state.superblock, &found.superblock);
        if (new.generation, new.commit_nonce) == (old.generation, old.commit_nonce) {
            state.passed_over = found.passed_over;
            return Ok(false);
        }
        if new.generation < old.generation {
            return Err(Error::corrupt(format_args!(
                "generation {} of {} was read before and only generation {} can be found now",
                old.generation,
                self.path().display(),
                new.generation
            )));
        }
        *state = found;
        drop(state);
        self.forget_unreachable();
        Ok(true)
    }

    /// Opens an extent of a committed state, verifying its header and section table.
    ///
    /// # Errors
    /// `Corrupt` when the reference is outside the committed bytes or something else is in its
    /// place; `UnsupportedVersion` when its kind is unknown; `Io`.
    pub fn extent(&self, reference: &ExtentRef) -> Result<Extent> {
        if let Some(extent) = self.0.extents.lock().get(reference) {
            return Ok(extent.clone());
        }
        let extent = self.extent_uncached(reference)?;
        Ok(self
            .0
            .extents
            .lock()
            .entry(*reference)
            .or_insert(extent)
            .clone())
    }

    /// Begins a transaction on the newest committed state.
    ///
    /// # Errors
    /// `Locked` while another transaction of this handle is open, `Poisoned` after a failed
    /// write, `UnsupportedVersion` when writing needs a feature this build lacks, `Io` when the
    /// file cannot be written, and those of [`Store::refresh`].
    pub fn begin(&self) -> Result<Transaction> {
        self.check_not_poisoned()?;
        if self.0.writing.swap(true, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "{} is being written by another transaction; commit or drop it first",
                    self.path().display()
                ),
            ));
        }
        self.begin_exclusive()
            .inspect_err(|_| self.end_transaction())
    }

    fn begin_exclusive(&self) -> Result<Transaction> {
        let action = "opening for writing";
        self.backend()
            .prepare_write()
            .map_err(|error| Error::io(action, self.path(), error))?;
        if !self.0.synced.load(Ordering::Acquire) {
            // A crashed writer may have left its newest commit in the page cache only. The first
            // new commit must not reach the disk before the state it builds upon.
            self.backend()
                .sync_data()
                .map_err(|error| self.poison("syncing", error))?;
            self.0.synced.store(true, Ordering::Release);
        }
        self.refresh()?;
        let state = self.state();
        state.superblock.check_writable()?;
        Transaction::new(self.clone(), state)
    }

    pub(super) fn extent_uncached(&self, reference: &ExtentRef) -> Result<Extent> {
        reference.check_bounds(self.committed_end_bytes())?;
        Extent::load(&self.0.backend, self.0.permit, reference, self.uuid())
    }

    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    pub(super) fn state(&self) -> State {
        self.0.state.read().clone()
    }

    pub(super) fn is_seeded(&self) -> bool {
        self.0.header.flags & HEADER_FLAG_SEEDED != 0
    }

    /// Makes a durable commit visible to this process.
    pub(super) fn publish(&self, state: State) {
        *self.0.state.write() = state;
        self.forget_unreachable();
    }

    pub(super) fn end_transaction(&self) {
        self.0.writing.store(false, Ordering::Release);
    }

    pub(super) fn check_not_poisoned(&self) -> Result<()> {
        if !self.0.poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Poisoned,
            format!(
                "an earlier write to {} failed, so what is on disk is unknown; open it again to \
                 continue from the last commit that is",
                self.path().display()
            ),
        ))
    }

    /// Forbids further writes through this handle and describes the failure that is the reason.
    pub(super) fn poison(&self, action: &str, error: std::io::Error) -> Error {
        self.0.poisoned.store(true, Ordering::Release);
        Error::io(action, self.path(), error)
    }

    /// Drops cached extents that the newest state does not reach; holders keep theirs.
    fn forget_unreachable(&self) {
        let reachable: HashSet<ExtentRef> = self.manifest().extents().collect();
        self.0
            .extents
            .lock()
            .retain(|reference, _| reachable.contains(reference));
    }
}
