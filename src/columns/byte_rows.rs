//! Byte strings, one per row, in one section.
//!
//! ```text
//!   u64 offset[rows + 1]   into the bytes, first 0, never descending, last = number of bytes
//!   bytes
//! ```

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, IntoBytes};

use crate::store::Section;
use crate::{Error, Result};

/// Row -> bytes, read in place.
#[derive(Debug, Clone)]
pub struct ByteRows {
    section: Section,
    row_count: usize,
}

impl ByteRows {
    /// Reads `row_count` rows. One pass over the offsets.
    ///
    /// # Errors
    /// `Corrupt` when the offsets are not as above.
    pub fn open(section: Section, row_count: usize) -> Result<Self> {
        let rows = ByteRows { section, row_count };
        let damaged = || Error::corrupt("a section of rows has bad offsets");
        let (offsets, bytes) = rows.parts().ok_or_else(damaged)?;
        let ascending = offsets.is_sorted_by_key(|offset| offset.get());
        let starts = offsets.first().map(|first| first.get());
        let ends = offsets.last().map(|last| last.get());
        if !ascending || starts != Some(0) || ends != Some(bytes.len() as u64) {
            return Err(damaged());
        }
        Ok(rows)
    }

    /// The offsets and the bytes of all rows.
    pub(super) fn parts(&self) -> Option<(&[U64], &[u8])> {
        let offset_bytes = self.row_count.checked_add(1)?.checked_mul(8)?;
        let (offsets, bytes) = self.section.split_at_checked(offset_bytes)?;
        Some((<[U64]>::ref_from_bytes(offsets).ok()?, bytes))
    }

    /// Number of rows.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The bytes of `row`; none when there is no such row.
    pub fn row(&self, row: u32) -> &[u8] {
        let bytes = || {
            let (offsets, bytes) = self.parts()?;
            let start = usize::try_from(offsets.get(row as usize)?.get()).ok()?;
            let end = usize::try_from(offsets.get(row as usize + 1)?.get()).ok()?;
            bytes.get(start..end)
        };
        bytes().unwrap_or_default()
    }
}

/// Builds the section that [`ByteRows`] reads.
#[derive(Debug, Default)]
pub struct ByteRowsBuilder {
    offsets: Vec<U64>,
    bytes: Vec<u8>,
}

impl ByteRowsBuilder {
    /// Appends one row.
    pub fn push(&mut self, row: &[u8]) {
        self.offsets.push(U64::new(self.bytes.len() as u64));
        self.bytes.extend_from_slice(row);
    }

    /// The section's bytes.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.offsets.push(U64::new(self.bytes.len() as u64));
        let mut bytes = self.offsets.as_bytes().to_vec();
        bytes.append(&mut self.bytes);
        bytes
    }
}
