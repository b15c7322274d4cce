//! Vector arithmetic shared by training, decoding and the baselines.
//!
//! | file | concept |
//! |---|---|
//! | [`floats`] | sums, products and directions |
//! | [`halves`] | inner products with float16 rows |
//! | [`linear_map`] | a linear map of unit vectors |
//! | [`wide`] | one loop for the registers of several processors |

mod floats;
pub(crate) mod halves;
mod linear_map;
pub(crate) mod wide;

pub use floats::{add_scaled, all_finite, dot, magnitude, norm, normalise};
pub use halves::{dot_f16, dots_f16};
pub use linear_map::LinearMap;

use half::f16;
use half::slice::HalfFloatSliceExt;

/// `sum += factor * row` for a float16 row.
pub fn add_scaled_f16(sum: &mut [f32], factor: f32, row: &[f16]) {
    let mut wide = vec![0f32; row.len()];
    row.convert_to_f32_slice(&mut wide);
    add_scaled(sum, factor, &wide);
}

/// Float16 bytes of `values`, little-endian.
pub fn to_f16_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&value| f16::from_f32(value).to_le_bytes())
        .collect()
}
