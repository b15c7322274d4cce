//! What an encoder makes of every token of its vocabulary, each alone between the special tokens.

use super::{EncodedBatch, Encoder, Role, WINDOW_TEXTS, Wanted};
use crate::{Error, ErrorKind, Result};

impl Encoder {
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
        // As documents, some tokens would have no vectors.
        let wanted = Wanted {
            role: Role::Query,
            with_tokens: true,
        };
        let mut bulk = Vec::new();
        let mut done = 0;
        for (out, window) in windows {
            let rows: Vec<Vec<u32>> = window
                .iter()
                .map(|&token| [prefix, &[token], suffix].concat())
                .collect();
            let mut store = |batch: &[usize], encoded: EncodedBatch| -> Result<()> {
                let own = encoded.tokens.iter().filter_map(|row| {
                    let start = prefix.len() * self.dim;
                    row.vectors.get(start..start + self.dim)
                });
                match self.pooled {
                    true => self.store_vectors(out, batch, &encoded.vectors)?,
                    false => {
                        self.store_vectors(out, batch, &own.flatten().copied().collect::<Vec<_>>())?
                    }
                }
                done += batch.len();
                progress(done, count)
            };
            self.encode_window(&rows, wanted, &mut bulk, &mut store)?;
        }
        Ok(vectors)
    }
}
