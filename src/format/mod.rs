//! Bytes on disk <-> structs, their checksums and their limits.
//!
//! The problem: a file that may have been torn by a crash, cut by a full disk or damaged by a bad
//! cable must be read without trusting one length, count or offset in it, and every reader of
//! every platform must agree on what the bytes mean. This layer does that and nothing else: it
//! performs no I/O, never panics on what it is given, and holds no unsafe code.
//!
//! ```text
//! off_bytes
//!      0  superblock slot 0   one 512-byte sector used, the rest of the page is zero
//!   4096  superblock slot 1
//!   8192  file header         written once, when the file is created
//!  12288  extent              every extent starts and ends on a multiple of 4096
//!         extent
//!         ...
//! ```
//!
//! Invariants that the decoders check and the layers above rely on:
//!
//!  - **I1** All integers are little-endian.
//!  - **I2** A superblock record and its checksum lie in one 512-byte sector, so no crash can mix
//!    the halves of two records.
//!  - **I3** An extent's header holds the checksum of its section table, and the table holds the
//!    checksum of every section: whoever knows a header's checksum can tell whether any byte of
//!    the extent has changed.
//!  - **I4** A count is compared with the bytes that are present before anything is allocated.
//!
//! The normative description is `format-spec/README.md`.

#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

pub mod checksum;
mod extent;
mod header;
mod image;
pub mod limits;
mod manifest;
pub mod sections;
mod superblock;

pub use extent::{
    EXTENT_FOOTER_BYTES, EXTENT_HEADER_BYTES, ExtentFooter, ExtentHeader, ExtentKind, ExtentRef,
    SECTION_ENTRY_BYTES, SectionEntry, SectionKind,
};
pub use header::{FileHeader, HEADER_BYTES, HEADER_FLAG_SEEDED, starts_with_header_magic};
pub use image::{ExtentImage, ExtentStamp, SectionInput};
pub use manifest::{BlobEntry, BlobPlace, BlobRole, Manifest, SegmentEntry};
pub use sections::manifest as manifest_section;
pub use superblock::{
    SUPERBLOCK_FLAG_SUPERSEDED, SUPERBLOCK_RECORD_BYTES, SlotContent, Superblock,
};

/// Major version of the format this build writes. Zero: the format may still change between
/// minor versions, and a build reads its own minor version only.
pub const FORMAT_MAJOR: u16 = 0;
/// Minor version of the format this build writes.
pub const FORMAT_MINOR: u16 = 1;

/// Section kind of the one section of a [`ExtentKind::Blob`] extent: the blob's bytes.
pub const BLOB_BYTES: SectionKind = sections::blob::BYTES;

/// Whether this build can read what a writer of version `major.minor` wrote.
pub fn version_is_readable(major: u16, minor: u16) -> bool {
    major == FORMAT_MAJOR && minor == FORMAT_MINOR
}
