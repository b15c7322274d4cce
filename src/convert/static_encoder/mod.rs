//! Static encoders: a vector per token of a vocabulary, and of a text their mean.
//!
//! Problem: an encoder reads a few thousand tokens a second; who has millions of documents and no
//! hour would rather have vectors at once that say less.
//!
//! ```text
//!   encoder ── distill ──┐   of its vocabulary; with texts, learnt from what it makes of them
//!                        ├─► table ──► model.onnx, tokenizer.json, 1_Pooling/config.json
//!   Model2Vec folder ────┘
//! ```
//!
//! I1. What comes out is an encoder folder like others: the engine has no case for it.
//! I2. The same encoder on the same machine gives the same bytes.

mod components;
mod distill;
mod learn;
mod least_squares;
mod model2vec;
mod table;
mod text_counts;

pub use distill::{StaticEncoder, distill, installed_static_encoder};
pub use model2vec::{import_static_encoder, is_static_encoder};
