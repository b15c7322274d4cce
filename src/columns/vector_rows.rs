//! Float16 vectors of equal width, one row after the other.

use half::f16;

use crate::Result;
use crate::store::Section;

/// Float16 rows of equal width, read in place.
#[derive(Debug, Clone)]
pub struct VectorRows {
    section: Section,
    dim: usize,
}

impl VectorRows {
    /// Reads `row_count` rows of `dim` values.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the section has another length.
    pub fn open(section: Section, row_count: usize, dim: usize) -> Result<Self> {
        let expected_bytes = row_count
            .checked_mul(dim)
            .and_then(|count| count.checked_mul(2));
        if expected_bytes != Some(section.len()) {
            return Err(section.damaged(format_args!(
                "a vector section has {} bytes where {row_count} rows of {dim} were expected",
                section.len()
            )));
        }
        section.as_slice_of::<f16>()?;
        Ok(VectorRows { section, dim })
    }

    /// Values per row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Row `index`, or an empty slice when there is none.
    pub fn row(&self, index: usize) -> &[f16] {
        self.rows(index..index.saturating_add(1))
    }

    /// Rows `range` side by side, or an empty slice when not all of them exist.
    pub fn rows(&self, range: std::ops::Range<usize>) -> &[f16] {
        let values: &[f16] = self.section.as_slice_of().unwrap_or(&[]);
        let place = |row: usize| row.saturating_mul(self.dim);
        values
            .get(place(range.start)..place(range.end))
            .unwrap_or(&[])
    }

    /// Refuses values that are no numbers, which no encoder may give.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn check(&self) -> Result<()> {
        let values: &[f16] = self.section.as_slice_of()?;
        if values.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(self
            .section
            .damaged("a vector section has values that are no numbers"))
    }
}
