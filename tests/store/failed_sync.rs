//! A disk like Linux's after a failed sync: what could not be written still reads as written, and
//! the next sync succeeds without writing it. Only dropping the cache shows the truth.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::segments::push_segment;
use crate::support::store::append;
use parking_lot::Mutex;
use zerogr::Result;
use zerogr::raw::store::{Backend, CreateOptions, MemoryBackend, Store};

#[derive(Debug)]
struct LyingDisk {
    cache: Mutex<Arc<MemoryBackend>>,
    disk: MemoryBackend,
    /// Writes that a successful sync brings to the disk; a failed one forgets them.
    unsynced: Mutex<Vec<(u64, Vec<u8>)>>,
    syncs_until_failure: AtomicU32,
}

impl LyingDisk {
    fn new() -> Self {
        LyingDisk {
            cache: Mutex::default(),
            disk: MemoryBackend::default(),
            unsynced: Mutex::default(),
            syncs_until_failure: AtomicU32::new(u32::MAX),
        }
    }
}

impl Backend for LyingDisk {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.cache.lock().read_exact_at(buffer, off_bytes)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        self.unsynced.lock().push((off_bytes, bytes.to_vec()));
        self.cache.lock().write_all_at(bytes, off_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        let writes = std::mem::take(&mut *self.unsynced.lock());
        if self.syncs_until_failure.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(io::Error::other("the disk is gone for a moment"));
        }
        writes
            .iter()
            .try_for_each(|(off, bytes)| self.disk.write_all_at(bytes, *off))
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.cache.lock().len_bytes()
    }

    fn path(&self) -> &Path {
        Path::new("(lying disk)")
    }

    fn forget_front(&self, len_bytes: u64) {
        let mut bytes = self.cache.lock().to_vec();
        let front = bytes.len().min(len_bytes as usize);
        bytes[..front].copy_from_slice(&self.disk.to_vec()[..front]);
        *self.cache.lock() = Arc::new(MemoryBackend::new(bytes));
    }
}

fn commit(store: &Store) -> Result<u64> {
    let mut transaction = store.begin()?;
    let mut manifest = transaction.base().clone();
    let segment = append(&mut transaction, b"body")?;
    push_segment(&mut manifest, segment);
    Ok(transaction.commit(manifest)?.generation)
}

#[test]
fn a_commit_never_builds_on_one_whose_sync_failed() {
    let disk = Arc::new(LyingDisk::new());
    let store = Store::create_on(disk.clone(), &CreateOptions::default()).unwrap();
    let acknowledged = commit(&store).unwrap();
    // Two syncs per commit: the second is the one that makes the superblock durable.
    disk.syncs_until_failure.store(2, Ordering::Relaxed);
    commit(&store).unwrap_err();
    assert!(commit(&store).unwrap_err().is_poisoned());
    drop(store);
    disk.syncs_until_failure.store(u32::MAX, Ordering::Relaxed);

    let reader = Store::open_on(disk.clone()).unwrap();
    assert_eq!(
        reader.manifest().generation,
        acknowledged + 1,
        "the cache says so"
    );
    let error = commit(&reader).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    drop(reader);

    let again = Store::open_on(disk.clone()).unwrap();
    assert_eq!(
        again.manifest().generation,
        acknowledged,
        "the disk says so"
    );
    let next = commit(&again).unwrap();
    // A power cut now shows the disk alone.
    let survived = Store::open_on(Arc::new(MemoryBackend::new(disk.disk.to_vec()))).unwrap();
    assert_eq!(survived.manifest().generation, next);
    assert_eq!(survived.manifest().segments.len(), 2);
}
