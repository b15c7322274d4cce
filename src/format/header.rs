//! The file header: who this file is. Written once, at create, and never again.
//!
//! The magic starts with a byte above 127 and holds CR LF, ^Z and LF, so that a transfer in text
//! mode destroys it and is recognised. The positions of magic, version and checksum are promised
//! for every future version: a newer file is refused by name, never misread.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::crc32;
use super::{FORMAT_MAJOR, FORMAT_MINOR, version_is_readable};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of the header record; the rest of its page is zero.
pub const HEADER_BYTES: usize = 256;
/// Header flag: the file was created with a seed, and every nonce written to it is derived from
/// the state before.
pub const HEADER_FLAG_SEEDED: u32 = 1;

const MAGIC: [u8; 8] = *b"\x89ZGR\r\n\x1a\n";
const CRC_OFF: usize = HEADER_BYTES - 4;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    format_major: U16,
    format_minor: U16,
    flags: U32,
    file_uuid: [u8; 16],
    created_ms: U64,
    application_id: U32,
    reserved: [u8; 208],
    header_crc: U32,
}

/// The file header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// Identity of the file; copies and vacuumed successors share it.
    pub file_uuid: [u8; 16],
    /// When the file was created, in milliseconds since 1970; 0 if created with a seed.
    pub created_ms: u64,
    /// A number of the embedding application's choice.
    pub application_id: u32,
    /// `HEADER_FLAG_*` bits.
    pub flags: u32,
}

/// Whether `bytes` begins like a file header, intact or not.
pub fn starts_with_header_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

impl FileHeader {
    /// The header's record.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut raw = Raw {
            magic: MAGIC,
            format_major: FORMAT_MAJOR.into(),
            format_minor: FORMAT_MINOR.into(),
            flags: self.flags.into(),
            file_uuid: self.file_uuid,
            created_ms: self.created_ms.into(),
            application_id: self.application_id.into(),
            reserved: [0; 208],
            header_crc: 0.into(),
        };
        let (covered, _) = raw.as_bytes().split_at(CRC_OFF);
        raw.header_crc = crc32(covered).into();
        zerocopy::transmute!(raw)
    }

    /// Reads a header record.
    ///
    /// # Errors
    /// `NotAnIndex` without the magic, `Corrupt` on a bad checksum, `UnsupportedVersion` when the
    /// version is not one this build reads.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let not_an_index = || Error::new(ErrorKind::NotAnIndex, "no index header is present");
        let (raw, _) = Raw::ref_from_prefix(bytes).map_err(|_| not_an_index())?;
        if raw.magic != MAGIC {
            return Err(not_an_index());
        }
        let (covered, _) = raw.as_bytes().split_at(CRC_OFF);
        let found = crc32(covered);
        if raw.header_crc.get() != found {
            return Err(Error::corrupt(format_args!(
                "the file header is damaged (checksum {:08x}, expected {found:08x})",
                raw.header_crc.get()
            )));
        }
        check_version(raw.format_major.get(), raw.format_minor.get())?;
        Ok(FileHeader {
            file_uuid: raw.file_uuid,
            created_ms: raw.created_ms.get(),
            application_id: raw.application_id.get(),
            flags: raw.flags.get(),
        })
    }
}

/// Refuses versions this build cannot read.
pub(super) fn check_version(major: u16, minor: u16) -> Result<()> {
    if version_is_readable(major, minor) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnsupportedVersion,
        format!(
            "the file has format {major}.{minor} and this build reads {FORMAT_MAJOR}.{FORMAT_MINOR}; \
             open it with the version of zerogr that wrote it, or rebuild the index"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> FileHeader {
        FileHeader {
            file_uuid: [3; 16],
            created_ms: 1_234_567,
            application_id: 9,
            flags: 1,
        }
    }

    #[test]
    fn round_trip() {
        let bytes = header().encode();
        assert!(starts_with_header_magic(&bytes));
        assert_eq!(FileHeader::decode(&bytes).unwrap(), header());
    }

    #[test]
    fn every_bit_flip_is_refused() {
        let bytes = header().encode();
        for bit in 0..HEADER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = FileHeader::decode(&damaged).unwrap_err();
            assert!(error.is_corrupt() || error.is_not_an_index());
        }
    }

    #[test]
    fn newer_version_is_named() {
        let mut bytes = header().encode();
        bytes[8..10].copy_from_slice(&7u16.to_le_bytes());
        let crc = crc32(&bytes[..CRC_OFF]);
        bytes[CRC_OFF..].copy_from_slice(&crc.to_le_bytes());
        let error = FileHeader::decode(&bytes).unwrap_err();
        assert!(error.is_unsupported_version());
        assert!(error.to_string().contains("7.1"));
    }
}
