// A deterministic encoder for tests: words hashed into a small vector. The examples in the
// documentation include this file, which cannot begin with a `//!` comment for that reason.

use zerogr::{DocidTokenizer, Result, TextEncoder, TokenVectors};

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

    fn has_token_vectors(&self) -> bool {
        true
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize),
        each: &mut dyn FnMut(usize, TokenVectors<'_>),
    ) -> Result<Vec<f32>> {
        for (number, text) in texts.iter().enumerate() {
            let text = text.to_lowercase();
            let words = text.split_whitespace().take(max_len_tokens);
            let (mut tokens, mut vectors) = (Vec::new(), Vec::new());
            for hash in words.map(hash) {
                tokens.push((hash % 50_000) as u32);
                let value = |at| (hash.rotate_left(at) & 0xff) as f32 - 127.5;
                vectors.extend((0..DIM as u32).map(value));
            }
            let (tokens, vectors) = (&tokens, &vectors);
            each(number, TokenVectors::plain(tokens, vectors));
        }
        self.encode(texts, max_len_tokens, progress)
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
