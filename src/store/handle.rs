//! The handle that everything else hangs on.
//!
//! It holds the newest [`Snapshot`] it knows. A commit, a refresh or a vacuum replaces it, always
//! by one that is newer: the generation a handle shows never goes back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::error::{Error, ErrorKind, Result};
use crate::format::{ExtentRef, FileHeader, Manifest};
use crate::store::read::extent::Extent;
use crate::store::read::map::MapPermit;
use crate::store::read::select::State;
use crate::store::read::snapshot::{OpenFile, Snapshot, Space};
use crate::store::system::backend::Backend;
use crate::store::system::file::{FileBackend, replaced};

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
    path: PathBuf,
    permit: Option<MapPermit>,
    /// The same in a vacuumed successor.
    header: FileHeader,
    newest: RwLock<Snapshot>,
    /// A write or sync failed.
    poisoned: AtomicBool,
}

impl Store {
    /// Opens an index for reading and, once a transaction begins, writing. Writes nothing and
    /// takes no lock, so it works on read-only media and beside a running writer.
    ///
    /// # Errors
    /// `NotFound` when nothing is there, `NotAnIndex`, `UnsupportedVersion`, `Corrupt` when no
    /// committed state is intact, or a failure of I/O (`PermissionDenied`, `Io`, ...).
    pub fn open(path: &Path) -> Result<Store> {
        Store::open_with(path, None)
    }

    /// Opens an index through a backend.
    ///
    /// # Errors
    ///
    /// `NotAnIndex`, `UnsupportedVersion`, `Corrupt` when no committed state is intact, or a
    /// failure of I/O.
    pub fn open_on(backend: Arc<dyn Backend>) -> Result<Store> {
        OpenFile::open(backend, None).map(|newest| Store::from_snapshot(newest, None))
    }

    pub(super) fn open_with(path: &Path, permit: Option<MapPermit>) -> Result<Store> {
        open_path(path, permit).map(|newest| Store::from_snapshot(newest, permit))
    }

    pub(super) fn from_snapshot(newest: Snapshot, permit: Option<MapPermit>) -> Store {
        Store(Arc::new(Shared {
            path: newest.file.backend.path().to_owned(),
            permit,
            header: newest.file.header.clone(),
            newest: RwLock::new(newest),
            poisoned: AtomicBool::new(false),
        }))
    }

    /// The file's absolute path, symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.0.path
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
        match self.0.permit {
            Some(_) => Access::Map,
            None => Access::Read,
        }
    }

    /// The newest committed state known to this handle, and the file it is in. Extents are best
    /// opened through it: a manifest and the file it describes may part when the index is
    /// vacuumed meanwhile.
    pub fn snapshot(&self) -> Snapshot {
        self.0.newest.read().clone()
    }

    /// Length of the file now, a dead tail included.
    ///
    /// # Errors
    /// `Io`.
    pub fn len_bytes(&self) -> Result<u64> {
        self.snapshot().file.len_bytes()
    }

    /// Where the bytes of the file go; what vacuum would give back.
    ///
    /// # Errors
    /// `Io`.
    pub fn space(&self) -> Result<Space> {
        self.snapshot().space()
    }

    /// End of the newest committed state known to this handle.
    pub fn committed_end_bytes(&self) -> u64 {
        self.0.newest.read().committed_end_bytes()
    }

    /// The newest committed state known to this handle.
    pub fn manifest(&self) -> Arc<Manifest> {
        self.0.newest.read().manifest().clone()
    }

    /// Why a superblock slot was passed over when the newest state was chosen: an interrupted
    /// commit, or damage that made this handle fall back to the commit before. Empty for a file
    /// in good order; otherwise worth showing to a person, and gone after the next commit.
    pub fn passed_over(&self) -> Vec<String> {
        self.0.newest.read().state.passed_over.clone()
    }

    /// True when the newest state known to this handle is in a file whose place a vacuumed
    /// successor took. [`Store::refresh`] goes on to the successor, if the path leads there; it
    /// does not when, for example, the single file is mounted into a container.
    pub fn is_superseded(&self) -> bool {
        self.0.newest.read().state.superblock.is_superseded()
    }

    /// Looks for a newer commit, by this or another process; true when there was one. When the
    /// path leads to another file now, because the index was vacuumed or replaced by a copy of
    /// itself, the handle continues on that; its generation never goes back.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the state this handle already knows can no longer be found, or no committed
    /// state is intact; `Replaced` when another index or an older copy took the place of the file;
    /// `NotAnIndex`, `UnsupportedVersion`, or a failure of I/O. The handle keeps its state.
    pub fn refresh(&self) -> Result<bool> {
        let known = self.snapshot();
        let found = if known.file.is_replaced() {
            self.open_successor(&known)?
        } else {
            let file = known.file.clone();
            let state = file.select_from(known.generation())?;
            Snapshot { file, state }
        };
        if found.generation() < known.generation() {
            return Err(Error::corrupt(format_args!(
                "generation {} of {} was read before and only generation {} can be found now",
                known.generation(),
                self.path().display(),
                found.generation()
            )));
        }
        let mut newest = self.0.newest.write();
        // Another thread may have come further meanwhile.
        let overtaken =
            newest.generation() > found.generation() || !Arc::ptr_eq(&newest.file, &known.file);
        if !overtaken {
            *newest = found;
        }
        newest.file.forget_unreachable(newest.manifest());
        Ok(newest.id() != known.id())
    }

    /// Opens the file that the path names now.
    fn open_successor(&self, known: &Snapshot) -> Result<Snapshot> {
        let found = open_path(self.path(), self.0.permit)?;
        if found.file.header != self.0.header || found.generation() < known.generation() {
            return Err(Error::io("refreshing", self.path(), replaced()));
        }
        Ok(found)
    }

    /// Opens an extent of the newest state; see [`Snapshot::extent`].
    ///
    /// # Errors
    ///
    /// `Corrupt` when the reference is outside the committed bytes or something else is in its
    /// place; `UnsupportedVersion` when its kind is unknown; `Io`.
    pub fn extent(&self, reference: &ExtentRef) -> Result<Extent> {
        self.snapshot().extent(reference)
    }

    /// Makes a durable commit visible to this process.
    ///
    /// # Errors
    /// `Replaced` when the handle went on to another file while the commit was being written.
    pub(super) fn publish(&self, file: &Arc<OpenFile>, state: State) -> Result<()> {
        let mut newest = self.0.newest.write();
        if !Arc::ptr_eq(&newest.file, file) {
            return Err(Error::io("committing to", self.path(), replaced()));
        }
        newest.state = state;
        newest.file.forget_unreachable(newest.manifest());
        Ok(())
    }

    /// Continues on the file that a vacuum put in place.
    pub(super) fn continue_on(&self, successor: Snapshot) {
        *self.0.newest.write() = successor;
    }

    pub(super) fn permit(&self) -> Option<MapPermit> {
        self.0.permit
    }

    pub(super) fn is_same(&self, other: &Store) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
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
}

fn open_path(path: &Path, permit: Option<MapPermit>) -> Result<Snapshot> {
    OpenFile::open(Arc::new(open_backend(path)?), permit)
}

/// Opens the file of an index.
pub(super) fn open_backend(path: &Path) -> Result<FileBackend> {
    FileBackend::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidInput => Error::new(
            ErrorKind::NotAnIndex,
            format!("{} is not a zerogr index: {error}", path.display()),
        ),
        _ => Error::io("opening", path, error),
    })
}
