//! The ONNX graph of a decoder, and the file of its weights.
//!
//! | file | concept |
//! |---|---|
//! | `decoder` | the graph: its inputs, outputs and nodes |
//! | `attention` | positions and attention in it |
//! | `weights`, `quantize` | how each format stores a weight and multiplies by it |
//! | `weights_file` | the external data, written as a stream |

mod attention;
pub(super) mod decoder;
pub(super) mod quantize;
pub(super) mod weights;
mod weights_file;
