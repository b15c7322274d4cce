//! A committed state together with the file it lies in.
//!
//! Vacuum puts another file under the path of a store, with the same extents at other offsets. A
//! snapshot keeps the file it was taken from, so its manifest and its offsets go on fitting
//! together however many commits and vacuums follow.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::buffer::AlignedBuffer;
use super::extent::Extent;
use super::map::MapPermit;
use super::select::{self, State};
use crate::error::{Error, Result};
use crate::format::limits::FIRST_EXTENT_OFF_BYTES;
use crate::format::{ExtentKind, ExtentRef, FileHeader, HEADER_FLAG_SEEDED, Manifest};
use crate::store::system::backend::{Backend, read_at};
use crate::store::system::file::FileBackend;

/// One committed state, readable for as long as the snapshot lives. Cheap to clone.
///
/// A snapshot of a file that was vacuumed since then keeps the space of the old file occupied.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(in crate::store) file: Arc<OpenFile>,
    pub(in crate::store) state: State,
}

/// One file, open, and what was read from it.
#[derive(Debug)]
pub(in crate::store) struct OpenFile {
    pub(in crate::store) backend: Arc<dyn Backend>,
    pub(in crate::store) header: FileHeader,
    permit: Option<MapPermit>,
    /// Extents of the newest state that were opened.
    extents: Mutex<HashMap<ExtentRef, Extent>>,
    /// What was in the file when it was opened is known to be on stable storage.
    synced: AtomicBool,
    /// What interrupted vacuums left beside the file was removed.
    pub(in crate::store) swept: AtomicBool,
}

/// Where the bytes of a file go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Space {
    /// Length of the file.
    pub file_bytes: u64,
    /// Bytes the state reaches, its manifest included.
    pub live_bytes: u64,
    /// Committed bytes the state does not reach; vacuum gives them back.
    pub dead_bytes: u64,
    /// Bytes after the last commit: one that is being made, or was interrupted; overwritten by the
    /// next.
    pub tail_bytes: u64,
}

impl OpenFile {
    /// Opens what the backend holds and chooses its newest intact state.
    pub(in crate::store) fn open(
        backend: Arc<dyn Backend>,
        permit: Option<MapPermit>,
    ) -> Result<Snapshot> {
        let header = select::read_header(&*backend)?;
        let state = select::select(&*backend, &header)?;
        let file = Arc::new(OpenFile::new(backend, header, permit));
        Ok(Snapshot { file, state })
    }

    /// A file whose header is known.
    pub(in crate::store) fn new(
        backend: Arc<dyn Backend>,
        header: FileHeader,
        permit: Option<MapPermit>,
    ) -> Self {
        OpenFile {
            backend,
            header,
            permit,
            extents: Mutex::default(),
            synced: AtomicBool::new(false),
            swept: AtomicBool::new(false),
        }
    }

    /// Chooses the newest state now, which is `generation` or a later one unless the file was
    /// damaged.
    pub(in crate::store) fn select_from(&self, generation: u64) -> Result<State> {
        // The slots are read one after the other. When a writer completes a commit between the
        // two and the next one catches us reading the second slot, only what we read of the first
        // is left, which may be older than what is known. Looking again settles that.
        const LOOKS: usize = 3;
        let mut state = select::select(&*self.backend, &self.header)?;
        for _ in 1..LOOKS {
            if state.superblock.generation >= generation {
                break;
            }
            state = select::select(&*self.backend, &self.header)?;
        }
        Ok(state)
    }

    /// True when the path names another file now. A path that cannot be looked at, because a
    /// directory above it was moved or taken away, is no reason to stop reading this one.
    pub(in crate::store) fn is_replaced(&self) -> bool {
        let replaced = |file: &FileBackend| Some(file.id().ok()? != file.id_at_path().ok()?);
        self.backend.as_file().and_then(replaced).unwrap_or(false)
    }

    /// Drops cached extents that `newest` does not reach; holders keep theirs.
    pub(in crate::store) fn forget_unreachable(&self, newest: &Manifest) {
        let reachable: HashSet<ExtentRef> = newest.extents().collect();
        self.extents
            .lock()
            .retain(|reference, _| reachable.contains(reference));
    }

    /// Syncs what was in the file when it was opened, once: a crashed writer may have left its
    /// newest commit in the page cache only, and the first new commit must not reach the disk
    /// before the state it builds upon. True when it did, and the front of the file has to be
    /// read anew: see [`page_cache`](super::page_cache).
    pub(in crate::store) fn sync_once(&self) -> std::io::Result<bool> {
        if self.synced.load(Ordering::Acquire) {
            return Ok(false);
        }
        self.backend.sync_data()?;
        self.backend.forget_front(FIRST_EXTENT_OFF_BYTES);
        self.synced.store(true, Ordering::Release);
        Ok(true)
    }

    pub(in crate::store) fn is_seeded(&self) -> bool {
        self.header.flags & HEADER_FLAG_SEEDED != 0
    }

    pub(in crate::store) fn len_bytes(&self) -> Result<u64> {
        self.backend
            .len_bytes()
            .map_err(|error| Error::io("measuring", self.backend.path(), error))
    }
}

impl Snapshot {
    /// The state.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.state.manifest
    }

    /// Where the file is, or was.
    pub fn path(&self) -> &Path {
        self.file.backend.path()
    }

    /// Number of the commit.
    pub fn generation(&self) -> u64 {
        self.state.superblock.generation
    }

    /// End of the committed bytes.
    pub fn committed_end_bytes(&self) -> u64 {
        self.state.superblock.committed_end_bytes
    }

    /// Why a superblock slot was passed over when the state was chosen: an interrupted commit, or
    /// damage of the commit after it. Empty for a file in good order.
    pub fn passed_over(&self) -> &[String] {
        &self.state.passed_over
    }

    /// Opens an extent of the state, verifying its header and section table.
    ///
    /// # Errors
    /// `Corrupt` when the reference is outside the committed bytes or something else is in its
    /// place; `UnsupportedVersion` when its kind is unknown; `Io`.
    pub fn extent(&self, reference: &ExtentRef) -> Result<Extent> {
        let extents = &self.file.extents;
        if let Some(extent) = extents.lock().get(reference) {
            return Ok(extent.clone());
        }
        let extent = self.extent_uncached(reference)?;
        Ok(extents.lock().entry(*reference).or_insert(extent).clone())
    }

    /// Opens an extent of a certain kind whose sections this build knows or may ignore: a file with
    /// others was written by a newer version and must not be read as if they were not there.
    ///
    /// # Errors
    /// `Corrupt` when the reference is outside the committed bytes or another kind is in its place,
    /// `UnsupportedVersion` for an unknown kind or section, `Io`.
    pub fn extent_of(&self, kind: ExtentKind, reference: &ExtentRef) -> Result<Extent> {
        let extent = self.extent(reference)?;
        extent.expect_kind(kind)?;
        extent.expect_known_sections()?;
        Ok(extent)
    }

    pub(in crate::store) fn extent_uncached(&self, reference: &ExtentRef) -> Result<Extent> {
        reference.check_bounds(self.committed_end_bytes())?;
        let file = &self.file;
        let place = self.place_of(reference);
        Extent::load(
            &file.backend,
            file.permit,
            reference,
            file.header.file_uuid,
            &place,
        )
        .map_err(|error| error.at(place))
    }

    /// Where an extent of the state is, for messages: "papers.zgr, segment 3".
    fn place_of(&self, reference: &ExtentRef) -> String {
        let path = self.path().display();
        match self.manifest().owner_of(reference) {
            Some(owner) => format!("{path}, {owner}"),
            None => path.to_string(),
        }
    }

    /// The bytes of an extent as they are, as far as there are any.
    ///
    /// # Errors
    /// `Corrupt` when the reference is outside the committed bytes; `Io`.
    pub(crate) fn unverified(&self, reference: &ExtentRef) -> Result<Vec<u8>> {
        reference.check_bounds(self.committed_end_bytes())?;
        let mut buffer = AlignedBuffer::zeroed(reference.len_bytes)?;
        read_at(&*self.file.backend, buffer.bytes_mut(), reference.off_bytes)?;
        Ok(buffer.bytes().to_vec())
    }

    /// Whether both are the same state of the same file.
    pub fn is_same_state(&self, other: &Snapshot) -> bool {
        self.is_in_file_of(other) && self.id() == other.id()
    }

    /// Whether both are states of one file, and not of a file and its vacuumed successor.
    pub fn is_in_file_of(&self, other: &Snapshot) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }

    /// Where the bytes of the file go.
    ///
    /// # Errors
    /// `Io`.
    pub fn space(&self) -> Result<Space> {
        Ok(self.space_of(self.file.len_bytes()?))
    }

    pub(in crate::store) fn space_of(&self, file_bytes: u64) -> Space {
        let dead_bytes = self.state.manifest.dead_bytes;
        Space {
            file_bytes,
            live_bytes: self
                .committed_end_bytes()
                .saturating_sub(FIRST_EXTENT_OFF_BYTES)
                .saturating_sub(dead_bytes),
            dead_bytes,
            tail_bytes: file_bytes.saturating_sub(self.committed_end_bytes()),
        }
    }

    /// What names the state for ever, in one file and its copies.
    pub(in crate::store) fn id(&self) -> (u64, u64) {
        let superblock = &self.state.superblock;
        (superblock.generation, superblock.commit_nonce)
    }
}
