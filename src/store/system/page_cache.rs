//! What the kernel has cached is not always what is on the disk.
//!
//! When a sync fails, Linux marks the pages it could not write as clean. They still read as
//! written, and the next sync succeeds without writing them. A writer that opens such a file
//! would build on a superblock that a power cut takes away, and overwrite the only other one. So
//! before the first commit to a file the cache of its front is dropped and the front read anew.

#![allow(unsafe_code)]

use std::fs::File;

/// Asks the kernel to forget clean pages of the first `len_bytes`. Best effort: it can say no.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::store) fn forget_front(file: &File, len_bytes: u64) {
    use std::os::fd::AsRawFd;
    let Ok(len) = libc::off_t::try_from(len_bytes) else {
        return;
    };
    // SAFETY: the descriptor is open as long as `file` is borrowed; the call takes numbers only
    // and gives advice, which changes no byte that anyone reads.
    let _ = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, len, libc::POSIX_FADV_DONTNEED) };
}

/// Other systems keep such pages dirty, or offer no such call.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::store) fn forget_front(_: &File, _: u64) {}
