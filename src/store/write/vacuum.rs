//! Vacuum in place: a new file with the live extents takes the path of the old one.
//!
//! ```text
//! 1  write <name>.vacuum-<nonce> beside the file, lock it, sync it, verify every byte
//! 2  rename it over the file
//! 3  sync the directory
//! 4  mark the old file as superseded
//! ```
//!
//! The path leads to a complete file at every moment: the old one up to step 2, then the new one.
//! The new file is locked before the path leads to it, so no other writer slips in, and a writer
//! that was waiting for the old one finds after its wait that the path leads elsewhere. Readers
//! keep the old file until they refresh. A crash before step 2 leaves a stray, which the next
//! writer removes.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::copy::{AsItIs, Rewrite, verify_copy, write_compact};
use super::transaction::write_slot;
use super::write_lock::WriteLock;
use crate::error::{Error, Result};
use crate::format::SUPERBLOCK_FLAG_SUPERSEDED;
use crate::store::handle::Store;
use crate::store::read::snapshot::Snapshot;
use crate::store::system::backend::Backend;
use crate::store::system::file::FileBackend;
use crate::store::system::lock::Guard;
use crate::store::system::place::Folder;
use crate::store::system::strays::{Stray, remove_strays};

/// What a vacuum did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VacuumReport {
    /// The new generation.
    pub generation: u64,
    /// Length of the file before.
    pub before_bytes: u64,
    /// Length of the file now.
    pub after_bytes: u64,
}

impl Store {
    /// Gives the dead bytes of the file back: writes the live ones to a new file in the same
    /// directory, verifies it and renames it over the old one. On the way it needs as much space
    /// as the live bytes take. The new file has the same identity, permissions and owner, and one
    /// generation more. This handle continues on it, and so does every other one at its next
    /// refresh; snapshots, extents and sections taken before stay readable. It is always durable.
    ///
    /// What is deleted inside a live extent stays in it; of an index, use
    /// [`Index::vacuum`](crate::Index::vacuum), which leaves deleted documents behind.
    ///
    /// # Errors
    /// `InvalidInput` when the file has another hard link, which would keep the old file, when
    /// `lock` is of another store, or when the store is not in a file; `Locked` while a
    /// transaction of the lock is open; `Corrupt` when the index is damaged; a failure of I/O
    /// (`DiskFull`, `PermissionDenied`, `Io`, ...), which poisons the store if the file was
    /// exchanged already; `Replaced` when another file is at the path; `Poisoned`. Up to the exchange an
    /// error leaves everything as it was.
    pub fn vacuum(&self, lock: &WriteLock) -> Result<VacuumReport> {
        self.vacuum_with(lock, &AsItIs)
    }

    /// [`Store::vacuum`] of what `rewrite` makes of the newest state.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the file has another hard link, when `lock` is of another store, or when
    /// the store is not in a file; `Locked` while a transaction of the lock is open; `Corrupt` when
    /// the index is damaged; a failure of I/O (`DiskFull`, `PermissionDenied`, `Io`, ...), which
    /// poisons the store if the file was exchanged already; `Replaced` when another file is at the
    /// path; `Poisoned`; and what `rewrite` gives. Up to the exchange an error leaves everything as
    /// it was.
    pub fn vacuum_with(&self, lock: &WriteLock, rewrite: &dyn Rewrite) -> Result<VacuumReport> {
        if !self.is_same(lock.store()) {
            return Err(Error::invalid(
                "vacuum needs the write lock of the store it is called on",
            ));
        }
        lock.begin_exclusive()?;
        let result = self.vacuum_exclusive(lock, rewrite);
        lock.end_exclusive();
        result
    }

    fn vacuum_exclusive(&self, lock: &WriteLock, rewrite: &dyn Rewrite) -> Result<VacuumReport> {
        lock.catch_up()?;
        let old = self.snapshot();
        let Some(old_file) = old.file.backend.as_file() else {
            return Err(Error::invalid(
                "only an index in a file can be vacuumed in place; use Store::copy_live",
            ));
        };
        let failed = |action: &'static str| move |error| Error::io(action, self.path(), error);
        // Writable from here on, and still the file at the path.
        old_file
            .prepare_write()
            .map_err(failed("opening for writing"))?;
        self.check_one_name(old_file)?;
        if lock.keeps_others_out() {
            remove_strays(self.path());
        }
        let before_bytes = old.file.len_bytes()?;

        let metadata = old_file.metadata().map_err(failed("examining"))?;
        let stray = Stray::create(self.path())?;
        take_after(&stray.file, &metadata).map_err(|error| {
            Error::of_io(
                format!(
                    "a vacuumed {} could not keep its owner and permissions ({error}); vacuum \
                     it as its owner, or use Store::vacuum_into",
                    self.path().display()
                ),
                error,
            )
        })?;
        let handle = OpenOptions::new().read(true).write(true).open(&stray.path);
        let guard = lock.guard_on(handle.map_err(failed("vacuuming"))?)?;
        let writable = stray.file.try_clone().map_err(failed("vacuuming"))?;
        let target = FileBackend::from_writable(self.path().to_owned(), writable)
            .map_err(failed("vacuuming"))?;
        let target: Arc<dyn Backend> = Arc::new(target);
        write_compact(&old, &*target, rewrite)?;
        let new = verify_copy(&target, self.permit())?;
        rewrite.go_on()?;

        // Once more, now that the long part is over.
        old_file.prepare_write().map_err(failed("vacuuming"))?;
        self.check_one_name(old_file)?;
        let folder = Folder::of(self.path()).map_err(failed("vacuuming"))?;
        stray.put_at(self.path()).map_err(failed("vacuuming"))?;
        self.settle(&folder, lock, &old, new.clone(), guard)?;
        Ok(VacuumReport {
            generation: new.generation(),
            before_bytes,
            after_bytes: new.file.len_bytes()?,
        })
    }

    /// After the exchange there is no way back: whatever fails, this handle is on the new file.
    fn settle(
        &self,
        folder: &Folder,
        lock: &WriteLock,
        old: &Snapshot,
        new: Snapshot,
        guard: Guard,
    ) -> Result<()> {
        let settled = folder.settle();
        self.continue_on(new);
        let old_guard = lock.exchange_guard(guard);
        let _ = mark_superseded(old);
        drop(old_guard);
        // A power cut could bring the old file back, and with it lose every commit from now on.
        settled.map_err(|error| self.poison("vacuuming", error))
    }

    fn check_one_name(&self, file: &FileBackend) -> Result<()> {
        let links = file
            .link_count()
            .map_err(|error| Error::io("examining", self.path(), error))?;
        if links <= 1 {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{} has {links} hard links, and a vacuum would leave the old file under the others; \
             remove those, or use Store::vacuum_into",
            self.path().display()
        )))
    }
}

/// Tells the readers of the old file, in the slot that is not in use, so that no reader can see a
/// torn record where the newest one was.
fn mark_superseded(old: &Snapshot) -> io::Result<()> {
    let mut superblock = old.state.superblock.clone();
    superblock.flags |= SUPERBLOCK_FLAG_SUPERSEDED;
    let slot = 1_usize.saturating_sub(old.state.slot);
    write_slot(&*old.file.backend, slot, &superblock)
}

/// Gives `file` the owner and permissions of another.
#[cfg(unix)]
fn take_after(file: &File, other: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    let changed = |own: u32, other: u32| (own != other).then_some(other);
    let (uid, gid) = (
        changed(own.uid(), other.uid()),
        changed(own.gid(), other.gid()),
    );
    if uid.is_some() || gid.is_some() {
        fchown(file, uid, gid)?;
    }
    file.set_permissions(other.permissions())
}

/// A new file inherits from its directory there.
#[cfg(not(unix))]
fn take_after(_: &File, _: &Metadata) -> io::Result<()> {
    Ok(())
}
