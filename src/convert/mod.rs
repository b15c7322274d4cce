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
//! | `layout` | which tensors a decoder has; each is used, or refused by name |
//! | `decoder_graph` | the graph: its inputs, outputs and nodes |
//! | `weights`, `quantize` | how each format stores a weight and multiplies by it |
//! | `weights_file` | the external data, written as a stream |
//! | `import` | from a path to a model folder |
//! | `gguf`, `safetensors`, `hugging_face` | reading checkpoints |
//! | `settings` | tables of what every key of a checkpoint means |
//! | `texts` | how texts begin and end, and how a chat is written |
//! | `files` | opening files that may be something else than their names say |
//! | `external_graph` | folders that hold a decoder ONNX already |
//! | `onnx`, `nodes` | the ONNX messages, and making them |
//! | `random` | a model with random weights, for tests and benches |
//!
//! Invariants:
//!
//! - I1. No content of a file makes this panic, or allocate out of proportion to the file's size.
//! - I2. Every tensor and every setting is used, known to change nothing, or refused by its name.
//! - I3. Weights are never held twice: sources are read a few rows at a time, the output is written as a
//!   stream, and at most one layer's matrix is in memory.

mod attention;
mod decoder_config;
mod decoder_graph;
mod external_graph;
mod files;
pub mod gguf;
mod hugging_face;
mod import;
mod layout;
mod nodes;
pub(crate) mod onnx;
mod quantize;
mod random;
mod safetensors;
mod settings;
mod tensors;
#[cfg(test)]
mod tests;
mod texts;
mod weights;
mod weights_file;

pub use decoder_config::{Architecture, Biases, DecoderConfig, RopeScaling};
pub use decoder_graph::{CUDA_GRAPH_FILE, GRAPH_FILE, WEIGHTS_FILE, write_decoder};
pub use import::import;
pub use random::{RandomTensors, random_decoder, small_llama};
pub use tensors::TensorSource;
