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
