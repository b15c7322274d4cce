//! Opening a file that may not be there yet, while others may be making it.
//!
//! A file appears at its path whole or not at all (see [`appear`](crate::store::system::appear)), so there is no
//! moment at which somebody finds a part of one: whoever is second to make it is told so, and opens
//! what the first one made. Only where a file system cannot move a file without replacing another
//! is there an empty file for a moment, the claim of the maker.

use std::path::Path;
use std::time::Duration;

use super::create::CreateOptions;
use crate::error::Result;
use crate::store::handle::Store;

/// How often an empty file is looked at again, and for how long in between.
const LOOKS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

impl Store {
    /// Opens the index at `path`, or creates one with what `fill` commits to it where nothing is.
    /// Of any number of threads and processes that do so at once, one creates it, and all have it.
    ///
    /// # Errors
    /// `NotAnIndex`, also for an empty file that stays empty, `UnsupportedVersion`, or `Corrupt` when
    /// no committed state of an index that is there is intact; `NotFound` when its directory is
    /// missing; a failure of I/O (`PermissionDenied`, `DiskFull`, `Io`, ...); what `fill` gives.
    pub fn open_or_create(
        path: &Path,
        options: &CreateOptions,
        fill: impl FnOnce(&Store) -> Result<()>,
    ) -> Result<Store> {
        let create = || Store::create_with(path, options, fill);
        open_or_make(path, || Store::open(path), create)
    }
}

/// What `open` gives, or where nothing is at `path`, what `make` gives unless somebody else was
/// faster.
pub(crate) fn open_or_make<T>(
    path: &Path,
    open: impl Fn() -> Result<T>,
    make: impl FnOnce() -> Result<T>,
) -> Result<T> {
    match open_when_made(path, &open) {
        Err(error) if error.is_not_found() => {}
        result => return result,
    }
    match make() {
        Err(error) if error.is_already_exists() => open_when_made(path, &open),
        result => result,
    }
}

/// Opens a file, once it is more than a claim.
fn open_when_made<T>(path: &Path, open: &impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..LOOKS {
        // Looked at before, because it may be moved into place while it is opened.
        let may_be_claim = path.metadata().map_or(true, |file| file.len() == 0);
        match open() {
            Err(error) if error.is_not_an_index() && may_be_claim => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
    open()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// An index that was made whole has two commits.
    fn fill(store: &Store) -> Result<()> {
        let transaction = store.begin()?;
        let mut manifest = transaction.base().clone();
        manifest.user_metadata = b"filled".to_vec();
        transaction.commit(manifest).map(drop)
    }

    #[test]
    fn of_many_threads_one_makes_the_file_and_all_have_it() {
        const THREADS: usize = 8;
        let options = CreateOptions::default();
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.zgr");
            let (barrier, fills) = (Barrier::new(THREADS), AtomicUsize::new(0));
            let run = || {
                barrier.wait();
                let store = Store::open_or_create(&path, &options, |store| {
                    fills.fetch_add(1, Ordering::Relaxed);
                    fill(store)
                });
                let store = store.unwrap();
                assert_eq!(store.manifest().user_metadata, b"filled");
                store.uuid()
            };
            let ids: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
                threads.into_iter().map(|one| one.join().unwrap()).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]), "two files were made");
            assert!(fills.load(Ordering::Relaxed) >= 1);
            // What is there is opened, and nothing is filled for it.
            let never = |_: &Store| panic!("it is there");
            let again = Store::open_or_create(&path, &options, never).unwrap();
            assert_eq!(again.uuid(), ids[0]);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_claim_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.zgr");
        let made = folder.path().join("made");
        std::fs::write(&path, b"").unwrap();
        Store::create(&made, &CreateOptions::default()).unwrap();
        let looks = AtomicUsize::new(0);
        let open = || {
            // Whoever claimed the name goes on while this one waits.
            if looks.fetch_add(1, Ordering::Relaxed) == 2 {
                std::fs::rename(&made, &path).unwrap();
            }
            Store::open(&path)
        };
        open_or_make(&path, open, || panic!("it is claimed")).unwrap();
        assert_eq!(looks.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn what_is_no_index_and_what_cannot_be_made_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let options = CreateOptions::default();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, b"not an index").unwrap();
        let error = Store::open_or_create(&path, &options, fill).unwrap_err();
        assert!(error.is_not_an_index(), "{error}");
        let missing = folder.path().join("no/such/index.zgr");
        let error = Store::open_or_create(&missing, &options, fill).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        // Nothing is left of an index that could not be filled.
        let path = folder.path().join("index.zgr");
        let refuse = |_: &Store| Err(crate::Error::invalid("no"));
        let error = Store::open_or_create(&path, &options, refuse).unwrap_err();
        assert!(error.is_invalid_input() && !path.exists(), "{error}");
    }
}
