//! Fitting an adapter: a language model learns by low-rank changes of its linear layers (LoRA,
//! arXiv 2106.09685).
//!
//! ```text
//!   texts: prompt and what follows ─► batches ─► losses, gradients (ONNX Runtime) ─► AdamW ─► A, B
//!                                                        ▲                            │
//!                                                        └────────────────────────────┘
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `text` | what is to be generated below a prompt, and in which order texts are to be ranked |
//! | `pairs`, `pair_file` | prompts and what is to be written behind them, as texts; reading them |
//! | `batch` | texts as rows of tokens: what follows a prompt is a tree below it |
//! | `factors` | A and B, and their optimiser |
//! | `order` | which texts are seen in which step |
//! | `streams` | what frozen layers gave for a text, kept |
//! | `fit`, `options` | the loop; what it is asked, and what it says |
//! | `checkpoint` | where it stood, to go on from |
//!
//! Invariants:
//!
//! - I1. What is seen in a step follows from the seed and its number alone, so a fit that goes on
//!   from a checkpoint ends with the same bytes.
//! - I2. What is kept is the state with the least held-out loss, the first one included.

mod batch;
mod checkpoint;
mod factors;
mod fit;
mod options;
mod order;
mod pair_file;
mod pairs;
mod streams;
mod text;

pub use checkpoint::checkpoint_beside;
pub use fit::{AdapterFit, FittedAdapter};
pub use options::{AdapterFitOptions, AdapterFitProgress, AdapterFitReport};
pub use pair_file::read_pairs;
pub use pairs::{PairOptions, PairTexts};
pub(crate) use text::MAX_HELD_OUT;
pub use text::{PrefixTarget, RankedPaths, TrainingText};

#[cfg(test)]
mod tests;
