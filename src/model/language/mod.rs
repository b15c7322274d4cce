//! Language models: decoders of the Llama family on ONNX Runtime.
//!
//! | file | concept |
//! |---|---|
//! | [`session`] | one pass: tokens in, logits and the grown cache out |
//! | [`kv_cache`] | what a decoder remembers of the tokens it has read |
//! | `config` | what a model folder says of its model |

mod config;
pub mod kv_cache;
pub mod session;

pub use config::{CONFIG_FILE, LanguageModelConfig, ModelKind, WeightFormat};
pub use kv_cache::{KvCache, KvRow, KvShape};
pub use session::{DecoderInput, DecoderOptions, DecoderOutput, DecoderSession, Logits};
