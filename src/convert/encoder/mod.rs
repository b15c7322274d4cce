//! Sentence encoders from the folders they are published in to fused ONNX graphs.
//!
//! Problem: a folder of sentence-transformers is weights, settings and a list of steps, and the
//! graphs that others export from it are made of small operators that take two to three times as
//! long as the fused ones of ONNX Runtime.
//!
//! ```text
//!  config.json ──► families ──► EncoderConfig ─┐
//!  safetensors ──► weights, constants ─────────┼─► graph ──► model.onnx
//!  modules.json ─► steps ── Dense ─────────────┘             tokenizer.json, settings
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `config` | what an encoder consists of, and the names of its tensors |
//! | `families` | `config.json` of each family to that |
//! | `graph`, `building`, `attention`, `feed_forward` | the nodes |
//! | `weights`, `constants` | how each format stores a weight and multiplies by it |
//! | `steps`, `dense` | `modules.json`, and the layers behind the pooling |
//! | `late_interaction` | how encoders of tokens read queries and documents |
//! | `named` | tensors by names without a prefix |
//! | `import` | from a folder to a folder |
//!
//! Invariants:
//!
//! - I1. A vector is that of the published model: what would change it is applied or refused by name.
//! - I2. Integer products do not depend on the processor (see `graph/quantize.rs`).
//! - I3. The same folder gives the same bytes on every machine, but for rotary tables, whose last
//!   bit is the platform's.
//! - I4. A graph is one message with its weights inside, because it becomes part of an index; so
//!   it is held in memory, here as where it is used.

mod attention;
mod building;
mod config;
mod constants;
mod dense;
mod families;
mod feed_forward;
mod graph;
mod import;
mod late_interaction;
mod named;
mod steps;
#[cfg(test)]
mod tests;
mod weights;

pub use import::{EncoderRecord, import_encoder, is_encoder};
