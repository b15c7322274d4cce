//! Where docids and documents are stored.

use smallvec::SmallVec;

pub use crate::trie::DocidPlace;

/// All places of one docid.
pub(in crate::decode) type Places = SmallVec<[DocidPlace; 1]>;

/// A document where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentPlace {
    /// Position of its segment in the forest.
    pub segment: u32,
    /// Its ordinal there.
    pub ordinal: u32,
}
