//! The lock of Windows.
//!
//! `LockFileEx` is mandatory, so a lock on bytes of the file would stop readers; the byte locked
//! here is past the end of every file. The system drops it when its process dies.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, UnlockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

/// Tries once to lock the byte at `off_bytes`; false when another handle holds it.
pub(super) fn try_lock(file: &File, off_bytes: u64) -> io::Result<bool> {
    let flags = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
    let mut at = overlapped(off_bytes);
    // SAFETY: the handle is open as long as `file` is borrowed. The call fails rather than waits,
    // so nothing uses `at` after it returns.
    let locked = unsafe { LockFileEx(file.as_raw_handle(), flags, 0, 1, 0, &raw mut at) };
    if locked != 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    let code = error
        .raw_os_error()
        .and_then(|code| u32::try_from(code).ok());
    match code {
        Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING) => Ok(false),
        _ => Err(error),
    }
}

pub(super) fn unlock(file: &File, off_bytes: u64) -> io::Result<()> {
    let mut at = overlapped(off_bytes);
    // SAFETY: as in `try_lock`; unlocking does not wait.
    if unsafe { UnlockFileEx(file.as_raw_handle(), 0, 1, 0, &raw mut at) } != 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error())
}

pub(super) fn is_unsupported(error: &io::Error) -> bool {
    // ERROR_INVALID_FUNCTION and ERROR_NOT_SUPPORTED.
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(1 | 50))
}

fn overlapped(off_bytes: u64) -> OVERLAPPED {
    let [a, b, c, d, e, f, g, h] = off_bytes.to_le_bytes();
    // SAFETY: a plain struct of integers and a handle, for which all zero is a valid value.
    let mut at: OVERLAPPED = unsafe { std::mem::zeroed() };
    at.Anonymous.Anonymous.Offset = u32::from_le_bytes([a, b, c, d]);
    at.Anonymous.Anonymous.OffsetHigh = u32::from_le_bytes([e, f, g, h]);
    at
}
