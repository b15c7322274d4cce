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
//! | room or file | concept |
//! |---|---|
//! | `language_model`, `options` | a model in a folder: prompts in, texts out |
//! | `core`, `shared` | what models over one folder have in memory once |
//! | `prompt` | from what is said to the text a chat model was trained on |
//! | `generation` | many texts at once, token by token |
//! | `decoder` | one pass: tokens in, logits and the grown cache out |
//! | `adapter` | what a training changes of a model, apart from it |
//! | `gradient` | one step of training: examples in, losses and gradients out |

mod adapter;
mod core;
mod decoder;
mod generation;
mod gradient;
mod language_model;
mod options;
mod prompt;
mod shared;

pub(crate) use adapter::input_names;
pub use adapter::{AdaptableLayer, Adapter, BaseModel, LinearModule, LowRank};
pub use decoder::{
    CONFIG_FILE, DecoderInput, DecoderOptions, DecoderOutput, DecoderSession, KvCache, KvRow,
    KvShape, LanguageModelConfig, Logits, ModelKind, WEIGHTS_FILE, WeightFormat,
};
pub use gradient::{
    Beginning, FactorShape, GradientSession, Objective, RankedPair, StepGradients, Target,
    TrainingRows,
};
pub use language_model::LanguageModel;
pub use options::LanguageModelOptions;
pub(crate) use prompt::check_chat_template;
