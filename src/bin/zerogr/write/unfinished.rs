//! A new index appears whole: it is made in a hidden folder beside its place, and moved there.
//!
//! ```text
//! <folder>/.zerogr-build-XXXX/   temporary, same file system
//!   lock                         held while the process lives
//!   papers.zgr                   ── rename, never over another file ──► <folder>/papers.zgr
//! ```
//!
//! Invariants:
//!
//! - I1. Whatever ends a build, there is a whole index in its place or nothing.
//! - I2. What a killed build left behind is removed by the next one in the same folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{TempDir, TempPath};
use zerogr::raw::store::{place, regular_file};

use crate::console::failure::Failure;
use crate::console::output;

const PREFIX: &str = ".zerogr-build-";

/// A folder of this age that holds nothing yet has been locked by its process, if that is still
/// alive.
const LOCKED_AFTER: Duration = Duration::from_secs(60);

/// Where an index is made until it is whole. Dropping it removes what was made.
pub struct Unfinished {
    target: PathBuf,
    folder: TempDir,
    _lock: File,
}

impl Unfinished {
    /// A place for the index that is to be at `target`.
    pub fn new(target: &Path) -> Result<Unfinished, Failure> {
        let name = target.file_name().ok_or_else(|| {
            Failure::new(format!(
                "{} does not name a file: give the index a name",
                output::path(target)
            ))
        })?;
        // Without a separator at the end.
        let target = target.with_file_name(name);
        if target.symlink_metadata().is_ok() {
            return Err(exists(&target));
        }
        let folder = folder_of(&target);
        if !folder.is_dir() {
            return Err(Failure::new(format!(
                "{} is no folder: create it, or choose another place for the index",
                output::path(folder)
            )));
        }
        remove_leftovers(folder);
        let creating = |error: io::Error| Failure::io("creating a folder in", folder, &error);
        let temporary = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder);
        let temporary = temporary.map_err(creating)?;
        let lock = File::create(lock_of(temporary.path())).map_err(creating)?;
        // Without locks on this file system, leftovers stay; they are in nobody's way.
        let _ = lock.lock();
        Ok(Unfinished {
            target,
            folder: temporary,
            _lock: lock,
        })
    }

    /// Where to make the index.
    pub fn path(&self) -> PathBuf {
        self.folder
            .path()
            .join(self.target.file_name().unwrap_or_default())
    }

    /// Moves the finished index to its place, which is returned.
    pub fn finish(self) -> Result<PathBuf, Failure> {
        let moving = |error: io::Error| Failure::io("moving the index to", &self.target, &error);
        let made = TempPath::try_from_path(self.path()).map_err(moving)?;
        place::put_new(made, &self.target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.target),
            _ => moving(error),
        })?;
        Ok(self.target)
    }
}

fn exists(target: &Path) -> Failure {
    Failure::new(format!(
        "{} exists already: remove it, choose another name, or add to it with `zerogr add`",
        output::path(target)
    ))
}

fn folder_of(target: &Path) -> &Path {
    target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Removes the folders of builds that are not running any more.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // A link may lead to a folder of somebody else's.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let ours = is_folder && entry.file_name().to_string_lossy().starts_with(PREFIX);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let age = changed.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
        // Whoever makes an index in it has locked it before.
        let is_used = || fs::read_dir(entry.path()).is_ok_and(|entries| entries.count() > 1);
        if !ours || !(age.is_ok_and(|age| age > LOCKED_AFTER) || is_used()) {
            continue;
        }
        let lock = regular_file::open(&lock_of(&entry.path()));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            // Best effort: it only costs space.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
