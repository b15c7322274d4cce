//! What one pass of a decoder reads and gives.

use ort::value::{DynValue, Tensor, TensorValueType};

use super::kv_cache::KvCache;
use super::kv_shape::KvShape;
use super::tensors::unusable;
use crate::{Error, Result};

/// What a pass reads. Rows are equally wide; `width` is the length of `tokens` by that of `lens`.
#[derive(Debug, Clone, Copy)]
pub struct DecoderInput<'a> {
    /// Token ids, `[rows, width]`; anything below the vocabulary size where a row is padded.
    pub tokens: &'a [u32],
    /// Positions in the text, `[rows, width]`.
    pub positions: &'a [u32],
    /// New tokens of each row, at most `width`; the others are padding.
    pub lens: &'a [usize],
    /// Added to the attention scores, `[width, past width + width]`, the same for all rows:
    /// 0 to see a token and a large negative number (-1e9) not to; `None` for plain causal.
    pub bias: Option<&'a [f32]>,
    /// What was read before.
    pub past: Option<&'a KvCache>,
    /// Which of the `rows * width` tokens get logits.
    pub head_rows: &'a [usize],
    /// Which vocabulary ids get logits; empty means all.
    pub head_columns: &'a [u32],
    /// Whether the grown cache is wanted.
    pub keep_present: bool,
}

/// What a pass gave.
#[derive(Debug)]
pub struct DecoderOutput {
    /// A row for each of the head rows asked for.
    pub logits: Logits,
    /// The past with the new tokens, if it was to be kept.
    pub present: Option<KvCache>,
}

/// Logits, `[head rows, head columns or vocabulary]`.
#[derive(Debug)]
pub struct Logits {
    values: Tensor<f32>,
    columns: usize,
    /// Rows of `values` per row: the last of them counts.
    stride: usize,
}

impl Logits {
    pub(in crate::model::language) fn new(value: DynValue, rows: usize) -> Result<Logits> {
        let values = value
            .downcast::<TensorValueType<f32>>()
            .map_err(|e| unusable(&format!("its logits are not float32: {e}")))?;
        let len = values.extract_tensor().1.len();
        if len.checked_rem(rows.max(1)) != Some(0) {
            return Err(unusable("its logits have an unexpected shape"));
        }
        Ok(Logits {
            columns: len / rows.max(1),
            values,
            stride: 1,
        })
    }

    /// Only the last of every `stride` rows.
    pub(in crate::model::language) fn every(mut self, stride: usize) -> Logits {
        self.stride = stride;
        self
    }

    /// Values per row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One row; empty if there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        let (_, values) = self.values.extract_tensor();
        let start = (row * self.stride + self.stride - 1) * self.columns;
        values.get(start..start + self.columns).unwrap_or_default()
    }
}

/// The sizes of a pass.
pub(in crate::model::language) struct Sizes {
    pub(in crate::model::language) rows: usize,
    pub(in crate::model::language) width: usize,
    /// Width of the past.
    pub(in crate::model::language) past: usize,
}

impl Sizes {
    pub(in crate::model::language) fn of(
        input: &DecoderInput<'_>,
        shape: KvShape,
    ) -> Result<Sizes> {
        let rows = input.lens.len();
        let width = input.tokens.len().checked_div(rows).unwrap_or(0);
        let past = input.past.map_or(0, KvCache::width);
        let wrong = |what: &str| Err(Error::invalid(format!("a pass of the decoder: {what}")));
        if width == 0 || rows * width != input.tokens.len() {
            return wrong("give at least one token per row, and rows of the same width");
        }
        if input.positions.len() != input.tokens.len() {
            return wrong("give a position for every token");
        }
        if input.lens.iter().any(|&len| len == 0 || len > width) {
            return wrong("a row needs between one token and the width of the pass");
        }
        if input
            .bias
            .is_some_and(|bias| bias.len() != width * (past + width))
        {
            return wrong("the bias needs a row per new token and a column per token");
        }
        if input
            .past
            .is_some_and(|cache| cache.rows() != rows || cache.shape() != shape)
        {
            return wrong("the past has other rows, or is of another model");
        }
        if rows > 1 && past > 0 && width > 1 {
            return wrong("several rows with a past can have only one new token each");
        }
        if input.head_rows.iter().any(|&row| row >= rows * width) {
            return wrong("logits are wanted for a token that is not there");
        }
        Ok(Sizes { rows, width, past })
    }
}
