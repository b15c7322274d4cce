//! Writing begins with the lock, and the lock says how.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::error::{Error, ErrorKind, Result};
use crate::store::handle::Store;
use crate::store::system::backend::Backend;
use crate::store::system::file::replaced;
use crate::store::system::lock::{Deadline, Guard};
use crate::store::system::strays;
use crate::store::system::temporary;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The commit is on stable storage when it returns.
    #[default]
    Full,
    /// Everything the commit refers to is on stable storage when it returns, the record that makes
    /// it the newest state may not be yet. A power cut may undo the newest commits; it never tears
    /// one, and the next commit makes them durable. The end of a process undoes nothing.
    Ordered,
}

/// How to write. The default waits for no other writer and commits durably.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WriteOptions {
    /// What commits wait for.
    pub durability: Durability,
    /// How long to wait for another writer before giving up with `Locked`.
    pub wait: Duration,
    /// Do without the lock that keeps out the writers of other processes, for file systems that
    /// have none. The caller answers for it that no other process writes to the file at the same
    /// time: two writers would overwrite each other's commits. Within the process there is one
    /// writer all the same.
    pub without_lock: bool,
}

impl WriteOptions {
    /// The default.
    pub fn new() -> Self {
        WriteOptions::default()
    }

    /// Sets what commits wait for.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how long to wait for another writer.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets whether to do without the lock.
    pub fn without_lock(mut self, without_lock: bool) -> Self {
        self.without_lock = without_lock;
        self
    }
}

/// The right to write: as long as a clone of it, or a transaction begun with it, lives, nobody
/// else writes to the index. It belongs to the process that took it; a forked child takes its own.
#[derive(Debug, Clone)]
pub struct WriteLock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    options: WriteOptions,
    /// Vacuum exchanges it for one on the new file.
    guard: Mutex<Guard>,
    /// A transaction is open, or a vacuum runs.
    in_use: AtomicBool,
}

impl Store {
    /// Takes the right to write, and refreshes the handle to the newest state. When another file
    /// took the place of the one this handle knows, because it was vacuumed, the handle continues
    /// on that and the lock is on that. What interrupted vacuums left behind is removed.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer of this or another process holds it and the time to wait is
    /// over; `LockUnsupported` when the file system has no locks; `ReadOnly`, `PermissionDenied` or
    /// `Io` when the file cannot be written; `Replaced` when another index took its place, or the
    /// path still leads to the file from before a vacuum; `Poisoned` after a failed write;
    /// `UnsupportedVersion` when writing needs a feature this build lacks; `Corrupt` when no
    /// committed state can be found any more.
    pub fn write_lock(&self, options: &WriteOptions) -> Result<WriteLock> {
        self.check_not_poisoned()?;
        let guard = Guard::acquire(
            &self.snapshot().file.backend,
            !options.without_lock,
            Deadline::after(options.wait),
        )?;
        self.refresh()?;
        let newest = self.snapshot();
        if let Some(file) = newest.file.backend.as_file() {
            if !guard.covers(file)? {
                return Err(Error::io("locking", self.path(), replaced()));
            }
            if !options.without_lock && !newest.file.swept.swap(true, Ordering::AcqRel) {
                strays::remove_strays(file.path());
                temporary::remove_leftovers(file.path().parent().unwrap_or(Path::new("/")));
            }
        }
        if self.is_superseded() {
            return Err(Error::new(
                ErrorKind::Replaced,
                format!(
                    "{} was vacuumed, and this path still leads to the file from before; open \
                     the new one (a container that mounts a single file must be started again), \
                     or make a copy with Store::backup",
                    self.path().display()
                ),
            ));
        }
        newest.state.superblock.check_writable()?;
        Ok(WriteLock(Arc::new(Inner {
            store: self.clone(),
            options: options.clone(),
            guard: Mutex::new(guard),
            in_use: AtomicBool::new(false),
        })))
    }
}

impl WriteLock {
    /// The store that may be written to.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What commits wait for.
    pub fn durability(&self) -> Durability {
        self.0.options.durability
    }

    /// Without a lock others may have written, one after the other.
    pub(in crate::store) fn catch_up(&self) -> Result<()> {
        if self.0.options.without_lock {
            self.store().refresh()?;
        }
        Ok(())
    }

    /// Refuses when nothing may be written any more.
    pub(in crate::store) fn check(&self) -> Result<()> {
        self.store().check_not_poisoned()?;
        self.0.guard.lock().check_process(self.store().path())
    }

    /// Whether this process took the lock, and no other that it was forked from.
    pub(in crate::store) fn is_of_this_process(&self) -> bool {
        // Held by another thread at the moment of a fork, it is never free in the child.
        let guard = self.0.guard.try_lock();
        guard.is_some_and(|guard| guard.check_process(self.store().path()).is_ok())
    }

    /// Marks the lock as in use, by a transaction or a vacuum.
    pub(in crate::store) fn begin_exclusive(&self) -> Result<()> {
        self.check()?;
        if self.0.in_use.swap(true, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::Locked,
                format!(
                    "{} has an open transaction; commit or drop it first",
                    self.store().path().display()
                ),
            ));
        }
        Ok(())
    }

    pub(in crate::store) fn end_exclusive(&self) {
        self.0.in_use.store(false, Ordering::Release);
    }

    /// Locks the file behind `handle` as this lock locks its own.
    pub(in crate::store) fn guard_on(&self, handle: std::fs::File) -> Result<Guard> {
        let now = Deadline::after(Duration::ZERO);
        Guard::on(
            handle,
            !self.0.options.without_lock,
            now,
            self.store().path(),
        )
    }

    /// Whether strays can be told from the work of other writers.
    pub(in crate::store) fn keeps_others_out(&self) -> bool {
        !self.0.options.without_lock
    }

    /// Goes on with the guard of another file; gives the one before.
    pub(in crate::store) fn exchange_guard(&self, guard: Guard) -> Guard {
        std::mem::replace(&mut *self.0.guard.lock(), guard)
    }
}
