// A deterministic encoder for tests: words hashed into a small vector. The examples in the
// documentation include this file, which cannot begin with a `//!` comment for that reason.

use zerogr::{DocidTokenizer, Result, TextEncoder};

pub struct HashingEncoder {
    pub name: &'static str,
}

const DIM: usize = 64;

fn hash(word: &str) -> u64 {
    word.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    })
}

impl TextEncoder for HashingEncoder {
    fn dim(&self) -> usize {
        DIM
    }

    fn fingerprint(&self) -> String {
        self.name.to_owned()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        _: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<f32>> {
        let mut vectors = Vec::with_capacity(texts.len() * DIM);
        for text in texts {
            let mut vector = [0.01f32; DIM];
            for word in text.to_lowercase().split_whitespace().take(max_len_tokens) {
                vector[(hash(word) % DIM as u64) as usize] += 1.0;
            }
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            vectors.extend(vector.iter().map(|value| value / length));
        }
        Ok(vectors)
    }
}

impl DocidTokenizer for HashingEncoder {
    fn vocabulary_size(&self) -> usize {
        50_000
    }

    fn fingerprint(&self) -> String {
        "words".to_owned()
    }

    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>> {
        Ok(docid
            .split(' ')
            .map(|word| (hash(word) % 50_000) as u32)
            .collect())
    }
}
