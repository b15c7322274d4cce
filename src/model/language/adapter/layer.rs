//! The linear layers that can be changed, and what their matrices are called in graphs and files.

use super::adapter::LinearModule;

/// A linear layer of a decoder layer, with its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptableLayer {
    /// Number of the decoder layer, the first being 0.
    pub layer: usize,
    /// Which of its linear layers.
    pub module: LinearModule,
    /// Width of its input.
    pub inputs: usize,
    /// Width of its output.
    pub outputs: usize,
}

/// The names of a layer's two matrices, A and B, as inputs of graphs.
pub(crate) fn input_names(layer: usize, module: LinearModule) -> [String; 2] {
    ["a", "b"].map(|letter| format!("layers.{layer}.{module}.{letter}"))
}
