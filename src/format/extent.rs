//! An extent: an immutable run of pages that holds named sections.
//!
//! ```text
//! +0            header, 64 bytes: kind, generation, nonce, checksum of the table, own checksum
//! +64           section table, 64 bytes per section
//!               sections, each at a multiple of 64
//!               chunk tables of the large sections, each at a multiple of 64
//!               zeros
//! +len-32       footer: checksum of everything between header and footer, length, magic reversed
//! ```
//!
//! The footer ends on a page boundary, so a salvage scan can walk a file backwards from any page:
//! it finds the magic, the length, and with it the header. Readers of a healthy file reach an
//! extent through an [`ExtentRef`], which pins the header's checksum and so every byte below it.

use std::collections::HashSet;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::{self, crc32};
use super::limits::{
    FIRST_EXTENT_OFF_BYTES, MAX_EXTENT_BYTES, PAGE_BYTES, SECTION_ALIGN_BYTES, to_u64,
};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of an extent header.
pub const EXTENT_HEADER_BYTES: usize = 64;
/// Bytes of one entry of the section table.
pub const SECTION_ENTRY_BYTES: usize = 64;
/// Bytes of an extent footer.
pub const EXTENT_FOOTER_BYTES: usize = 32;

const HEADER_MAGIC: [u8; 4] = *b"ZGRX";
const FOOTER_MAGIC: [u8; 4] = *b"XRGZ";
const EXTENT_VERSION: u16 = 1;
const HEADER_CRC_OFF: usize = EXTENT_HEADER_BYTES - 4;
const FOOTER_CRC_OFF: usize = 24;

/// Extent flag: a reader that does not know the kind must refuse the file.
pub(super) const FLAG_CRITICAL: u16 = 1;
/// Extent flag: vacuum may copy the extent without knowing its kind.
pub(super) const FLAG_COPY_SAFE: u16 = 2;

/// What an extent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
#[non_exhaustive]
pub enum ExtentKind {
    /// Docid trie, postings and documents of one segment.
    Segment = 1,
    /// Fitted vectors of one segment.
    Heads = 2,
    /// Dead documents of one segment.
    Tombstones = 3,
    /// One opaque file: a model, a tokenizer.
    Blob = 4,
    /// Generated queries of one segment's documents.
    PseudoQueries = 5,
    /// The state of the index after one commit.
    Manifest = 6,
}

impl ExtentKind {
    /// The kind of a code on disk, if this build knows it.
    pub fn from_code(code: u16) -> Option<Self> {
        [
            ExtentKind::Segment,
            ExtentKind::Heads,
            ExtentKind::Tombstones,
            ExtentKind::Blob,
            ExtentKind::PseudoQueries,
            ExtentKind::Manifest,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
    }

    /// The code on disk.
    #[allow(clippy::as_conversions)]
    pub fn code(self) -> u16 {
        self as u16
    }

    pub(super) fn flags(self) -> u16 {
        match self {
            ExtentKind::PseudoQueries => FLAG_COPY_SAFE,
            ExtentKind::Blob => FLAG_CRITICAL | FLAG_COPY_SAFE,
            _ => FLAG_CRITICAL,
        }
    }
}

/// Names a section within its extent's kind: the same number means different things in a segment
/// and in a blob. An open set; each layer declares the kinds whose bodies it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SectionKind(pub u16);

impl SectionKind {
    /// Bit of kinds that a reader may ignore without knowing them.
    pub const OPTIONAL_BIT: u16 = 0x8000;
    /// Bit of kinds that merge and vacuum may copy without knowing them.
    pub const COPY_SAFE_BIT: u16 = 0x4000;

    /// Whether a reader that does not know this kind may ignore the section.
    pub fn is_optional(self) -> bool {
        self.0 & Self::OPTIONAL_BIT != 0
    }

    /// Whether merge and vacuum may copy the section without knowing this kind.
    pub fn is_copy_safe(self) -> bool {
        self.0 & Self::COPY_SAFE_BIT != 0
    }
}

/// Where an extent is and how to recognise that it is the one meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtentRef {
    /// Start in the file, a multiple of 4096.
    pub off_bytes: u64,
    /// Length with header, footer and padding, a multiple of 4096.
    pub len_bytes: u64,
    /// Nonce of the commit that wrote it.
    pub nonce: u64,
    /// The checksum stored in its header.
    pub header_crc: u32,
}

impl ExtentRef {
    /// The first byte after the extent; `None` if it is past every possible file.
    pub fn end_bytes(&self) -> Option<u64> {
        self.off_bytes.checked_add(self.len_bytes)
    }

    /// Checks alignment and that the extent ends at or before `limit_bytes`.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn check_bounds(&self, limit_bytes: u64) -> Result<()> {
        let good = self.off_bytes >= FIRST_EXTENT_OFF_BYTES
            && self.off_bytes.is_multiple_of(PAGE_BYTES)
            && self.len_bytes >= PAGE_BYTES
            && self.len_bytes <= MAX_EXTENT_BYTES
            && self.len_bytes.is_multiple_of(PAGE_BYTES)
            && self.end_bytes().is_some_and(|end| end <= limit_bytes);
        if good {
            return Ok(());
        }
        Err(Error::corrupt(format_args!(
            "an extent of {} bytes at byte {} does not fit the {limit_bytes} committed bytes",
            self.len_bytes, self.off_bytes
        )))
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawHeader {
    magic: [u8; 4],
    kind: U16,
    version: U16,
    generation: U64,
    commit_nonce: U64,
    body_len: U64,
    section_count: U16,
    flags: U16,
    uuid_tag: [u8; 4],
    table_crc: U32,
    reserved: [u8; 16],
    header_crc: U32,
}

/// A decoded extent header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtentHeader {
    /// What the extent holds.
    pub kind: ExtentKind,
    /// The commit that wrote it.
    pub generation: u64,
    /// That commit's nonce.
    pub commit_nonce: u64,
    /// Bytes between header and footer.
    pub body_len_bytes: u64,
    /// Entries of the section table.
    pub section_count: u16,
    /// First four bytes of the file's identity.
    pub uuid_tag: [u8; 4],
    /// CRC-32 of the section table.
    pub table_crc: u32,
}

impl ExtentHeader {
    /// The header's bytes and the checksum in them.
    pub fn encode(&self) -> ([u8; EXTENT_HEADER_BYTES], u32) {
        let mut raw = RawHeader {
            magic: HEADER_MAGIC,
            kind: self.kind.code().into(),
            version: EXTENT_VERSION.into(),
            generation: self.generation.into(),
            commit_nonce: self.commit_nonce.into(),
            body_len: self.body_len_bytes.into(),
            section_count: self.section_count.into(),
            flags: self.kind.flags().into(),
            uuid_tag: self.uuid_tag,
            table_crc: self.table_crc.into(),
            reserved: [0; 16],
            header_crc: 0.into(),
        };
        let (covered, _) = raw.as_bytes().split_at(HEADER_CRC_OFF);
        let crc = crc32(covered);
        raw.header_crc = crc.into();
        (zerocopy::transmute!(raw), crc)
    }

    /// Reads the header of the extent that `reference` names.
    ///
    /// # Errors
    /// `Corrupt` when the bytes are not that extent's header; `UnsupportedVersion` when they are
    /// and this build does not know its kind or version.
    pub fn decode(bytes: &[u8], reference: &ExtentRef, file_uuid: [u8; 16]) -> Result<Self> {
        let damaged = |what: &str| {
            Error::corrupt(format_args!(
                "extent at byte {}: {what}",
                reference.off_bytes
            ))
        };
        let (raw, _) =
            RawHeader::ref_from_prefix(bytes).map_err(|_| damaged("the header is cut short"))?;
        if raw.magic != HEADER_MAGIC {
            return Err(damaged("no extent starts here"));
        }
        let (covered, _) = raw.as_bytes().split_at(HEADER_CRC_OFF);
        let found = crc32(covered);
        if raw.header_crc.get() != found {
            return Err(damaged("the header's checksum does not match its bytes"));
        }
        let [a, b, c, d, ..] = file_uuid;
        if found != reference.header_crc
            || raw.commit_nonce.get() != reference.nonce
            || raw.uuid_tag != [a, b, c, d]
        {
            return Err(damaged("another extent is in its place"));
        }
        let frame = to_u64(EXTENT_HEADER_BYTES + EXTENT_FOOTER_BYTES);
        if raw.body_len.get().checked_add(frame) != Some(reference.len_bytes) {
            return Err(damaged("its length differs from the one in the manifest"));
        }
        let table_len =
            u64::from(raw.section_count.get()).saturating_mul(to_u64(SECTION_ENTRY_BYTES));
        if table_len > raw.body_len.get() {
            return Err(damaged("its section table does not fit"));
        }
        let kind = ExtentKind::from_code(raw.kind.get());
        let (Some(kind), EXTENT_VERSION) = (kind, raw.version.get()) else {
            return Err(Error::new(
                ErrorKind::UnsupportedVersion,
                format!(
                    "the extent at byte {} has kind {} version {}, unknown to this build; use a \
                     newer version of zerogr",
                    reference.off_bytes,
                    raw.kind.get(),
                    raw.version.get()
                ),
            ));
        };
        Ok(ExtentHeader {
            kind,
            generation: raw.generation.get(),
            commit_nonce: raw.commit_nonce.get(),
            body_len_bytes: raw.body_len.get(),
            section_count: raw.section_count.get(),
            uuid_tag: raw.uuid_tag,
            table_crc: raw.table_crc.get(),
        })
    }

    /// Reads a header that nothing points to, with the checksum in it; `None` when the bytes are
    /// not an intact header of a kind and version this build knows. For searching a damaged file.
    pub fn decode_unpinned(bytes: &[u8]) -> Option<(Self, u32)> {
        let (raw, _) = RawHeader::ref_from_prefix(bytes).ok()?;
        let (covered, _) = raw.as_bytes().split_at(HEADER_CRC_OFF);
        let header_crc = crc32(covered);
        let is_known = raw.magic == HEADER_MAGIC
            && raw.header_crc.get() == header_crc
            && raw.version.get() == EXTENT_VERSION;
        let kind = ExtentKind::from_code(raw.kind.get()).filter(|_| is_known)?;
        let header = ExtentHeader {
            kind,
            generation: raw.generation.get(),
            commit_nonce: raw.commit_nonce.get(),
            body_len_bytes: raw.body_len.get(),
            section_count: raw.section_count.get(),
            uuid_tag: raw.uuid_tag,
            table_crc: raw.table_crc.get(),
        };
        Some((header, header_crc))
    }

    /// Bytes of the section table.
    pub fn table_len_bytes(&self) -> usize {
        usize::from(self.section_count).saturating_mul(SECTION_ENTRY_BYTES)
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawSection {
    kind: U16,
    encoding: U16,
    flags: U16,
    crc_alg: U16,
    off: U64,
    len: U64,
    entry_count: U64,
    crc: U32,
    reserved0: U32,
    crc_table_off: U64,
    reserved1: [u8; 16],
}

/// One entry of a section table. Offsets count from the start of the extent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionEntry {
    /// Name of the section within the extent's kind.
    pub kind: SectionKind,
    /// How the body is encoded, in the terms of the layer that owns it.
    pub encoding: u16,
    /// A `checksum::ALG_*` number.
    pub crc_alg: u16,
    /// Start of the body, a multiple of 64.
    pub off_bytes: u64,
    /// Length of the body.
    pub len_bytes: u64,
    /// How many entries the owning layer says the body has.
    pub entry_count: u64,
    /// CRC-32 of the body, or of the chunk table.
    pub crc: u32,
    /// Start of the chunk table, a multiple of 64; 0 without one.
    pub crc_table_off_bytes: u64,
}

impl SectionEntry {
    /// The entry's bytes.
    pub fn encode(&self) -> [u8; SECTION_ENTRY_BYTES] {
        zerocopy::transmute!(RawSection {
            kind: self.kind.0.into(),
            encoding: self.encoding.into(),
            flags: 0.into(),
            crc_alg: self.crc_alg.into(),
            off: self.off_bytes.into(),
            len: self.len_bytes.into(),
            entry_count: self.entry_count.into(),
            crc: self.crc.into(),
            reserved0: 0.into(),
            crc_table_off: self.crc_table_off_bytes.into(),
            reserved1: [0; 16],
        })
    }

    /// Reads the section table of the extent that `reference` names, and checks that sections
    /// and chunk tables lie inside the extent, in order, without overlap.
    ///
    /// # Errors
    /// `Corrupt`, or `UnsupportedVersion` for an unknown checksum algorithm.
    pub fn decode_table(
        bytes: &[u8],
        header: &ExtentHeader,
        reference: &ExtentRef,
    ) -> Result<Vec<SectionEntry>> {
        let damaged = |what: &str| {
            Error::corrupt(format_args!(
                "extent at byte {}: {what}",
                reference.off_bytes
            ))
        };
        if bytes.len() != header.table_len_bytes() || crc32(bytes) != header.table_crc {
            return Err(damaged(
                "the section table's checksum does not match its bytes",
            ));
        }
        let raws = <[RawSection]>::ref_from_bytes(bytes)
            .map_err(|_| damaged("the section table has a broken entry"))?;
        let mut entries: Vec<SectionEntry> = Vec::with_capacity(raws.len());
        let mut kinds = HashSet::new();
        let body_end = reference
            .len_bytes
            .saturating_sub(to_u64(EXTENT_FOOTER_BYTES));
        let mut sections_end = to_u64(EXTENT_HEADER_BYTES).saturating_add(to_u64(bytes.len()));
        for raw in raws {
            let entry = SectionEntry {
                kind: SectionKind(raw.kind.get()),
                encoding: raw.encoding.get(),
                crc_alg: raw.crc_alg.get(),
                off_bytes: raw.off.get(),
                len_bytes: raw.len.get(),
                entry_count: raw.entry_count.get(),
                crc: raw.crc.get(),
                crc_table_off_bytes: raw.crc_table_off.get(),
            };
            let end = entry
                .off_bytes
                .checked_add(entry.len_bytes)
                .filter(|&end| end <= body_end);
            let Some(end) = end else {
                return Err(damaged("a section runs past its end"));
            };
            if entry.off_bytes < sections_end
                || !entry.off_bytes.is_multiple_of(SECTION_ALIGN_BYTES)
            {
                return Err(damaged("a section is out of place"));
            }
            if !kinds.insert(entry.kind) {
                return Err(damaged("two sections have the same kind"));
            }
            sections_end = end;
            entries.push(entry);
        }
        for entry in &entries {
            match entry.crc_alg {
                checksum::ALG_CRC32 if entry.crc_table_off_bytes == 0 => {}
                checksum::ALG_CRC32_CHUNKS => {
                    let start = entry.crc_table_off_bytes;
                    let end = checksum::chunk_table_len_bytes(entry.len_bytes)
                        .and_then(|len| start.checked_add(len));
                    let fits = start >= sections_end
                        && start.is_multiple_of(SECTION_ALIGN_BYTES)
                        && end.is_some_and(|end| end <= body_end);
                    if !fits {
                        return Err(damaged("a chunk table is out of place"));
                    }
                }
                checksum::ALG_CRC32 => return Err(damaged("a chunk table is out of place")),
                other => {
                    return Err(Error::new(
                        ErrorKind::UnsupportedVersion,
                        format!(
                            "the extent at byte {} uses checksum algorithm {other}, unknown to \
                             this build; use a newer version of zerogr",
                            reference.off_bytes
                        ),
                    ));
                }
            }
        }
        Ok(entries)
    }
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawFooter {
    body_crc: U32,
    header_crc: U32,
    total_len: U64,
    reserved: [u8; 8],
    footer_crc: U32,
    magic: [u8; 4],
}

/// A decoded extent footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtentFooter {
    /// CRC-32 of every byte between header and footer.
    pub body_crc: u32,
    /// The checksum in the header, to tell that header and footer belong together.
    pub header_crc: u32,
    /// Length of the extent with header and footer.
    pub total_len_bytes: u64,
}

impl ExtentFooter {
    /// The footer's bytes.
    pub fn encode(&self) -> [u8; EXTENT_FOOTER_BYTES] {
        let mut raw = RawFooter {
            body_crc: self.body_crc.into(),
            header_crc: self.header_crc.into(),
            total_len: self.total_len_bytes.into(),
            reserved: [0; 8],
            footer_crc: 0.into(),
            magic: FOOTER_MAGIC,
        };
        let (covered, _) = raw.as_bytes().split_at(FOOTER_CRC_OFF);
        raw.footer_crc = crc32(covered).into();
        zerocopy::transmute!(raw)
    }

    /// Reads a footer; `None` when `bytes` are not an intact one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let raw = RawFooter::ref_from_bytes(bytes).ok()?;
        let (covered, _) = raw.as_bytes().split_at(FOOTER_CRC_OFF);
        (raw.magic == FOOTER_MAGIC && raw.footer_crc.get() == crc32(covered)).then(|| {
            ExtentFooter {
                body_crc: raw.body_crc.get(),
                header_crc: raw.header_crc.get(),
                total_len_bytes: raw.total_len.get(),
            }
        })
    }
}
