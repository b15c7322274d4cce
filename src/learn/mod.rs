//! Learning: what a training does to the segments of an index.
//!
//! ```text
//!   segments ──► who is new? ──► pseudo-queries ──► fit of the trie head ──────► new heads of the
//!                (training_set)                     fit of the document head     segments with
//!                                                   (train, fitted_edges)        something new
//! ```

mod fitted_edges;
mod train;
mod training_set;

pub use train::TrainOptions;
pub(crate) use train::{TrainingCorpus, TrainingPlan, train_heads};
