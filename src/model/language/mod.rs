//! Language models: decoders of the Llama family on ONNX Runtime.
//!
//! ```text
//!   prompt ─► chat template ─► tokens ─► generation: many rows at once ─► texts
//!                                           │ read, step        │ choose
//!                                        decoder              sampler
//!                                           │
//!                          session: one pass over the graph, with a KV cache
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `config` | what a model folder says of itself |
//! | [`language_model`] | a model in a folder: prompts in, texts out |
//! | `chat_template` | from what is said to the text a chat model was trained on |
//! | `template_source` | bounds of its source, before it is compiled |
//! | `generation` | many texts in flight: joining, stepping, leaving |
//! | `sampler` | choosing the next token |
//! | `decoder` | imported graphs and those of other exporters |
//! | [`session`] | one pass: tokens in, logits and the grown cache out |
//! | [`kv_cache`] | what a decoder remembers of the tokens it has read |

mod binding;
mod chat_template;
mod config;
mod decoder;
mod generation;
pub mod kv_cache;
mod kv_device;
pub mod language_model;
mod sampler;
pub mod session;
mod template_source;

pub(crate) use chat_template::check_chat_template;
pub use config::{CONFIG_FILE, LanguageModelConfig, ModelKind, WEIGHTS_FILE, WeightFormat};
pub use kv_cache::{KvCache, KvRow, KvShape};
pub use language_model::{LanguageModel, LanguageModelOptions};
pub use session::{DecoderInput, DecoderOptions, DecoderOutput, DecoderSession, Logits};
