//! Neural models on ONNX Runtime: finding the library, tokenizer, sentence encoder,
//! language models.
//!
//! | room or file | concept |
//! |---|---|
//! | `onnx` | making graphs, and what one may be, looked at before it runs |
//! | [`runtime`] | ONNX Runtime on this machine: finding it, devices, sessions |
//! | [`tokenizer`] | text to token ids and back |
//! | [`encoder`] | text to unit vectors |
//! | [`language`] | language models: one pass of a decoder, batched generation of text |
//! | `trust` | which models of an index may run here |
//!
//! ONNX Runtime is a shared library that is loaded at run time and never linked, so a program
//! with this feature starts, and can say what is missing, on a machine without it. Nothing here
//! touches the network: `zerogr setup` fetches what is needed.

pub mod encoder;
pub mod language;
pub(crate) mod onnx;
pub mod runtime;
pub mod tokenizer;
pub(crate) mod trust;

pub(crate) use encoder::{ENGINE_FILE, QUERY_TOKEN_WEIGHTS, SettingsFile};
pub use encoder::{Encoder, EncoderBytes, EncoderFiles, EncoderSettings, ModelBytes, Pooling};
pub use language::Adapter;
pub use runtime::device::{CudaOptions, Device, EncoderOptions};
pub use runtime::{Runtime, cache, device};
pub use tokenizer::Tokenizer;

use crate::{Error, ErrorKind, Result};

/// Looks at an ONNX graph as every graph is looked at before it runs, without running it: its
/// operators, the sizes of its tensors, and that it names no other file.
///
/// # Errors
///
/// [`ErrorKind::Model`] that says what is not allowed in it.
pub fn check_graph(model: &[u8]) -> Result<()> {
    onnx::check(model, onnx::Weights::Inside).map_err(|what| {
        let message = format!("the model's graph is refused: {what}");
        Error::new(ErrorKind::Model, message)
    })
}
