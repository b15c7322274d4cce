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
pub mod sections {
    use crate::format::SectionKind;

    /// Transducer from docid key to rank; encoding 1 = fst 0.4 (format version 3).
    pub const TRIE: SectionKind = SectionKind(0x0101);
    /// Rank -> ordinals of the documents that carry the docid (CSR).
    pub const POSTINGS: SectionKind = SectionKind(0x0102);
    /// Ordinal -> ranks of the document's docids, its own order kept (CSR).
    pub const DOCUMENT_DOCIDS: SectionKind = SectionKind(0x0103);
    /// Rank -> docid text (strings).
    pub const DOCID_TEXTS: SectionKind = SectionKind(0x0104);
    /// Ordinal -> passage vector (encoding 1 = float16 rows).
    pub const DOCUMENT_VECTORS: SectionKind = SectionKind(0x0105);
    /// Ordinal -> vectors of the document's distinct tokens (encoding 1 = signs and factors).
    pub const TOKEN_VECTORS: SectionKind = SectionKind(0x0106);
    /// Branching nodes of the trie head.
    pub const HEAD_NODES: SectionKind = SectionKind(0x0201);
    /// Edges of the trie head, those of a node side by side.
    pub const HEAD_EDGES: SectionKind = SectionKind(0x0202);
    /// Edge -> unit vector (encoding 1 = float16 rows).
    pub const EDGE_VECTORS: SectionKind = SectionKind(0x0203);
    /// Ordinal -> fitted vector of the document head (encoding 1 = float16 rows).
    pub const DOCUMENT_HEAD: SectionKind = SectionKind(0x0204);
}
