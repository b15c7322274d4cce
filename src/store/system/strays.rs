//! The successor of a file that is vacuumed, until it takes its place.
//!
//! ```text
//! <name>.vacuum-<nonce>    16 hexadecimal digits, beside the file
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::nonce;
use super::place;
use crate::error::{Error, Result};

/// A file on its way to another name; removed unless it gets there.
#[derive(Debug)]
pub(in crate::store) struct Stray {
    pub(in crate::store) path: PathBuf,
    pub(in crate::store) file: File,
    arrived: bool,
}

impl Stray {
    /// Beside `target`, for nobody else to read.
    pub(in crate::store) fn create(target: &Path) -> Result<Self> {
        let mut name = prefix(target);
        let nonce = nonce::commit_nonce(false, [0; 16], None)?;
        name.push(format!("{nonce:0width$x}", width = NONCE_DIGITS));
        let path = target.with_file_name(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        // Nobody else may look into it before it has the permissions of the file.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&path)
            .map_err(|error| Error::io("creating", &path, error))?;
        Ok(Stray {
            path,
            file,
            arrived: false,
        })
    }

    /// Takes the place of `target`.
    pub(in crate::store) fn put_at(mut self, target: &Path) -> io::Result<()> {
        place::sync_rights(&self.file)?;
        std::fs::rename(&self.path, target).map_err(not_replaced)?;
        self.arrived = true;
        Ok(())
    }
}

/// What to do where an open file cannot be replaced: Windows does so on NTFS, since version 10.1607.
fn not_replaced(error: io::Error) -> io::Error {
    if !cfg!(windows) || error.kind() != io::ErrorKind::PermissionDenied {
        return error;
    }
    let message = format!(
        "{error} (this file system may not replace a file that is open: use Store::vacuum_into)"
    );
    io::Error::new(error.kind(), message)
}

impl Drop for Stray {
    fn drop(&mut self) {
        if !self.arrived {
            // The next writer tries again.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

const NONCE_DIGITS: usize = 16;

fn prefix(target: &Path) -> OsString {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".vacuum-");
    name
}

/// Removes what interrupted vacuums of the file left. To be called by the holder of its lock,
/// during whose time no other vacuum of it can be under way. Best effort: strays cost space only.
pub(in crate::store) fn remove_strays(target: &Path) {
    let prefix = prefix(target);
    let is_stray = |name: &OsStr| {
        name.as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .is_some_and(|nonce| {
                nonce.len() == NONCE_DIGITS && nonce.iter().all(u8::is_ascii_hexdigit)
            })
    };
    let directory = target.parent().unwrap_or(Path::new("/"));
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_stray(&entry.file_name()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
