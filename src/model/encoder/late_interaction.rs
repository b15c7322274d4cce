//! Encoders that were trained for late interaction (ColBERT): which tokens are read of queries and
//! documents, and which of these are compared.
//!
//! ```text
//! query      [CLS] [Q] words [SEP] [MASK] … [MASK]    all are compared
//! document   [CLS] [D] words [SEP]                    all but those of punctuation are compared
//! ```
//!
//! The vector of a text is the direction of the mean of what is compared, so that the inner product
//! of two texts is, but for a factor, the mean over all pairs of their tokens, of which late
//! interaction takes the best ones.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::pooling::Pooling;
use crate::Result;
use crate::encode::{LateInteraction, TokenVectors};
use crate::model::tokenizer::Tokenizer;
use crate::vectors::normalise;

/// Hexadecimal digits that identify settings in a fingerprint.
const FINGERPRINT_DIGITS: usize = 16;

/// What a text is to an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Query,
    Document,
}

/// Reads texts as settings say.
#[derive(Debug)]
pub(super) struct TokenReader {
    settings: LateInteraction,
    /// Special tokens in front of the marker.
    before_marker: usize,
}

impl TokenReader {
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) when the settings do not belong to the tokenizer, or leave no room for
    /// text.
    pub(super) fn new(settings: LateInteraction, tokenizer: &Tokenizer) -> Result<TokenReader> {
        let special = tokenizer.special_tokens();
        settings.check(tokenizer.vocab_size(), special)?;
        Ok(TokenReader {
            before_marker: tokenizer.text_range(special).start,
            settings,
        })
    }

    /// Identifies the settings, for the end of a fingerprint.
    pub(super) fn fingerprint_suffix(&self) -> String {
        // Settings of plain numbers are always expressed.
        let settings = serde_json::to_vec(&self.settings).unwrap_or_default();
        let mut digest = format!("{:x}", Sha256::digest(settings));
        digest.truncate(FINGERPRINT_DIGITS);
        format!("+late:{digest}")
    }

    /// The token that no other one attends to.
    pub(super) fn unattended(&self) -> Option<u32> {
        let expansion = self.settings.expansion.as_ref()?;
        (!expansion.is_attended).then_some(expansion.token)
    }

    /// The tokens that are read of a text, `limit` at most.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when `limit` leaves no room for text.
    pub(super) fn tokens(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        limit: usize,
        role: Role,
    ) -> Result<Vec<u32>> {
        let (marker, limit) = self.limits(limit, role);
        let mut tokens = tokenizer.encode(text, limit - marker.iter().len())?;
        if let Some(marker) = marker {
            tokens.insert(self.before_marker.min(tokens.len()), marker);
        }
        if let (Role::Query, Some(expansion)) = (role, &self.settings.expansion) {
            let len = expansion.len_tokens.min(limit).max(tokens.len());
            tokens.resize(len, expansion.token);
        }
        Ok(tokens)
    }

    /// The marker of a text, and the most tokens with it; at least one for it.
    fn limits(&self, limit: usize, role: Role) -> (Option<u32>, usize) {
        let settings = &self.settings;
        let (marker, most) = match role {
            Role::Query => (settings.query_marker, settings.max_query_tokens),
            Role::Document => (settings.document_marker, settings.max_document_tokens),
        };
        (marker, limit.min(most).max(1))
    }

    /// Where the tokens of a document that are compared stand in its text; those that do not stand
    /// in it are empty, at its ends.
    ///
    /// # Errors
    ///
    /// As [`TokenReader::tokens`].
    pub(super) fn document_ranges(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        limit: usize,
    ) -> Result<Vec<Range<usize>>> {
        let tokens = self.tokens(tokenizer, text, limit, Role::Document)?;
        let (marker, limit) = self.limits(limit, Role::Document);
        let in_text = tokenizer.token_ranges(text, limit - marker.iter().len())?;
        let before = self.before_marker + marker.iter().len();
        let end = in_text.last().map_or(0, |range| range.end);
        let ranges = std::iter::repeat_n(0..0, before)
            .chain(in_text)
            .chain(std::iter::repeat(end..end));
        let compared = |token: &u32| self.settings.skipped_tokens.binary_search(token).is_err();
        let ranges = tokens.iter().zip(ranges);
        Ok(ranges
            .filter(|(token, _)| compared(token))
            .map(|(_, range)| range)
            .collect())
    }

    /// What is compared of a row, as unit vectors.
    pub(super) fn compared(&self, row: TokenVectors<'_>, role: Role) -> ComparedTokens {
        let skipped: &[u32] = match role {
            Role::Document => &self.settings.skipped_tokens,
            Role::Query => &[],
        };
        let dim = row.vectors.len() / row.tokens.len().max(1);
        let is_kept = |token: &u32| skipped.binary_search(token).is_err();
        let kept: Vec<bool> = row.tokens.iter().map(is_kept).collect();
        let mut vectors = Vec::with_capacity(row.vectors.len());
        for vector in kept_of(row.vectors.chunks_exact(dim.max(1)), &kept) {
            vectors.extend_from_slice(vector);
        }
        vectors.chunks_exact_mut(dim.max(1)).for_each(|token| {
            normalise(token);
        });
        ComparedTokens {
            tokens: kept_of(row.tokens.iter().copied(), &kept).collect(),
            vectors,
            query_weights: kept_of(row.query_weights.iter().copied(), &kept).collect(),
            document_weights: kept_of(row.document_weights.iter().copied(), &kept).collect(),
            dim,
        }
    }
}

/// What is compared of a text.
pub(super) struct ComparedTokens {
    tokens: Vec<u32>,
    /// `[tokens, dim]`, unit vectors.
    vectors: Vec<f32>,
    query_weights: Vec<f32>,
    document_weights: Vec<f32>,
    dim: usize,
}

impl ComparedTokens {
    /// The vector of the text.
    ///
    /// # Errors
    ///
    /// [`Model`](crate::ErrorKind::Model) for a text whose vectors have no common direction.
    pub(super) fn pooled(&self) -> Result<Vec<f32>> {
        let mut pooled = vec![0.0; self.dim];
        Pooling::Mean.pool(&self.vectors, self.tokens.len(), &mut pooled)?;
        Ok(pooled)
    }

    pub(super) fn tokens(&self) -> TokenVectors<'_> {
        TokenVectors {
            tokens: &self.tokens,
            vectors: &self.vectors,
            query_weights: &self.query_weights,
            document_weights: &self.document_weights,
        }
    }
}

/// Values in places that are kept.
fn kept_of<T>(values: impl Iterator<Item = T>, kept: &[bool]) -> impl Iterator<Item = T> {
    let values = values.zip(kept);
    values.filter_map(|(value, is_kept)| is_kept.then_some(value))
}
