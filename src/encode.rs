//! The seam between the engine and whatever turns text into vectors.
//!
//! Everything above the encoder (docid generation, the trie head, search) asks for vectors
//! through [`TextEncoder`]. The usual implementation is `model::Encoder` on ONNX Runtime; tests
//! and applications with their own embeddings bring another one, and then need neither ONNX
//! Runtime nor the `models` feature.

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
    /// `progress` is called from the calling thread with (texts done, texts in all).
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
        progress: &mut dyn FnMut(usize, usize),
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
        progress: &mut dyn FnMut(usize, usize),
        each: &mut dyn FnMut(usize, TokenVectors<'_>),
    ) -> Result<Vec<f32>> {
        let _ = each;
        self.encode(texts, max_len_tokens, progress)
    }
}

/// The vectors that `encoder` gave, as what they have to be (I2 of [`TextEncoder`]).
///
/// # Errors
///
/// [`Model`](crate::ErrorKind::Model), naming the encoder, when their number is another one than
/// that of `count` texts, or a value is not finite.
pub(crate) fn checked_vectors(
    encoder: &dyn TextEncoder,
    count: usize,
    vectors: Vec<f32>,
) -> Result<Vec<f32>> {
    let broken = |what: String| {
        let message = format!("the encoder {} gave {what}", encoder.fingerprint());
        Err(Error::new(ErrorKind::Model, message))
    };
    if vectors.len() != count * encoder.dim() {
        let dim = encoder.dim();
        let values = vectors.len();
        return broken(format!("{values} values for {count} vectors of {dim}"));
    }
    match vectors.iter().position(|value| !value.is_finite()) {
        None => Ok(vectors),
        Some(at) => broken(format!(
            "a value that is not a finite number for text {} of {count}",
            at / encoder.dim().max(1) + 1
        )),
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
