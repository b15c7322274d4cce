//! Reading an extent: header and table when it is opened, each section when it is asked for.
//!
//! A section's checksum is verified before its first byte is handed out. In a mapped store that
//! happens once per section; in a buffered store once per reading, and the buffer is shared
//! by everyone who holds it and freed with the last of them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use memmap2::Mmap;
use parking_lot::Mutex;

use super::backend::{Backend, read_at};
use super::buffer::AlignedBuffer;
use super::map::MapPermit;
use super::section::{Bytes, Section};
use crate::error::{Error, Result};
use crate::format::limits::{PAGE_BYTES, to_u64};
use crate::format::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, ExtentRef,
    SectionEntry, SectionKind, checksum,
};

/// An open extent; a cheap handle.
#[derive(Debug, Clone)]
pub struct Extent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Arc<dyn Backend>,
    reference: ExtentRef,
    header: ExtentHeader,
    table: Vec<SectionEntry>,
    by_kind: HashMap<SectionKind, usize>,
    source: Source,
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
    pub(super) fn load(
        backend: &Arc<dyn Backend>,
        permit: Option<MapPermit>,
        reference: &ExtentRef,
        file_uuid: [u8; 16],
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
        let source = match (permit, backend.mappable()) {
            (Some(permit), Some(file)) => {
                let len = usize::try_from(reference.len_bytes).map_err(|_| {
                    Error::limit("an extent is larger than this machine's address space")
                })?;
                let map = permit
                    .map(file, reference.off_bytes, len)
                    .map_err(|error| Error::io("mapping", backend.path(), error))?;
                let verified = table.iter().map(|_| AtomicBool::new(false)).collect();
                Source::Map {
                    map: Arc::new(map),
                    verified,
                }
            }
            _ => Source::Heap {
                buffers: table.iter().map(|_| Mutex::default()).collect(),
            },
        };
        Ok(Extent(Arc::new(Inner {
            backend: backend.clone(),
            reference: *reference,
            header,
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
            .ok_or_else(|| self.damaged(&format!("section {} is missing", kind.0)))
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
    pub(super) fn footer(&self) -> Result<ExtentFooter> {
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
        let entry = inner
            .table
            .get(at)
            .ok_or_else(|| self.damaged("a section is missing"))?;
        let section = |bytes, range: Range<usize>| {
            Section::new(bytes, range, entry.kind, entry.encoding, entry.entry_count)
        };
        match &inner.source {
            Source::Map { map, verified } => {
                // The table was checked to lie within the extent, and the map is the extent.
                let range = usize::try_from(entry.off_bytes).ok().and_then(|start| {
                    Some(start..start.checked_add(usize::try_from(entry.len_bytes).ok()?)?)
                });
                let range = range.ok_or_else(|| self.damaged("a section runs past its end"))?;
                let section = section(Bytes::Map(map.clone()), range);
                match verified.get(at) {
                    Some(done) if done.load(Ordering::Acquire) => {}
                    done => {
                        self.verify_section(entry, &section)?;
                        if let Some(done) = done {
                            done.store(true, Ordering::Release);
                        }
                    }
                }
                Ok(section)
            }
            Source::Heap { buffers } => {
                let cell = buffers
                    .get(at)
                    .ok_or_else(|| self.damaged("a section is missing"))?;
                // Held while reading, so that two threads do not read the same section twice.
                let mut cell = cell.lock();
                if let Some(buffer) = cell.upgrade() {
                    let range = 0..buffer.bytes().len();
                    return Ok(section(Bytes::Heap(buffer), range));
                }
                let mut buffer = AlignedBuffer::zeroed(entry.len_bytes)?;
                let off = inner.reference.off_bytes.saturating_add(entry.off_bytes);
                read_at(&*inner.backend, buffer.bytes_mut(), off)?;
                self.verify_section(entry, buffer.bytes())?;
                let buffer = Arc::new(buffer);
                *cell = Arc::downgrade(&buffer);
                let range = 0..buffer.bytes().len();
                Ok(section(Bytes::Heap(buffer), range))
            }
        }
    }

    fn verify_section(&self, entry: &SectionEntry, bytes: &[u8]) -> Result<()> {
        if entry.crc_alg == checksum::ALG_CRC32 {
            let found = checksum::crc32(bytes);
            if found == entry.crc {
                return Ok(());
            }
            return Err(self.damaged(&format!(
                "the checksum of section {} is {found:08x}, expected {:08x}",
                entry.kind.0, entry.crc
            )));
        }
        let table_len = checksum::chunk_table_len_bytes(entry.len_bytes).unwrap_or(u64::MAX);
        let mut table = AlignedBuffer::zeroed(table_len)?;
        let off = self
            .0
            .reference
            .off_bytes
            .saturating_add(entry.crc_table_off_bytes);
        read_at(&*self.0.backend, table.bytes_mut(), off)?;
        if checksum::crc32(table.bytes()) != entry.crc {
            return Err(self.damaged(&format!(
                "the checksum table of section {} is damaged",
                entry.kind.0
            )));
        }
        match checksum::first_bad_chunk(bytes, table.bytes()) {
            None => Ok(()),
            Some((number, expected, found)) => Err(self.damaged(&format!(
                "the checksum of section {}, chunk {number} (64 KiB each), is {found:08x}, \
                 expected {expected:08x}",
                entry.kind.0
            ))),
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::corrupt(format_args!(
            "{}: {:?} extent at byte {} (generation {}): {what}",
            self.0.backend.path().display(),
            self.0.header.kind,
            self.0.reference.off_bytes,
            self.0.header.generation,
        ))
    }
}
