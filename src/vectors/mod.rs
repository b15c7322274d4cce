//! Vector arithmetic shared by training, decoding and the baselines.
//!
//! | file | concept |
//! |---|---|
//! | [`halves`] | inner products with float16 rows |
//! | [`linear_map`] | a linear map of unit vectors |
//! | [`wide`] | one loop for the registers of several processors |

pub(crate) mod halves;
mod linear_map;
pub(crate) mod wide;

pub use halves::{dot_f16, dots_f16};
pub use linear_map::LinearMap;

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Lanes of the running sums: wide enough for the compiler to keep vector registers busy.
const LANES: usize = 16;

/// Inner product.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_lanes
        .remainder()
        .iter()
        .zip(b_lanes.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_lanes.zip(b_lanes) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// Sum of the absolute values.
pub fn magnitude(vector: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let lanes = vector.chunks_exact(LANES);
    let tail: f32 = lanes.remainder().iter().map(|value| value.abs()).sum();
    for values in lanes {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value.abs();
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// Whether no value is infinite or not a number.
pub fn all_finite(values: &[f32]) -> bool {
    // A block is looked at as a whole, which a processor does for many values at once.
    values.chunks(32 * LANES).all(|block| {
        let odd = |odd, value: &f32| odd | !value.is_finite();
        !block.iter().fold(false, odd)
    })
}

/// `sum += factor * row`.
pub fn add_scaled(sum: &mut [f32], factor: f32, row: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(row) {
        *sum += factor * value;
    }
}

/// `sum += factor * row` for a float16 row.
pub fn add_scaled_f16(sum: &mut [f32], factor: f32, row: &[f16]) {
    let mut wide = vec![0f32; row.len()];
    row.convert_to_f32_slice(&mut wide);
    add_scaled(sum, factor, &wide);
}

/// Euclidean length.
pub fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// Scales to unit length and returns the length it had; a zero vector stays zero.
pub fn normalise(vector: &mut [f32]) -> f32 {
    let length = norm(vector);
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    length
}

/// Float16 bytes of `values`, little-endian.
pub fn to_f16_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&value| f16::from_f32(value).to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magnitudes_and_finite_values_whatever_the_length() {
        for length in [0, 1, 15, 16, 17, 511, 512, 513, 1200] {
            let mut values: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let plain: f32 = values.iter().map(|value| value.abs()).sum();
            assert_eq!(magnitude(&values), plain, "{length}");
            assert!(all_finite(&values));
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                if let Some(last) = values.last_mut() {
                    *last = odd;
                    assert!(!all_finite(&values), "{length}");
                }
            }
        }
    }

    #[test]
    fn products_equal_the_plain_sum_whatever_the_length() {
        for length in [0, 1, 15, 16, 17, 127, 128, 129, 384, 400] {
            let a: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..length).map(|i| (i % 5) as f32 * 0.5).collect();
            let half: Vec<f16> = b.iter().map(|&value| f16::from_f32(value)).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), plain);
            assert_eq!(dot_f16(&a, &half), plain);
        }
    }

    #[test]
    fn a_zero_vector_has_no_direction() {
        let mut zero = [0.0; 3];
        assert_eq!(normalise(&mut zero), 0.0);
        assert_eq!(zero, [0.0; 3]);
        let mut vector = [3.0, 4.0];
        assert_eq!(normalise(&mut vector), 5.0);
        assert_eq!(vector, [0.6, 0.8]);
    }
}
