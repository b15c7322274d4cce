//! Neural models on ONNX Runtime: finding the library, tokenizer, sentence encoder,
//! language models.
//!
//! | file | concept |
//! |---|---|
//! | [`cache`] | where the library and the default model live on this machine |
//! | [`runtime`] | find ONNX Runtime, check its version, load it once per process |
//! | [`tokenizer`] | text to token ids and back |
//! | [`encoder`] | text to unit vectors: loading, batching, pooling |
//! | [`device`] | CPU or CUDA, threads |
//! | `trust` | which models of an index may run here |
//! | [`language`] | language models: one pass of a decoder, batched generation of text |
//!
//! ONNX Runtime is a shared library that is loaded at run time and never linked, so a program
//! with this feature starts, and can say what is missing, on a machine without it. Nothing here
//! touches the network: `zerogr setup` fetches what is needed.

pub mod cache;
mod charsmap;
pub mod device;
pub mod encoder;
mod folder;
mod graph;
pub mod language;
mod library_file;
mod onnx;
mod patterns;
mod pooling;
pub mod runtime;
mod session;
mod session_pool;
mod settings;
pub mod tokenizer;
mod tokenizer_check;
pub(crate) mod trust;
mod version;

pub use device::{CudaOptions, Device, EncoderOptions};
pub use encoder::{Encoder, EncoderBytes, ModelBytes};
pub use folder::EncoderFiles;
pub use pooling::Pooling;
pub use runtime::Runtime;
pub use settings::EncoderSettings;
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
