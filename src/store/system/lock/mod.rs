//! One writer: a guard against every other one, in this process and in others.
//!
//! ```text
//! process    a table of the files this process writes, by identity: threads, other handles,
//!            symbolic and hard links
//! machine    a lock on one byte far past the end of the file, on a descriptor of its own
//! path       once both are held: does the path still lead to the file that was locked?
//! ```
//!
//! The byte is past the end of every file, so a lock that is mandatory (Windows) stops nobody
//! from reading, and no side file can be left behind or deleted. The kernel drops the lock when
//! its process dies. Readers take no lock.
//!
//! Invariants:
//!
//!  - **I1** A guard belongs to the process that took it. After a fork the child's copy neither
//!    permits writing nor, when dropped, releases the parent's lock.
//!  - **I2** When [`Guard::acquire`] returns, the path led to the locked file *after* the lock was
//!    held: a vacuum that ended while we waited has put its successor there, and we lock that.
//!  - **I3** A file system without locks is an error, never silence.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

use super::backend::Backend;
use super::file::{FileBackend, FileId};
use crate::error::{Error, ErrorKind, Result};

/// The byte that writers lock.
const LOCK_OFF_BYTES: u64 = 1 << 62;
/// Between two looks at a lock that another process holds. (Waiting in the kernel has no limit.)
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What this process writes, and the process that the entry belongs to: a forked child inherits
/// the table, but not the right to write.
static WRITTEN: Mutex<BTreeMap<Key, u32>> = Mutex::new(BTreeMap::new());
static RELEASED: Condvar = Condvar::new();

/// What a file is told from others by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    File(FileId),
    /// The address of a backend that is not a file.
    Object(usize),
}

/// How long to wait for another writer.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Deadline(Option<Instant>);

impl Deadline {
    /// A wait too long for the clock is a wait without end.
    pub(in crate::store) fn after(wait: Duration) -> Self {
        Deadline(Instant::now().checked_add(wait))
    }

    fn is_over(self) -> bool {
        self.0.is_some_and(|end| Instant::now() >= end)
    }
}

/// Tries once to lock a file as its writers do; false where another process has, or there are no
/// locks.
pub(in crate::store) fn try_lock(file: &File) -> bool {
    system::try_lock(file, LOCK_OFF_BYTES).unwrap_or(false)
}

/// Gives the lock of [`try_lock`] back.
pub(in crate::store) fn unlock(file: &File) {
    let _ = system::unlock(file, LOCK_OFF_BYTES);
}

/// Keeps other writers out while it lives.
#[derive(Debug)]
pub(in crate::store) struct Guard {
    /// The descriptor that holds the lock; none for a backend that is not a file, or when the
    /// caller answers for other processes.
    locked: Option<File>,
    entry: Entry,
    /// Keeps the address in [`Key::Object`] from being used again.
    _backend: Option<Arc<dyn Backend>>,
}

impl Guard {
    /// Takes the place of the one writer, or says who has it.
    ///
    /// # Errors
    /// `Locked`, `LockUnsupported`, `Io` when the file cannot be opened for writing.
    pub(in crate::store) fn acquire(
        backend: &Arc<dyn Backend>,
        lock: bool,
        deadline: Deadline,
    ) -> Result<Self> {
        let Some(file) = backend.as_file() else {
            let key = Key::Object(Arc::as_ptr(backend).addr());
            return Ok(Guard {
                locked: None,
                entry: Entry::take(key, deadline, backend.path())?,
                _backend: Some(backend.clone()),
            });
        };
        loop {
            let handle = file
                .open_writable()
                .map_err(|error| cannot_write(file.path(), error))?;
            let guard = Guard::on(handle, lock, deadline, file.path())?;
            if guard.is_at_path(file)? {
                return Ok(guard);
            }
        }
    }

    /// The same for a file that is open for writing already.
    pub(in crate::store) fn on(
        handle: File,
        lock: bool,
        deadline: Deadline,
        path: &Path,
    ) -> Result<Self> {
        let id = FileId::of(&handle).map_err(|error| Error::io("identifying", path, error))?;
        let entry = Entry::take(Key::File(id), deadline, path)?;
        if lock {
            lock_until(&handle, deadline, path)?;
        }
        Ok(Guard {
            locked: lock.then_some(handle),
            entry,
            _backend: None,
        })
    }

    /// Whether the guard is the one for `file`.
    pub(in crate::store) fn covers(&self, file: &FileBackend) -> Result<bool> {
        let id = file
            .id()
            .map_err(|error| Error::io("identifying", file.path(), error))?;
        Ok(self.entry.key == Key::File(id))
    }

    fn is_at_path(&self, file: &FileBackend) -> Result<bool> {
        let id = file
            .id_at_path()
            .map_err(|error| cannot_write(file.path(), error))?;
        Ok(self.entry.key == Key::File(id))
    }

    /// Refuses in a process that inherited the guard instead of taking it.
    pub(in crate::store) fn check_process(&self, path: &Path) -> Result<()> {
        if self.entry.process == std::process::id() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Locked,
            format!(
                "{} is locked by the process that this one was forked from; open the index anew \
                 after forking",
                path.display()
            ),
        ))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the descriptor would leave the lock to a forked child that still has it open,
        // and in such a child unlocking would take it from the parent.
        if let Some(file) = &self.locked
            && self.entry.process == std::process::id()
        {
            // Nothing can be done about a failure; closing is the second try.
            let _ = system::unlock(file, LOCK_OFF_BYTES);
        }
    }
}

/// A line in the table of what this process writes.
#[derive(Debug)]
struct Entry {
    key: Key,
    process: u32,
}

impl Entry {
    fn take(key: Key, deadline: Deadline, path: &Path) -> Result<Self> {
        let process = std::process::id();
        let mut written = WRITTEN.lock();
        while written.get(&key) == Some(&process) {
            let over = match deadline.0 {
                Some(end) => RELEASED.wait_until(&mut written, end).timed_out(),
                None => {
                    RELEASED.wait(&mut written);
                    false
                }
            };
            if over && written.get(&key) == Some(&process) {
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!(
                        "{} is being written by this process already; finish or drop that writer \
                         first, or wait for it with WriteOptions::wait",
                        path.display()
                    ),
                ));
            }
        }
        written.insert(key, process);
        Ok(Entry { key, process })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            WRITTEN.lock().remove(&self.key);
            RELEASED.notify_all();
        }
    }
}

fn lock_until(file: &File, deadline: Deadline, path: &Path) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    loop {
        match system::try_lock(file, LOCK_OFF_BYTES) {
            Ok(true) => return Ok(()),
            Ok(false) if deadline.is_over() => {
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!(
                        "{} is being written by another process; try again when it is done, or \
                         wait for it with WriteOptions::wait",
                        path.display()
                    ),
                ));
            }
            Ok(false) => {
                std::thread::sleep(pause);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            Err(error) if system::is_unsupported(&error) => {
                return Err(Error::with_source(
                    ErrorKind::LockUnsupported,
                    format!(
                        "the file system of {} has no locks ({error}), so two writers could \
                         damage the index; keep it on a local disk, or, if you can promise that \
                         nothing else writes to it, use WriteOptions::without_lock",
                        path.display()
                    ),
                    error,
                ));
            }
            Err(error) => return Err(Error::io("locking", path, error)),
        }
    }
}

fn cannot_write(path: &Path, error: io::Error) -> Error {
    if matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    ) {
        return Error::of_io(
            format!(
                "{} cannot be written ({error}); it can still be searched, and a copy of it in a \
                 place of your own can be changed",
                path.display()
            ),
            error,
        );
    }
    Error::io("opening for writing", path, error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_locked_is_an_error_that_says_what_to_do() {
        let path = std::env::current_exe().unwrap();
        // Network file systems answer like this to a descriptor that cannot write.
        let handle = || File::open(&path).unwrap();
        let now = Deadline::after(Duration::ZERO);
        let error = Guard::on(handle(), true, now, &path).unwrap_err();
        assert!(error.is_lock_unsupported());
        assert!(error.to_string().contains("without_lock"));
        // The failure left nothing behind, and who opts out is not asked.
        let held = Guard::on(handle(), false, now, &path).unwrap();
        assert!(
            Guard::on(handle(), false, now, &path)
                .unwrap_err()
                .is_locked()
        );
        drop(held);
    }

    #[test]
    fn every_answer_of_a_file_system_without_locks_is_known() {
        for code in [libc::ENOLCK, libc::ENOTSUP, libc::EINVAL, libc::EBADF] {
            assert!(system::is_unsupported(&io::Error::from_raw_os_error(code)));
        }
        for code in [libc::EIO, libc::ENOSPC, libc::EINTR] {
            assert!(!system::is_unsupported(&io::Error::from_raw_os_error(code)));
        }
    }

    #[test]
    fn an_endless_wait_has_no_end() {
        assert!(Deadline::after(Duration::MAX).0.is_none());
        assert!(!Deadline::after(Duration::MAX).is_over());
        assert!(Deadline::after(Duration::ZERO).is_over());
    }
}
