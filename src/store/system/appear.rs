//! A new file, which appears at its place with all that is in it.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::file::FileBackend;
use super::place;
use super::temporary::{self, Temporary};
use crate::error::{Error, Result};

/// Puts a file at `path`, where nothing may be yet: all of what `fill` writes and syncs, or
/// nothing. It gets the permissions and as far as possible the owner of `like`, and until then
/// nobody else can read it; or the permissions of any file a program creates.
///
/// # Errors
/// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing; a failure
/// of I/O; what `fill` gives. There is no file then, unless the message says so.
pub(in crate::store) fn appear(
    path: &Path,
    like: Option<&Metadata>,
    fill: impl FnOnce(&Arc<dyn Backend>) -> Result<()>,
) -> Result<Arc<dyn Backend>> {
    let creating = |error| Error::io("creating", path, error);
    place::expect_nothing(path)?;
    let (directory, target) = place::resolve(path)?;
    temporary::remove_leftovers(&directory);
    let made = Temporary::create(&directory, like.is_some()).map_err(creating)?;
    let file = made.file().try_clone().map_err(creating)?;
    let backend = FileBackend::from_writable(target.clone(), file).map_err(creating)?;
    let backend: Arc<dyn Backend> = Arc::new(backend);
    fill(&backend)?;
    if let Some(like) = like {
        temporary::resemble(made.file(), like).map_err(creating)?;
    }
    made.put_new(&target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => place::exists(path),
        _ => creating(error),
    })?;
    Ok(backend)
}
