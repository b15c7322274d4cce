//! A new file appears whole: it is made under another name, synced, and renamed into place.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::backend::Backend;
use super::file::FileBackend;
use crate::error::{Error, ErrorKind, Result};

/// Puts a file at `path`, where nothing may be yet: all of what `fill` writes and syncs, or
/// nothing. It gets the permissions of `like`, or those of any file a program creates, less those
/// that the umask takes away.
///
/// # Errors
/// `Path` when something is at `path` already or its directory is missing; `Io`; those of `fill`.
pub(super) fn appear(
    path: &Path,
    like: Option<&Metadata>,
    fill: impl FnOnce(&Arc<dyn Backend>) -> Result<()>,
) -> Result<Arc<dyn Backend>> {
    let creating = |error| Error::io("creating", path, error);
    expect_nothing(path)?;
    let (directory, target) = resolve(path)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".zerogr-new-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = like.map_or(0o666, |metadata| metadata.permissions().mode() & 0o777);
        builder.permissions(PermissionsExt::from_mode(mode | 0o600));
    }
    #[cfg(not(unix))]
    let _ = like;
    let temporary = builder.tempfile_in(&directory).map_err(creating)?;
    let file = temporary.as_file().try_clone().map_err(creating)?;
    let backend = FileBackend::from_writable(target.clone(), file).map_err(creating)?;
    let backend: Arc<dyn Backend> = Arc::new(backend);
    fill(&backend)?;
    temporary
        .persist_noclobber(&target)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => exists(path),
            _ => creating(error.error),
        })?;
    sync_directory(&directory).map_err(creating)?;
    Ok(backend)
}

/// Refuses a path where something is.
pub(super) fn expect_nothing(path: &Path) -> Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Ok(())
}

/// Refuses a backend that holds something already.
pub(super) fn expect_empty(backend: &dyn Backend) -> Result<()> {
    let len = backend
        .len_bytes()
        .map_err(|error| Error::io("measuring", backend.path(), error))?;
    if len == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Path,
        format!("{} is not empty", backend.path().display()),
    ))
}

/// The directory of a file to be, and the absolute path of the file.
fn resolve(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let directory =
        std::fs::canonicalize(parent).map_err(|error| Error::io("creating", path, error))?;
    let name = path.file_name().ok_or_else(|| {
        Error::new(
            ErrorKind::Path,
            format!("{} does not name a file", path.display()),
        )
    })?;
    let target = directory.join(name);
    Ok((directory, target))
}

fn exists(path: &Path) -> Error {
    Error::new(
        ErrorKind::Path,
        format!(
            "{} exists already; open it, or choose another path",
            path.display()
        ),
    )
}

/// Makes a rename in `directory` durable.
#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}

/// Windows has no such call; its file systems journal the rename.
#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
