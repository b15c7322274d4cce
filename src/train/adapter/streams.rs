//! What the frozen layers give for texts, kept so that it is computed once.

use super::batch::{Batch, width_of_targets};
use super::options::AdapterFitOptions;
use super::text::TrainingText;
use crate::Result;
use crate::model::language::GradientSession;

/// Values that are kept: 2 GiB of 32-bit floats. Beyond it every step computes its own.
const MAX_VALUES: usize = 1 << 29;

/// By text, `[tokens, hidden]`; empty where nothing is kept.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_text: Vec<Vec<f32>>,
    hidden: usize,
}

impl Streams {
    /// Reads `texts` through the frozen layers, if there are any.
    ///
    /// # Errors
    ///
    /// Those of the session.
    pub(super) fn of(
        session: &GradientSession,
        options: &AdapterFitOptions,
        texts: &[TrainingText],
    ) -> Result<Streams> {
        let mut streams = Streams::default();
        if options.first_layer == 0 {
            return Ok(streams);
        }
        let widths: Vec<usize> = texts.iter().map(width_of_targets).collect();
        streams.by_text.resize(texts.len(), Vec::new());
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&at| widths.get(at));
        let tokens: usize = widths.iter().sum();
        for some in order.chunks(options.batch_texts.max(1)) {
            let chosen: Vec<&TrainingText> = some.iter().filter_map(|&at| texts.get(at)).collect();
            let batch = Batch::generating(&chosen, 0);
            let stream = session.frozen_stream(&batch.rows)?;
            let row_len = stream.len() / some.len().max(1);
            streams.hidden = row_len / batch.rows.width.max(1);
            if streams.hidden.saturating_mul(tokens) > MAX_VALUES {
                return Ok(Streams::default());
            }
            for (&at, row) in some.iter().zip(stream.chunks(row_len.max(1))) {
                let len = widths.get(at).map_or(0, |width| width * streams.hidden);
                if let Some(slot) = streams.by_text.get_mut(at) {
                    *slot = row.get(..len).unwrap_or_default().to_vec();
                }
            }
        }
        Ok(streams)
    }

    /// The streams of some texts in rows of `width`; `None` where nothing is kept.
    pub(super) fn padded(&self, places: &[usize], width: usize) -> Option<Vec<f32>> {
        if self.by_text.is_empty() {
            return None;
        }
        let row_len = width * self.hidden;
        let mut rows = Vec::with_capacity(places.len() * row_len);
        for (number, &at) in places.iter().enumerate() {
            rows.extend_from_slice(self.by_text.get(at)?);
            rows.resize((number + 1) * row_len, 0.0);
        }
        Some(rows)
    }
}
