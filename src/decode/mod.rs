//! Decoding: turning a query into docids, along the trie, at the least work.
//!
//! ```text
//!   Forest (which docids exist)      Expander (how likely each child is)
//!            └──────────────┬──────────────┘
//!                         Memo            every prefix evaluated at most once per query
//!                           │
//!          ┌───────────┬────┴──────┬──────────────┐
//!      BestFirst      Beam    GumbelTopK   ReverseAnnealed        a Decoder is a view of it
//!          └───────────┴────┬──────┴──────────────┘
//!                   drawn passages ──► rerank by the document head
//! ```
//!
//! | room | what is in it |
//! |---|---|
//! | `expanders` | what gives logits: the compact head, a language model |
//! | `prefixes` | the memo of one query: prefixes reached, what they cost, what they may cost |
//! | `decoders` | which prefix is opened next, and which passages come out |
//!
//! Invariants:
//! - I1. The joint log-probability of a docid is the sum of the conditional ones along its
//!   branching nodes, added from the root down; forced steps (one live child) add nothing and
//!   cost nothing.
//! - I2. A passage's probability is the sum of those of its live docids.
//! - I3. The conditional probabilities of a node sum to one and only live docids come out; logits
//!   that no distribution follows from are an error that names who gave them ([`log_softmax`]).
//! - I4. The order in which prefixes are evaluated, and how many in one call, never changes a
//!   result. Random numbers belong to a place in the trie, not to a moment.

mod decoders;
mod expanders;
mod prefixes;

pub use decoders::{
    Beam, Decoded, Decoder, Drawn, GumbelTopK, Planner, Postings, Prior, Request, ReverseAnnealed,
    draw_uniform, log_sum_exp, score_passage,
};
pub use expanders::{Branching, DocidPlace, Expander, PassagePlace, log_softmax};
#[cfg(feature = "models")]
pub(crate) use expanders::{HIDDEN, TokenTree, label, whole_docids};
#[cfg(feature = "models")]
pub use expanders::{LanguageExpander, LanguageQuery, RowsExpander};
pub use prefixes::{Budget, CancelToken, Memo, PathStep, Work};
