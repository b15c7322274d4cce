//! Language models and sentence encoders from the files they are published in to ONNX graphs.
//!
//! Problem: a checkpoint is weights and settings (safetensors with `config.json`, or GGUF), and
//! ONNX Runtime wants a graph. No exporter in another language is needed: the Llama family is one
//! graph with a few switches.
//!
//! ```text
//!  safetensors ─┐                    ┌─ model.onnx, model.weights
//!               ├─► DecoderConfig    │  tokenizer.json
//!  GGUF ────────┘   TensorSource ────┴─ zerogr-model.json
//! ```
//!
//! | room or file | concept |
//! |---|---|
//! | `checkpoint` | what a checkpoint is: sizes, weights, settings, texts |
//! | [`gguf`], `hugging_face` | reading the files that it is published in |
//! | `graph` | the ONNX graph, and the file of its weights |
//! | `encoder` | sentence encoders, from folders of sentence-transformers |
//! | `external_graph` | folders that hold a decoder ONNX already |
//! | `static_encoder` | tables of token vectors: made of an encoder, or imported |
//! | `import`, `ready` | from a path to a model folder, which appears whole |
//! | `training` | the graphs that train an adapter of a decoder |
//! | `random` | a model with random weights, for tests and benches |
//!
//! Invariants:
//!
//! - I1. No content of a file makes this panic, or allocate out of proportion to the file's size.
//! - I2. Every tensor and every setting is used, known to change nothing, or refused by its name.
//! - I3. Weights are never held twice: sources are read a few rows at a time, the output is written as a
//!   stream, and at most one layer's matrix is in memory.

mod checkpoint;
mod encoder;
mod external_graph;
pub mod gguf;
pub(crate) mod graph;
mod hugging_face;
mod import;
mod random;
mod ready;
mod static_encoder;
#[cfg(test)]
mod tests;
mod training;

pub use checkpoint::decoder_config::{Architecture, Biases, DecoderConfig, RopeScaling};
pub use checkpoint::tensors::TensorSource;
pub use encoder::{EncoderRecord, import_encoder, is_encoder};
pub use graph::decoder::{CUDA_GRAPH_FILE, GRAPH_FILE, WEIGHTS_FILE, write_decoder};
pub use import::import;
pub use random::{RandomTensors, random_decoder, small_llama};
pub use static_encoder::{
    StaticEncoder, distill, import_static_encoder, installed_static_encoder, is_static_encoder,
};
pub use training::{TrainingGraphs, training_graphs};
