//! Opening what `open` refuses: when header and superblocks are lost, manifests are searched for.
//!
//! Every extent starts on a page and carries its own checksums, and a manifest names everything
//! a state needs. So a file whose first pages are gone still tells its newest state: the intact
//! manifest with the highest generation. It may be one whose commit was never finished; nothing
//! but its checksums vouches for it, which is why only recovery reads a file this way. Segments
//! that were written after it are *orphans*: their documents are whole, what was deleted of them
//! is not known.

use std::path::Path;
use std::sync::Arc;

use super::mended::MendedBackend;
use crate::error::{Error, Result};
use crate::format::limits::{
    FIRST_EXTENT_OFF_BYTES, HEADER_OFF_BYTES, MAX_MANIFEST_BYTES, PAGE_BYTES, SLOT_OFF_BYTES,
    to_u64,
};
use crate::format::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, ExtentRef,
    FileHeader, HEADER_BYTES, Manifest, SlotContent, Superblock, checksum,
};
use crate::store::handle::{Store, open_backend};
use crate::store::read::select::{self, State};
use crate::store::read::snapshot::{OpenFile, Snapshot};
use crate::store::system::backend::Backend;

/// Pages looked at in one read.
const SCAN_BYTES: usize = 1 << 20;

/// What is left of a damaged file.
#[derive(Debug)]
pub struct Salvage {
    /// The newest state that is left, to be read. Without any manifest it has no segments.
    pub store: Store,
    /// Segments that were written after that state: what named them is lost.
    pub orphans: Vec<ExtentRef>,
    /// What was lost or put right on the way to them.
    pub notes: Vec<String>,
}

impl Store {
    /// Opens an index for reading, and searches the whole file for an intact state when what its
    /// front says is lost or doubtful. One flipped bit in a manifest, or in the header or section
    /// table of an extent, is put right in what is read.
    ///
    /// # Errors
    ///
    /// `NotFound` when nothing is there; `NotAnIndex` or `Corrupt` when the file holds neither an
    /// intact state nor a segment anywhere; `UnsupportedVersion`; a failure of I/O.
    pub fn open_salvage(path: &Path) -> Result<Salvage> {
        let (mut known, mut notes, refused) = match Store::open(path) {
            Ok(store) => (Some(store.snapshot().state), store.passed_over(), None),
            Err(error) if error.is_corrupt() || error.is_not_an_index() => {
                (None, vec![error.finding().to_owned()], Some(error))
            }
            Err(error) => return Err(error),
        };
        let mut backend = MendedBackend::new(Arc::new(open_backend(path)?));
        let len_bytes = len_bytes(&backend)?;
        let header = surviving_header(&backend);
        if !notes.is_empty() {
            let mended = mend_manifests(&mut backend, header.as_ref(), len_bytes);
            let state = header
                .as_ref()
                .filter(|_| !mended.is_empty())
                .and_then(|header| select::select(&backend, header).ok());
            if let Some(state) = state {
                notes = state.passed_over.clone();
                known = Some(state);
            }
            notes.extend(mended);
        }
        let is_certain = known
            .as_ref()
            .is_some_and(|state| state.passed_over.is_empty());
        let mut orphans = Vec::new();
        if !is_certain {
            known = newest_state(&backend, header.as_ref(), known, len_bytes)?;
            let generation = known
                .as_ref()
                .map_or(0, |state| state.superblock.generation);
            orphans = segments_after(&backend, header.as_ref(), generation, len_bytes)?;
        }
        let mut state = match (known, refused) {
            (Some(state), _) => state,
            (None, refused) if orphans.is_empty() => {
                let none = || Error::corrupt("no intact state was found");
                return Err(refused.unwrap_or_else(none));
            }
            (None, _) => no_state(&orphans, header.as_ref()),
        };
        // An orphan lies behind the state.
        state.superblock.committed_end_bytes = len_bytes.saturating_sub(len_bytes % PAGE_BYTES);
        state.passed_over = notes.clone();
        let file_uuid = state.superblock.file_uuid;
        let orphans: Vec<ExtentRef> = orphans.into_iter().map(|(_, one)| one).collect();
        for reference in state.manifest.extents().chain(orphans.iter().copied()) {
            if backend.mend_extent(&reference, file_uuid) {
                notes.push(format!(
                    "one flipped bit was put right in the table of the extent at byte {}",
                    reference.off_bytes
                ));
            }
        }
        let header = header.unwrap_or(FileHeader {
            file_uuid,
            created_ms: 0,
            application_id: 0,
            flags: 0,
        });
        let file = Arc::new(OpenFile::new(Arc::new(backend), header, None));
        Ok(Salvage {
            store: Store::from_snapshot(Snapshot { file, state }, None),
            orphans,
            notes,
        })
    }
}

fn len_bytes(backend: &dyn Backend) -> Result<u64> {
    backend
        .len_bytes()
        .map_err(|error| Error::io("measuring", backend.path(), error))
}

/// Puts one flipped bit of the manifests right that superblocks name; what was done, in words.
fn mend_manifests(
    backend: &mut MendedBackend,
    header: Option<&FileHeader>,
    len_bytes: u64,
) -> Vec<String> {
    let mut notes = Vec::new();
    for slot in 0..SLOT_OFF_BYTES.len() {
        let uuid = header.map(|header| header.file_uuid);
        if let Ok(SlotContent::Record(record)) = select::read_slot(backend, slot, uuid)
            && backend.mend_manifest(&record, len_bytes)
        {
            notes.push(format!(
                "one flipped bit was put right in the manifest of generation {}",
                record.generation
            ));
        }
    }
    notes
}

/// A state without anything in it, for a file that has lost every manifest.
fn no_state(orphans: &[(ExtentHeader, ExtentRef)], header: Option<&FileHeader>) -> State {
    let mut file_uuid = [0; 16];
    let tag = orphans
        .first()
        .map_or([0; 4], |(header, _)| header.uuid_tag);
    for (to, from) in file_uuid.iter_mut().zip(tag) {
        *to = from;
    }
    if let Some(header) = header {
        file_uuid = header.file_uuid;
    }
    let superblock = Superblock {
        generation: 0,
        committed_end_bytes: 0,
        manifest_off_bytes: 0,
        manifest_len_bytes: 0,
        manifest_crc: 0,
        commit_nonce: 0,
        file_uuid,
        req_read_flags: 0,
        req_write_flags: 0,
        opt_flags: 0,
        writer_version: [0; 16],
        flags: 0,
    };
    let nothing = ExtentRef {
        off_bytes: 0,
        len_bytes: 0,
        nonce: 0,
        header_crc: 0,
    };
    State::new(0, superblock, Manifest::default(), nothing)
}

/// The newest state that a superblock names or whose extents are all in their places; failing
/// that, the newest one with an intact manifest.
fn newest_state(
    backend: &dyn Backend,
    header: Option<&FileHeader>,
    known: Option<State>,
    len_bytes: u64,
) -> Result<Option<State>> {
    let (mut complete, mut partial) = (known, None);
    let mut budget = ScanBudget::of(len_bytes);
    for_each_extent(backend, len_bytes, |off_bytes, extent, header_crc| {
        let is_manifest = is_of_file(header, &extent) && extent.kind == ExtentKind::Manifest;
        if !is_manifest || !budget.covers(extent.body_len_bytes) {
            return;
        }
        let superblock = manifest_at(backend, off_bytes, &extent, header_crc, len_bytes);
        let state = superblock.and_then(|one| select::load_state(backend, 0, one).ok());
        let Some(state) = state else {
            return;
        };
        let place = if extents_are_in_place(backend, &state) {
            &mut complete
        } else {
            &mut partial
        };
        let generation = |state: &State| state.superblock.generation;
        if place.as_ref().map(generation) < Some(generation(&state)) {
            *place = Some(state);
        }
    })?;
    Ok(complete.or(partial))
}

fn extents_are_in_place(backend: &dyn Backend, state: &State) -> bool {
    state.manifest.extents().all(|reference| {
        let mut bytes = [0; EXTENT_HEADER_BYTES];
        let read = backend.read_exact_at(&mut bytes, reference.off_bytes);
        read.is_ok() && ExtentHeader::decode(&bytes, &reference, state.superblock.file_uuid).is_ok()
    })
}

/// The segments that were written after a generation, the newest first.
fn segments_after(
    backend: &dyn Backend,
    header: Option<&FileHeader>,
    generation: u64,
    len_bytes: u64,
) -> Result<Vec<(ExtentHeader, ExtentRef)>> {
    let frame = to_u64(EXTENT_HEADER_BYTES.saturating_add(EXTENT_FOOTER_BYTES));
    let mut found = Vec::new();
    for_each_extent(backend, len_bytes, |off_bytes, extent, header_crc| {
        let reference = ExtentRef {
            off_bytes,
            len_bytes: extent.body_len_bytes.saturating_add(frame),
            nonce: extent.commit_nonce,
            header_crc,
        };
        let is_new = extent.kind == ExtentKind::Segment && extent.generation > generation;
        if is_new && is_of_file(header, &extent) && reference.check_bounds(len_bytes).is_ok() {
            found.push((extent, reference));
        }
    })?;
    found.sort_by_key(|(extent, reference)| {
        std::cmp::Reverse((extent.generation, reference.off_bytes))
    });
    let mut budget = ScanBudget::of(len_bytes);
    found.retain(|(_, reference)| budget.covers(reference.len_bytes));
    Ok(found)
}

/// Bytes of extents that may still be looked at. Those of a file lie apart, save what is left of
/// commits that were overwritten; only a file made for it has headers that claim each other's
/// bytes many times over.
struct ScanBudget {
    left_bytes: u64,
}

impl ScanBudget {
    fn of(len_bytes: u64) -> Self {
        ScanBudget {
            left_bytes: len_bytes.saturating_mul(2),
        }
    }

    fn covers(&mut self, extent_bytes: u64) -> bool {
        let left_bytes = self.left_bytes.checked_sub(extent_bytes);
        left_bytes.map(|left| self.left_bytes = left).is_some()
    }
}

fn is_of_file(header: Option<&FileHeader>, extent: &ExtentHeader) -> bool {
    header.is_none_or(|header| header.file_uuid.starts_with(&extent.uuid_tag))
}

/// The header, or as much of it as a superblock repeats.
fn surviving_header(backend: &dyn Backend) -> Option<FileHeader> {
    let mut bytes = [0; HEADER_BYTES];
    if backend.read_exact_at(&mut bytes, HEADER_OFF_BYTES).is_ok()
        && let Ok(header) = FileHeader::decode(&bytes)
    {
        return Some(header);
    }
    (0..SLOT_OFF_BYTES.len()).find_map(|slot| match select::read_slot(backend, slot, None) {
        Ok(SlotContent::Record(record)) => Some(FileHeader {
            file_uuid: record.file_uuid,
            created_ms: 0,
            application_id: 0,
            flags: 0,
        }),
        _ => None,
    })
}

/// Calls `each` with the offset, the header and its checksum of everything that starts like an
/// extent.
fn for_each_extent(
    backend: &dyn Backend,
    len_bytes: u64,
    mut each: impl FnMut(u64, ExtentHeader, u32),
) -> Result<()> {
    let mut window = vec![0; SCAN_BYTES];
    let mut off_bytes = FIRST_EXTENT_OFF_BYTES;
    while off_bytes < len_bytes {
        let left = usize::try_from(len_bytes.saturating_sub(off_bytes)).unwrap_or(usize::MAX);
        let window = window.get_mut(..SCAN_BYTES.min(left)).unwrap_or_default();
        backend
            .read_exact_at(window, off_bytes)
            .map_err(|error| Error::io("reading", backend.path(), error))?;
        for page in window.chunks(usize::try_from(PAGE_BYTES).unwrap_or(SCAN_BYTES)) {
            if let Some((header, header_crc)) = ExtentHeader::decode_unpinned(page) {
                each(off_bytes, header, header_crc);
            }
            off_bytes = off_bytes.saturating_add(PAGE_BYTES);
        }
    }
    Ok(())
}

/// The superblock that would name a manifest extent, if it is one and intact.
fn manifest_at(
    backend: &dyn Backend,
    off_bytes: u64,
    header: &ExtentHeader,
    header_crc: u32,
    len_bytes: u64,
) -> Option<Superblock> {
    let frame = to_u64(EXTENT_HEADER_BYTES.checked_add(EXTENT_FOOTER_BYTES)?);
    let extent_len = header.body_len_bytes.checked_add(frame)?;
    let end = off_bytes.checked_add(extent_len)?;
    if header.kind != ExtentKind::Manifest || extent_len > MAX_MANIFEST_BYTES || end > len_bytes {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(extent_len).ok()?];
    backend.read_exact_at(&mut bytes, off_bytes).ok()?;
    let footer_off = bytes.len().checked_sub(EXTENT_FOOTER_BYTES)?;
    let body = bytes.get(EXTENT_HEADER_BYTES..footer_off)?;
    let footer = ExtentFooter::decode(bytes.get(footer_off..)?)?;
    let is_whole = footer.header_crc == header_crc
        && footer.total_len_bytes == extent_len
        && footer.body_crc == checksum::crc32(body);
    let mut file_uuid = [0; 16];
    for (to, from) in file_uuid.iter_mut().zip(header.uuid_tag) {
        *to = from;
    }
    is_whole.then(|| Superblock {
        generation: header.generation,
        committed_end_bytes: end,
        manifest_off_bytes: off_bytes,
        manifest_len_bytes: extent_len,
        manifest_crc: checksum::crc32(&bytes),
        commit_nonce: header.commit_nonce,
        file_uuid,
        req_read_flags: 0,
        req_write_flags: 0,
        opt_flags: 0,
        writer_version: [0; 16],
        flags: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::ScanBudget;

    #[test]
    fn headers_that_claim_the_same_bytes_over_and_over_are_looked_at_twice() {
        let mut budget = ScanBudget::of(1000);
        let looks = (0..1000).filter(|_| budget.covers(1000)).count();
        assert_eq!(looks, 2);
        // One that is beyond the file does not keep others from being looked at.
        let mut budget = ScanBudget::of(1000);
        assert!(!budget.covers(u64::MAX));
        assert!(budget.covers(500));
    }
}
