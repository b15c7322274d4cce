//! Learning: what a training does to the segments of an index.
//!
//! ```text
//!   segments ──► who is new? ──► pseudo-queries ──► fit of the trie head ──────► new heads of the
//!                (training_set)                     fit of the document head     segments with
//!                                                   (train, fitted_edges)        something new
//! ```
//!
//! What a language model learns from is in [`language`].

mod corpus;
mod fitted_edges;
#[cfg(feature = "models")]
mod language;
mod options;
#[cfg(feature = "eval")]
mod query_map;
mod train;
mod training_set;

pub(crate) use corpus::TrainingCorpus;
#[cfg(feature = "models")]
pub use language::{LanguageLoss, LanguageTrainOptions};
#[cfg(feature = "models")]
pub(crate) use language::{LanguageTask, LanguageTexts};
pub use options::TrainOptions;
#[cfg(feature = "eval")]
pub(crate) use query_map::{JudgedQuery, fit_query_maps};
pub(crate) use train::{TrainingPlan, train_heads};
