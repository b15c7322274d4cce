//! Writing: append extents, then make them one commit.
//!
//! An append goes to the end of the committed bytes, where nothing refers to it; it becomes part
//! of the index when the superblock sector that names its manifest is on stable storage. A
//! transaction that is dropped, or fails before that sector is written, cuts the file where it
//! began: nothing has ever referred to what it appended. Of a process that died a dead tail stays,
//! which the next transaction overwrites.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use super::write_lock::{Durability, WriteLock, WriteOptions};
use crate::error::{Error, Result};
use crate::format::limits::{
    FIRST_EXTENT_OFF_BYTES, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, PAGE_BYTES, SECTOR_BYTES,
    SLOT_OFF_BYTES, align_up, to_u64,
};
use crate::format::{
    ExtentImage, ExtentKind, ExtentRef, ExtentStamp, Manifest, SUPERBLOCK_RECORD_BYTES,
    SectionInput, SlotContent, Superblock,
};
use crate::store::handle::Store;
use crate::store::read::select::{self, State};
use crate::store::read::snapshot::Snapshot;
use crate::store::system::backend::Backend;
use crate::store::system::nonce;

/// Smaller runs are gathered into writes of this size.
const WRITE_BYTES: usize = 1 << 20;

/// The one open transaction of a writer; it keeps the writer lock. Dropped without
/// [`Transaction::commit`], it loses what it appended and nothing else.
#[derive(Debug)]
pub struct Transaction {
    lock: WriteLock,
    base: Snapshot,
    stamp: ExtentStamp,
    /// Where the transaction began to write.
    start_bytes: u64,
    end_bytes: u64,
    appended: HashSet<ExtentRef>,
    /// Something may have been written from the start on.
    has_written: bool,
    /// A superblock may name what was written.
    is_named: bool,
}

impl Store {
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
}

impl Transaction {
    /// The lock must have been marked as in use.
    pub(in crate::store) fn new(lock: WriteLock) -> Result<Self> {
        let base = lock.store().snapshot();
        let superblock = &base.state.superblock;
        let file_uuid = superblock.file_uuid;
        let commit_nonce = nonce::commit_nonce(base.file.is_seeded(), file_uuid, Some(superblock))?;
        // Normally the tail after the last commit is dead and is overwritten. But when a slot was
        // passed over, another process may hold, even map, the commit that the slot named before
        // it was damaged; then nothing that exists is overwritten.
        let mut end_bytes = superblock.committed_end_bytes;
        if !base.state.passed_over.is_empty() {
            end_bytes = end_bytes.max(base.file.len_bytes()?);
        }
        let end_bytes = align_up(end_bytes, PAGE_BYTES).ok_or_else(file_too_large)?;
        let stamp = ExtentStamp {
            generation: next_generation(superblock)?,
            commit_nonce,
            file_uuid,
        };
        Ok(Transaction {
            lock,
            base,
            stamp,
            start_bytes: end_bytes,
            end_bytes,
            appended: HashSet::new(),
            has_written: false,
            is_named: false,
        })
    }

    /// The committed state this transaction builds upon: the one to clone and change for
    /// [`Transaction::commit`].
    pub fn base(&self) -> &Manifest {
        self.base.manifest()
    }

    /// Writes one extent and says where it is. It can be read once it is committed.
    ///
    /// # Errors
    /// `InvalidInput` or `Limit` when the sections cannot form an extent (the transaction goes
    /// on), `Poisoned`, or `Io`, which poisons the store.
    pub fn append(&mut self, kind: ExtentKind, sections: &[SectionInput<'_>]) -> Result<ExtentRef> {
        self.lock.check()?;
        if kind == ExtentKind::Manifest {
            return Err(Error::invalid(
                "a manifest is written by commit, not appended",
            ));
        }
        let image = ExtentImage::new(kind, self.stamp, sections)?;
        let reference = image.reference(self.end_bytes);
        let end_bytes = image_end(&image, self.end_bytes)?;
        self.has_written = true;
        write_image(&*self.base.file.backend, &image, self.end_bytes)
            .map_err(|error| self.lock.store().poison("writing", error))?;
        self.end_bytes = end_bytes;
        self.appended.insert(reference);
        Ok(reference)
    }

    /// Makes `manifest` the newest state. With [`Durability::Full`] a power cut cannot undo it
    /// once this has returned.
    ///
    /// The generation, nonce, `prev_manifest_off` and `dead_bytes` of `manifest` are filled in
    /// here. It may refer to extents of [`Transaction::base`] and to those appended.
    ///
    /// # Errors
    /// `InvalidInput` or `Limit` when the manifest breaks a rule, `Poisoned`, or `Io`, which
    /// poisons the store; after `Io` the commit may or may not be found when it is opened again.
    pub fn commit(mut self, manifest: Manifest) -> Result<Arc<Manifest>> {
        self.lock.check()?;
        self.check_references(&manifest)?;
        let base = &self.base.state;
        let commit = Commit {
            stamp: self.stamp,
            off_bytes: self.end_bytes,
            slot: 1_usize.saturating_sub(base.slot),
            prev_manifest_off: base.superblock.manifest_off_bytes,
            opt_flags: base.superblock.opt_flags,
        };
        let prepared = commit.prepare(manifest)?;
        let store = self.lock.store().clone();
        let backend = &*self.base.file.backend;
        let failed = |error| store.poison("committing to", error);
        self.has_written = true;
        prepared.write_manifest(backend).map_err(failed)?;
        self.is_named = true;
        prepared
            .write_name(backend, self.lock.durability())
            .map_err(failed)?;
        let manifest = prepared.state.manifest.clone();
        store.publish(&self.base.file, prepared.state)?;
        Ok(manifest)
    }

    /// A reference to anything else would point at bytes that no one vouches for.
    fn check_references(&self, manifest: &Manifest) -> Result<()> {
        if manifest.next_segment_id < self.base().next_segment_id {
            return Err(Error::invalid(
                "next_segment_id went back; segment ids are never reused",
            ));
        }
        let known: HashSet<ExtentRef> = self.base().extents().collect();
        let stranger = manifest
            .extents()
            .find(|reference| !known.contains(reference) && !self.appended.contains(reference));
        match stranger {
            None => Ok(()),
            Some(reference) => Err(Error::invalid(format!(
                "the extent at byte {} is neither in the base state nor in this transaction",
                reference.off_bytes
            ))),
        }
    }
}

impl Transaction {
    /// Gives back what was appended, if nothing names it.
    fn cut_tail(&self) {
        let is_in_use = self.is_named || !self.has_written || !self.lock.is_of_this_process();
        if is_in_use {
            return;
        }
        let file = &self.base.file;
        let ends_before =
            |slot| match select::read_slot(&*file.backend, slot, Some(file.header.file_uuid)) {
                Ok(SlotContent::Empty) => true,
                Ok(SlotContent::Record(record)) => record.committed_end_bytes <= self.start_bytes,
                _ => false,
            };
        if (0..SLOT_OFF_BYTES.len()).all(ends_before) {
            // Best effort: a tail costs space only.
            let _ = file.backend.cut(self.start_bytes);
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.cut_tail();
        self.lock.end_exclusive();
    }
}

/// Where and as what a commit is written.
pub(in crate::store) struct Commit {
    pub(in crate::store) stamp: ExtentStamp,
    /// Where the manifest goes.
    pub(in crate::store) off_bytes: u64,
    /// The slot that is not in use.
    pub(in crate::store) slot: usize,
    pub(in crate::store) prev_manifest_off: u64,
    /// Optional features of the file, kept from commit to commit.
    pub(in crate::store) opt_flags: u64,
}

/// A commit whose bytes are known.
pub(in crate::store) struct Prepared {
    pub(in crate::store) state: State,
    image_bytes: Vec<u8>,
}

impl Commit {
    /// Completes the manifest and encodes it.
    pub(in crate::store) fn prepare(&self, mut manifest: Manifest) -> Result<Prepared> {
        manifest.generation = self.stamp.generation;
        manifest.commit_nonce = self.stamp.commit_nonce;
        manifest.prev_manifest_off = self.prev_manifest_off;
        manifest.dead_bytes = 0;
        manifest.validate()?;

        // The counters have a fixed width, so the length does not depend on the dead bytes that
        // depend on the length.
        let len_bytes = self.image(&manifest.to_sections())?.len_bytes();
        let committed_end_bytes = self
            .off_bytes
            .checked_add(len_bytes)
            .filter(|&end| end <= MAX_FILE_BYTES)
            .ok_or_else(file_too_large)?;
        let live: HashSet<ExtentRef> = manifest.extents().collect();
        let live_bytes = live.iter().fold(len_bytes, |sum, reference| {
            sum.saturating_add(reference.len_bytes)
        });
        manifest.dead_bytes = committed_end_bytes
            .saturating_sub(FIRST_EXTENT_OFF_BYTES)
            .saturating_sub(live_bytes);

        let sections = manifest.to_sections();
        let image = self.image(&sections)?;
        let image_bytes: Vec<u8> = image.runs().flatten().copied().collect();
        let superblock = Superblock {
            generation: self.stamp.generation,
            committed_end_bytes,
            manifest_off_bytes: self.off_bytes,
            manifest_len_bytes: len_bytes,
            manifest_crc: image.crc(),
            commit_nonce: self.stamp.commit_nonce,
            file_uuid: self.stamp.file_uuid,
            req_read_flags: 0,
            req_write_flags: 0,
            opt_flags: self.opt_flags,
            writer_version: writer_version(),
            flags: 0,
        };
        let manifest_ref = image.reference(self.off_bytes);
        if !manifest.extents_are_apart(manifest_ref) {
            return Err(Error::invalid(
                "an extent is referred to twice; every entry needs one of its own",
            ));
        }
        drop(sections);
        let state = State::new(self.slot, superblock, manifest, manifest_ref);
        Ok(Prepared { state, image_bytes })
    }

    fn image<'a>(&self, sections: &'a [SectionInput<'a>]) -> Result<ExtentImage<'a>> {
        let image = ExtentImage::new(ExtentKind::Manifest, self.stamp, sections)?;
        if image.len_bytes() > MAX_MANIFEST_BYTES {
            return Err(Error::limit(
                "a manifest has at most 64 MiB; attach large blobs instead",
            ));
        }
        Ok(image)
    }
}

impl Prepared {
    /// The four steps of the protocol; the order is the whole point.
    pub(in crate::store) fn write(
        &self,
        backend: &dyn Backend,
        durability: Durability,
    ) -> io::Result<()> {
        self.write_manifest(backend)?;
        self.write_name(backend, durability)
    }

    /// The first two: after them everything is on stable storage, and nothing refers to it.
    pub(in crate::store) fn write_manifest(&self, backend: &dyn Backend) -> io::Result<()> {
        backend.write_all_at(&self.image_bytes, self.state.superblock.manifest_off_bytes)?;
        backend.sync_data()
    }

    /// The other two: they make it the newest state.
    fn write_name(&self, backend: &dyn Backend, durability: Durability) -> io::Result<()> {
        write_slot(backend, self.state.slot, &self.state.superblock)?;
        match durability {
            Durability::Full => backend.sync_data(),
            Durability::Ordered => Ok(()),
        }
    }
}

/// Writes the sector of a superblock slot.
pub(in crate::store) fn write_slot(
    backend: &dyn Backend,
    slot: usize,
    superblock: &Superblock,
) -> io::Result<()> {
    let mut sector = superblock.encode().to_vec();
    let padding = SECTOR_BYTES.saturating_sub(to_u64(SUPERBLOCK_RECORD_BYTES));
    sector.extend((0..padding).map(|_| 0));
    let slot_off = SLOT_OFF_BYTES.get(slot).copied().unwrap_or_default();
    backend.write_all_at(&sector, slot_off)
}

/// The number of the commit after `base`.
pub(in crate::store) fn next_generation(base: &Superblock) -> Result<u64> {
    base.generation
        .checked_add(1)
        .ok_or_else(|| Error::limit("the index has no generation numbers left"))
}

pub(in crate::store) fn image_end(image: &ExtentImage<'_>, off_bytes: u64) -> Result<u64> {
    off_bytes
        .checked_add(image.len_bytes())
        .filter(|&end| end <= MAX_FILE_BYTES)
        .ok_or_else(file_too_large)
}

pub(in crate::store) fn write_image(
    backend: &dyn Backend,
    image: &ExtentImage<'_>,
    mut off_bytes: u64,
) -> io::Result<()> {
    let mut write = |bytes: &[u8]| -> io::Result<()> {
        backend.write_all_at(bytes, off_bytes)?;
        off_bytes = off_bytes.saturating_add(to_u64(bytes.len()));
        Ok(())
    };
    let mut gathered: Cow<'_, [u8]> = Cow::Owned(Vec::new());
    for run in image.runs() {
        if run.len() >= WRITE_BYTES {
            write(&gathered)?;
            gathered.to_mut().clear();
            write(run)?;
            continue;
        }
        gathered.to_mut().extend_from_slice(run);
        if gathered.len() >= WRITE_BYTES {
            write(&gathered)?;
            gathered.to_mut().clear();
        }
    }
    if gathered.is_empty() {
        Ok(())
    } else {
        write(&gathered)
    }
}

pub(in crate::store) fn file_too_large() -> Error {
    Error::limit("an index file has at most 2^62-1 bytes")
}

/// The crate's version, cut or padded to its field.
fn writer_version() -> [u8; 16] {
    let mut field = [0; 16];
    for (to, from) in field.iter_mut().zip(env!("CARGO_PKG_VERSION").bytes()) {
        *to = from;
    }
    field
}
