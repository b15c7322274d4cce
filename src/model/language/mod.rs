//! Language models: decoders of the Llama family on ONNX Runtime.
//!
//! | file | concept |
//! |---|---|
//! | [`session`] | one pass: tokens in, logits and the grown cache out |
//! | [`kv_cache`] | what a decoder remembers of the tokens it has read |

pub mod kv_cache;
pub mod session;

pub use kv_cache::{KvCache, KvRow, KvShape};
pub use session::{DecoderInput, DecoderOptions, DecoderOutput, DecoderSession, Logits};
