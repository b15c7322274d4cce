//! Writing begins with the lock, and the lock says how.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::backend::Backend;
use super::file::replaced;
use super::handle::Store;
use super::lock::{Deadline, Guard};
use super::transaction::Transaction;
use super::{temporary, vacuum};
use crate::error::{Error, ErrorKind, Result};

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
                vacuum::remove_strays(file.path());
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

    /// Begins a transaction on the newest committed state, with a [`WriteLock`] of its own that
    /// waits for nobody.
    ///
    /// # Errors
    ///
    /// `Locked` while another writer or another transaction is open; `LockUnsupported` when the
    /// file system has no locks; `ReadOnly`, `PermissionDenied` or `Io` when the file cannot be
    /// written; `Replaced` when another index took its place; `Poisoned` after a failed write;
    /// `UnsupportedVersion` when writing needs a feature this build lacks; `Corrupt` when no
    /// committed state can be found any more.
    pub fn begin(&self) -> Result<Transaction> {
        self.write_lock(&WriteOptions::default())?.begin()
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

    /// Begins a transaction on the newest committed state.
    ///
    /// # Errors
    /// `Locked` while another transaction of this lock is open, or in a process that was forked
    /// from the one that holds it; `Poisoned` after a failed write; `Io`.
    pub fn begin(&self) -> Result<Transaction> {
        self.begin_exclusive()?;
        self.prepare()
            .and_then(|()| Transaction::new(self.clone()))
            .inspect_err(|_| self.end_exclusive())
    }

    fn prepare(&self) -> Result<()> {
        self.catch_up()?;
        let store = self.store();
        let file = store.snapshot().file;
        file.backend
            .prepare_write()
            .map_err(|error| Error::io("opening for writing", store.path(), error))?;
        let synced = file
            .sync_once()
            .map_err(|error| store.poison("syncing", error))?;
        if synced {
            store.refresh()?;
        }
        Ok(())
    }

    /// Without a lock others may have written, one after the other.
    pub(super) fn catch_up(&self) -> Result<()> {
        if self.0.options.without_lock {
            self.store().refresh()?;
        }
        Ok(())
    }

    /// Refuses when nothing may be written any more.
    pub(super) fn check(&self) -> Result<()> {
        self.store().check_not_poisoned()?;
        self.0.guard.lock().check_process(self.store().path())
    }

    /// Whether this process took the lock, and no other that it was forked from.
    pub(super) fn is_of_this_process(&self) -> bool {
        // Held by another thread at the moment of a fork, it is never free in the child.
        let guard = self.0.guard.try_lock();
        guard.is_some_and(|guard| guard.check_process(self.store().path()).is_ok())
    }

    /// Marks the lock as in use, by a transaction or a vacuum.
    pub(super) fn begin_exclusive(&self) -> Result<()> {
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

    pub(super) fn end_exclusive(&self) {
        self.0.in_use.store(false, Ordering::Release);
    }

    /// Locks the file behind `handle` as this lock locks its own.
    pub(super) fn guard_on(&self, handle: std::fs::File) -> Result<Guard> {
        let now = Deadline::after(Duration::ZERO);
        Guard::on(
            handle,
            !self.0.options.without_lock,
            now,
            self.store().path(),
        )
    }

    /// Whether strays can be told from the work of other writers.
    pub(super) fn keeps_others_out(&self) -> bool {
        !self.0.options.without_lock
    }

    /// Goes on with the guard of another file; gives the one before.
    pub(super) fn exchange_guard(&self, guard: Guard) -> Guard {
        std::mem::replace(&mut *self.0.guard.lock(), guard)
    }
}
