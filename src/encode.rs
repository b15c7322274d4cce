//! The seam between the engine and whatever turns text into vectors.
//!
//! Everything above the encoder (docid generation, the trie head, search) asks for vectors
//! through [`TextEncoder`]. The usual implementation is `model::Encoder` on ONNX Runtime; tests
//! and applications with their own embeddings bring another one, and then need neither ONNX
//! Runtime nor the `models` feature.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::vectors::{all_finite, norm};
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

    /// As [`encode`](Self::encode), and calls `each` once with every text's number and the vectors of
    /// its tokens: in any order, from any thread, several at a time if that is how texts are encoded.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn encode_tokens(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        let _ = each;
        self.encode(texts, max_len_tokens, progress)
    }

    /// As [`encode_tokens`](Self::encode_tokens), of queries, for an encoder that reads these in another
    /// way than documents; without `each`, only the vectors of texts are wanted.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    fn encode_queries(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: Option<EachText<'_>>,
    ) -> Result<Vec<f32>> {
        match each {
            Some(each) => self.encode_tokens(texts, max_len_tokens, progress, each),
            None => self.encode(texts, max_len_tokens, progress),
        }
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

/// What is told the number of a text and what an encoder has of its tokens, by any thread: so what is
/// made of them is made where they are, on all cores.
pub type EachText<'a> = &'a (dyn Fn(usize, TokenVectors<'_>) + Sync);

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
        each: EachText<'_>,
    ) -> Result<Vec<f32>> {
        let vectors = self.with_checked_tokens(each, |each| {
            self.0.encode_tokens(texts, max_len_tokens, progress, each)
        })?;
        self.check(vectors, texts.len())
    }

    /// [`TextEncoder::encode_queries`].
    ///
    /// # Errors
    ///
    /// Those of the encoder, and `Model` for what are no vectors or weights.
    pub(crate) fn encode_queries(
        &self,
        texts: &[&str],
        max_len_tokens: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
        each: Option<EachText<'_>>,
    ) -> Result<Vec<f32>> {
        let vectors = match each {
            None => self
                .0
                .encode_queries(texts, max_len_tokens, progress, None)?,
            Some(each) => self.with_checked_tokens(each, |each| {
                self.0
                    .encode_queries(texts, max_len_tokens, progress, Some(each))
            })?,
        };
        self.check(vectors, texts.len())
    }

    /// Calls `encode` with a function that hands tokens that are sound on to `each`.
    fn with_checked_tokens(
        &self,
        each: EachText<'_>,
        encode: impl FnOnce(EachText<'_>) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let checked = Mutex::new(Ok(()));
        let vectors = encode(&|number, text| match self.check_tokens(&text) {
            Ok(()) => each(number, text),
            Err(error) => *checked.lock() = Err(error),
        })?;
        checked.into_inner().map(|()| vectors)
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
        if !all_finite(text.vectors) {
            return Err(self.broken("gives vectors of tokens with values that are no numbers"));
        }
        Ok(())
    }
}

/// How an encoder that was trained for late interaction (ColBERT) reads queries and documents. All of
/// their tokens are compared, special ones too; a text's vector is the mean of theirs, each scaled to
/// length 1. Tokens are those of its tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateInteraction {
    /// The token behind the first special one of every query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_marker: Option<u32>,
    /// The token behind the first special one of every document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_marker: Option<u32>,
    /// The most tokens of a query, those that are added to it included.
    pub max_query_tokens: usize,
    /// The most tokens of a document, those that are added to it included.
    pub max_document_tokens: usize,
    /// What short queries are filled up with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<QueryExpansion>,
    /// Tokens of documents that are not compared, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_tokens: Vec<u32>,
}

/// The most tokens that a query is filled up to: a pass takes memory by their square.
#[cfg(feature = "models")]
const MOST_EXPANDED_TOKENS: usize = 2_048;

#[cfg(feature = "models")]
impl LateInteraction {
    /// Checks that it goes with a tokenizer of so many tokens, which puts so many around a text.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) for a token that the tokenizer does not have, and for lengths
    /// that leave no room for text, or cannot be.
    pub(crate) fn check(&self, vocab_size: usize, special_tokens: usize) -> Result<()> {
        let wrong = |what: String| {
            let message = format!("the settings of late interaction cannot be used: {what}");
            Err(Error::new(ErrorKind::Model, message))
        };
        let expansion = self.expansion.as_ref();
        let mut tokens = [self.query_marker, self.document_marker]
            .into_iter()
            .flatten()
            .chain(expansion.map(|expansion| expansion.token))
            .chain(self.skipped_tokens.iter().copied());
        if let Some(token) = tokens.find(|&token| token as usize >= vocab_size) {
            return wrong(format!(
                "they name token {token}, and the tokenizer has {vocab_size}"
            ));
        }
        if !self.skipped_tokens.is_sorted() {
            return wrong("skipped_tokens do not ascend".to_owned());
        }
        for most in [self.max_query_tokens, self.max_document_tokens] {
            if most <= special_tokens.saturating_add(1) {
                return wrong(format!("a text of {most} tokens has no room for words"));
            }
        }
        let most = self.max_query_tokens.min(MOST_EXPANDED_TOKENS);
        match expansion.map(|expansion| expansion.len_tokens) {
            Some(len) if len > most => wrong(format!(
                "queries are filled up to {len} tokens, and have {most} at most"
            )),
            _ => Ok(()),
        }
    }
}

/// A token that stands for words that a query does not have; what the encoder makes of it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryExpansion {
    /// The token, a mask.
    pub token: u32,
    /// Tokens up to which a query is filled.
    pub len_tokens: usize,
    /// The other tokens of the query attend to it.
    pub is_attended: bool,
}

/// What an encoder has of a text's tokens.
#[derive(Debug, Clone, Copy)]
pub struct TokenVectors<'a> {
    /// The tokens that are compared: those of the text, without special ones, unless the encoder was
    /// trained for [`LateInteraction`].
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
