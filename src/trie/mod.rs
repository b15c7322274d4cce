//! Docid tries: which docids exist, and which of their prefixes are still alive.
//!
//! A docid is a short sequence of tokens. One segment keeps its docids, sorted, in one
//! finite-state transducer whose value for a docid is its *rank* in that order:
//!
//! ```text
//!   docids (tokens)      rank        every prefix is a half-open range of ranks
//!   heat END               0         []            [0, 4)
//!   heat transfer END      1         [heat]        [0, 3)   three docids start with "heat"
//!   heat transfer rate END 2         [heat, END]   [0, 1)   and one of them is "heat" itself
//!   wing END               3         [wing]        [3, 4)   one docid left: the rest is forced
//! ```
//!
//! From the ranges follow leaf counts, the shortest unique prefix, deletes and filters as
//! bitmaps over ranks ([`LiveRanks`]), and the merge of segments.
//!
//! Invariants:
//! - I1. The sum of outputs along a path is the smallest rank below it, so a child's range
//!   starts where its elder sibling's ends.
//! - I2. "The docid ends here" is a child like any other, labelled [`END`], and the first one.
//! - I3. Prefixes are told apart by token path or by (depth, first rank), never by transducer
//!   address: the transducer shares suffixes.

mod forest;
mod head;
mod key;
mod live;
mod segment_trie;

pub use forest::{DocidPlace, Forest, ForestChild, ForestNode, ForestPart, ForestTrie};
pub use head::{HeadBuilder, HeadEdge, HeadNode, HeadSections, NewEdge, TrieHead, sum_below};
pub use key::{END, MAX_DOCID_TOKENS, TokenWidth};
pub use live::LiveRanks;
pub use segment_trie::{SegmentTrie, TrieBuilder, TrieChild, TrieNode, build_trie, union_keys};

/// Section kinds whose bodies this layer owns (`format-spec/`, chapter "Section bodies").
pub use crate::format::sections::trie as sections;
