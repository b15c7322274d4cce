//! A superblock: the one record that makes a commit visible.
//!
//! Two slots hold the newest and the second newest record; a commit overwrites the slot that is
//! not in use. The record and its checksum fit one 512-byte sector. That is the whole crash
//! argument: a sector is written or not, so a slot never holds a mixture of two records that a
//! second crash could complete into a valid one.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::crc32;
use super::header::check_version;
use super::limits::{FIRST_EXTENT_OFF_BYTES, MAX_FILE_BYTES, MAX_MANIFEST_BYTES, PAGE_BYTES};
use super::{FORMAT_MAJOR, FORMAT_MINOR};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a superblock record; the rest of its page is zero.
pub const SUPERBLOCK_RECORD_BYTES: usize = 256;
/// Superblock flag: a vacuumed successor took this file's place; readers should reopen the path.
pub const SUPERBLOCK_FLAG_SUPERSEDED: u32 = 1;

const MAGIC: [u8; 8] = *b"\x89ZGS\r\n\x1a\n";
const CRC_OFF: usize = SUPERBLOCK_RECORD_BYTES - 4;
/// `req_read_flags` and `req_write_flags` this build knows: none yet.
const KNOWN_REQ_READ: u64 = 0;
const KNOWN_REQ_WRITE: u64 = 0;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    format_major: U16,
    format_minor: U16,
    flags: U32,
    generation: U64,
    committed_end: U64,
    manifest_off: U64,
    manifest_len: U64,
    manifest_crc: U32,
    reserved0: U32,
    commit_nonce: U64,
    file_uuid: [u8; 16],
    req_read_flags: U64,
    req_write_flags: U64,
    opt_flags: U64,
    writer_version: [u8; 16],
    reserved1: [u8; 132],
    record_crc: U32,
}

/// A decoded superblock record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Number of the commit, from 1.
    pub generation: u64,
    /// End of the commit's last extent; bytes beyond are a dead tail.
    pub committed_end_bytes: u64,
    /// Where the manifest extent starts.
    pub manifest_off_bytes: u64,
    /// Length of the manifest extent.
    pub manifest_len_bytes: u64,
    /// CRC-32 of the whole manifest extent.
    pub manifest_crc: u32,
    /// The nonce of the commit.
    pub commit_nonce: u64,
    /// Identity of the file, equal to the header's.
    pub file_uuid: [u8; 16],
    /// Features a reader must know.
    pub req_read_flags: u64,
    /// Features a writer must know.
    pub req_write_flags: u64,
    /// Features that may be ignored.
    pub opt_flags: u64,
    /// Version text of the writing program, padded with zeros.
    pub writer_version: [u8; 16],
    /// `SUPERBLOCK_FLAG_*` bits.
    pub flags: u32,
}

/// What one superblock slot holds.
#[derive(Debug, Clone)]
pub enum SlotContent {
    /// Never written: all zero.
    Empty,
    /// A record whose checksum and identity are good. Its version and bounds may still be
    /// refused, by [`Superblock::check_readable`] and [`Superblock::check_bounds`].
    Record(Box<Superblock>),
    /// A record with good checksum from a version whose fields this build cannot read.
    Unreadable {
        /// The record's generation, which no version moves.
        generation: u64,
        /// The refusal.
        error: Error,
    },
    /// Something else: torn, damaged, or of another file. The text says which.
    Damaged(String),
}

impl SlotContent {
    /// Reads a slot. `file_uuid` is the header's identity, or `None` when the header is lost.
    pub fn decode(bytes: &[u8], file_uuid: Option<[u8; 16]>) -> Self {
        let Ok((raw, _)) = Raw::ref_from_prefix(bytes) else {
            return SlotContent::Damaged("the slot is cut short".into());
        };
        if raw.as_bytes().iter().all(|&byte| byte == 0) {
            return SlotContent::Empty;
        }
        if raw.magic != MAGIC {
            return SlotContent::Damaged("the record does not start with its magic".into());
        }
        let (covered, _) = raw.as_bytes().split_at(CRC_OFF);
        let found = crc32(covered);
        if raw.record_crc.get() != found {
            return SlotContent::Damaged(format!(
                "the record's checksum is {:08x}, its bytes give {found:08x}",
                raw.record_crc.get()
            ));
        }
        if file_uuid.is_some_and(|uuid| uuid != raw.file_uuid) {
            return SlotContent::Damaged("the record belongs to another file".into());
        }
        if let Err(error) = check_version(raw.format_major.get(), raw.format_minor.get()) {
            return SlotContent::Unreadable {
                generation: raw.generation.get(),
                error,
            };
        }
        SlotContent::Record(Box::new(Superblock {
            generation: raw.generation.get(),
            committed_end_bytes: raw.committed_end.get(),
            manifest_off_bytes: raw.manifest_off.get(),
            manifest_len_bytes: raw.manifest_len.get(),
            manifest_crc: raw.manifest_crc.get(),
            commit_nonce: raw.commit_nonce.get(),
            file_uuid: raw.file_uuid,
            req_read_flags: raw.req_read_flags.get(),
            req_write_flags: raw.req_write_flags.get(),
            opt_flags: raw.opt_flags.get(),
            writer_version: raw.writer_version,
            flags: raw.flags.get(),
        }))
    }
}

impl Superblock {
    /// The record, with its checksum.
    pub fn encode(&self) -> [u8; SUPERBLOCK_RECORD_BYTES] {
        let mut raw = Raw {
            magic: MAGIC,
            format_major: FORMAT_MAJOR.into(),
            format_minor: FORMAT_MINOR.into(),
            flags: self.flags.into(),
            generation: self.generation.into(),
            committed_end: self.committed_end_bytes.into(),
            manifest_off: self.manifest_off_bytes.into(),
            manifest_len: self.manifest_len_bytes.into(),
            manifest_crc: self.manifest_crc.into(),
            reserved0: 0.into(),
            commit_nonce: self.commit_nonce.into(),
            file_uuid: self.file_uuid,
            req_read_flags: self.req_read_flags.into(),
            req_write_flags: self.req_write_flags.into(),
            opt_flags: self.opt_flags.into(),
            writer_version: self.writer_version,
            reserved1: [0; 132],
            record_crc: 0.into(),
        };
        let (covered, _) = raw.as_bytes().split_at(CRC_OFF);
        raw.record_crc = crc32(covered).into();
        zerocopy::transmute!(raw)
    }

    /// True when a vacuumed successor took the place of the file.
    pub fn is_superseded(&self) -> bool {
        self.flags & SUPERBLOCK_FLAG_SUPERSEDED != 0
    }

    /// Refuses features a reader must know and this build does not.
    ///
    /// # Errors
    /// `UnsupportedVersion`.
    pub fn check_readable(&self) -> Result<()> {
        check_flags("read", self.req_read_flags, KNOWN_REQ_READ)
    }

    /// Refuses features a writer must know and this build does not.
    ///
    /// # Errors
    /// `UnsupportedVersion`.
    pub fn check_writable(&self) -> Result<()> {
        check_flags("write", self.req_write_flags, KNOWN_REQ_WRITE)
    }

    /// Checks that the commit lies within a file of `file_len_bytes` and its manifest within the
    /// commit.
    ///
    /// # Errors
    /// `Corrupt`, with a text that tells a cut file from an impossible record.
    pub fn check_bounds(&self, file_len_bytes: u64) -> Result<()> {
        let manifest_end = self.manifest_off_bytes.checked_add(self.manifest_len_bytes);
        let sane = self.committed_end_bytes <= MAX_FILE_BYTES
            && self.committed_end_bytes.is_multiple_of(PAGE_BYTES)
            && self.manifest_off_bytes >= FIRST_EXTENT_OFF_BYTES
            && self.manifest_off_bytes.is_multiple_of(PAGE_BYTES)
            && self.manifest_len_bytes >= PAGE_BYTES
            && self.manifest_len_bytes <= MAX_MANIFEST_BYTES
            && manifest_end.is_some_and(|end| end <= self.committed_end_bytes);
        if !sane {
            return Err(Error::corrupt(format_args!(
                "the superblock of generation {} points outside its own commit",
                self.generation
            )));
        }
        if self.committed_end_bytes > file_len_bytes {
            return Err(Error::corrupt(format_args!(
                "the file is cut short: generation {} ends at byte {}, the file at byte {file_len_bytes}",
                self.generation, self.committed_end_bytes
            )));
        }
        Ok(())
    }
}

fn check_flags(what: &str, flags: u64, known: u64) -> Result<()> {
    let unknown = flags & !known;
    if unknown == 0 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnsupportedVersion,
        format!(
            "to {what} this file a program must know the features {unknown:#x}, and this build \
             does not; use a newer version of zerogr"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> Superblock {
        Superblock {
            generation: 7,
            committed_end_bytes: 20_480,
            manifest_off_bytes: 16_384,
            manifest_len_bytes: 4096,
            manifest_crc: 0xDEAD_BEEF,
            commit_nonce: 42,
            file_uuid: [9; 16],
            req_read_flags: 0,
            req_write_flags: 0,
            opt_flags: 1 << 40,
            writer_version: *b"0.1.0\0\0\0\0\0\0\0\0\0\0\0",
            flags: 0,
        }
    }

    #[test]
    fn round_trip_and_identity() {
        let bytes = superblock().encode();
        let SlotContent::Record(read) = SlotContent::decode(&bytes, Some([9; 16])) else {
            panic!()
        };
        assert_eq!(*read, superblock());
        assert!(matches!(
            SlotContent::decode(&bytes, Some([8; 16])),
            SlotContent::Damaged(_)
        ));
        assert!(matches!(
            SlotContent::decode(&[0; 512], None),
            SlotContent::Empty
        ));
        assert!(matches!(
            SlotContent::decode(&bytes[..100], None),
            SlotContent::Damaged(_)
        ));
    }

    #[test]
    fn every_bit_flip_is_damage() {
        let bytes = superblock().encode();
        for bit in 0..SUPERBLOCK_RECORD_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(
                SlotContent::decode(&damaged, None),
                SlotContent::Damaged(_)
            ));
        }
    }

    #[test]
    fn unknown_required_features_are_refused_optional_ones_are_not() {
        let mut record = superblock();
        assert!(record.check_readable().is_ok() && record.check_writable().is_ok());
        record.req_write_flags = 2;
        assert!(record.check_readable().is_ok());
        assert!(
            record
                .check_writable()
                .unwrap_err()
                .is_unsupported_version()
        );
        record.req_read_flags = 4;
        assert!(
            record
                .check_readable()
                .unwrap_err()
                .is_unsupported_version()
        );
    }

    #[test]
    fn bounds() {
        let good = superblock();
        assert!(good.check_bounds(20_480).is_ok());
        assert!(
            good.check_bounds(20_479)
                .unwrap_err()
                .to_string()
                .contains("cut short")
        );
        for wild in [0, 1, 4096, 16_385, u64::MAX, u64::MAX - 4095] {
            let record = Superblock {
                manifest_off_bytes: wild,
                ..superblock()
            };
            assert!(
                record.check_bounds(u64::MAX).unwrap_err().is_corrupt(),
                "{wild}"
            );
            let record = Superblock {
                manifest_len_bytes: wild & !1,
                ..superblock()
            };
            assert!(
                wild == 4096 || record.check_bounds(u64::MAX).is_err(),
                "{wild}"
            );
        }
    }
}
