//! What an encoder is to do with rows of tokens, beside their vectors.

use super::batches::select;
use super::late_interaction::Role;
use crate::Result;
use crate::encode::{EachText, TokenVectors};

/// What rows are, and what is told of their tokens.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) role: Role,
    /// What is told of the tokens of every row, by its place.
    pub(super) each: Option<EachText<'a>>,
}

impl Asked<'_> {
    /// Vectors of texts that are documents.
    pub(super) const VECTORS: Asked<'static> = Asked {
        role: Role::Document,
        each: None,
    };

    /// What `pass` makes of the rows of a batch; what it tells by their places in the batch is told by
    /// those among `rows`.
    pub(super) fn of_batch(
        self,
        rows: &[Vec<u32>],
        batch: &[usize],
        pass: impl FnOnce(&[&[u32]], Asked<'_>) -> Result<Vec<f32>>,
    ) -> Result<Vec<f32>> {
        let tell = |at: usize, tokens: TokenVectors<'_>| {
            if let (Some(each), Some(&row)) = (self.each, batch.get(at)) {
                each(row, tokens);
            }
        };
        let each = self.each.map(|_| &tell as EachText<'_>);
        pass(&select(rows, batch), Asked { each, ..self })
    }
}
