//! The graph that trains an adapter: a decoder forwards and backwards.
//!
//! Problem: the published builds of ONNX Runtime cannot differentiate a graph. So the backward
//! pass is written here, in operators that CPU and CUDA have, beside the weights of the inference
//! graph, which are frozen and stay in their file.
//!
//! ```text
//!   input_ids ─ embedding ─ layer 0 … ─ layer k ─ … ─ last ─ norm ─ head ─ loss
//!                           frozen    │ with A, B                        │
//!                                     └ gradients of A and B ◄───────────┘
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `graph` | the two graphs: frozen layers, trained layers; their inputs and outputs |
//! | `base` | what the inference graph says of the decoder |
//! | `tape` | nodes under construction |
//! | `steps`, `layer` | a layer of the decoder, and what its parts share |
//! | `attention`, `feed_forward`, `linear`, `norm` | its parts, with their gradients |
//! | `objective` | head, losses |
//!
//! Invariants:
//!
//! - I1. No gradient but those of A and B is an output, and none is computed below the lowest
//!   trained layer.
//! - I2. Which token sees which is the caller's `attention_bias` alone, so rows may be padded,
//!   packed, or share a beginning.

mod attention;
mod base;
mod feed_forward;
mod graph;
mod layer;
mod linear;
mod norm;
mod objective;
mod steps;
mod tape;

pub use graph::{TrainingGraphs, training_graphs};
