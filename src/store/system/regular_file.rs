//! Opening a file by a path that came from somewhere else: out of an index, a settings file, or a
//! folder that others can write to.
//!
//! Such a path may lead to a pipe, on which opening waits for ever, to a device, whose opening
//! may do something and whose bytes never end, or to a file that is longer than memory. Behind
//! this door there are regular files only, opened without waiting, and no more of them is read
//! than the caller expects.
//!
//! Files that a user names are opened here too: in a folder of documents or judgements anything
//! may lie. A pipe of a user's own is read as standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::format::limits::to_u64;

/// Opens a regular file for reading; never waits.
///
/// # Errors
/// `InvalidInput` when something else is at `path`, or what the system reports.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The content of a regular file of at most `most_bytes`.
///
/// # Errors
///
/// `InvalidInput` when something else is at `path`, `FileTooLarge` when the file is longer, or what
/// the system reports.
pub fn read(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let too_long = || {
        let message = format!("it is longer than the {most_bytes} bytes that are expected");
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    };
    let len_bytes = file.metadata()?.len();
    if len_bytes > most_bytes {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile.
    file.take(most_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if to_u64(bytes.len()) > most_bytes {
        return Err(too_long());
    }
    Ok(bytes)
}

/// Opens a regular file that exists, as `options` say; never waits.
pub(in crate::store) fn open_with(options: &OpenOptions, path: &Path) -> io::Result<File> {
    // Before opening, because opening a device may do something.
    if !std::fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    let file = at_once(options).open(path)?;
    // And after it, because something else may have been put there meanwhile.
    if !file.metadata()?.is_file() {
        return Err(not_regular());
    }
    Ok(file)
}

/// The same options, for an open that does not wait for whoever is at the other end of a pipe.
#[cfg(unix)]
fn at_once(options: &OpenOptions) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = options.clone();
    options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Pipes of Windows have no place among files.
#[cfg(not(unix))]
fn at_once(options: &OpenOptions) -> OpenOptions {
    options.clone()
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        let error = read(&path, 3).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let error = read(&folder.path().join("none"), 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        let error = open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_at_once_behind_links_too() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for path in [&*pipe, &link, Path::new("/dev/zero")] {
            let error = read(path, u64::MAX).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }
}
