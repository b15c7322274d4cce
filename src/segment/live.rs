//! Which documents of a segment may be found, by deletes and by filters.

use std::sync::OnceLock;

use crate::columns::Csr;
use crate::docs::PassageTable;
use crate::trie::LiveRanks;

/// The live documents of one segment, and the docids that leads to.
#[derive(Debug, Clone)]
pub(crate) struct LiveDocuments {
    is_live: Vec<bool>,
    passages: PassageTable,
    passage_docids: Csr,
    docid_count: u32,
    /// Once a docid is asked for: a search by words alone asks for none.
    ranks: OnceLock<LiveRanks>,
}

impl LiveDocuments {
    /// Documents for which `is_live[ordinal]` holds; a docid lives as long as a document of one of
    /// its passages.
    pub(crate) fn new(
        is_live: Vec<bool>,
        passages: &PassageTable,
        passage_docids: &Csr,
        docid_count: u32,
    ) -> Self {
        LiveDocuments {
            is_live,
            passages: passages.clone(),
            passage_docids: passage_docids.clone(),
            docid_count,
            ranks: OnceLock::new(),
        }
    }

    pub(crate) fn contains(&self, ordinal: u32) -> bool {
        self.is_live.get(ordinal as usize).copied().unwrap_or(false)
    }

    pub(crate) fn ranks(&self) -> &LiveRanks {
        self.ranks.get_or_init(|| {
            let passages = (0u32..).zip(self.passage_docids.iter());
            let lives = |passage| self.contains(self.passages.document_of(passage));
            let live = passages.filter(|&(passage, _)| lives(passage));
            let docids = live.flat_map(|(_, docids)| docids);
            LiveRanks::from_ranks(self.docid_count, docids.map(|docid| docid.get()))
        })
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
