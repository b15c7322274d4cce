//! The stand-in of an encoder, for tests and benches that need no model: words hashed into small
//! vectors.
#![allow(dead_code)]

use zerogr::{DocidTokenizer, EachText, Result, TextEncoder, TokenVectors};

/// Texts that share words are near each other. Only sums, a root and divisions: the same on every
/// machine. A docid's word such as `#12` is the token 12, so that a test can choose the keys of a
/// trie.
#[derive(Debug, Clone, Copy)]
pub struct HashingEncoder {
    /// With the dimension, its fingerprint.
    pub name: &'static str,
    pub dim: usize,
    pub vocabulary_size: usize,
    /// Whether words have vectors of their own too.
    pub has_token_vectors: bool,
    /// What every value of a vector is before words are counted: how alike all texts are.
    pub floor: f32,
}

fn hash(word: &str) -> u64 {
    word.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    })
}

impl HashingEncoder {
    pub const DEFAULT: HashingEncoder = HashingEncoder {
        name: "words",
        dim: 64,
        vocabulary_size: 50_000,
        has_token_vectors: true,
        floor: 0.01,
    };

    pub const fn named(name: &'static str) -> HashingEncoder {
        HashingEncoder {
            name,
            ..HashingEncoder::DEFAULT
        }
    }

    /// The unit vector of a text.
    pub fn vector(&self, text: &str, max_len_tokens: usize) -> Vec<f32> {
        let mut vector = vec![self.floor; self.dim];
        for word in text.to_lowercase().split_whitespace().take(max_len_tokens) {
            vector[(hash(word) % self.dim as u64) as usize] += 1.0;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter().map(|value| value / length).collect()
    }

    /// The words of a text as tokens, and what `vectors` of [`TokenVectors`] are for them.
    pub fn token_vectors(&self, text: &str, max_len_tokens: usize) -> (Vec<u32>, Vec<f32>) {
        let words = text.to_lowercase();
        let hashes = words.split_whitespace().take(max_len_tokens).map(hash);
        let (mut tokens, mut vectors) = (Vec::new(), Vec::new());
        for hash in hashes {
            tokens.push((hash % self.vocabulary_size as u64) as u32);
            vectors.extend((0..self.dim).map(|at| (hash >> (7 * at % 57) & 0x7f) as f32 - 63.5));
        }
        (tokens, vectors)
    }

    /// What tokens count in a query.
    pub fn token_weights(&self, tokens: &[u32]) -> Vec<f32> {
        tokens
            .iter()
            .map(|token| 0.5 + (token % 4) as f32)
            .collect()
    }
}

impl TextEncoder for HashingEncoder {
    fn dim(&self) -> usize {
        self.dim
    }

    fn fingerprint(&self) -> String {
        format!("{}-{}", self.name, self.dim)
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let mut vectors = Vec::with_capacity(texts.len() * self.dim);
        for (done, text) in (1..).zip(texts) {
            vectors.extend(self.vector(text, max_len_tokens));
            progress(done, texts.len())?;
        }
        Ok(vectors)
    }

    fn has_token_vectors(&self) -> bool {
        self.has_token_vectors
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        for (number, text) in texts.iter().enumerate() {
            let (tokens, vectors) = &self.token_vectors(text, max_len_tokens);
            let query_weights = &self.token_weights(tokens);
            let plain = TokenVectors::plain(tokens, vectors);
            each(
                number,
                TokenVectors {
                    query_weights,
                    ..plain
                },
            );
        }
        self.encode(texts, max_len_tokens, progress)
    }
}

impl DocidTokenizer for HashingEncoder {
    fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    fn fingerprint(&self) -> String {
        format!("words-{}", self.vocabulary_size)
    }

    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>> {
        let token = |word: &str| match word.strip_prefix('#').map(str::parse) {
            Some(Ok(token)) => token,
            _ => (hash(word) % self.vocabulary_size as u64) as u32,
        };
        Ok(docid.split(' ').map(token).collect())
    }
}

/// What [`Intercepted`] shows of its work.
pub enum Encoded<'a> {
    Texts(&'a [&'a str], &'a mut [f32]),
    /// The tokens of one text.
    Tokens(&'a mut [f32]),
}

/// The stand-in with its vectors shown to a function of the test, which may change them, or wait,
/// before they are handed on.
pub struct Intercepted<F> {
    pub encoder: HashingEncoder,
    pub intercept: F,
}

impl<F: Fn(Encoded<'_>) + Send + Sync> TextEncoder for Intercepted<F> {
    fn dim(&self) -> usize {
        self.encoder.dim
    }

    fn fingerprint(&self) -> String {
        TextEncoder::fingerprint(&self.encoder)
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        &self.encoder
    }

    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let mut vectors = self.encoder.encode(texts, max_len_tokens, progress)?;
        (self.intercept)(Encoded::Texts(texts, &mut vectors));
        Ok(vectors)
    }

    fn has_token_vectors(&self) -> bool {
        self.encoder.has_token_vectors
    }

    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        let shown = |number, tokens: TokenVectors<'_>| {
            let mut vectors = tokens.vectors.to_vec();
            (self.intercept)(Encoded::Tokens(&mut vectors));
            let vectors = &vectors;
            each(number, TokenVectors { vectors, ..tokens });
        };
        self.encoder
            .encode_tokens(texts, max_len_tokens, &mut |_, _| Ok(()), &shown)?;
        self.encode(texts, max_len_tokens, progress)
    }
}
