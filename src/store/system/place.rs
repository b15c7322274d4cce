//! One door to the place of a file: it is made under another name, synced, and moved there whole.
//!
//! ```text
//! 1  sync the folder        a disk that fails says so now, while nothing has happened
//! 2  move the file          never over another one, or over the one that it replaces
//! 3  sync the folder        the move is durable
//! ```
//!
//! Some file systems cannot sync a folder. There step 3 is left to them: the file is in its place
//! and whole, and that is what counts. Some cannot move a file without replacing another, nor give
//! it a second name. There the name is taken by an empty file first, over which the finished one
//! is moved: nobody else's file is ever replaced, and only a crash between the two leaves the
//! empty one.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::backend::Backend;
use crate::error::{Error, ErrorKind, Result};

/// Moves the finished and synced file `made` to `target`, where nothing may be.
///
/// # Errors
/// `AlreadyExists` when something is at `target`, or what the system reports. Nothing was moved
/// then, unless the message says that the file is in its place.
pub fn put_new(made: TempPath, target: &Path) -> io::Result<()> {
    let folder = Folder::of(target)?;
    move_new(made, target)?;
    folder.settle()
}

fn move_new(made: TempPath, target: &Path) -> io::Result<()> {
    match made.persist_noclobber(target) {
        Ok(()) => Ok(()),
        Err(failed) if lacks_exclusive_moves(&failed.error) => claim_and_move(failed.path, target),
        Err(failed) => Err(failed.error),
    }
}

/// The way of file systems without exclusive moves and hard links.
fn claim_and_move(made: TempPath, target: &Path) -> io::Result<()> {
    drop(
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(target)?,
    );
    made.persist(target).map_err(|failed| {
        // The claim; the error of the move matters more than one of this.
        let _ = std::fs::remove_file(target);
        failed.error
    })
}

/// The folder of a file that is to be moved there.
#[derive(Debug)]
pub(in crate::store) struct Folder(Option<File>);

impl Folder {
    /// Looks whether the folder of `target` can be synced.
    ///
    /// # Errors
    /// What the system reports; not that folders cannot be synced.
    pub(in crate::store) fn of(target: &Path) -> io::Result<Self> {
        let folder = Folder(open_folder(parent(target))?);
        folder.sync()?;
        Ok(folder)
    }

    /// Makes the move of a file to the folder durable, where that can be.
    ///
    /// # Errors
    /// What the system reports, and that the file is in its place all the same.
    pub(in crate::store) fn settle(&self) -> io::Result<()> {
        self.sync().map_err(|error| {
            let message = format!(
                "the file is in its place and whole, but its folder could not be synced ({error}): \
                 a power cut may undo that"
            );
            io::Error::new(error.kind(), message)
        })
    }

    fn sync(&self) -> io::Result<()> {
        match &self.0 {
            Some(folder) => unless(cannot_sync, folder.sync_all()).map(drop),
            None => Ok(()),
        }
    }
}

/// Syncs what syncing the data of a file leaves out, its owner and permissions, where that can be.
pub(in crate::store) fn sync_rights(file: &File) -> io::Result<()> {
    unless(cannot_sync, file.sync_all()).map(drop)
}

/// Who may not read a folder cannot sync it, and may have moved a file there all the same.
#[cfg(unix)]
fn open_folder(folder: &Path) -> io::Result<Option<File>> {
    unless(cannot_sync, File::open(folder))
}

/// Windows has no such call; its file systems journal the move.
#[cfg(not(unix))]
fn open_folder(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// `None` for an error that says no more than that something cannot be done here.
fn unless<T>(is_harmless: fn(&io::Error) -> bool, result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_harmless(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the error says that something cannot be synced: network and user-space file systems
/// answer with any of these.
fn cannot_sync(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, IsADirectory, PermissionDenied, Unsupported};
    #[cfg(unix)]
    let is_of_another_kind = error.raw_os_error() == Some(libc::EBADF);
    #[cfg(not(unix))]
    let is_of_another_kind = false;
    is_of_another_kind
        || matches!(
            error.kind(),
            InvalidInput | IsADirectory | PermissionDenied | Unsupported
        )
}

/// Whether the error says that the file system has neither exclusive moves nor hard links.
fn lacks_exclusive_moves(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, TooManyLinks, Unsupported};
    matches!(
        error.kind(),
        InvalidInput | PermissionDenied | TooManyLinks | Unsupported
    )
}

/// Refuses a path where something is.
pub(in crate::store) fn expect_nothing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Ok(())
}

/// Refuses a backend that holds something already.
pub(in crate::store) fn expect_empty(backend: &dyn Backend) -> Result<()> {
    let len = backend
        .len_bytes()
        .map_err(|error| Error::io("measuring", backend.path(), error))?;
    if len == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!("{} is not empty", backend.path().display()),
    ))
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// The directory of a file to be, and the absolute path of the file.
pub(in crate::store) fn resolve(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let directory =
        std::fs::canonicalize(parent(path)).map_err(|error| Error::io("creating", path, error))?;
    let name = path
        .file_name()
        .ok_or_else(|| Error::invalid(format!("{} does not name a file", path.display())))?;
    let target = directory.join(name);
    Ok((directory, target))
}

pub(in crate::store) fn exists(path: &Path) -> Error {
    Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "{} exists already; open it, or choose another path",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &Path) -> TempPath {
        let path = folder.join("made");
        std::fs::write(&path, b"whole").unwrap();
        TempPath::try_from_path(path).unwrap()
    }

    #[test]
    fn a_file_comes_to_its_place_by_either_way_and_replaces_nothing() {
        type Way = fn(TempPath, &Path) -> io::Result<()>;
        let ways: [Way; 2] = [|made, target| put_new(made, target), claim_and_move];
        for way in ways {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("target");
            way(made(folder.path()), &target).unwrap();
            assert_eq!(std::fs::read(&target).unwrap(), b"whole");
            assert!(!folder.path().join("made").exists());

            std::fs::write(&target, b"another").unwrap();
            let error = way(made(folder.path()), &target).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read(&target).unwrap(), b"another");
        }
    }

    #[test]
    fn a_move_that_fails_leaves_no_claim() {
        let folder = tempfile::tempdir().unwrap();
        let made = made(folder.path());
        std::fs::remove_file(folder.path().join("made")).unwrap();
        let target = folder.path().join("target");
        assert!(claim_and_move(made, &target).is_err());
        assert!(!target.exists());
    }

    #[cfg(unix)]
    #[test]
    fn that_folders_cannot_be_synced_is_no_failure_and_a_failing_disk_is_one() {
        let of = io::Error::from_raw_os_error;
        for code in [
            libc::EINVAL,
            libc::ENOTSUP,
            libc::ENOSYS,
            libc::EBADF,
            libc::EACCES,
            libc::EPERM,
            libc::EISDIR,
        ] {
            assert!(cannot_sync(&of(code)), "{code}");
        }
        for code in [libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::ENOENT] {
            assert!(!cannot_sync(&of(code)), "{code}");
            assert!(!lacks_exclusive_moves(&of(code)), "{code}");
        }
        for code in [libc::EPERM, libc::ENOTSUP, libc::ENOSYS, libc::EINVAL] {
            assert!(lacks_exclusive_moves(&of(code)), "{code}");
        }
        assert!(!lacks_exclusive_moves(&of(libc::EEXIST)));
    }
}
