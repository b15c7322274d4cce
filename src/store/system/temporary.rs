//! A file on its way to its place, under a name that says so.
//!
//! ```text
//! <folder>/.zerogr-new-XXXXXX.tmp    locked while the process that makes it lives
//! ```
//!
//! A killed process leaves its temporary behind, and its lock with the process. So whoever writes
//! in the same folder later removes those that nobody has locked. On file systems without locks
//! they stay; they cost space and are in nobody's way.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::lock;
use super::place;
use super::regular_file;

const PREFIX: &str = ".zerogr-new-";
const SUFFIX: &str = ".tmp";

/// An empty file of this age has been locked by its process, if that is still alive.
const LOCKED_AFTER: Duration = Duration::from_secs(60);

/// A file in the making. Dropping it removes it.
#[derive(Debug)]
pub(in crate::store) struct Temporary(NamedTempFile);

impl Temporary {
    /// An empty file in `folder`; nobody else may read it if it is private.
    pub(in crate::store) fn create(folder: &Path, is_private: bool) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = if is_private { 0o600 } else { 0o666 };
            builder.permissions(PermissionsExt::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = is_private;
        let made = builder.tempfile_in(folder)?;
        lock::try_lock(made.as_file());
        Ok(Temporary(made))
    }

    pub(in crate::store) fn file(&self) -> &File {
        self.0.as_file()
    }

    /// Moves the file to `target`, as [`place::put_new`] does.
    pub(in crate::store) fn put_new(self, target: &Path) -> io::Result<()> {
        let (file, path) = self.0.into_parts();
        let result = place::put_new(path, target);
        // It belongs to the open file, which lives on where the file is used further.
        lock::unlock(&file);
        result
    }
}

/// Removes the temporaries in `folder` whose makers are gone. Best effort.
pub(in crate::store) fn remove_leftovers(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_temporary(&entry.file_name()) && is_left(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(PREFIX.as_bytes()) && name.ends_with(SUFFIX.as_bytes())
}

fn is_left(path: &Path) -> bool {
    let Ok(file) = regular_file::open_with(OpenOptions::new().read(true).write(true), path) else {
        return false;
    };
    // A file is locked before the first byte of it is written.
    let may_be_new = |metadata: Metadata| {
        let age = metadata
            .modified()
            .map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        metadata.len() == 0 && !age.is_ok_and(|age| age > LOCKED_AFTER)
    };
    !file.metadata().map_or(true, may_be_new) && lock::try_lock(&file)
}

/// Gives `file` the owner, as far as that can be, and the permissions of another. A group other
/// than that of the other file may do no more than everybody.
#[cfg(unix)]
pub(in crate::store) fn resemble(file: &File, other: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let own = file.metadata()?;
    let mut mode = other.mode() & 0o777 | 0o600;
    if own.gid() != other.gid() && fchown(file, None, Some(other.gid())).is_err() {
        mode &= !0o070 | (mode & 0o007) << 3;
    }
    file.set_permissions(PermissionsExt::from_mode(mode))?;
    if own.uid() != other.uid() {
        let _ = fchown(file, Some(other.uid()), None);
    }
    place::sync_rights(file)
}

/// A new file inherits from its directory there.
#[cfg(not(unix))]
pub(in crate::store) fn resemble(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}
