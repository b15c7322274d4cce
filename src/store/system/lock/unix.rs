//! The lock of Linux, Android and Apple systems: an open file description lock.
//!
//! Unlike the older record locks of POSIX it belongs to the descriptor that took it, so closing
//! another descriptor of the same file does not drop it, and unlike `flock` it covers a range, so
//! it says nothing about the bytes that readers read. The kernel drops it when its process dies.

#![allow(unsafe_code, clippy::as_conversions, clippy::unnecessary_cast)]

use std::fs::File;
use std::io;

/// Tries once to lock the byte at `off_bytes`; false when another open file holds it.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn try_lock(file: &File, off_bytes: u64) -> io::Result<bool> {
    match set_lock(file, off_bytes, libc::F_WRLCK as libc::c_short) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn unlock(file: &File, off_bytes: u64) -> io::Result<()> {
    set_lock(file, off_bytes, libc::F_UNLCK as libc::c_short)
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn set_lock(file: &File, off_bytes: u64, kind: libc::c_short) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // A 32-bit `off_t` cannot name the byte that everybody else locks.
    let start = libc::off_t::try_from(off_bytes)
        .map_err(|_| io::Error::from(io::ErrorKind::Unsupported))?;
    // SAFETY: `flock` is a plain struct of integers, for which all zero is a valid value. (Some
    // systems have padding fields, so it is not written as a literal.)
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start;
    lock.l_len = 1;
    loop {
        // SAFETY: the descriptor is open as long as `file` is borrowed, and this command reads
        // one `flock` through the pointer and keeps nothing.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
        if result != -1 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Other systems have record locks only, which the closing of any descriptor drops.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn try_lock(_: &File, _: u64) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn unlock(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// Whether the error says that the file system has no locks: network and user-space file systems
/// answer with any of these.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    let codes = [
        libc::ENOLCK,
        libc::ENOTSUP,
        libc::EOPNOTSUPP,
        libc::EINVAL,
        libc::EBADF,
        libc::ENOSYS,
    ];
    error.kind() == io::ErrorKind::Unsupported
        || error
            .raw_os_error()
            .is_some_and(|code| codes.contains(&code))
}
