//! What stands where an index has no encoder: it is searched by words alone.
//!
//! Every segment has vectors and docids, so this gives the least that they can be: vectors of one
//! value that tell nothing apart, and docids whose tokens are their bytes, three at a time.

use crate::Result;
use crate::encode::{DocidTokenizer, TextEncoder};
use crate::segment::EncoderParams;

/// The fingerprint of no encoder.
const FINGERPRINT: &str = "no encoder";

/// Bytes of a docid in one token.
const BYTES_PER_TOKEN: usize = 3;

/// No encoder.
#[derive(Debug, Clone, Copy)]
pub(in crate::index) struct NoEncoder;

impl NoEncoder {
    /// Whether an index was made with none.
    pub(in crate::index) fn is_recorded(params: &EncoderParams) -> bool {
        params.fingerprint == FINGERPRINT
    }
}

impl TextEncoder for NoEncoder {
    fn dim(&self) -> usize {
        1
    }

    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn tokenizer(&self) -> &dyn DocidTokenizer {
        self
    }

    fn encode(
        &self,
        texts: &[&str],
        _: usize,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        progress(texts.len(), texts.len())?;
        Ok(vec![1.0; texts.len()])
    }
}

impl DocidTokenizer for NoEncoder {
    fn vocabulary_size(&self) -> usize {
        1 << (8 * BYTES_PER_TOKEN)
    }

    fn fingerprint(&self) -> String {
        "bytes".to_owned()
    }

    fn docid_tokens(&self, docid: &str) -> Result<Vec<u32>> {
        let token = |bytes: &[u8]| {
            let mut padded = [0; size_of::<u32>()];
            for (to, from) in padded.iter_mut().skip(1).zip(bytes) {
                *to = *from;
            }
            u32::from_be_bytes(padded)
        };
        Ok(docid
            .as_bytes()
            .chunks(BYTES_PER_TOKEN)
            .map(token)
            .collect())
    }

    fn token_text(&self, token: u32) -> Option<String> {
        let bytes = token.to_be_bytes();
        let text = String::from_utf8_lossy(bytes.get(1..)?);
        Some(text.trim_end_matches('\0').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docids_are_their_bytes() {
        // ZF-PA-04
        let tokens = NoEncoder.docid_tokens("wing µ").unwrap();
        assert_eq!(tokens, [0x77_69_6E, 0x67_20_C2, 0xB5_00_00]);
        assert!(
            tokens
                .iter()
                .all(|&token| (token as usize) < NoEncoder.vocabulary_size())
        );
        assert_eq!(NoEncoder.token_text(tokens[0]).unwrap(), "win");
        assert_ne!(tokens, NoEncoder.docid_tokens("wing ").unwrap());
    }
}
