//! Decoders: one pass over a graph, with what it remembers.
//!
//! | file | concept |
//! |---|---|
//! | [`config`] | what the folder of a model says of itself |
//! | [`open`] | opening a graph on the hardware asked for |
//! | [`session`] | an imported graph: one pass |
//! | [`pass`] | what a pass reads and gives |
//! | [`kinds`] | imported graphs and those of other exporters, as generation uses them |
//! | [`kv_cache`], [`kv_shape`] | the keys and values of the tokens it has read |
//! | [`kv_device`] | moving them within the memory of a device |
//! | [`binding`], [`tensors`] | outputs that stay where they are wanted; values in and out |

mod binding;
mod config;
pub(super) mod kinds;
mod kv_cache;
mod kv_device;
mod kv_shape;
pub(super) mod open;
mod pass;
mod session;
pub(super) mod tensors;

pub use config::{CONFIG_FILE, LanguageModelConfig, ModelKind, WEIGHTS_FILE, WeightFormat};
pub use kv_cache::{KvCache, KvRow};
pub use kv_shape::KvShape;
pub use open::DecoderOptions;
pub use pass::{DecoderInput, DecoderOutput, Logits};
pub use session::DecoderSession;
pub(super) use session::WeakSession;
