//! Language models from the files they are published in to ONNX graphs.
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
//! | file | concept |
//! |---|---|
//! | `decoder_config` | sizes, rotary positions, which parts a family has |
//! | `tensors` | weights by name, a few rows at a time |
//! | `decoder_graph` | the graph: its inputs, outputs and nodes |
//! | `weights`, `quantize` | how each format stores a weight and multiplies by it |
//! | `weights_file` | the external data, written as a stream |
//! | `import` | from a path to a model folder |
//! | `gguf`, `safetensors`, `hugging_face` | reading checkpoints |
//! | `external_graph` | folders that hold a decoder ONNX already |
//! | `onnx`, `nodes` | the ONNX messages, and making them |
//! | `random` | a model with random weights, for tests and benches |
//!
//! Invariants:
//!
//! - I1. No content of a file makes this panic, or allocate out of proportion to the file's size.
//! - I2. Weights are never held twice: sources are read a few rows at a time, the output is written as a
//!   stream, and at most one layer's matrix is in memory.

mod attention;
mod decoder_config;
mod decoder_graph;
mod external_graph;
pub mod gguf;
mod hugging_face;
mod import;
mod nodes;
mod onnx;
mod quantize;
mod random;
mod safetensors;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;
mod weights_file;

pub use decoder_config::{Architecture, DecoderConfig, RopeScaling};
pub use decoder_graph::{CUDA_GRAPH_FILE, GRAPH_FILE, WEIGHTS_FILE, write_decoder};
pub use import::import;
pub use random::{RandomTensors, random_decoder, small_llama};
pub use tensors::TensorSource;
