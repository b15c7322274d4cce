//! What an encoder makes of every token of its vocabulary, each alone between the special tokens.

use parking_lot::Mutex;

use super::{Encoder, Role, WINDOW_TEXTS};
use crate::encode::TokenVectors;
use crate::model::encoder::asked::Asked;
use crate::{Error, ErrorKind, Result};

impl Encoder {
    /// The text's own tokens, as many as the model reads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the tokenizer cannot express the text.
    pub(crate) fn text_tokens(&self, text: &str) -> Result<Vec<u32>> {
        let tokens = (self.tokenizer).encode(&self.as_read(text), self.max_len_tokens)?;
        let own = self.tokenizer.text_range(tokens.len());
        Ok(tokens.get(own).unwrap_or_default().to_vec())
    }

    /// `[vocabulary, dim]`: what it has of every token by its number: the token's own vector, of any
    /// length, or that of the text where the graph pools by itself.
    ///
    /// `progress` is called from this thread with (tokens done, tokens in all); its error ends the
    /// call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`] when the model fails or returns a value that is not finite.
    pub(crate) fn encode_vocabulary(
        &self,
        progress: &mut dyn FnMut(usize, usize) -> Result<()>,
    ) -> Result<Vec<f32>> {
        let special = self.tokenizer.encode("", self.max_len_tokens)?;
        let before = self.tokenizer.text_range(special.len()).start;
        let (prefix, suffix) = special.split_at(before.min(special.len()));
        let count = self.tokenizer.vocab_size();
        let last = u32::try_from(count)
            .map_err(|_| Error::new(ErrorKind::Model, "the tokenizer has too many tokens"))?;
        let tokens: Vec<u32> = (0..last).collect();
        let mut vectors = vec![0.0; count.saturating_mul(self.dim)];
        let windows = vectors
            .chunks_mut(WINDOW_TEXTS * self.dim.max(1))
            .zip(tokens.chunks(WINDOW_TEXTS));
        // Of a row that is compared as a whole, the special tokens are there too.
        let place = match self.reader {
            Some(_) => prefix.len(),
            None => 0,
        };
        let own = place * self.dim..(place + 1) * self.dim;
        let mut bulk = Vec::new();
        let mut done = 0;
        for (out, window) in windows {
            let rows: Vec<Vec<u32>> = window
                .iter()
                .map(|&token| [prefix, &[token], suffix].concat())
                .collect();
            let out = Mutex::new(out);
            let stored = Mutex::new(Ok(()));
            let tell = |row: usize, tokens: TokenVectors<'_>| {
                let own = tokens.vectors.get(own.clone()).unwrap_or_default();
                if let Err(error) = self.store_vectors(&mut out.lock(), &[row], own) {
                    *stored.lock() = Err(error);
                }
            };
            let asked = Asked {
                // As documents, some tokens would have no vectors.
                role: Role::Query,
                each: (!self.pooled).then_some(&tell),
            };
            let mut store = |batch: &[usize], encoded: &[f32]| -> Result<()> {
                if self.pooled {
                    self.store_vectors(&mut out.lock(), batch, encoded)?;
                }
                done += batch.len();
                progress(done, count)
            };
            self.encode_window(&rows, asked, &mut bulk, &mut store)?;
            stored.into_inner()?;
        }
        Ok(vectors)
    }
}
