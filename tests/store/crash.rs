//! Crashes and failing disks: the old state or the new one, and no write after a failed one.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::store::{Event, Recording, SEED, add, bodies};
use zerogr::raw::format::ExtentKind;
use zerogr::raw::store::{Backend, MemoryBackend, Store, VerifyLevel};
use zerogr::{ErrorKind, Result};

/// Writes and syncs succeed `left` times and fail from then on, the last write half done.
#[derive(Debug)]
struct Failing {
    inner: Arc<MemoryBackend>,
    left: AtomicUsize,
    calls: AtomicUsize,
}

impl Failing {
    fn new(inner: Arc<MemoryBackend>, left: usize) -> Arc<Self> {
        Arc::new(Failing {
            inner,
            left: left.into(),
            calls: 0.into(),
        })
    }

    fn allowed(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let take = |left: usize| left.checked_sub(1);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

impl Backend for Failing {
    fn read_exact_at(&self, buffer: &mut [u8], off_bytes: u64) -> io::Result<()> {
        self.inner.read_exact_at(buffer, off_bytes)
    }

    fn write_all_at(&self, bytes: &[u8], off_bytes: u64) -> io::Result<()> {
        if self.allowed() {
            return self.inner.write_all_at(bytes, off_bytes);
        }
        // A sector is atomic; anything larger may be cut.
        if bytes.len() > 512 {
            self.inner
                .write_all_at(&bytes[..bytes.len() / 2], off_bytes)?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.allowed() {
            Ok(())
        } else {
            Err(io::Error::other("sync failed"))
        }
    }

    fn len_bytes(&self) -> io::Result<u64> {
        self.inner.len_bytes()
    }

    fn path(&self) -> &Path {
        self.inner.path()
    }
}

fn commit_one(store: &Store, body: &[u8]) -> Result<()> {
    add(store.begin()?, body).map(drop)
}

#[test]
fn failing_at_every_call_leaves_the_old_or_the_new_state_and_poisons_the_handle() {
    // ZF-CM-07
    for left in 0.. {
        let disk = Arc::new(MemoryBackend::default());
        let base = Store::create_on(disk.clone(), &SEED).unwrap();
        commit_one(&base, b"first").unwrap();
        let failing = Failing::new(disk.clone(), left);
        let store = Store::open_on(failing.clone()).unwrap();
        let result = commit_one(&store, &[7; 5000]);
        let reopened = Store::open_on(disk.clone()).unwrap();
        assert!(
            reopened.verify(VerifyLevel::Structure).is_ok(),
            "after {left} calls"
        );
        if result.is_ok() {
            assert!(failing.calls.load(Ordering::Relaxed) <= left);
            assert_eq!(bodies(&reopened), [&b"first"[..], &[7; 5000]]);
            // Sync at first use, extent, manifest, sync, superblock, sync.
            assert_eq!(left, 6);
            break;
        }
        let error = result.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::DiskFull | ErrorKind::Io));
        // Reading goes on; writing does not, even if the disk recovers.
        assert_eq!(bodies(&store), [b"first"]);
        failing.left.store(usize::MAX, Ordering::Relaxed);
        assert!(store.begin().unwrap_err().is_poisoned());
        // The sector of the superblock is written before the last sync fails.
        let wanted: &[&[u8]] = if left < 5 {
            &[b"first"]
        } else {
            &[b"first", &[7; 5000]]
        };
        assert_eq!(bodies(&reopened), wanted);
        // A new handle continues from there.
        commit_one(&reopened, b"after").unwrap();
        assert_eq!(
            bodies(&Store::open_on(disk).unwrap()).last().unwrap(),
            b"after"
        );
    }
}

#[test]
fn an_open_transaction_is_poisoned_too() {
    // ZF-CM-07
    let disk = Arc::new(MemoryBackend::default());
    Store::create_on(disk.clone(), &SEED).unwrap();
    let failing = Failing::new(disk, 1);
    let store = Store::open_on(failing.clone()).unwrap();
    let mut transaction = store.begin().unwrap();
    assert_eq!(
        transaction
            .append(ExtentKind::Blob, &[])
            .unwrap_err()
            .kind(),
        ErrorKind::DiskFull
    );
    failing.left.store(usize::MAX, Ordering::Relaxed);
    assert!(
        transaction
            .append(ExtentKind::Blob, &[])
            .unwrap_err()
            .is_poisoned()
    );
    let manifest = transaction.base().clone();
    assert!(transaction.commit(manifest).unwrap_err().is_poisoned());
}

#[test]
fn failing_creation_never_leaves_a_file_that_opens_as_anything_else() {
    for left in 0..=6 {
        let disk = Arc::new(MemoryBackend::default());
        let created = Store::create_on(Failing::new(disk.clone(), left), &SEED);
        match Store::open_on(disk) {
            Ok(store) => assert_eq!(store.manifest().generation, 1),
            Err(error) => assert!(error.is_not_an_index() || error.is_corrupt()),
        }
        assert_eq!(created.is_ok(), left == 6);
    }
}

#[test]
fn a_commit_writes_one_sector_between_two_syncs_and_overwrites_nothing_committed() {
    // ZF-SB-01, ZF-FL-02, ZF-CM-04, ZF-CM-05, ZF-CM-06
    let backend = Arc::new(Recording::default());
    let store = Store::create_on(backend.clone(), &SEED).unwrap();
    for n in 1..6u64 {
        commit_one(&store, &[n as u8; 9000]).unwrap();
        backend.log.lock().clear();
        let committed_end = store.committed_end_bytes();
        commit_one(&store, b"x").unwrap();
        let log = backend.log.lock();
        let Some(last_sync) = log.iter().rposition(|event| *event == Event::Sync) else {
            panic!()
        };
        assert_eq!(last_sync, log.len() - 1);
        let Event::Write(off, sector) = &log[last_sync - 1] else {
            panic!()
        };
        assert_eq!(sector.len(), 512);
        assert!([0, 4096].contains(off));
        assert_eq!(log[last_sync - 2], Event::Sync);
        for event in &log[..last_sync - 2] {
            let Event::Write(off, _) = event else {
                panic!()
            };
            assert!(*off >= committed_end && off.is_multiple_of(4096));
        }
    }
}

#[test]
fn any_subset_of_the_unsynced_writes_of_a_commit_leaves_the_old_or_the_new_state() {
    let backend = Arc::new(Recording::default());
    let store = Store::create_on(backend.clone(), &SEED).unwrap();
    commit_one(&store, b"old").unwrap();
    let before = backend.inner.to_vec();
    backend.log.lock().clear();
    commit_one(&store, &[5; 6000]).unwrap();
    let log = backend.log.lock().clone();
    let sectors = |from: usize, to: usize| -> Vec<(usize, Vec<u8>)> {
        let writes = log[from..to].iter().filter_map(|event| match event {
            Event::Write(off, bytes) => Some((*off as usize, bytes)),
            Event::Sync => None,
        });
        let cut = |(off, bytes): (usize, &Vec<u8>)| {
            let pieces = bytes
                .chunks(512)
                .enumerate()
                .map(move |(n, b)| (off + n * 512, b.to_vec()));
            pieces.collect::<Vec<_>>()
        };
        writes.flat_map(cut).collect()
    };
    let apply = |image: &mut Vec<u8>, (off, bytes): &(usize, Vec<u8>)| {
        image.resize(image.len().max(off + bytes.len()), 0);
        image[*off..off + bytes.len()].copy_from_slice(bytes);
    };
    let first_sync = log.iter().position(|event| *event == Event::Sync).unwrap();
    let data = sectors(0, first_sync);
    let slot = sectors(first_sync, log.len());
    assert!(data.len() >= 16 && slot.len() == 1);
    let old: &[&[u8]] = &[b"old"];
    let new: &[&[u8]] = &[b"old", &[5; 6000]];
    // Crash before the first sync: any subset of sectors arrived, the superblock did not.
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..500 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut image = before.clone();
        for (n, sector) in data.iter().enumerate() {
            if random >> (n % 48 + 8) & 1 == 1 {
                apply(&mut image, sector);
            }
        }
        let disk = Arc::new(MemoryBackend::new(image));
        let store = Store::open_on(disk.clone()).unwrap();
        assert_eq!(bodies(&store), old);
        // The next writer is not confused by what is left.
        commit_one(&store, b"next").unwrap();
        assert_eq!(
            bodies(&Store::open_on(disk).unwrap()),
            [&b"old"[..], b"next"]
        );
    }
    // Crash after it: all data arrived, the sector did, did not, or is torn.
    let mut image = before;
    data.iter().for_each(|sector| apply(&mut image, sector));
    assert_eq!(
        bodies(&Store::open_on(Arc::new(MemoryBackend::new(image.clone()))).unwrap()),
        old
    );
    let (off, sector) = &slot[0];
    for cut in 0..512 {
        let mut torn = image.clone();
        apply(&mut torn, &(*off, sector[..cut].to_vec()));
        let found = bodies(&Store::open_on(Arc::new(MemoryBackend::new(torn))).unwrap());
        assert!(
            if cut < 256 {
                found == old || found == new
            } else {
                found == new
            },
            "cut {cut}"
        );
    }
}
