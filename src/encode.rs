//! The seam between the engine and whatever turns text into vectors.
//!
//! Everything above the encoder (docid generation, the trie head, search) asks for vectors
//! through [`TextEncoder`]. The usual implementation is `model::Encoder` on ONNX Runtime; tests
//! and applications with their own embeddings bring another one, and then need neither ONNX
//! Runtime nor the `models` feature.

use std::ops::Range;
use std::sync::Arc;

use crate::vectors::norm;
use crate::{Error, ErrorKind, Result};

/// Turns texts into unit vectors.
///
/// Invariants an implementation keeps, because indexes are built on them:
///
/// - I1. The same text and limit give the same vector, up to a float noise that the
///   implementation documents, whatever else is in the call.
/// - I2. Every vector has [`dim`](Self::dim) finite values and Euclidean length 1; that of a text
///   that leaves no token is zero, which is like nothing.
/// - I3. Two encoders with equal [`fingerprint`](Self::fingerprint)s give equal vectors: the
///   fingerprint is stored in the index, and another one is refused at open.
pub trait TextEncoder: Send + Sync {
    /// Number of values in each vector.
    fn dim(&self) -> usize;

    /// Identifies the function that this encoder computes, for example the SHA-256 of its weights.
    fn fingerprint(&self) -> String;

    /// The tokenizer of the docids.
    fn tokenizer(&self) -> &dyn DocidTokenizer;

    /// Encodes `texts`, each cut at `max_len_tokens` tokens, into a row-major matrix of
    /// `texts.len()` rows of [`dim`](Self::dim) values, in the order given.
    ///
    /// `progress` is called from the calling thread with (texts done, texts in all). Its error ends the
    /// call: somebody has cancelled it.
    ///
    /// # Errors
    ///
    /// An unusable limit is [`InvalidInput`](crate::ErrorKind::InvalidInput); a failure of the
    /// model is [`Model`](crate::ErrorKind::Model), [`Runtime`](crate::ErrorKind::Runtime) or
    /// [`Device`](crate::ErrorKind::Device).
    fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>>;

    /// How many tokens a prompt becomes in front of a text.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when it cannot be expressed.
    fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        let _ = prompt;
        Ok(0)
    }

    /// How many tokens a text has; by this measure long documents are cut. An encoder that cannot
    /// say is taken to have one for every four characters of a word.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when it cannot be expressed.
    fn token_count(&self, text: &str) -> Result<usize> {
        Ok(estimated_token_count(text))
    }

    /// The share of a query's letters, 0 to 1, that the encoder has no words for: its vocabulary was
    /// made for other languages. By so much less is it believed in a planned search.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when the text cannot be expressed.
    fn unknown_share(&self, text: &str) -> Result<f32> {
        let _ = text;
        Ok(0.0)
    }

    /// Whether [`encode_tokens`](Self::encode_tokens) gives vectors of tokens too.
    fn has_token_vectors(&self) -> bool {
        false
    }

    /// As [`encode`](Self::encode), and calls `each` with every text's number and the vectors of
    /// its tokens, in any order, from the calling thread.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: &mut dyn FnMut(usize, TokenVectors<'_>),
    ) -> Result<Vec<f32>> {
        let _ = each;
        self.encode(texts, max_len_tokens, progress)
    }

    /// Where in `text` the tokens stand that [`encode_tokens`](Self::encode_tokens) has vectors of, in
    /// bytes and in their order; `None` when it cannot tell, and then no token is shown in a text.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn token_ranges(&self, text: &str, max_len_tokens: usize) -> Result<Option<Vec<Range<usize>>>> {
        let _ = (text, max_len_tokens);
        Ok(None)
    }
}

/// A token for every four characters of a word.
pub(crate) fn estimated_token_count(text: &str) -> usize {
    let words = text.split_whitespace();
    words.map(|word| word.chars().count().div_ceil(4)).sum()
}

/// The one way of vectors into the engine: an encoder whose every vector is looked at, whoever made
/// it. What is no number, or longer than a unit vector can be, would be stored as what no reader
/// takes for a vector.
#[derive(Clone)]
pub(crate) struct CheckedEncoder(Arc<dyn TextEncoder>);

/// How far the length of a vector may be from 1.
const LENGTH_TOLERANCE: f32 = 0.02;

impl CheckedEncoder {
    pub(crate) fn new(encoder: Arc<dyn TextEncoder>) -> Self {
        CheckedEncoder(encoder)
    }

    /// The encoder itself, for what is not stored.
    pub(crate) fn unchecked(&self) -> &Arc<dyn TextEncoder> {
        &self.0
    }

    /// [`TextEncoder::prompt_tokens`].
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub(crate) fn prompt_tokens(&self, prompt: &str) -> Result<usize> {
        self.0.prompt_tokens(prompt)
    }

    /// [`TextEncoder::token_count`].
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub(crate) fn token_count(&self, text: &str) -> Result<usize> {
        self.0.token_count(text)
    }

    /// [`TextEncoder::unknown_share`].
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub(crate) fn unknown_share(&self, text: &str) -> Result<f32> {
        Ok(self.0.unknown_share(text)?.clamp(0.0, 1.0))
    }

    /// [`TextEncoder::encode`].
    ///
    /// # Errors
    ///
    /// Those of the encoder, and `Model` for what is no vector.
    pub(crate) fn encode(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let vectors = self.0.encode(texts, max_len_tokens, progress)?;
        self.check(vectors, texts.len())
    }

    /// [`TextEncoder::encode_tokens`].
    ///
    /// # Errors
    ///
    /// Those of the encoder, and `Model` for what are no vectors or weights.
    pub(crate) fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: &mut dyn FnMut(usize, TokenVectors<'_>),
    ) -> Result<Vec<f32>> {
        let mut tokens = Ok(());
        let checked = &mut |number, text: TokenVectors<'_>| {
            if tokens.is_ok() {
                tokens = self.check_tokens(&text);
            }
            if tokens.is_ok() {
                each(number, text);
            }
        };
        let vectors = self
            .0
            .encode_tokens(texts, max_len_tokens, progress, checked)?;
        tokens?;
        self.check(vectors, texts.len())
    }

    /// [`TextEncoder::token_ranges`].
    ///
    /// # Errors
    ///
    /// Those of the encoder.
    pub(crate) fn token_ranges(
        &self,
        text: &str,
        max_len_tokens: usize,
    ) -> Result<Option<Vec<Range<usize>>>> {
        self.0.token_ranges(text, max_len_tokens)
    }

    fn broken(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Model,
            format!(
                "the encoder {} {what}: it is broken, or not made for such texts; use another one",
                self.0.fingerprint()
            ),
        )
    }

    /// Checks the vectors of `count` texts.
    fn check(&self, vectors: Vec<f32>, count: usize) -> Result<Vec<f32>> {
        let dim = self.0.dim();
        if count.checked_mul(dim) != Some(vectors.len()) {
            return Err(self.broken("gives another number of values than it has texts to encode"));
        }
        for vector in vectors.chunks_exact(dim.max(1)) {
            // Not a number compares as false. A text of which nothing is left has no direction.
            let length = norm(vector);
            if !(length == 0.0 || (length - 1.0).abs() <= LENGTH_TOLERANCE) {
                return Err(self.broken(&format!("gives a vector of length {length} instead of 1")));
            }
        }
        Ok(vectors)
    }

    /// Checks what it has of the tokens of one text.
    fn check_tokens(&self, text: &TokenVectors<'_>) -> Result<()> {
        let count = text.tokens.len();
        let weighs = |weights: &[f32]| {
            (weights.is_empty() || weights.len() == count)
                && weights
                    .iter()
                    .all(|weight| weight.is_finite() && *weight >= 0.0)
        };
        if count.checked_mul(self.0.dim()) != Some(text.vectors.len())
            || !weighs(text.query_weights)
            || !weighs(text.document_weights)
        {
            return Err(self.broken("gives vectors or weights of tokens that do not fit them"));
        }
        if !text.vectors.iter().all(|value| value.is_finite()) {
            return Err(self.broken("gives vectors of tokens with values that are no numbers"));
        }
        Ok(())
    }
}

/// What an encoder has of a text's tokens.
#[derive(Debug, Clone, Copy)]
pub struct TokenVectors<'a> {
    /// The tokens of the text, without special ones.
    pub tokens: &'a [u32],
    /// `[tokens, dim]`: the vectors that it pools, finite, of any length.
    pub vectors: &'a [f32],
    /// `[tokens]`: what each counts in a query whose tokens are compared, finite and not negative;
    /// empty where all count 1.
    pub query_weights: &'a [f32],
    /// `[tokens]`: what likeness to each counts in a document, finite and not negative; empty where
    /// all count 1.
    pub document_weights: &'a [f32],
}

impl<'a> TokenVectors<'a> {
    /// What is left without the first `count` tokens; each has a vector of `dim` values.
    pub fn without_first(self, count: usize, dim: usize) -> Self {
        TokenVectors {
            tokens: self.tokens.get(count..).unwrap_or_default(),
            vectors: self.vectors.get(count * dim..).unwrap_or_default(),
            query_weights: self.query_weights.get(count..).unwrap_or_default(),
            document_weights: self.document_weights.get(count..).unwrap_or_default(),
        }
    }

    /// Those of an encoder without a token head: all tokens count alike.
    pub fn plain(tokens: &'a [u32], vectors: &'a [f32]) -> Self {
        TokenVectors {
            tokens,
            vectors,
            query_weights: &[],
            document_weights: &[],
        }
    }
}

/// Turns docids into tokens, the steps of the trie. One tokenizer serves an index for ever.
pub trait DocidTokenizer: Send + Sync {
    /// Token ids are below this.
    fn vocabulary_size(&self) -> usize;

    /// Identifies the tokenizer, for example the SHA-256 of its file. It is stored in the index,
    /// and another one is refused.
    fn fingerprint(&self) -> String;

    /// The tokens of a docid, without special tokens.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when the text cannot be expressed.
    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>>;

    /// A token for people, if the tokenizer can tell.
    fn token_text(&self, token: u32) -> Option<String> {
        let _ = token;
        None
    }
}
