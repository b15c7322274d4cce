//! Documents with docids of their own, and an encoder that knows nothing: the store alone.
#![allow(dead_code)]

use zerogr::{DocidTokenizer, Document, Result, TextEncoder};

/// An encoder that knows nothing: docids are given, and decoding is uniform.
pub struct NoModel;

pub const DIM: usize = 8;
pub const WORDS: u32 = 30_000;

impl TextEncoder for NoModel {
    fn dim(&self) -> usize {
        DIM
    }

    fn fingerprint(&self) -> String {
        "none".into()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self
    }

    fn encode(
        &self,
        texts: &[&str],
        _: usize,
        _: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<f32>> {
        Ok([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0].repeat(texts.len()))
    }
}

impl DocidTokenizer for NoModel {
    fn vocabulary_size(&self) -> usize {
        WORDS as usize
    }

    fn fingerprint(&self) -> String {
        "numbers".into()
    }

    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>> {
        Ok(docid
            .split(' ')
            .map(|word| word.trim_start_matches('w').parse().unwrap_or(0) % WORDS)
            .collect())
    }
}

/// Words come like those of a language: few often, most rarely.
pub fn document(number: u64) -> Document {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let uniform = (state >> 11) as f64 / (1u64 << 53) as f64;
        let rank = (f64::from(WORDS).powf(uniform) - 1.0) as u32;
        format!("w{rank}")
    };
    let docid = (0..5).map(|_| word()).collect::<Vec<_>>().join(" ");
    let text = (0..12).map(|_| word()).collect::<Vec<_>>().join(" ");
    Document::new(format!("document-{number}"))
        .docid(docid)
        .text(text)
}
