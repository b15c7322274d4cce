//! Opening an index over memory maps.

#![allow(unsafe_code)]

use std::path::Path;

use super::handle::Store;
use crate::error::Result;
use crate::store::read::map::MapPermit;

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
        // SAFETY: the caller keeps the contract above.
        let permit = unsafe { MapPermit::given() };
        Store::open_with(path, Some(permit))
    }
}
