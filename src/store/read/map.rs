//! Mapped extents.
//!
//! A map covers exactly one committed extent. Committed extents are synced before anything refers
//! to them and never written again (I1 of the store), and superblocks are never mapped (I3), so
//! no byte under a map is ever changed by this library, in any process. What remains is everyone
//! else, and that is what the contract of [`Store::open_mmap`] is about.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// Proof that somebody accepted the contract of [`Store::open_mmap`](crate::store::Store::open_mmap).
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct MapPermit(());

impl MapPermit {
    /// # Safety
    /// The contract of [`Store::open_mmap`](crate::store::Store::open_mmap), for all that is mapped by it.
    pub(in crate::store) unsafe fn given() -> Self {
        MapPermit(())
    }

    /// Maps `len` bytes of a committed extent.
    pub(in crate::store) fn map(self, file: &File, off_bytes: u64, len: usize) -> io::Result<Mmap> {
        // SAFETY: a map is unsound when the bytes under it change or vanish while it lives. The
        // caller passes the range of a committed extent, which this library never writes again,
        // and a permit exists only in stores whose opener promised that nobody else does either.
        unsafe { MmapOptions::new().offset(off_bytes).len(len).map(file) }
    }
}
