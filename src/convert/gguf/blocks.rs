//! The block formats in which GGUF stores weights, and what their codes stand for.
//!
//! A row is a whole number of blocks; a block is 32 or 256 neighbours with common scales. The
//! layouts are those of the `ggml` library.

use half::{bf16, f16};

/// One format.
pub(super) struct BlockFormat {
    /// Its name.
    pub name: &'static str,
    /// Values in a block.
    pub values: usize,
    /// Bytes of a block.
    pub bytes: usize,
    /// Turns a block into its values.
    pub decode: Decode,
}

/// Turns the bytes of a block into its values.
type Decode = fn(&[u8], &mut [f32]);

/// The format of this number.
pub(super) fn format(number: u32) -> Option<BlockFormat> {
    let (name, values, bytes, decode): (_, _, _, Decode) = match number {
        0 => ("F32", 1, 4, f32_value),
        1 => ("F16", 1, 2, f16_value),
        2 => ("Q4_0", 32, 18, q4_0),
        3 => ("Q4_1", 32, 20, q4_1),
        6 => ("Q5_0", 32, 22, q5_0),
        7 => ("Q5_1", 32, 24, q5_1),
        8 => ("Q8_0", 32, 34, q8_0),
        10 => ("Q2_K", 256, 84, q2_k),
        11 => ("Q3_K", 256, 110, q3_k),
        12 => ("Q4_K", 256, 144, q4_k),
        13 => ("Q5_K", 256, 176, q5_k),
        14 => ("Q6_K", 256, 210, q6_k),
        30 => ("BF16", 1, 2, bf16_value),
        _ => return None,
    };
    Some(BlockFormat {
        name,
        values,
        bytes,
        decode,
    })
}

/// The name and number of a format that [`format`] does not know.
pub(super) fn name_of_unsupported(number: u32) -> String {
    let name = match number {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24..=27 => "of integers",
        28 => "F64",
        29 => "IQ1_M",
        31..=33 => "Q4_0 in blocks for one processor",
        34 => "TQ1_0",
        35 => "TQ2_0",
        36..=38 => "IQ4_NL in blocks for one processor",
        39 => "MXFP4",
        40 => "NVFP4",
        _ => "of an unknown name",
    };
    format!("{name} (number {number})")
}

/// `N` bytes of a block from `at` on; zeros where it is too short, which no caller lets happen.
fn take<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    let bytes = block
        .get(at..at + N)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.unwrap_or([0; N])
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes(take(block, at)).to_f32()
}

fn put(to: &mut [f32], values: impl IntoIterator<Item = f32>) {
    to.iter_mut()
        .zip(values)
        .for_each(|(to, value)| *to = value);
}

fn f32_value(block: &[u8], to: &mut [f32]) {
    put(to, [f32::from_le_bytes(take(block, 0))]);
}

fn f16_value(block: &[u8], to: &mut [f32]) {
    put(to, [half_at(block, 0)]);
}

fn bf16_value(block: &[u8], to: &mut [f32]) {
    put(to, [bf16::from_le_bytes(take(block, 0)).to_f32()]);
}

/// The low halves of all bytes, then the high halves.
fn nibbles<const N: usize>(bytes: [u8; N]) -> impl Iterator<Item = u8> {
    bytes
        .into_iter()
        .map(|b| b & 15)
        .chain(bytes.into_iter().map(|b| b >> 4))
}

/// 5-bit codes: nibbles, and a fifth bit for each.
fn five_bits(block: &[u8], at: usize) -> impl Iterator<Item = u8> {
    let fifth = u32::from_le_bytes(take(block, at));
    let low = nibbles(take::<16>(block, at + 4));
    low.enumerate()
        .map(move |(i, code)| code | ((fifth >> i & 1) as u8) << 4)
}

fn q4_0(block: &[u8], to: &mut [f32]) {
    let scale = half_at(block, 0);
    put(
        to,
        nibbles(take::<16>(block, 2)).map(|q| (f32::from(q) - 8.0) * scale),
    );
}

fn q4_1(block: &[u8], to: &mut [f32]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    put(
        to,
        nibbles(take::<16>(block, 4)).map(|q| f32::from(q) * scale + least),
    );
}

fn q5_0(block: &[u8], to: &mut [f32]) {
    let scale = half_at(block, 0);
    put(
        to,
        five_bits(block, 2).map(|q| (f32::from(q) - 16.0) * scale),
    );
}

fn q5_1(block: &[u8], to: &mut [f32]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    put(
        to,
        five_bits(block, 4).map(|q| f32::from(q) * scale + least),
    );
}

fn q8_0(block: &[u8], to: &mut [f32]) {
    let scale = half_at(block, 0);
    put(to, take::<32>(block, 2).map(|q| f32::from(q as i8) * scale));
}

/// Scale and minimum of the 8 sub-blocks of Q4_K and Q5_K: 6 bits each, in 12 bytes.
fn six_bit_pairs(bytes: [u8; 12]) -> [(f32, f32); 8] {
    let [a, b, c] = [0, 4, 8].map(|at| take::<4>(&bytes, at));
    let mut pairs = [(0.0, 0.0); 8];
    let (first, last) = pairs.split_at_mut(4);
    for (((((first, last), a), b), c), _) in
        first.iter_mut().zip(last).zip(a).zip(b).zip(c).zip(0..4)
    {
        *first = (f32::from(a & 63), f32::from(b & 63));
        *last = (
            f32::from(c & 15 | a >> 6 << 4),
            f32::from(c >> 4 | b >> 6 << 4),
        );
    }
    pairs
}

fn q4_k(block: &[u8], to: &mut [f32]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    let pairs = six_bit_pairs(take(block, 4));
    let codes = (0..4).flat_map(|part| nibbles(take::<32>(block, 16 + 32 * part)));
    let with_pairs = pairs.into_iter().flat_map(|pair| [pair; 32]).zip(codes);
    put(
        to,
        with_pairs.map(|((s, m), q)| scale * s * f32::from(q) - least * m),
    );
}

fn q5_k(block: &[u8], to: &mut [f32]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    let pairs = six_bit_pairs(take(block, 4));
    let fifth: [u8; 32] = take(block, 16);
    let codes = (0..4).flat_map(|part| nibbles(take::<32>(block, 48 + 32 * part)));
    let fifths = (0..8).flat_map(|sub| fifth.map(|bits| (bits >> sub & 1) << 4));
    let with_pairs = pairs
        .into_iter()
        .flat_map(|pair| [pair; 32])
        .zip(codes.zip(fifths));
    put(
        to,
        with_pairs.map(|((s, m), (q, high))| scale * s * f32::from(q | high) - least * m),
    );
}

fn q6_k(block: &[u8], to: &mut [f32]) {
    let scale = half_at(block, 208);
    let scales: [u8; 16] = take(block, 192);
    for (half, to) in to.chunks_exact_mut(128).enumerate() {
        let low: [u8; 64] = take(block, 64 * half);
        let high: [u8; 32] = take(block, 128 + 32 * half);
        let lows = nibbles(low);
        let highs = (0..4).flat_map(|pair| high.map(|bits| (bits >> (2 * pair) & 3) << 4));
        let scales = scales
            .into_iter()
            .skip(8 * half)
            .flat_map(|s| [f32::from(s as i8); 16]);
        let codes = lows
            .zip(highs)
            .map(|(low, high)| f32::from(low | high) - 32.0);
        put(to, scales.zip(codes).map(|(s, q)| scale * s * q));
    }
}

/// 2-bit codes of 256 values: 32 bytes hold four runs of 32, one in each pair of bits.
fn two_bits(bytes: [u8; 64]) -> impl Iterator<Item = u8> {
    (0..2).flat_map(move |half| {
        let part: [u8; 32] = take(&bytes, 32 * half);
        (0..4).flat_map(move |pair| part.map(|bits| bits >> (2 * pair) & 3))
    })
}

fn q2_k(block: &[u8], to: &mut [f32]) {
    let scales: [u8; 16] = take(block, 0);
    let (scale, least) = (half_at(block, 80), half_at(block, 82));
    let per_value = scales.into_iter().flat_map(|s| [s; 16]);
    let codes = two_bits(take(block, 16));
    put(
        to,
        per_value
            .zip(codes)
            .map(|(s, q)| scale * f32::from(s & 15) * f32::from(q) - least * f32::from(s >> 4)),
    );
}

fn q3_k(block: &[u8], to: &mut [f32]) {
    let third: [u8; 32] = take(block, 0);
    let packed: [u8; 12] = take(block, 96);
    let scale = half_at(block, 108);
    let low = nibbles(take::<8>(&packed, 0));
    let high: [u8; 4] = take(&packed, 8);
    let highs = (0..4).flat_map(|pair| high.map(|bits| (bits >> (2 * pair) & 3) << 4));
    let scales = low
        .zip(highs)
        .map(|(low, high)| f32::from(low | high) - 32.0);
    let codes = two_bits(take(block, 32));
    let thirds = (0..8).flat_map(|sub| third.map(|bits| (bits >> sub & 1) << 2));
    let codes = codes
        .zip(thirds)
        .map(|(low, high)| f32::from(low | high) - 4.0);
    put(
        to,
        scales
            .flat_map(|s| [s; 16])
            .zip(codes)
            .map(|(s, q)| scale * s * q),
    );
}
