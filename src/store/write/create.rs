//! A new index: slots, header and one empty commit.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::transaction::Commit;
use super::write_lock::Durability;
use crate::error::{Error, Result};
use crate::format::limits::{FIRST_EXTENT_OFF_BYTES, HEADER_OFF_BYTES};
use crate::format::{ExtentStamp, FileHeader, HEADER_FLAG_SEEDED, Manifest};
use crate::store::handle::Store;
use crate::store::system::appear::appear;
use crate::store::system::backend::Backend;
use crate::store::system::memory::MemoryBackend;
use crate::store::system::nonce;
use crate::store::system::place;

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
    /// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing; a
    /// failure of I/O (`PermissionDenied`, `DiskFull`, `Io`, ...).
    pub fn create(path: &Path, options: &CreateOptions) -> Result<Store> {
        let backend = appear(path, None, |backend| initialise(&**backend, options))?;
        Store::open_on(backend)
    }

    /// Creates an index with what `fill` commits to it. Either all of that appears at `path`, or
    /// nothing; it is put together in memory.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing; a
    /// failure of I/O (`PermissionDenied`, `DiskFull`, `Io`, ...); and what `fill` gives.
    pub fn create_with(
        path: &Path,
        options: &CreateOptions,
        fill: impl FnOnce(&Store) -> Result<()>,
    ) -> Result<Store> {
        place::expect_nothing(path)?;
        let memory = Arc::new(MemoryBackend::default());
        fill(&Store::create_on(memory.clone(), options)?)?;
        let backend = appear(path, None, |backend| {
            let written = backend.write_all_at(&memory.to_vec(), 0);
            written
                .and_then(|()| backend.sync_data())
                .map_err(|error| Error::io("creating", path, error))
        })?;
        Store::open_on(backend)
    }

    /// Creates an index with what `fill` commits to it, with the permissions of another. Either all
    /// of that appears at `path`, or nothing; until then it is a file under another name.
    ///
    /// # Errors
    /// Those of [`Store::create`] and of `fill`.
    pub(crate) fn create_like(
        path: &Path,
        like: &Store,
        options: &CreateOptions,
        fill: impl FnOnce(&Store) -> Result<()>,
    ) -> Result<()> {
        let like = like.file_metadata()?;
        appear(path, like.as_ref(), |backend| {
            let unnamed: Arc<dyn Backend> = Arc::new(Unnamed(backend.clone()));
            initialise(&*unnamed, options)?;
            fill(&Store::open_on(unnamed)?)
        })
        .map(drop)
    }

    /// Creates an index in an empty backend.
    ///
    /// # Errors
    /// `AlreadyExists` when the backend is not empty; a failure of I/O.
    pub fn create_on(backend: Arc<dyn Backend>, options: &CreateOptions) -> Result<Store> {
        place::expect_empty(&*backend)?;
        initialise(&*backend, options)?;
        Store::open_on(backend)
    }
}

/// A file on its way to its name: no one else finds it, so no one needs to be kept out of it.
#[derive(Debug)]
struct Unnamed(Arc<dyn Backend>);

impl Backend for Unnamed {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, off_bytes)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.0.len_bytes()
    }

    fn path(&self) -> &Path {
        self.0.path()
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

    write_front(backend, &header).map_err(failed)?;
    backend.sync_data().map_err(failed)?;
    prepared.write(backend, Durability::Full).map_err(failed)
}

/// Writes two empty slots and the header.
pub(in crate::store) fn write_front(backend: &dyn Backend, header: &FileHeader) -> io::Result<()> {
    let mut front = vec![0; usize::try_from(HEADER_OFF_BYTES).unwrap_or_default()];
    front.extend_from_slice(&header.encode());
    front.resize(
        usize::try_from(FIRST_EXTENT_OFF_BYTES).unwrap_or_default(),
        0,
    );
    backend.write_all_at(&front, 0)
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
