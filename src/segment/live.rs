//! Which documents of a segment may be found, by deletes and by filters.

use crate::columns::Csr;
use crate::docs::PassageTable;
use crate::trie::LiveRanks;

/// The live documents of one segment, and the docids that leads to.
#[derive(Debug, Clone)]
pub(crate) struct LiveDocuments {
    is_live: Vec<bool>,
    ranks: LiveRanks,
}

impl LiveDocuments {
    /// Documents for which `is_live[ordinal]` holds; a docid lives as long as a document of one of
    /// its passages.
    pub(crate) fn new(is_live: Vec<bool>, passages: &PassageTable, postings: &Csr) -> Self {
        let lives = |passage: u32| {
            let ordinal = passages.document_of(passage);
            is_live.get(ordinal as usize).copied().unwrap_or(false)
        };
        let ranks = LiveRanks::from_fn(postings.row_count() as u32, |rank| {
            postings.row(rank).any(lives)
        });
        LiveDocuments { is_live, ranks }
    }

    pub(crate) fn contains(&self, ordinal: u32) -> bool {
        self.is_live.get(ordinal as usize).copied().unwrap_or(false)
    }

    pub(crate) fn ranks(&self) -> &LiveRanks {
        &self.ranks
    }

    pub(crate) fn dead_count(&self) -> u32 {
        self.is_live.iter().filter(|&&live| !live).count() as u32
    }

    /// The tombstone bitmap: bit `i % 8` of byte `i / 8` is set where document `i` is dead.
    pub(crate) fn tombstones(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            bits.iter()
                .rev()
                .fold(0u8, |byte, &live| byte << 1 | u8::from(!live))
        };
        self.is_live.chunks(8).map(byte).collect()
    }
}
