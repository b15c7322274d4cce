//! The numbers that bound a file, in one place. Each is enforced when writing and, where it
//! guards an allocation or an overflow, when reading.

/// Unit of atomicity that the commit protocol assumes of the disk.
pub const SECTOR_BYTES: u64 = 512;
/// Extents start on a multiple of this and are a multiple of it long.
pub const PAGE_BYTES: u64 = 4096;
/// Sections start on a multiple of this within their extent.
pub const SECTION_ALIGN_BYTES: u64 = 64;
/// Where the two superblock slots start.
pub const SLOT_OFF_BYTES: [u64; 2] = [0, 4096];
/// Where the file header starts.
pub const HEADER_OFF_BYTES: u64 = 8192;
/// Where the first extent starts.
pub const FIRST_EXTENT_OFF_BYTES: u64 = 12_288;

/// Largest file.
pub const MAX_FILE_BYTES: u64 = (1 << 62) - 1;
/// Largest extent, header and footer included.
pub const MAX_EXTENT_BYTES: u64 = 1 << 48;
/// Most sections in one extent.
pub const MAX_SECTIONS: usize = 65_535;
/// Most segments a manifest can list. Writers keep far fewer alive.
pub const MAX_SEGMENTS: usize = 65_535;
/// Most documents in one segment.
pub const MAX_SEGMENT_DOCS: u32 = u32::MAX - 1;
/// Most blobs a manifest can list.
pub const MAX_BLOBS: usize = 65_535;
/// Largest blob.
pub const MAX_BLOB_BYTES: u64 = 1 << 40;
/// Longest name, media type or path of a blob.
pub const MAX_BLOB_TEXT_BYTES: usize = 4096;
/// Largest user metadata.
pub const MAX_USER_METADATA_BYTES: usize = 64 << 10;
/// Largest manifest extent.
pub const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// The smallest multiple of `align_bytes` that is not below `off_bytes`; `None` on overflow or a
/// zero alignment.
pub fn align_up(off_bytes: u64, align_bytes: u64) -> Option<u64> {
    off_bytes.checked_next_multiple_of(align_bytes)
}

/// A length in memory as a length on disk. Lossless: no supported platform has a wider `usize`.
#[allow(clippy::as_conversions)]
pub(crate) const fn to_u64(len: usize) -> u64 {
    len as u64
}
