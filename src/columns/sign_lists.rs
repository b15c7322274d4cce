//! Lists of vectors, one list per row, each vector kept as its signs and one factor.
//!
//! ```text
//!   u32 offset[rows + 1]          into the vectors, first 0, never descending
//!   f16 factor[offset[rows]]      sum x_i^2 / sum |x_i|
//!   u8  signs[offset[rows]][ceil(dim / 8)]
//! ```
//!
//! Bit `i % 8` of byte `i / 8` is set where `x_i` is not negative. With `s` the signs as 1 and -1,
//! `factor * <q, s>` estimates `<q, x>`: `factor` makes it exact for `q = x` (the estimator of
//! RaBitQ, arXiv 2405.12497, without its rotation).

use half::f16;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::store::Section;
use crate::vectors::{dot, magnitude};
use crate::{Error, Result};

/// Row -> list of sign vectors, read in place.
#[derive(Debug, Clone)]
pub struct SignLists {
    section: Section,
    row_count: usize,
    vector_count: usize,
    dim: usize,
}

/// The sign vectors of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignList<'a> {
    /// One per vector.
    pub factors: &'a [f16],
    /// `ceil(dim / 8)` bytes per vector.
    pub signs: &'a [u8],
}

impl SignLists {
    /// Reads `row_count` lists of vectors of `dim` values. One pass over offsets and factors.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the offsets do not fit the section, or a factor is no number.
    pub fn open(section: Section, row_count: usize, dim: usize) -> Result<Self> {
        let (offsets_bytes, bytes) = section
            .split_at_checked((row_count + 1) * size_of::<U32>())
            .ok_or_else(|| section.damaged("a sign section is shorter than its offsets"))?;
        let offsets: &[U32] = zerocopy::FromBytes::ref_from_bytes(offsets_bytes)
            .map_err(|_| section.damaged("the offsets of a sign section cannot be read"))?;
        let vector_count = offsets.last().map_or(0, |last| last.get() as usize);
        let bytes_per_vector = size_of::<f16>() + dim.div_ceil(8);
        let ascending = offsets.is_sorted_by_key(|offset| offset.get());
        if !ascending
            || offsets.first().is_some_and(|first| first.get() != 0)
            || vector_count.checked_mul(bytes_per_vector) != Some(bytes.len())
        {
            return Err(section.damaged("a sign section has bad offsets"));
        }
        let lists = SignLists {
            row_count,
            vector_count,
            dim,
            section: section.clone(),
        };
        let factors = lists.factors().unwrap_or(&[]);
        if factors.len() != vector_count || !factors.iter().all(|factor| factor.is_finite()) {
            return Err(section.damaged("a sign section has bad factors"));
        }
        Ok(lists)
    }

    fn factors(&self) -> Option<&[f16]> {
        let start = (self.row_count + 1) * size_of::<U32>();
        let bytes = self
            .section
            .get(start..start + self.vector_count * size_of::<f16>())?;
        zerocopy::FromBytes::ref_from_bytes(bytes).ok()
    }

    /// The list of `row`; empty when there is no such row.
    pub fn row(&self, row: u32) -> SignList<'_> {
        self.list(row as usize).unwrap_or(SignList {
            factors: &[],
            signs: &[],
        })
    }

    fn list(&self, row: usize) -> Option<SignList<'_>> {
        let offset = |row: usize| -> Option<usize> {
            let start = row.checked_mul(size_of::<U32>())?;
            let bytes = self.section.get(start..start + size_of::<U32>())?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        if row >= self.row_count {
            return None;
        }
        let (from, to) = (offset(row)?, offset(row + 1)?);
        let start = (self.row_count + 1) * size_of::<U32>() + self.vector_count * size_of::<f16>();
        let width = self.dim.div_ceil(8);
        Some(SignList {
            factors: self.factors()?.get(from..to)?,
            signs: self.section.get(start + from * width..start + to * width)?,
        })
    }
}

/// The sign vectors of one row, before they are in a section.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnedSignList {
    factors: Vec<f16>,
    signs: Vec<u8>,
}

impl OwnedSignList {
    /// Signs and factors of `vectors`: `[vectors, dim]`.
    pub fn of(vectors: &[f32], dim: usize) -> Self {
        let mut list = OwnedSignList::default();
        for vector in vectors.chunks_exact(dim.max(1)) {
            let sum = magnitude(vector);
            // A zero vector, which has no direction, is at right angles to everything.
            let squares = dot(vector, vector);
            let factor = if sum > 0.0 { squares / sum } else { 0.0 };
            list.factors
                .push(f16::from_f32(factor.min(f16::MAX.to_f32())));
            list.signs.extend(vector.chunks(8).map(|values| {
                let bits = (0..).zip(values);
                bits.fold(0u8, |byte, (bit, &value)| {
                    byte | (u8::from(value >= 0.0) << bit)
                })
            }));
        }
        list
    }

    /// The list of `factors` and, for each, as many bytes of `signs`.
    pub(crate) fn from_parts(factors: Vec<f16>, signs: Vec<u8>) -> Self {
        OwnedSignList { factors, signs }
    }

    /// The list, as those of a section are read.
    pub fn as_list(&self) -> SignList<'_> {
        SignList {
            factors: &self.factors,
            signs: &self.signs,
        }
    }
}

/// Builds the section that [`SignLists`] reads.
#[derive(Debug)]
pub struct SignListsBuilder {
    offsets: Vec<U32>,
    factors: Vec<f16>,
    signs: Vec<u8>,
}

impl Default for SignListsBuilder {
    fn default() -> Self {
        SignListsBuilder {
            offsets: vec![U32::new(0)],
            factors: Vec::new(),
            signs: Vec::new(),
        }
    }
}

impl SignListsBuilder {
    /// Appends the list of the next row.
    pub fn push(&mut self, list: SignList<'_>) {
        self.factors.extend_from_slice(list.factors);
        self.signs.extend_from_slice(list.signs);
        self.offsets.push(U32::new(self.factors.len() as u32));
    }

    /// The section's bytes.
    ///
    /// # Errors
    /// `Limit` when the lists together have more vectors than an offset can count.
    pub fn into_bytes(self) -> Result<Vec<u8>> {
        if u32::try_from(self.factors.len()).is_err() {
            return Err(Error::limit(
                "the documents of a segment have more than 2^32-1 token vectors: commit more often",
            ));
        }
        let mut bytes = self.offsets.as_bytes().to_vec();
        bytes.extend(self.factors.iter().flat_map(|factor| factor.to_le_bytes()));
        bytes.extend_from_slice(&self.signs);
        Ok(bytes)
    }
}

impl FromIterator<OwnedSignList> for SignListsBuilder {
    fn from_iter<I: IntoIterator<Item = OwnedSignList>>(lists: I) -> Self {
        let mut builder = SignListsBuilder::default();
        for list in lists {
            builder.push(list.as_list());
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(dim: usize, rows: &[&[f32]]) -> Vec<u8> {
        let mut builder = SignListsBuilder::default();
        for row in rows {
            builder.push(OwnedSignList::of(row, dim).as_list());
        }
        builder.into_bytes().unwrap()
    }

    #[test]
    fn lists_come_back_as_pushed_and_as_copied() {
        let rows: [&[f32]; 3] = [&[0.6, -0.8, 0.0, 1.0], &[], &[0.0, 0.0]];
        let bytes = built(2, &rows);
        let lists = SignLists::open(Section::for_test(bytes.clone()), 3, 2).unwrap();
        let first = lists.row(0);
        assert_eq!(first.signs, [0b01, 0b11]);
        assert_eq!(first.factors[0], f16::from_f32(1.0 / 1.4));
        assert!(lists.row(1).factors.is_empty());
        assert_eq!(lists.row(2).factors, [f16::ZERO]);
        assert!(lists.row(3).signs.is_empty());
        let mut copy = SignListsBuilder::default();
        (0..3).for_each(|row| copy.push(lists.row(row)));
        assert_eq!(copy.into_bytes().unwrap(), bytes);
    }

    #[test]
    fn damaged_lists_are_refused() {
        // ZF-CO-05
        let bytes = built(9, &[&[0.5; 18], &[0.1; 9]]);
        let open = |bytes: Vec<u8>, rows| SignLists::open(Section::for_test(bytes), rows, 9);
        assert!(open(bytes.clone(), 2).is_ok());
        assert!(open(bytes.clone(), 1).is_err(), "other number of rows");
        assert!(open(bytes.clone(), 90).is_err(), "too few offsets");
        assert!(open(bytes[..bytes.len() - 1].to_vec(), 2).is_err(), "cut");
        let mut descending = bytes.clone();
        descending[4] = 9;
        assert!(open(descending, 2).is_err());
        let mut infinite = bytes;
        infinite[12..14].copy_from_slice(&f16::INFINITY.to_le_bytes());
        assert!(open(infinite, 2).is_err());
    }
}
