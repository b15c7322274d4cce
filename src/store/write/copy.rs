//! Copies of a live index: all of its committed bytes, or the live ones only.
//!
//! ```text
//! backup    header │ every byte up to the end of the commit          same state, same offsets
//! compact   header │ live extents, one after the other │ manifest    next generation
//! ```
//!
//! Who knows what is in the extents may write some anew on the way to a compact copy, for example
//! without what was deleted from them.
//!
//! Both read a snapshot, so commits may go on meanwhile. An extent says nothing about where it
//! lies, so it is copied as it is; only the references to it, all of them in the manifest, change.
//! A copy keeps the identity of the file: so does `cp`. Both slots of a copy hold its one
//! superblock; the next commit replaces the second.

use std::collections::{BTreeMap, HashSet};
use std::fs::Metadata;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::create::write_front;
use super::transaction::{
    Commit, file_too_large, image_end, next_generation, write_image, write_slot,
};
use crate::error::{Error, Result};
use crate::format::limits::{FIRST_EXTENT_OFF_BYTES, MAX_FILE_BYTES, SLOT_OFF_BYTES, to_u64};
use crate::format::{
    BlobPlace, ExtentImage, ExtentKind, ExtentRef, ExtentStamp, Manifest,
    SUPERBLOCK_FLAG_SUPERSEDED, SectionInput, Superblock,
};
use crate::store::damage::verify::VerifyLevel;
use crate::store::handle::Store;
use crate::store::read::map::MapPermit;
use crate::store::read::snapshot::{OpenFile, Snapshot};
use crate::store::system::appear::appear;
use crate::store::system::backend::{Backend, read_at};
use crate::store::system::file::FileBackend;
use crate::store::system::nonce;
use crate::store::system::place;

/// Bytes read and written at once.
const COPY_BYTES: usize = 1 << 20;

impl Store {
    /// Copies the newest state to a new file at `path`: a byte for byte copy of everything
    /// committed, dead bytes and so what was deleted included, verified in full before it appears.
    /// Other processes may commit or vacuum meanwhile. The copy shares the identity of the index.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing;
    /// `Corrupt` when the index is damaged, and then there is no copy; `Replaced` when another
    /// index took its place; `DiskFull` or another failure of I/O.
    pub fn backup(&self, path: &Path) -> Result<()> {
        self.refresh()?;
        self.put_copy(path, write_backup)
    }

    /// Copies the newest state without dead bytes to a new file at `path`, as
    /// [`Store::vacuum`] does in place, and needs no lock. The copy shares the identity of the
    /// index and is one generation ahead, so it may take the place of the index by a rename while
    /// nobody writes.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing;
    /// `Corrupt` when the index is damaged, and then there is no copy; `Replaced` when another
    /// index took its place; `UnsupportedVersion` when it uses a feature that this build cannot
    /// write; `DiskFull` or another failure of I/O.
    pub fn vacuum_into(&self, path: &Path) -> Result<()> {
        self.vacuum_into_with(path, &AsItIs)
    }

    /// [`Store::vacuum_into`] of what `rewrite` makes of the state.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when something is at `path`, `NotFound` when its directory is missing;
    /// `Corrupt` when the index is damaged; `Replaced` when another index took its place;
    /// `UnsupportedVersion` when it uses a feature that this build cannot write; `DiskFull` or
    /// another failure of I/O; and what `rewrite` gives. Then there is no copy.
    pub fn vacuum_into_with(&self, path: &Path, rewrite: &dyn Rewrite) -> Result<()> {
        self.refresh()?;
        self.put_copy(path, |source, target| {
            write_compact(source, target, rewrite)
        })
    }

    /// Copies the newest state known to this handle without dead bytes into an empty backend, and
    /// opens it. It is not verified.
    ///
    /// # Errors
    /// `AlreadyExists` when the backend is not empty; `Io`; `UnsupportedVersion`.
    pub fn copy_live(&self, target: Arc<dyn Backend>) -> Result<Store> {
        place::expect_empty(&*target)?;
        write_compact(&self.snapshot(), &*target, &AsItIs)?;
        Store::open_on(target)
    }

    fn put_copy(
        &self,
        path: &Path,
        write: impl FnOnce(&Snapshot, &dyn Backend) -> Result<()>,
    ) -> Result<()> {
        let source = self.snapshot();
        let like = self.file_metadata()?;
        appear(path, like.as_ref(), |target| {
            write(&source, &**target)?;
            verify_copy(target, None).map(drop)
        })
        .map(drop)
    }

    /// What the system knows about the file; `None` where it is none of the system's.
    pub(in crate::store) fn file_metadata(&self) -> Result<Option<Metadata>> {
        let snapshot = self.snapshot();
        let metadata = snapshot.file.backend.as_file().map(FileBackend::metadata);
        metadata
            .transpose()
            .map_err(|error| Error::io("examining", self.path(), error))
    }
}

/// Opens a copy and verifies every byte of it.
pub(in crate::store) fn verify_copy(
    target: &Arc<dyn Backend>,
    permit: Option<MapPermit>,
) -> Result<Snapshot> {
    let copy = OpenFile::open(target.clone(), permit)?;
    let report = copy.verify(VerifyLevel::Full);
    match report.findings.first() {
        None => Ok(copy),
        Some(finding) => Err(Error::corrupt(format_args!(
            "the copy is not used, because the index is damaged or the copy did not arrive as \
             written: {}: {}",
            finding.place, finding.message
        ))),
    }
}

/// Writes a file with the same state at the same offsets.
fn write_backup(source: &Snapshot, target: &dyn Backend) -> Result<()> {
    let mut superblock = source.state.superblock.clone();
    superblock.flags &= !SUPERBLOCK_FLAG_SUPERSEDED;
    write_front(target, &source.file.header).map_err(|error| writing(target, error))?;
    let all = FIRST_EXTENT_OFF_BYTES..superblock.committed_end_bytes;
    copy_bytes(source, all, target, FIRST_EXTENT_OFF_BYTES)?;
    sync(target)?;
    write_slots(target, &superblock)
}

/// What a compact copy is to hold, and whether it is still wanted.
pub trait Rewrite {
    /// A manifest of extents of [`CompactCopy::source`] and of such as it appends to the copy.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being made; the copy ends with it.
    fn manifest(&self, copy: &mut CompactCopy<'_>) -> Result<Manifest>;

    /// Asked now and then; an error ends the copy.
    ///
    /// # Errors
    ///
    /// `Cancelled`, for example.
    fn go_on(&self) -> Result<()> {
        Ok(())
    }
}

/// The state as it is.
pub(in crate::store) struct AsItIs;

impl Rewrite for AsItIs {
    fn manifest(&self, copy: &mut CompactCopy<'_>) -> Result<Manifest> {
        Ok((**copy.source.manifest()).clone())
    }
}

/// A compact copy in the making.
#[derive(Debug)]
pub struct CompactCopy<'a> {
    source: &'a Snapshot,
    target: &'a dyn Backend,
    stamp: ExtentStamp,
    end_bytes: u64,
    appended: HashSet<ExtentRef>,
}

/// Writes a file with the live extents of what `rewrite` makes of a state, as the generation
/// after it.
pub(in crate::store) fn write_compact(
    source: &Snapshot,
    target: &dyn Backend,
    rewrite: &dyn Rewrite,
) -> Result<()> {
    let mut copy = CompactCopy::begin(source, target)?;
    let manifest = rewrite.manifest(&mut copy)?;
    copy.finish(manifest, rewrite)
}

impl<'a> CompactCopy<'a> {
    fn begin(source: &'a Snapshot, target: &'a dyn Backend) -> Result<Self> {
        let base = &source.state.superblock;
        base.check_writable()?;
        write_front(target, &source.file.header).map_err(|error| writing(target, error))?;
        Ok(CompactCopy {
            source,
            target,
            stamp: ExtentStamp {
                generation: next_generation(base)?,
                commit_nonce: nonce::commit_nonce(
                    source.file.is_seeded(),
                    base.file_uuid,
                    Some(base),
                )?,
                file_uuid: base.file_uuid,
            },
            end_bytes: FIRST_EXTENT_OFF_BYTES,
            appended: HashSet::new(),
        })
    }

    /// The state that is copied.
    pub fn source(&self) -> &Snapshot {
        self.source
    }

    /// Writes an extent that takes the place of one of the state.
    ///
    /// # Errors
    /// `InvalidInput` or `Limit` when the sections cannot form an extent; `Io`.
    pub fn append(&mut self, kind: ExtentKind, sections: &[SectionInput<'_>]) -> Result<ExtentRef> {
        let image = ExtentImage::new(kind, self.stamp, sections)?;
        let reference = image.reference(self.end_bytes);
        let end_bytes = image_end(&image, self.end_bytes)?;
        write_image(self.target, &image, self.end_bytes)
            .map_err(|error| writing(self.target, error))?;
        self.end_bytes = end_bytes;
        self.appended.insert(reference);
        Ok(reference)
    }

    /// Copies what `manifest` keeps of the state, and completes the file.
    fn finish(mut self, mut manifest: Manifest, rewrite: &dyn Rewrite) -> Result<()> {
        let (source, target) = (self.source, self.target);
        // The order is that of the file, so equal input gives equal output and reading is
        // sequential.
        let kept = |extent: &ExtentRef| !self.appended.contains(extent);
        let mut moved: BTreeMap<ExtentRef, ExtentRef> = manifest
            .extents()
            .filter(kept)
            .map(|extent| (extent, extent))
            .collect();
        let known: HashSet<ExtentRef> = source.manifest().extents().collect();
        for (from, to) in &mut moved {
            rewrite.go_on()?;
            if !known.contains(from) {
                return Err(Error::invalid(format!(
                    "the extent at byte {} is neither in the state nor in its copy",
                    from.off_bytes
                )));
            }
            to.off_bytes = self.end_bytes;
            self.end_bytes = to
                .end_bytes()
                .filter(|&end| end <= MAX_FILE_BYTES)
                .ok_or_else(file_too_large)?;
            let all = from.off_bytes..from.off_bytes.saturating_add(from.len_bytes);
            copy_bytes(source, all, target, to.off_bytes)?;
        }
        for reference in references_mut(&mut manifest) {
            if let Some(to) = moved.get(reference) {
                *reference = *to;
            }
        }

        let commit = Commit {
            stamp: self.stamp,
            off_bytes: self.end_bytes,
            slot: 0,
            prev_manifest_off: 0,
            opt_flags: source.state.superblock.opt_flags,
        };
        let prepared = commit.prepare(manifest)?;
        prepared
            .write_manifest(target)
            .map_err(|error| writing(target, error))?;
        write_slots(target, &prepared.state.superblock)
    }
}

/// Both slots, so that neither looks erased.
fn write_slots(target: &dyn Backend, superblock: &Superblock) -> Result<()> {
    for slot in 0..SLOT_OFF_BYTES.len() {
        write_slot(target, slot, superblock).map_err(|error| writing(target, error))?;
    }
    sync(target)
}

fn references_mut(manifest: &mut Manifest) -> impl Iterator<Item = &mut ExtentRef> {
    let segments = manifest.segments.iter_mut().flat_map(|entry| {
        [
            Some(&mut entry.segment),
            entry.heads.as_mut(),
            entry.tombstones.as_mut(),
            entry.pseudo_queries.as_mut(),
        ]
        .into_iter()
        .flatten()
    });
    let blobs = manifest
        .blobs
        .iter_mut()
        .filter_map(|blob| match &mut blob.place {
            BlobPlace::Embedded(reference) => Some(reference),
            BlobPlace::External { .. } => None,
        });
    segments.chain(blobs)
}

fn copy_bytes(
    source: &Snapshot,
    from: Range<u64>,
    target: &dyn Backend,
    mut to_bytes: u64,
) -> Result<()> {
    let mut off_bytes = from.start;
    let mut buffer = vec![0; COPY_BYTES];
    while off_bytes < from.end {
        let left = usize::try_from(from.end.saturating_sub(off_bytes)).unwrap_or(usize::MAX);
        let piece = buffer.get_mut(..left.min(COPY_BYTES)).unwrap_or_default();
        read_at(&*source.file.backend, piece, off_bytes)?;
        target
            .write_all_at(piece, to_bytes)
            .map_err(|error| writing(target, error))?;
        off_bytes = off_bytes.saturating_add(to_u64(piece.len()));
        to_bytes = to_bytes.saturating_add(to_u64(piece.len()));
    }
    Ok(())
}

fn sync(target: &dyn Backend) -> Result<()> {
    target
        .sync_data()
        .map_err(|error| Error::io("syncing", target.path(), error))
}

fn writing(target: &dyn Backend, error: std::io::Error) -> Error {
    if matches!(
        error.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    ) {
        return Error::of_io(
            format!(
                "there is no room for a copy of {} ({error}); free as many bytes as it has live \
                 ones, or copy it to another disk with Store::vacuum_into",
                target.path().display()
            ),
            error,
        );
    }
    Error::io("writing a copy to", target.path(), error)
}
