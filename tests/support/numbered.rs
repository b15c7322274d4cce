//! Documents by number, with docids of their own, so that an index of them is the store alone.
#![allow(dead_code)]

use zerogr::Document;

use super::encoder::HashingEncoder;

pub const WORDS: u32 = 30_000;

/// As small as the stand-in can be: docids are given.
pub const ENCODER: HashingEncoder = HashingEncoder {
    name: "none",
    dim: 8,
    vocabulary_size: WORDS as usize,
    has_token_vectors: false,
    ..HashingEncoder::DEFAULT
};

/// Words come like those of a language: few often, most rarely.
pub fn document(number: u64) -> Document {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        let rank = (f64::from(WORDS).powf(uniform) - 1.0) as u32;
        format!("#{rank}")
    };
    let docid = (0..5).map(|_| word()).collect::<Vec<_>>().join(" ");
    let text = (0..12).map(|_| word()).collect::<Vec<_>>().join(" ");
    Document::new(format!("document-{number}"))
        .docid(docid)
        .text(text)
}
