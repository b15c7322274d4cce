//! Training: fitting the trie head and the document head to a corpus nobody has labelled.
//!
//! ```text
//!   documents ──► pseudo-queries ──► query vectors ┐
//!   trie ──► branching nodes = softmaxes           ├─► fit ──► unit vectors and biases
//!   passage vectors ──► where the edges start      ┘
//! ```
//!
//! Both heads are a [`SoftmaxTree`]: the trie head has one softmax per branching node, the
//! document head one over all documents, or over each of several blocks of them. The gradient of
//! a softmax over a node's children is closed form and touches nothing else, so no framework is
//! needed.
//!
//! Judged queries are mapped (`linear_map`).

mod adam;
#[cfg(feature = "models")]
mod adapter;
mod fit;
mod linear_map;
mod schedule;
mod softmax_tree;
mod trie_tree;

#[cfg(feature = "models")]
pub(crate) use adapter::MAX_HELD_OUT;
#[cfg(feature = "models")]
pub use adapter::{
    AdapterFit, AdapterFitOptions, AdapterFitProgress, AdapterFitReport, FittedAdapter,
    PairOptions, PairTexts, PrefixTarget, RankedPaths, TrainingText, checkpoint_beside, read_pairs,
};
pub use fit::{Example, FitOptions, FitReport, fit};
pub use linear_map::{MapPair, STEPS, fit_linear_maps};
pub use softmax_tree::{SoftmaxTree, Step};
pub use trie_tree::{BranchingPrefix, EdgeSource, TrieTree};

#[cfg(test)]
mod tests;
