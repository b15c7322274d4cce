//! Reading an extent: header and table when it is opened, each section when it is asked for.
//!
//! A section's checksum is verified before its first byte is handed out. In a mapped store that
//! happens once per section; in a buffered store once per reading, and the buffer is shared
//! by everyone who holds it and freed with the last of them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use memmap2::Mmap;
use parking_lot::Mutex;

use super::buffer::AlignedBuffer;
use super::map::MapPermit;
use super::section::{Bytes, Origin, Section};
use crate::error::{Error, ErrorKind, Result};
use crate::format::limits::{PAGE_BYTES, align_up, to_u64};
use crate::format::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, ExtentRef,
    SectionEntry, SectionKind, checksum, sections,
};
use crate::store::system::backend::{Backend, read_at};

/// An open extent; a cheap handle.
#[derive(Debug, Clone)]
pub struct Extent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    reference: ExtentRef,
    origin: Arc<Origin>,
    header: ExtentHeader,
    table: Vec<SectionEntry>,
    by_kind: HashMap<SectionKind, usize>,
    source: Source,
    /// Verified chunk tables, each read when the first part of its section is asked for.
    chunk_tables: Vec<OnceLock<AlignedBuffer>>,
}

/// Where section bytes come from; one cell per section.
#[derive(Debug)]
enum Source {
    Map {
        map: Arc<Mmap>,
        verified: Vec<AtomicBool>,
    },
    Heap {
        buffers: Vec<Mutex<Weak<AlignedBuffer>>>,
    },
}

/// What a section table says about one section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionInfo {
    /// Name of the section within the extent's kind.
    pub kind: SectionKind,
    /// How the body is encoded.
    pub encoding: u16,
    /// Entries of the body, as its writer counted them.
    pub entry_count: u64,
    /// Where the body starts in the file.
    pub off_bytes: u64,
    /// Length of the body.
    pub len_bytes: u64,
}

impl Extent {
    /// Opens the extent that `reference` names; the reference must be within the committed bytes.
    pub(in crate::store) fn load(
        backend: &Arc<dyn Backend>,
        permit: Option<MapPermit>,
        reference: &ExtentRef,
        file_uuid: [u8; 16],
        place: &str,
    ) -> Result<Self> {
        // One page holds header and table of nearly every extent; an extent is never shorter.
        let mut head = vec![0; usize::try_from(PAGE_BYTES).unwrap_or(EXTENT_HEADER_BYTES)];
        read_at(&**backend, &mut head, reference.off_bytes)?;
        let header = ExtentHeader::decode(&head, reference, file_uuid)?;
        let head_len = EXTENT_HEADER_BYTES.saturating_add(header.table_len_bytes());
        if head_len > head.len() {
            head.resize(head_len, 0);
            read_at(&**backend, &mut head, reference.off_bytes)?;
        }
        let table = head.get(EXTENT_HEADER_BYTES..head_len).unwrap_or_default();
        let table = SectionEntry::decode_table(table, &header, reference)?;
        let by_kind = table
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.kind, at))
            .collect();
        let map = match (permit, backend.mappable()) {
            (Some(permit), Some(file)) => {
                let len = usize::try_from(reference.len_bytes).map_err(|_| {
                    Error::limit("an extent is larger than this machine's address space")
                })?;
                // Some file systems have no maps, and some processes no room for one: reading
                // gives the same bytes.
                permit.map(file, reference.off_bytes, len).ok()
            }
            _ => None,
        };
        let source = match map {
            Some(map) => Source::Map {
                map: Arc::new(map),
                verified: table.iter().map(|_| AtomicBool::new(false)).collect(),
            },
            None => Source::Heap {
                buffers: table.iter().map(|_| Mutex::default()).collect(),
            },
        };
        Ok(Extent(Arc::new(Inner {
            backend: backend.clone(),
            reference: *reference,
            origin: Arc::new(Origin {
                place: place.to_owned(),
                kind: header.kind,
            }),
            header,
            chunk_tables: table.iter().map(|_| OnceLock::new()).collect(),
            table,
            by_kind,
            source,
        })))
    }

    /// What the extent holds.
    pub fn kind(&self) -> ExtentKind {
        self.0.header.kind
    }

    /// Refuses an extent of another kind.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn expect_kind(&self, kind: ExtentKind) -> Result<()> {
        if self.kind() == kind {
            return Ok(());
        }
        Err(self.damaged(&format!(
            "it is a {:?} extent, expected {kind:?}",
            self.kind()
        )))
    }

    /// Where the extent is, for messages: "papers.zgr, segment 3".
    pub(crate) fn place(&self) -> &str {
        &self.0.origin.place
    }

    /// Where the extent is.
    pub fn reference(&self) -> ExtentRef {
        self.0.reference
    }

    /// The commit that wrote the extent.
    pub fn generation(&self) -> u64 {
        self.0.header.generation
    }

    /// The sections, in file order.
    pub fn sections(&self) -> impl Iterator<Item = SectionInfo> + '_ {
        self.0.table.iter().map(|entry| SectionInfo {
            kind: entry.kind,
            encoding: entry.encoding,
            entry_count: entry.entry_count,
            off_bytes: self.0.reference.off_bytes.saturating_add(entry.off_bytes),
            len_bytes: entry.len_bytes,
        })
    }

    /// The verified bytes of a section that must be there.
    ///
    /// # Errors
    /// `Corrupt` when the section is missing or its checksum is wrong; `Io` when reading fails.
    pub fn section(&self, kind: SectionKind) -> Result<Section> {
        self.find(kind)?
            .ok_or_else(|| self.damaged_in(kind, "it is missing"))
    }

    /// The verified bytes of a section, if the extent has it.
    ///
    /// # Errors
    /// `Corrupt` when its checksum is wrong; `Io` when reading fails.
    pub fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        self.0
            .by_kind
            .get(&kind)
            .map(|&at| self.load_section(at))
            .transpose()
    }

    /// Verified bytes of a part of a section. Of a large section only the 64 KiB chunks that the
    /// part touches are read and verified, so documents can be fetched from a section that does
    /// not fit into memory.
    ///
    /// # Errors
    /// `Corrupt` when the section is missing, the range is not inside it, or a checksum is wrong;
    /// `Io` when reading fails.
    pub fn section_range(&self, kind: SectionKind, range: Range<u64>) -> Result<Section> {
        let inner = &*self.0;
        let missing = || self.damaged_in(kind, "it is missing");
        let at = *inner.by_kind.get(&kind).ok_or_else(missing)?;
        let entry = inner.table.get(at).ok_or_else(missing)?;
        let outside = || {
            self.damaged_in(
                kind,
                format_args!("bytes {range:?} are outside its {} bytes", entry.len_bytes),
            )
        };
        if range.start > range.end || range.end > entry.len_bytes {
            return Err(outside());
        }
        if entry.crc_alg == checksum::ALG_CRC32 || self.resident(at, entry).is_some() {
            let section = self.load_section(at)?;
            return to_usize_range(&range)
                .and_then(|r| section.get_slice(r))
                .ok_or_else(outside);
        }

        let chunk_bytes = to_u64(checksum::CHUNK_BYTES);
        let first = range.start.checked_div(chunk_bytes).unwrap_or(0);
        let start = first.saturating_mul(chunk_bytes);
        let end = align_up(range.end, chunk_bytes)
            .unwrap_or(u64::MAX)
            .min(entry.len_bytes);
        let part = range.start.saturating_sub(start)..range.end.saturating_sub(start);
        let part = to_usize_range(&part).ok_or_else(outside)?;
        let check = |bytes: &[u8]| self.verify_chunks(at, entry, first, bytes);
        let (bytes, base) = match &inner.source {
            Source::Map { map, .. } => {
                let chunks =
                    entry.off_bytes.saturating_add(start)..entry.off_bytes.saturating_add(end);
                let chunks = to_usize_range(&chunks).ok_or_else(outside)?;
                check(map.get(chunks.clone()).ok_or_else(outside)?)?;
                (Bytes::Map(map.clone()), chunks.start)
            }
            Source::Heap { .. } => {
                let mut buffer = AlignedBuffer::zeroed(end.saturating_sub(start))?;
                let off = inner.reference.off_bytes.saturating_add(entry.off_bytes);
                read_at(
                    &*inner.backend,
                    buffer.bytes_mut(),
                    off.saturating_add(start),
                )?;
                check(buffer.bytes())?;
                (Bytes::Heap(Arc::new(buffer)), 0)
            }
        };
        let part = base.saturating_add(part.start)..base.saturating_add(part.end);
        Ok(Section::new(bytes, part, entry, &inner.origin))
    }

    /// Bytes of a part of a section as they are, for those who have a checksum of their own for
    /// them; what its section's checksum says is not looked at.
    ///
    /// # Errors
    /// `Corrupt` when the section is missing or the range is not inside it; `Io`.
    pub(crate) fn unverified_range(&self, kind: SectionKind, range: Range<u64>) -> Result<Vec<u8>> {
        let inner = &*self.0;
        let entry = inner.by_kind.get(&kind).and_then(|&at| inner.table.get(at));
        let entry = entry
            .filter(|entry| range.start <= range.end && range.end <= entry.len_bytes)
            .ok_or_else(|| self.damaged_in(kind, format_args!("bytes {range:?} are not there")))?;
        let len_bytes = range.end.saturating_sub(range.start);
        let mut buffer = AlignedBuffer::zeroed(len_bytes)?;
        let off = inner.reference.off_bytes.saturating_add(entry.off_bytes);
        read_at(
            &*inner.backend,
            buffer.bytes_mut(),
            off.saturating_add(range.start),
        )?;
        Ok(buffer.bytes().to_vec())
    }

    /// Refuses an extent with a section that this build does not know and that is not optional: it
    /// was written by a version that put something there which must not be ignored.
    ///
    /// # Errors
    /// `UnsupportedVersion`.
    pub fn expect_known_sections(&self) -> Result<()> {
        let unknown = |entry: &&SectionEntry| {
            !entry.kind.is_optional() && !sections::is_known(self.kind(), entry.kind)
        };
        match self.0.table.iter().find(unknown) {
            None => Ok(()),
            Some(entry) => Err(Error::new(
                ErrorKind::UnsupportedVersion,
                format!(
                    "the {:?} extent at byte {} has a section {:#06x} that this build does not \
                     know and must not ignore; use a newer version of zerogr",
                    self.kind(),
                    self.0.reference.off_bytes,
                    entry.kind.0
                ),
            )
            .at(self.place())),
        }
    }

    /// Verifies every byte: all sections, the padding between them, and the footer.
    ///
    /// # Errors
    /// The first damage found, or `Io`.
    pub fn verify_all(&self) -> Result<()> {
        for entry in &self.0.table {
            self.section(entry.kind)?;
        }
        let footer = self.footer()?;
        let mut hasher = crc32fast::Hasher::new();
        let mut off = to_u64(EXTENT_HEADER_BYTES);
        let end = self
            .0
            .reference
            .len_bytes
            .saturating_sub(to_u64(EXTENT_FOOTER_BYTES));
        let mut buffer = vec![0; checksum::CHUNKED_OVER_BYTES];
        while off < end {
            let left = usize::try_from(end.saturating_sub(off)).unwrap_or(usize::MAX);
            let piece = buffer.len().min(left);
            let piece = buffer.get_mut(..piece).unwrap_or_default();
            read_at(
                &*self.0.backend,
                piece,
                self.0.reference.off_bytes.saturating_add(off),
            )?;
            hasher.update(piece);
            off = off.saturating_add(to_u64(piece.len()));
        }
        if hasher.finalize() != footer.body_crc {
            return Err(self.damaged("the checksum over its whole body is wrong"));
        }
        Ok(())
    }

    /// Reads the footer and checks that it belongs to this extent.
    pub(in crate::store) fn footer(&self) -> Result<ExtentFooter> {
        let mut bytes = [0; EXTENT_FOOTER_BYTES];
        let end = self
            .0
            .reference
            .off_bytes
            .saturating_add(self.0.reference.len_bytes);
        let off = end.saturating_sub(to_u64(EXTENT_FOOTER_BYTES));
        read_at(&*self.0.backend, &mut bytes, off)?;
        ExtentFooter::decode(&bytes)
            .filter(|footer| {
                footer.header_crc == self.0.reference.header_crc
                    && footer.total_len_bytes == self.0.reference.len_bytes
            })
            .ok_or_else(|| self.damaged("its footer is damaged"))
    }

    fn load_section(&self, at: usize) -> Result<Section> {
        let inner = &*self.0;
        let lost = || self.damaged("a section runs past its end");
        let entry = inner.table.get(at).ok_or_else(lost)?;
        match &inner.source {
            Source::Map { map, verified } => {
                let section = Section::in_map(map, entry, &inner.origin).ok_or_else(lost)?;
                let verified = verified.get(at).ok_or_else(lost)?;
                if !verified.load(Ordering::Acquire) {
                    self.verify_section(at, entry, &section)?;
                    verified.store(true, Ordering::Release);
                }
                Ok(section)
            }
            Source::Heap { buffers } => {
                // Held while reading, so that two threads do not read the same section twice.
                let mut cell = buffers.get(at).ok_or_else(lost)?.lock();
                if let Some(buffer) = cell.upgrade() {
                    return Ok(Section::in_buffer(buffer, entry, &inner.origin));
                }
                let mut buffer = AlignedBuffer::zeroed(entry.len_bytes)?;
                let off = inner.reference.off_bytes.saturating_add(entry.off_bytes);
                read_at(&*inner.backend, buffer.bytes_mut(), off)?;
                self.verify_section(at, entry, buffer.bytes())?;
                let buffer = Arc::new(buffer);
                *cell = Arc::downgrade(&buffer);
                Ok(Section::in_buffer(buffer, entry, &inner.origin))
            }
        }
    }

    /// The section, if it was verified and is at hand.
    fn resident(&self, at: usize, entry: &SectionEntry) -> Option<Section> {
        match &self.0.source {
            Source::Map { map, verified } => verified
                .get(at)?
                .load(Ordering::Acquire)
                .then(|| Section::in_map(map, entry, &self.0.origin))?,
            Source::Heap { buffers } => buffers
                .get(at)?
                .lock()
                .upgrade()
                .map(|buffer| Section::in_buffer(buffer, entry, &self.0.origin)),
        }
    }

    fn verify_section(&self, at: usize, entry: &SectionEntry, bytes: &[u8]) -> Result<()> {
        if entry.crc_alg == checksum::ALG_CRC32_CHUNKS {
            return self.verify_chunks(at, entry, 0, bytes);
        }
        let found = checksum::crc32(bytes);
        if found == entry.crc {
            return Ok(());
        }
        let what = format!("the checksum is {found:08x}, expected {:08x}", entry.crc);
        Err(self.damaged_in(entry.kind, what))
    }

    /// Verifies whole chunks of a section, of which `bytes` begins with chunk number `first`.
    fn verify_chunks(
        &self,
        at: usize,
        entry: &SectionEntry,
        first: u64,
        bytes: &[u8],
    ) -> Result<()> {
        let table = self.chunk_table(at, entry)?;
        let entry_bytes = checksum::CHUNK_ENTRY_BYTES;
        let count = bytes.len().div_ceil(checksum::CHUNK_BYTES);
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        let table = table
            .get(skip.saturating_mul(entry_bytes)..)
            .and_then(|rest| rest.get(..count.saturating_mul(entry_bytes)))
            .unwrap_or_default();
        match checksum::first_bad_chunk(bytes, table) {
            None => Ok(()),
            Some((number, expected, found)) => {
                let number = skip.saturating_add(number);
                let what = format!(
                    "the checksum of chunk {number} (64 KiB each) is {found:08x}, expected \
                     {expected:08x}"
                );
                Err(self.damaged_in(entry.kind, what))
            }
        }
    }

    /// The chunk table of a large section, read and verified once.
    fn chunk_table(&self, at: usize, entry: &SectionEntry) -> Result<&[u8]> {
        let lost = || self.damaged_in(entry.kind, "its checksum table is damaged");
        let cell = self.0.chunk_tables.get(at).ok_or_else(lost)?;
        if let Some(table) = cell.get() {
            return Ok(table.bytes());
        }
        let len_bytes = checksum::chunk_table_len_bytes(entry.len_bytes).ok_or_else(lost)?;
        let mut table = AlignedBuffer::zeroed(len_bytes)?;
        let off = self
            .0
            .reference
            .off_bytes
            .saturating_add(entry.crc_table_off_bytes);
        read_at(&*self.0.backend, table.bytes_mut(), off)?;
        if checksum::crc32(table.bytes()) != entry.crc {
            return Err(lost());
        }
        Ok(cell.get_or_init(|| table).bytes())
    }

    fn damaged(&self, what: &str) -> Error {
        Error::corrupt(format_args!(
            "{:?} extent at byte {} (generation {}): {what}",
            self.0.header.kind, self.0.reference.off_bytes, self.0.header.generation,
        ))
        .at(self.place())
    }

    /// Damage of one section.
    pub(crate) fn damaged_in(&self, kind: SectionKind, what: impl std::fmt::Display) -> Error {
        self.located(kind, Error::corrupt(what))
    }

    /// The same error, found in a section of this extent.
    pub(crate) fn located(&self, kind: SectionKind, error: Error) -> Error {
        error.at(self.0.origin.section(kind))
    }
}

fn to_usize_range(range: &Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}
