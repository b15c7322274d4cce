//! Where docids and passages are stored.

use smallvec::SmallVec;

pub use crate::trie::DocidPlace;

/// All places of one docid.
pub(in crate::decode) type Places = SmallVec<[DocidPlace; 1]>;

/// A passage where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassagePlace {
    /// Position of its segment in the forest.
    pub segment: u32,
    /// Its passage there.
    pub passage: u32,
}

/// A passage whose docids have all been looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct ScoredPassage {
    pub(in crate::decode) place: PassagePlace,
    /// The log of the summed probabilities of its docids.
    pub(in crate::decode) log_prob: f64,
    /// Rank of its most probable docid.
    pub(in crate::decode) best_rank: u32,
}
