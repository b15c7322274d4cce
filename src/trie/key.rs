//! Docid keys: fixed-width big-endian tokens, so that byte order is token order.

use crate::{Error, Result};

/// Label of the child that says "the docid ends here".
pub const END: u32 = u32::MAX;

/// Longest docid, in tokens.
pub const MAX_DOCID_TOKENS: usize = 64;

/// Bytes per token of a docid key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenWidth(usize);

impl TokenWidth {
    /// The narrowest width for token ids below `vocabulary_size`: 2 bytes up to 65,536, else 3.
    ///
    /// # Errors
    ///
    /// `Limit` for more than 16,777,216 tokens.
    pub fn for_vocabulary(vocabulary_size: usize) -> Result<Self> {
        match vocabulary_size {
            0..=0x1_0000 => Ok(TokenWidth(2)),
            0x1_0001..=0x100_0000 => Ok(TokenWidth(3)),
            _ => Err(Error::limit(format!(
                "a vocabulary of {vocabulary_size} tokens is too large for docids; the limit is 16,777,216"
            ))),
        }
    }

    /// The width as read from a file.
    ///
    /// # Errors
    ///
    /// `Corrupt` for any other than 2 and 3.
    pub fn from_bytes_per_token(bytes: usize) -> Result<Self> {
        match bytes {
            2 | 3 => Ok(TokenWidth(bytes)),
            _ => Err(Error::corrupt(format!("docid tokens of {bytes} bytes"))),
        }
    }

    /// Bytes per token.
    pub fn bytes_per_token(self) -> usize {
        self.0
    }

    /// The key of a docid.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an empty docid or a token that is too wide, `Limit` for more than
    /// [`MAX_DOCID_TOKENS`].
    pub fn key(self, tokens: &[u32]) -> Result<Vec<u8>> {
        if tokens.is_empty() {
            return Err(Error::invalid("a docid needs at least one token"));
        }
        if tokens.len() > MAX_DOCID_TOKENS {
            return Err(Error::limit(format!(
                "a docid has {} tokens; the limit is {MAX_DOCID_TOKENS}: shorten it",
                tokens.len()
            )));
        }
        let mut key = Vec::with_capacity(tokens.len() * self.0);
        for &token in tokens {
            let bytes = token.to_be_bytes();
            let (unused, used) = bytes.split_at(4 - self.0);
            if unused.iter().any(|&byte| byte != 0) {
                return Err(Error::invalid(format!(
                    "token {token} does not fit {} bytes",
                    self.0
                )));
            }
            key.extend_from_slice(used);
        }
        Ok(key)
    }

    /// The tokens of a key.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the key is not a whole number of tokens.
    pub fn tokens(self, key: &[u8]) -> Result<Vec<u32>> {
        if !key.len().is_multiple_of(self.0) {
            return Err(Error::corrupt("a docid key ends inside a token"));
        }
        Ok(key
            .chunks_exact(self.0)
            .map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |token, &byte| token << 8 | u32::from(byte))
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_sort_like_their_tokens() {
        for width in [TokenWidth(2), TokenWidth(3)] {
            let docids: [&[u32]; 4] = [&[1], &[1, 2], &[255, 256], &[256]];
            let keys: Vec<_> = docids
                .iter()
                .map(|docid| width.key(docid).unwrap())
                .collect();
            assert!(keys.is_sorted());
            for (docid, key) in docids.iter().zip(&keys) {
                assert_eq!(width.tokens(key).unwrap(), *docid);
            }
        }
    }

    #[test]
    fn bad_docids_are_refused() {
        let width = TokenWidth::for_vocabulary(30_522).unwrap();
        assert!(width.key(&[]).is_err());
        assert!(width.key(&[65_536]).is_err());
        assert!(width.key(&[END]).is_err());
        assert!(width.key(&[1; 65]).is_err());
        assert!(width.tokens(&[1, 2, 3]).is_err());
        assert!(TokenWidth::for_vocabulary(1 << 25).is_err());
    }
}
