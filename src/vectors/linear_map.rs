//! A linear map of unit vectors: `v` becomes the direction of `v + M v`.

use half::f16;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::{all_finite, dot, normalise, to_f16_bytes};
use crate::{Error, Result};

/// What is added to a vector: a square matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearMap {
    dim: usize,
    /// `[dim, dim]`
    rows: Vec<f32>,
}

impl LinearMap {
    /// The map that changes nothing.
    pub fn identity(dim: usize) -> Self {
        LinearMap {
            dim,
            rows: vec![0.0; dim * dim],
        }
    }

    /// The matrix, to be fitted.
    pub(crate) fn rows_mut(&mut self) -> &mut [f32] {
        &mut self.rows
    }

    /// The unit vector that `vector` becomes; zeros stay.
    pub fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.rows.chunks_exact(self.dim.max(1));
        let mut mapped: Vec<f32> = rows
            .zip(vector)
            .map(|(row, value)| value + dot(row, vector))
            .collect();
        normalise(&mut mapped);
        mapped
    }

    /// The same of each row of `[n, dim]`, before they are made unit vectors.
    pub(crate) fn apply_to_all(&self, vectors: &[f32]) -> Vec<f32> {
        let mut mapped = vectors.to_vec();
        let shape = (vectors.len() / self.dim.max(1), self.dim);
        let square = (self.dim, self.dim);
        let views = (
            ArrayView2::from_shape(shape, vectors),
            ArrayView2::from_shape(square, &self.rows),
            ArrayViewMut2::from_shape(shape, &mut mapped),
        );
        if let (Ok(vectors), Ok(rows), Ok(mut mapped)) = views {
            general_mat_mul(1.0, &vectors, &rows.t(), 1.0, &mut mapped);
        }
        mapped
    }

    /// The matrix as it is stored: float16, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_f16_bytes(&self.rows)
    }

    /// What [`LinearMap::to_bytes`] gave.
    ///
    /// # Errors
    ///
    /// `Corrupt` for another number of values than `dim` times `dim`, and for values that are no
    /// numbers.
    pub fn from_bytes(bytes: &[u8], dim: usize) -> Result<Self> {
        let (values, rest) = bytes.as_chunks::<2>();
        let rows: Vec<f32> = values
            .iter()
            .map(|value| f16::from_le_bytes(*value).to_f32())
            .collect();
        if !rest.is_empty() || Some(rows.len()) != dim.checked_mul(dim) || !all_finite(&rows) {
            return Err(Error::corrupt(format!(
                "the map of queries has {} bytes of another size or of values that are no numbers; \
                 an index of {dim} values per vector cannot have it",
                bytes.len()
            )));
        }
        Ok(LinearMap { dim, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ZF-QM-02.
    #[test]
    fn what_is_added_turns_a_vector() {
        let mut map = LinearMap::identity(2);
        assert_eq!(map.apply(&[0.6, 0.8]), [0.6, 0.8]);
        map.rows_mut().copy_from_slice(&[0.0, 1.0, 0.0, 0.0]);
        // (0, 1) becomes (1, 1).
        let half = 0.5f32.sqrt();
        let mapped = map.apply(&[0.0, 1.0]);
        assert!(mapped.iter().all(|value| (value - half).abs() < 1e-6));
        assert_eq!(
            map.apply_to_all(&[0.0, 1.0, 1.0, 0.0]),
            [1.0, 1.0, 1.0, 0.0]
        );
        assert_eq!(map.apply(&[0.0, 0.0]), [0.0, 0.0]);
        let stored = map.to_bytes();
        assert_eq!(LinearMap::from_bytes(&stored, 2).unwrap(), map);
        for (bytes, dim) in [
            (&stored[..6], 2),
            (&stored[..7], 2),
            (&stored, 3),
            (&[0, 0x7e], 1),
        ] {
            assert!(LinearMap::from_bytes(bytes, dim).unwrap_err().is_corrupt());
        }
    }
}
