//! Decoding: turning a query into docids, along the trie, at the least work.
//!
//! ```text
//!   Forest (which docids exist)      Expander (how likely each child is)
//!            └──────────────┬──────────────┘
//!                         Memo            every prefix evaluated at most once per query
//!                           │
//!                       best_first        exact top-k documents
//!                           │
//!                   drawn documents ──► rerank by the document head
//! ```
//!
//! Invariants:
//! - I1. The joint log-probability of a docid is the sum of the conditional ones along its
//!   branching nodes, added from the root down; forced steps (one live child) add nothing and
//!   cost nothing.
//! - I2. A document's score is the log of the summed probabilities of its live docids.
//! - I3. Whatever the logits (NaN, infinite), the conditional probabilities of a node sum to
//!   one and only live docids come out ([`log_softmax`]).

mod best_first;
mod compact;
mod expander;
mod memo;

pub use best_first::{Drawn, Postings, best_first, log_sum_exp, score_document};
pub use compact::{CompactEdges, CompactExpander, CompactSegment};
pub use expander::{Branching, Expander, log_softmax};
pub use memo::{DocidPlace, Memo, Work};

#[cfg(test)]
mod tests;
