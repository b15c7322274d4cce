//! Opening what `open` refuses: when header and superblocks are lost, manifests are searched for.
//!
//! Every extent starts on a page and carries its own checksums, and a manifest names everything
//! a state needs. So a file whose first pages are gone still tells its newest state: the intact
//! manifest with the highest generation. It may be one whose commit was never finished; nothing
//! but its checksums vouches for it, which is why only recovery reads a file this way.

use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::handle::{Store, open_backend};
use super::select::{self, State};
use super::snapshot::{OpenFile, Snapshot};
use crate::error::{Error, Result};
use crate::format::limits::{
    FIRST_EXTENT_OFF_BYTES, HEADER_OFF_BYTES, MAX_MANIFEST_BYTES, PAGE_BYTES, SLOT_OFF_BYTES,
};
use crate::format::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, FileHeader,
    HEADER_BYTES, SlotContent, Superblock, checksum,
};

/// Pages looked at in one read.
const SCAN_BYTES: usize = 1 << 20;

impl Store {
    /// Opens an index for reading, and searches the whole file for an intact state when what its
    /// front says is lost or doubtful. [`Store::passed_over`] tells what was lost on the way.
    ///
    /// # Errors
    /// Those of [`Store::open`]; its `Corrupt` and `NotAnIndex` only when the file holds no
    /// intact state anywhere.
    pub fn open_salvage(path: &Path) -> Result<Store> {
        let (known, reasons, refused) = match Store::open(path) {
            Ok(store) if store.passed_over().is_empty() => return Ok(store),
            Ok(store) => (Some(store.snapshot().state), store.passed_over(), None),
            Err(error) if error.is_corrupt() || error.is_not_an_index() => {
                (None, vec![error.finding().to_owned()], Some(error))
            }
            Err(error) => return Err(error),
        };
        let backend = open_backend(path)?;
        let header = surviving_header(&backend);
        let mut state = match (newest_state(&backend, header.as_ref(), known)?, refused) {
            (Some(state), _) => state,
            (None, Some(refused)) => return Err(refused),
            (None, None) => return Err(Error::corrupt("no intact state was found")),
        };
        state.passed_over = reasons;
        let header = header.unwrap_or(FileHeader {
            file_uuid: state.superblock.file_uuid,
            created_ms: 0,
            application_id: 0,
            flags: 0,
        });
        let file = Arc::new(OpenFile::new(Arc::new(backend), header, None));
        Ok(Store::from_snapshot(Snapshot { file, state }, None))
    }
}

/// The newest state that a superblock names or whose extents are all in their places; failing
/// that, the newest one with an intact manifest.
fn newest_state(
    backend: &dyn Backend,
    header: Option<&FileHeader>,
    known: Option<State>,
) -> Result<Option<State>> {
    let len_bytes = backend
        .len_bytes()
        .map_err(|error| Error::io("measuring", backend.path(), error))?;
    let (mut complete, mut partial) = (known, None);
    for_each_manifest(backend, len_bytes, |superblock| {
        if header.is_some_and(|header| !header.file_uuid.starts_with(&tag(&superblock))) {
            return;
        }
        let Ok(state) = select::load_state(backend, 0, superblock) else {
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

fn tag(superblock: &Superblock) -> [u8; 4] {
    let [a, b, c, d, ..] = superblock.file_uuid;
    [a, b, c, d]
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

/// Calls `each` with a superblock for every manifest extent whose bytes are intact.
fn for_each_manifest(
    backend: &dyn Backend,
    len_bytes: u64,
    mut each: impl FnMut(Superblock),
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
            if let Some(superblock) = manifest_at(backend, off_bytes, page, len_bytes) {
                each(superblock);
            }
            off_bytes = off_bytes.saturating_add(PAGE_BYTES);
        }
    }
    Ok(())
}

/// The superblock that would name the manifest extent starting with `page`, if it is intact.
fn manifest_at(
    backend: &dyn Backend,
    off_bytes: u64,
    page: &[u8],
    len_bytes: u64,
) -> Option<Superblock> {
    let (header, header_crc) = ExtentHeader::decode_unpinned(page)?;
    let frame = u64::try_from(EXTENT_HEADER_BYTES.checked_add(EXTENT_FOOTER_BYTES)?).ok()?;
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
