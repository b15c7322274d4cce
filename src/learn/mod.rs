//! Learning: what a training does to the segments of an index.
//!
//! ```text
//!   segments ──► who is new? ──► pseudo-queries ──► fit of the trie head ──────► new heads of the
//!                (training_set)                     fit of the document head     segments with
//!                                                   (train, fitted_edges)        something new
//! ```

mod corpus;
mod fitted_edges;
mod options;
#[cfg(feature = "eval")]
mod query_map;
mod train;
mod training_set;

pub(crate) use corpus::TrainingCorpus;
pub use options::TrainOptions;
#[cfg(feature = "eval")]
pub(crate) use query_map::{JudgedQuery, fit_query_maps};
pub(crate) use train::{TrainingPlan, train_heads};
