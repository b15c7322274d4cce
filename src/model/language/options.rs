//! How a language model uses the machine.

use super::decoder::DecoderOptions;

/// How a [`LanguageModel`](super::LanguageModel) uses the machine. None of it changes what a text means; see
/// [`WeightFormat`](super::WeightFormat) for what can change with 8-bit and 4-bit weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LanguageModelOptions {
    /// Device, threads, layout of the weights.
    pub decoder: DecoderOptions,
    /// Texts that are written at a time; up to half as many more while the samples of one
    /// request join the last ones of another.
    pub batch_rows: usize,
    /// Memory for keys and values of the texts in flight; fewer are written at a time if it is
    /// not enough. Each step holds them twice, and three times while texts join or leave.
    pub kv_bytes: usize,
}

impl Default for LanguageModelOptions {
    fn default() -> Self {
        LanguageModelOptions {
            decoder: DecoderOptions::default(),
            batch_rows: 16,
            kv_bytes: 1 << 30,
        }
    }
}

impl LanguageModelOptions {
    /// The defaults: 16 texts at a time, within 1 GiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets device, threads and layout of the weights.
    pub fn decoder(mut self, decoder: DecoderOptions) -> Self {
        self.decoder = decoder;
        self
    }

    /// Sets how many texts are written at a time.
    pub fn batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows;
        self
    }
}
