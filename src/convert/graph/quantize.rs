//! Rounding weights to 8 and 4 bits.
//!
//! | | scale of | zero |
//! |---|---|---|
//! | [`row_to_codes`] | a row: the largest magnitude is the largest code | 0 |
//! | [`block_to_8_bits`] | a block: the largest magnitude is 127 | 128 |
//! | [`block_to_4_bits`] | a block: its range, 0 included, is 15 steps | where 0 lies, rounded |
//!
//! A block is [`BLOCK`] neighbours of a row. I1. A zero stays a zero; the error of any value is
//! at most one scale (half of one, but for the rounding of the 4-bit zero).

/// Values that share a scale in the block formats.
pub(in crate::convert) const BLOCK: usize = 32;

/// The largest code of a row that is not multiplied by bytes.
pub(in crate::convert) const LARGEST_CODE: i8 = 127;

/// The largest code of a row that is multiplied by unsigned bytes. Processors without VNNI add two products of an unsigned and a signed
/// byte in 16 bits that saturate, so that a result would depend on the processor; two times 255 x 63
/// still fit.
pub(in crate::convert) const LARGEST_SAFE_CODE: i8 = 63;

/// Rounds a row to `-largest..=largest`; returns the scale, by which a code is multiplied.
pub(in crate::convert) fn row_to_codes(row: &[f32], largest: i8, codes: &mut [i8]) -> f32 {
    let scale = largest_magnitude(row) / f32::from(largest);
    for (code, &x) in codes.iter_mut().zip(row) {
        *code = divided(x, scale).round() as i8;
    }
    scale
}

/// Rounds a block to `1..=255`; a code stands for `(code - 128) * scale`. Returns the scale.
pub(in crate::convert) fn block_to_8_bits(block: &[f32], codes: &mut [u8]) -> f32 {
    let scale = largest_magnitude(block) / 127.0;
    for (code, &x) in codes.iter_mut().zip(block) {
        *code = (divided(x, scale).round() + 128.0) as u8;
    }
    scale
}

/// Rounds a block to `0..=15`, two codes per byte, the first in the low half; a code stands for
/// `(code - zero) * scale`. Returns the scale and the zero.
pub(in crate::convert) fn block_to_4_bits(block: &[f32], pairs: &mut [u8]) -> (f32, u8) {
    let low = block.iter().copied().fold(0.0, f32::min);
    let high = block.iter().copied().fold(0.0, f32::max);
    let scale = (high - low) / 15.0;
    let zero = divided(-low, scale).round();
    let code = |x: f32| (divided(x, scale) + zero).round().clamp(0.0, 15.0) as u8;
    for (pair, values) in pairs.iter_mut().zip(block.chunks(2)) {
        let low = values.first().map_or(0, |&x| code(x));
        let high = values.get(1).map_or(0, |&x| code(x));
        *pair = low | high << 4;
    }
    (scale, zero as u8)
}

fn largest_magnitude(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// `x / scale`, and 0 where all values of a block are 0.
fn divided(x: f32, scale: f32) -> f32 {
    if scale > 0.0 { x / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn blocks() -> Vec<Vec<f32>> {
        let mut rng = Rng::new(1);
        let mut block = |low: f32, high: f32| {
            (0..BLOCK)
                .map(|i| {
                    if i == 3 {
                        0.0
                    } else {
                        low + (high - low) * rng.unit_f32()
                    }
                })
                .collect()
        };
        vec![
            block(-1.0, 1.0),
            block(0.0, 3.0),
            block(-5e-6, 1e-6),
            block(-2.0, -1.0),
            vec![0.0; BLOCK],
        ]
    }

    /// What a processor without VNNI does: two products are added in 16 bits, and saturate.
    #[test]
    fn products_of_rows_never_saturate() {
        for block in blocks() {
            let mut codes = [0; BLOCK];
            row_to_codes(&block, LARGEST_SAFE_CODE, &mut codes);
            for pair in codes.chunks(2) {
                let exact: i32 = pair.iter().map(|&code| 255 * i32::from(code)).sum();
                assert!(i16::try_from(exact).is_ok(), "{pair:?}");
            }
        }
    }

    #[test]
    fn codes_stand_for_what_was_rounded() {
        for block in blocks() {
            let mut int8 = [0; BLOCK];
            let scale = row_to_codes(&block, LARGEST_SAFE_CODE, &mut int8);
            let mut eight = [0; BLOCK];
            let scale8 = block_to_8_bits(&block, &mut eight);
            let mut four = [0; BLOCK / 2];
            let (scale4, zero) = block_to_4_bits(&block, &mut four);
            for (i, &x) in block.iter().enumerate() {
                let within = |y: f32, scale: f32| {
                    assert!((x - y).abs() <= scale * 1.0001, "{x} became {y}");
                    assert!(x != 0.0 || y == 0.0);
                };
                within(f32::from(int8[i]) * scale, scale / 2.0);
                within((f32::from(eight[i]) - 128.0) * scale8, scale8 / 2.0);
                let code = four[i / 2] >> (4 * (i % 2)) & 15;
                within((f32::from(code) - f32::from(zero)) * scale4, scale4);
            }
        }
    }
}
