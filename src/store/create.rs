//! A new file appears whole: it is made under another name, synced, and renamed into place.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::backend::Backend;
use super::file::FileBackend;
use super::handle::Store;
use super::nonce;
use super::transaction::Commit;
use crate::error::{Error, ErrorKind, Result};
use crate::format::limits::{FIRST_EXTENT_OFF_BYTES, HEADER_OFF_BYTES};
use crate::format::{ExtentStamp, FileHeader, HEADER_FLAG_SEEDED, Manifest};

/// How a new file is made.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// With a seed, the identity of the file and every nonce written to it, now and later, follow
    /// from the seed and the content, and the time of creation is 0: equal input gives equal
    /// bytes. Files with the same seed share their identity. Without one, they are random and
    /// real.
    pub seed: Option<u64>,
    /// A number of the embedding application's choice.
    pub application_id: u32,
}

impl Store {
    /// Creates an index that holds one empty commit. Either the whole file appears at `path`, or
    /// nothing.
    ///
    /// # Errors
    /// `Path` when something is at `path` already or its directory is missing; `Io`.
    pub fn create(path: &Path, options: &CreateOptions) -> Result<Store> {
        let creating = |error| Error::io("creating", path, error);
        let exists = || {
            Error::new(
                ErrorKind::Path,
                format!(
                    "{} exists already; open it, or choose another path",
                    path.display()
                ),
            )
        };
        if path.symlink_metadata().is_ok() {
            return Err(exists());
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let directory =
            std::fs::canonicalize(parent.unwrap_or(Path::new("."))).map_err(creating)?;
        let name = path.file_name().ok_or_else(|| {
            Error::new(
                ErrorKind::Path,
                format!("{} does not name a file", path.display()),
            )
        })?;
        let target = directory.join(name);

        let mut builder = tempfile::Builder::new();
        builder.prefix(".zerogr-new-").suffix(".tmp");
        // Like any file a program creates, and unlike a temporary one: the umask decides.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(&directory).map_err(creating)?;
        let file = temporary.as_file().try_clone().map_err(creating)?;
        let backend = FileBackend::from_writable(target.clone(), file).map_err(creating)?;
        initialise(&backend, options)?;
        temporary
            .persist_noclobber(&target)
            .map_err(|error| match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => exists(),
                _ => creating(error.error),
            })?;
        sync_directory(&directory).map_err(creating)?;
        Store::open_on(Arc::new(backend))
    }

    /// Creates an index in an empty backend.
    ///
    /// # Errors
    /// `Path` when the backend is not empty; `Io`.
    pub fn create_on(backend: Arc<dyn Backend>, options: &CreateOptions) -> Result<Store> {
        let len = backend
            .len_bytes()
            .map_err(|e| Error::io("measuring", backend.path(), e))?;
        if len != 0 {
            return Err(Error::new(
                ErrorKind::Path,
                format!("{} is not empty", backend.path().display()),
            ));
        }
        initialise(&*backend, options)?;
        Store::open_on(backend)
    }
}

/// Writes slots, header and the first commit.
fn initialise(backend: &dyn Backend, options: &CreateOptions) -> Result<()> {
    let failed = |error| Error::io("creating", backend.path(), error);
    let seeded = options.seed.is_some();
    let file_uuid = nonce::file_uuid(options.seed)?;
    let header = FileHeader {
        file_uuid,
        created_ms: if seeded { 0 } else { now_ms() },
        application_id: options.application_id,
        flags: if seeded { HEADER_FLAG_SEEDED } else { 0 },
    };
    let commit = Commit {
        stamp: ExtentStamp {
            generation: 1,
            commit_nonce: nonce::commit_nonce(seeded, file_uuid, None)?,
            file_uuid,
        },
        off_bytes: FIRST_EXTENT_OFF_BYTES,
        slot: 0,
        prev_manifest_off: 0,
        opt_flags: 0,
    };
    let prepared = commit.prepare(Manifest::default())?;

    let mut front = vec![0; usize::try_from(HEADER_OFF_BYTES).unwrap_or_default()];
    front.extend_from_slice(&header.encode());
    front.resize(
        usize::try_from(FIRST_EXTENT_OFF_BYTES).unwrap_or_default(),
        0,
    );
    backend.write_all_at(&front, 0).map_err(failed)?;
    backend.sync_data().map_err(failed)?;
    prepared.write(backend).map_err(failed)
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

/// Makes a rename in `directory` durable.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}

/// Windows has no such call; its file systems journal the rename.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}
