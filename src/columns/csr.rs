//! Lists of small integers, one list per row, in one section.
//!
//! ```text
//!   u32 offset[rows + 1]   into the values, first 0, never descending
//!   u32 value[offset[rows]]
//! ```

use std::ops::Range;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::store::Section;
use crate::{Error, Result};

/// Row -> list of `u32`, read in place.
#[derive(Debug, Clone)]
pub struct Csr {
    section: Section,
    row_count: usize,
}

impl Csr {
    /// Reads `row_count` lists whose values are all below `value_bound`. One pass over the section.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the offsets do not fit the section, or a value is not below the bound.
    pub fn open(section: Section, row_count: usize, value_bound: u32) -> Result<Self> {
        let numbers: &[U32] = section.as_slice_of()?;
        let (offsets, values) = numbers
            .split_at_checked(row_count + 1)
            .ok_or_else(|| section.damaged("a list section is shorter than its offsets"))?;
        let ascending = offsets.is_sorted_by_key(|offset| offset.get());
        let ends_right = offsets
            .last()
            .is_some_and(|last| last.get() as usize == values.len());
        if !ascending || !ends_right || offsets.first().is_some_and(|first| first.get() != 0) {
            return Err(section.damaged("a list section has bad offsets"));
        }
        if values.iter().any(|value| value.get() >= value_bound) {
            return Err(section.damaged("a list section points outside its segment"));
        }
        Ok(Csr { section, row_count })
    }

    /// Number of lists.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The list of `row`; empty when there is no such row.
    pub fn row(&self, row: u32) -> impl ExactSizeIterator<Item = u32> + Clone + '_ {
        self.row_values(row as usize)
            .unwrap_or(&[])
            .iter()
            .map(|value| value.get())
    }

    fn row_values(&self, row: usize) -> Option<&[U32]> {
        let numbers: &[U32] = self.section.as_slice_of().ok()?;
        let (offsets, values) = numbers.split_at_checked(self.row_count + 1)?;
        values.get(offsets.get(row)?.get() as usize..offsets.get(row + 1)?.get() as usize)
    }

    /// The lists of rows side by side, one after the other.
    pub fn rows(&self, rows: Range<u32>) -> impl ExactSizeIterator<Item = u32> + Clone + '_ {
        let values = || {
            let numbers: &[U32] = self.section.as_slice_of().ok()?;
            let (offsets, values) = numbers.split_at_checked(self.row_count + 1)?;
            let offset = |row: u32| Some(offsets.get(row as usize)?.get() as usize);
            values.get(offset(rows.start)?..offset(rows.end)?)
        };
        values().unwrap_or(&[]).iter().map(|value| value.get())
    }

    /// All lists, in order: faster than one by one.
    pub fn iter(&self) -> impl Iterator<Item = &[U32]> {
        let numbers: &[U32] = self.section.as_slice_of().unwrap_or(&[]);
        let split = numbers.split_at_checked(self.row_count + 1);
        let (offsets, values) = split.unwrap_or((&[], &[]));
        offsets.windows(2).map(|pair| {
            let &[start, end] = pair else {
                return &[] as &[U32];
            };
            let row = values.get(start.get() as usize..end.get() as usize);
            row.unwrap_or(&[])
        })
    }

    /// Number of values in the lists of rows `[lo, hi)`.
    pub fn value_count(&self, lo: u32, hi: u32) -> usize {
        let offset = |row: u32| {
            let numbers: &[U32] = self.section.as_slice_of().ok()?;
            numbers
                .get((row as usize).min(self.row_count))
                .map(|offset| offset.get() as usize)
        };
        offset(hi)
            .unwrap_or(0)
            .saturating_sub(offset(lo).unwrap_or(0))
    }

    /// Length of the longest list.
    pub fn longest_row(&self) -> usize {
        (0..self.row_count)
            .filter_map(|row| self.row_values(row))
            .map(<[U32]>::len)
            .max()
            .unwrap_or(0)
    }
}

/// Builds the section that [`Csr`] reads.
#[derive(Debug, Default)]
pub struct CsrBuilder {
    offsets: Vec<U32>,
    values: Vec<U32>,
}

impl CsrBuilder {
    /// Appends one list.
    pub fn push_row(&mut self, row: impl IntoIterator<Item = u32>) {
        self.offsets.push(U32::new(self.values.len() as u32));
        self.values.extend(row.into_iter().map(U32::new));
    }

    /// The section's bytes.
    ///
    /// # Errors
    /// `Limit` when the lists together have more values than an offset can count.
    pub fn into_bytes(mut self) -> Result<Vec<u8>> {
        let count = u32::try_from(self.values.len()).map_err(|_| {
            Error::limit("the lists of a segment have more than 2^32-1 values: commit more often")
        })?;
        self.offsets.push(U32::new(count));
        let mut bytes = self.offsets.as_bytes().to_vec();
        bytes.extend_from_slice(self.values.as_bytes());
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(rows: &[&[u32]]) -> Vec<u8> {
        let mut builder = CsrBuilder::default();
        rows.iter()
            .for_each(|row| builder.push_row(row.iter().copied()));
        builder.into_bytes().unwrap()
    }

    #[test]
    fn rows_come_back_as_pushed() {
        let rows: [&[u32]; 4] = [&[3, 1], &[], &[2], &[0, 1, 2]];
        let csr = Csr::open(Section::for_test(built(&rows)), 4, 4).unwrap();
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(csr.row(index as u32).collect::<Vec<_>>(), *row);
        }
        assert_eq!(csr.row(4).len(), 0);
        let all = csr
            .iter()
            .map(|row| row.iter().map(|value| value.get()).collect());
        assert_eq!(all.collect::<Vec<Vec<u32>>>(), rows);
        assert_eq!(csr.rows(0..3).collect::<Vec<_>>(), [3, 1, 2]);
        assert_eq!((csr.rows(3..5).len(), csr.rows(3..3).len()), (0, 0));
        assert_eq!(csr.longest_row(), 3);
        assert_eq!(
            (
                csr.value_count(0, 4),
                csr.value_count(1, 3),
                csr.value_count(2, 2)
            ),
            (6, 1, 0)
        );
    }

    #[test]
    fn damaged_lists_are_refused() {
        // ZF-CO-01
        let bytes = built(&[&[3, 1], &[2]]);
        assert!(
            Csr::open(Section::for_test(bytes.clone()), 2, 3).is_err(),
            "value out of bounds"
        );
        assert!(
            Csr::open(Section::for_test(bytes.clone()), 9, 4).is_err(),
            "too few offsets"
        );
        assert!(
            Csr::open(Section::for_test(bytes[..bytes.len() - 4].to_vec()), 2, 4).is_err(),
            "cut"
        );
        let mut descending = bytes;
        descending[4] = 9;
        assert!(Csr::open(Section::for_test(descending), 2, 4).is_err());
    }
}
