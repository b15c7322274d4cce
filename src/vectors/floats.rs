//! Sums, products and directions of floats.

use super::wide::{self, Kernel, LANES, Registers};

/// Inner product.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    wide::run(Dot { a, b })
}

/// Sum of the absolute values.
pub fn magnitude(vector: &[f32]) -> f32 {
    wide::run(Magnitude(vector))
}

/// Whether no value is infinite or not a number.
pub fn all_finite(values: &[f32]) -> bool {
    // A block is looked at as a whole, which a processor does for many values at once.
    let mut blocks = values.chunks(32 * LANES);
    blocks.all(|block| wide::run(AllFinite(block)))
}

/// `sum += factor * row`.
pub fn add_scaled(sum: &mut [f32], factor: f32, row: &[f32]) {
    wide::run(AddScaled { sum, factor, row });
}

/// Euclidean length.
pub fn norm(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt()
}

/// Scales to unit length and returns the length it had; a zero vector stays zero.
pub fn normalise(vector: &mut [f32]) -> f32 {
    let length = norm(vector);
    if length > 0.0 {
        wide::run(Divide(vector, length));
    }
    length
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<R: Registers>(self) -> f32 {
        let mut sums = [0f32; LANES];
        let (a, a_rest) = self.a.as_chunks::<LANES>();
        let (b, b_rest) = self.b.as_chunks::<LANES>();
        for (x, y) in a.iter().zip(b) {
            for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                *sum += x * y;
            }
        }
        let mut rest = 0f32;
        for (x, y) in a_rest.iter().zip(b_rest) {
            rest += x * y;
        }
        total(sums) + rest
    }
}

struct Magnitude<'a>(&'a [f32]);

impl Kernel for Magnitude<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<R: Registers>(self) -> f32 {
        let mut sums = [0f32; LANES];
        let (values, values_rest) = self.0.as_chunks::<LANES>();
        for values in values {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += value.abs();
            }
        }
        let mut rest = 0f32;
        for value in values_rest {
            rest += value.abs();
        }
        total(sums) + rest
    }
}

/// The sum of all lanes, one after the other.
#[inline(always)]
fn total(sums: [f32; LANES]) -> f32 {
    let mut total = 0f32;
    for sum in sums {
        total += sum;
    }
    total
}

struct AllFinite<'a>(&'a [f32]);

impl Kernel for AllFinite<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<R: Registers>(self) -> bool {
        let mut is_odd = false;
        for value in self.0 {
            is_odd |= !value.is_finite();
        }
        !is_odd
    }
}

struct AddScaled<'a> {
    sum: &'a mut [f32],
    factor: f32,
    row: &'a [f32],
}

impl Kernel for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Registers>(self) {
        for (sum, value) in self.sum.iter_mut().zip(self.row) {
            *sum += self.factor * value;
        }
    }
}

struct Divide<'a>(&'a mut [f32], f32);

impl Kernel for Divide<'_> {
    type Output = ();

    #[inline(always)]
    fn run<R: Registers>(self) {
        for value in self.0 {
            *value /= self.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::dot_f16;
    use half::f16;

    #[test]
    fn wider_registers_change_no_bit() {
        for length in [0, 1, 15, 16, 17, 100, 384] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 1.3).cos()).collect();
            let products = wide::run_in_all_ways(|| Dot { a: &a, b: &b });
            let magnitudes = wide::run_in_all_ways(|| Magnitude(&a));
            for same in [products, magnitudes] {
                let bits: Vec<u32> = same.iter().map(|value| value.to_bits()).collect();
                assert!(bits.iter().all(|other| *other == bits[0]), "{length}");
            }
        }
    }

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
