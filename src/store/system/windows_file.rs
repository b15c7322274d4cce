//! The identity of a file on Windows, which stable Rust does not give.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle,
};

/// Volume serial number, file index and number of hard links.
pub(in crate::store) fn file_information(file: &File) -> io::Result<(u64, u64, u64)> {
    // SAFETY: a plain struct of integers, for which all zero is a valid value.
    let mut found: BY_HANDLE_FILE_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: the handle is open as long as `file` is borrowed; the call fills the struct.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    let index = u64::from(found.nFileIndexHigh) << 32 | u64::from(found.nFileIndexLow);
    Ok((
        found.dwVolumeSerialNumber.into(),
        index,
        found.nNumberOfLinks.into(),
    ))
}
