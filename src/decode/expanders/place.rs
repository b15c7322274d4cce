//! Where docids are stored.

use smallvec::SmallVec;

/// A docid where it is stored: (segment, rank).
pub type DocidPlace = (u32, u32);

/// All places of one docid.
pub(in crate::decode) type Places = SmallVec<[DocidPlace; 1]>;
