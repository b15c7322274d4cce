//! Opening is choosing: header, then the best of two superblocks, then its manifest.
//!
//! Nothing is written and nothing is repaired. A slot that is torn, or whose manifest is damaged,
//! loses to the other one; only when both lose is the file corrupt.

use std::sync::Arc;

use super::buffer::AlignedBuffer;
use crate::error::{Error, ErrorKind, Result};
use crate::format::limits::{HEADER_OFF_BYTES, SLOT_OFF_BYTES};
use crate::format::{
    EXTENT_HEADER_BYTES, ExtentHeader, ExtentKind, ExtentRef, FileHeader, HEADER_BYTES, Manifest,
    SUPERBLOCK_RECORD_BYTES, SectionEntry, SlotContent, Superblock, checksum, sections,
};
use crate::store::system::backend::{Backend, read_at};

/// A committed state and the slot that names it.
#[derive(Debug, Clone)]
pub(in crate::store) struct State {
    pub(in crate::store) slot: usize,
    pub(in crate::store) superblock: Superblock,
    pub(in crate::store) manifest: Arc<Manifest>,
    /// The extent of the manifest itself.
    pub(in crate::store) manifest_ref: ExtentRef,
    /// Why a slot was passed over in favour of this state; empty for a file in good order.
    pub(in crate::store) passed_over: Vec<String>,
}

impl State {
    pub(in crate::store) fn new(
        slot: usize,
        superblock: Superblock,
        manifest: Manifest,
        manifest_ref: ExtentRef,
    ) -> Self {
        let manifest = Arc::new(manifest);
        State {
            slot,
            superblock,
            manifest,
            manifest_ref,
            passed_over: Vec::new(),
        }
    }
}

/// Reads the file header.
///
/// # Errors
/// `NotAnIndex` when nothing in the file looks like an index, `Corrupt` when only the header is
/// damaged, `UnsupportedVersion`.
pub(in crate::store) fn read_header(backend: &dyn Backend) -> Result<FileHeader> {
    let not_an_index = |why: &str| {
        Error::new(
            ErrorKind::NotAnIndex,
            format!("{} is not a zerogr index: {why}", backend.path().display()),
        )
    };
    let mut bytes = [0; HEADER_BYTES];
    match read_at(backend, &mut bytes, HEADER_OFF_BYTES) {
        Err(error) if error.is_corrupt() => return Err(not_an_index("it is too short")),
        result => result?,
    }
    match FileHeader::decode(&bytes) {
        Err(error) if error.is_not_an_index() => {
            let has_superblock = (0..SLOT_OFF_BYTES.len()).any(|slot| {
                matches!(
                    read_slot(backend, slot, None),
                    Ok(SlotContent::Record(_) | SlotContent::Unreadable { .. })
                )
            });
            if has_superblock {
                return Err(Error::corrupt(format_args!(
                    "the header of {} is damaged",
                    backend.path().display()
                )));
            }
            Err(not_an_index("it does not have the header of one"))
        }
        result => result,
    }
}

/// Reads one superblock slot.
pub(in crate::store) fn read_slot(
    backend: &dyn Backend,
    slot: usize,
    file_uuid: Option<[u8; 16]>,
) -> Result<SlotContent> {
    let mut bytes = [0; SUPERBLOCK_RECORD_BYTES];
    read_at(
        backend,
        &mut bytes,
        SLOT_OFF_BYTES.get(slot).copied().unwrap_or_default(),
    )?;
    Ok(SlotContent::decode(&bytes, file_uuid))
}

/// Chooses the newest intact state.
///
/// # Errors
/// `Corrupt` when no slot leads to an intact manifest, `UnsupportedVersion` when the newest one
/// needs a feature this build lacks (the older state is not silently shown instead).
pub(in crate::store) fn select(backend: &dyn Backend, header: &FileHeader) -> Result<State> {
    // A slot may be read in the middle of being written by a committing process. The other slot
    // is then the newest, unless the writer finishes one commit and starts the next between our
    // two reads; looking again settles that.
    const LOOKS: usize = 3;
    let mut result = select_once(backend, header);
    for _ in 1..LOOKS {
        match &result {
            Err(error) if error.is_corrupt() => result = select_once(backend, header),
            _ => break,
        }
    }
    result
}

fn select_once(backend: &dyn Backend, header: &FileHeader) -> Result<State> {
    let mut reasons = Vec::new();
    let (mut suspect, mut empty) = (false, false);
    let mut candidates = Vec::new();
    for slot in 0..SLOT_OFF_BYTES.len() {
        match read_slot(backend, slot, Some(header.file_uuid))? {
            SlotContent::Empty => {
                reasons.push(format!("slot {slot}: never written"));
                empty = true;
            }
            SlotContent::Damaged(why) => {
                reasons.push(format!("slot {slot}: {why}"));
                suspect = true;
            }
            SlotContent::Unreadable { generation, error } => {
                candidates.push((generation, slot, Err(error)));
            }
            SlotContent::Record(record) => {
                candidates.push((record.generation, slot, Ok(*record)));
            }
        }
    }
    // Two records of one generation differ, if at all, in the flag that vacuum sets.
    candidates.sort_by_key(|(generation, _, record)| {
        let superseded = record.as_ref().is_ok_and(Superblock::is_superseded);
        std::cmp::Reverse((*generation, superseded))
    });
    for (_, slot, record) in candidates {
        let superblock = record?;
        superblock.check_readable()?;
        match load_state(backend, slot, superblock) {
            Ok(mut state) => {
                // Only the first commit leaves a slot unwritten; later it was erased.
                if suspect || (empty && state.superblock.generation > 1) {
                    state.passed_over = reasons;
                }
                return Ok(state);
            }
            Err(error) if error.is_corrupt() => {
                reasons.push(format!("slot {slot}: {}", error.finding()));
                suspect = true;
            }
            Err(error) => return Err(error),
        }
    }
    Err(Error::corrupt(format_args!(
        "{} has no intact commit ({})",
        backend.path().display(),
        reasons.join("; ")
    )))
}

/// Loads and checks the manifest that a superblock names.
pub(in crate::store) fn load_state(
    backend: &dyn Backend,
    slot: usize,
    superblock: Superblock,
) -> Result<State> {
    // After the superblock: a file only grows, so a length read earlier could be too small.
    let file_len = backend
        .len_bytes()
        .map_err(|error| Error::io("measuring", backend.path(), error))?;
    superblock.check_bounds(file_len)?;
    let mut buffer = AlignedBuffer::zeroed(superblock.manifest_len_bytes)?;
    read_at(backend, buffer.bytes_mut(), superblock.manifest_off_bytes)?;
    let bytes = buffer.bytes();
    if checksum::crc32(bytes) != superblock.manifest_crc {
        return Err(Error::corrupt(format_args!(
            "the manifest of generation {} is damaged",
            superblock.generation
        )));
    }
    let (manifest, manifest_ref) = decode_manifest(bytes, &superblock)?;
    for reference in manifest.extents() {
        reference.check_bounds(superblock.committed_end_bytes)?;
    }
    if !manifest.extents_are_apart(manifest_ref) {
        return Err(Error::corrupt(format_args!(
            "the manifest of generation {} is damaged: two of its extents overlap",
            superblock.generation
        )));
    }
    Ok(State::new(slot, superblock, manifest, manifest_ref))
}

fn decode_manifest(bytes: &[u8], superblock: &Superblock) -> Result<(Manifest, ExtentRef)> {
    let damaged = |what: &str| Error::corrupt(format_args!("the manifest is damaged: {what}"));
    // The superblock pins every byte of this extent, so the header may vouch for itself here.
    let header_crc = bytes
        .get(EXTENT_HEADER_BYTES.saturating_sub(4)..EXTENT_HEADER_BYTES)
        .and_then(|crc| crc.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| damaged("it has no header"))?;
    let reference = ExtentRef {
        off_bytes: superblock.manifest_off_bytes,
        len_bytes: superblock.manifest_len_bytes,
        nonce: superblock.commit_nonce,
        header_crc,
    };
    let header = ExtentHeader::decode(bytes, &reference, superblock.file_uuid)?;
    if header.kind != ExtentKind::Manifest || header.generation != superblock.generation {
        return Err(damaged("another extent is in its place"));
    }
    let table = bytes
        .get(EXTENT_HEADER_BYTES..EXTENT_HEADER_BYTES.saturating_add(header.table_len_bytes()))
        .ok_or_else(|| damaged("its section table does not fit"))?;
    let table = SectionEntry::decode_table(table, &header, &reference)?;
    if let Some(entry) = table.iter().find(|entry| {
        !entry.kind.is_optional() && !sections::is_known(ExtentKind::Manifest, entry.kind)
    }) {
        return Err(Error::new(
            ErrorKind::UnsupportedVersion,
            format!(
                "the manifest has a section {} that this build does not know and must not \
                 ignore; use a newer version of zerogr",
                entry.kind.0
            ),
        ));
    }
    let manifest = Manifest::from_sections(|kind| {
        let entry = table.iter().find(|entry| entry.kind == kind)?;
        let start = usize::try_from(entry.off_bytes).ok()?;
        let end = start.checked_add(usize::try_from(entry.len_bytes).ok()?)?;
        Some((bytes.get(start..end)?, entry.entry_count))
    })?;
    if (manifest.generation, manifest.commit_nonce)
        != (superblock.generation, superblock.commit_nonce)
    {
        return Err(damaged("it belongs to another commit"));
    }
    Ok((manifest, reference))
}
