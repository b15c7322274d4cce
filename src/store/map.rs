//! Mapped extents: the one place of the storage engine with unsafe code.
//!
//! A map covers exactly one committed extent. Committed extents are synced before anything refers
//! to them and never written again (I1 of the store), and superblocks are never mapped (I3), so
//! no byte under a map is ever changed by this library, in any process. What remains is everyone
//! else, and that is what the contract of [`Store::open_mmap`] is about.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use super::handle::Store;
use crate::error::Result;

/// Proof that somebody accepted the contract of [`Store::open_mmap`].
#[derive(Debug, Clone, Copy)]
pub(super) struct MapPermit(());

impl MapPermit {
    /// Maps `len` bytes of a committed extent.
    pub(super) fn map(self, file: &File, off_bytes: u64, len: usize) -> io::Result<Mmap> {
        // SAFETY: a map is unsound when the bytes under it change or vanish while it lives. The
        // caller passes the range of a committed extent, which this library never writes again,
        // and a permit exists only in stores whose opener promised that nobody else does either.
        unsafe { MmapOptions::new().offset(off_bytes).len(len).map(file) }
    }
}

impl Store {
    /// Opens an index whose sections are borrowed from memory maps: no copying, no reading of
    /// parts that are not used, pages shared between processes.
    ///
    /// # Safety
    /// From this call until the last [`Section`](super::Section), [`Extent`](super::Extent) and
    /// clone of the store is dropped:
    ///
    ///  1. No program truncates the file. (Reading beyond its new end would kill the process.)
    ///  2. No program writes to the file except through this library, which never changes a
    ///     committed byte. Replacing the file by renaming another onto its path is allowed.
    ///  3. The file is on a file system that keeps these promises for other machines too: a local
    ///     one, or a network mount that nobody else writes to.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there, `NotAnIndex`, `UnsupportedVersion`, `Corrupt` when no
    /// committed state is intact, or a failure of I/O (`PermissionDenied`, `Io`, ...).
    pub unsafe fn open_mmap(path: &Path) -> Result<Store> {
        Store::open_with(path, Some(MapPermit(())))
    }
}
