//! One segment, opened: its trie, its documents, its heads, and what is alive in it.

use super::params::IndexParams;
use crate::columns::{Csr, SectionSource, Strings, VectorRows};
use crate::decode::CompactSegment;
use crate::docs::DocumentTable;
use crate::trie::{LiveRanks, SegmentTrie, TokenWidth, TrieHead, sections};
use crate::{Error, Result};

/// A segment as decoding and training see it.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) trie: SegmentTrie,
    pub(crate) postings: Csr,
    pub(crate) document_docids: Csr,
    pub(crate) docid_texts: Strings,
    pub(crate) documents: DocumentTable,
    pub(crate) document_vectors: VectorRows,
    pub(crate) trie_head: TrieHead,
    /// Fitted vectors; the passage vectors until the first training.
    pub(crate) document_head: VectorRows,
    pub(crate) document_count: u32,
    pub(crate) max_docids_per_document: usize,
    dead: Option<DeadDocuments>,
}

/// Which documents are deleted, and what that leaves of the ranks.
#[derive(Debug, Clone)]
struct DeadDocuments {
    ordinals: Vec<bool>,
    live_ranks: LiveRanks,
}

/// Counts the manifest gives of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentCounts {
    pub(crate) documents: u32,
    pub(crate) docids: u32,
}

impl Segment {
    /// Opens a segment of whose sections all checksums hold.
    pub(crate) fn open(
        body: &dyn SectionSource,
        heads: &dyn SectionSource,
        counts: SegmentCounts,
        params: &IndexParams,
    ) -> Result<Self> {
        let (documents, docids) = (counts.documents as usize, counts.docids as usize);
        let dim = params.encoder.dim;
        let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
        let document_docids = Csr::open(
            body.section(sections::DOCUMENT_DOCIDS)?,
            documents,
            counts.docids,
        )?;
        let document_vectors =
            VectorRows::open(body.section(sections::DOCUMENT_VECTORS)?, documents, dim)?;
        let document_head = match heads.find(sections::DOCUMENT_HEAD)? {
            Some(section) => VectorRows::open(section, documents, dim)?,
            None => document_vectors.clone(),
        };
        Ok(Segment {
            trie: SegmentTrie::open(body.section(sections::TRIE)?, width, counts.docids)?,
            postings: Csr::open(body.section(sections::POSTINGS)?, docids, counts.documents)?,
            max_docids_per_document: document_docids.longest_row(),
            document_docids,
            docid_texts: Strings::open(body.section(sections::DOCID_TEXTS)?, docids)?,
            documents: DocumentTable::open(body, documents)?,
            document_vectors,
            trie_head: TrieHead::open(
                heads.section(sections::HEAD_NODES)?,
                heads.section(sections::HEAD_EDGES)?,
                heads.section(sections::EDGE_VECTORS)?,
                dim,
            )?,
            document_head,
            document_count: counts.documents,
            dead: None,
        })
    }

    /// The segment with the documents of a tombstone bitmap taken out.
    pub(crate) fn with_tombstones(mut self, bitmap: &[u8]) -> Result<Self> {
        if bitmap.len() != (self.document_count as usize).div_ceil(8) {
            return Err(Error::corrupt(
                "a tombstone bitmap does not fit its segment",
            ));
        }
        let ordinals = (0..self.document_count as usize)
            .map(|ordinal| {
                bitmap
                    .get(ordinal / 8)
                    .is_some_and(|byte| byte >> (ordinal % 8) & 1 == 1)
            })
            .collect();
        self.set_dead(ordinals);
        Ok(self)
    }

    /// Marks `ordinals[i]` documents as deleted.
    pub(crate) fn set_dead(&mut self, ordinals: Vec<bool>) {
        let is_dead = |ordinal: u32| ordinals.get(ordinal as usize).copied().unwrap_or(false);
        let live_ranks = LiveRanks::from_fn(self.trie.docid_count(), |rank| {
            self.postings.row(rank).any(|ordinal| !is_dead(ordinal))
        });
        self.dead = ordinals.contains(&true).then_some(DeadDocuments {
            ordinals,
            live_ranks,
        });
    }

    /// The tombstone bitmap, bit `i % 8` of byte `i / 8` for ordinal `i`; `None` if all live.
    pub(crate) fn tombstones(&self) -> Option<Vec<u8>> {
        let dead = self.dead.as_ref()?;
        let byte = |bits: &[bool]| {
            bits.iter()
                .rev()
                .fold(0u8, |byte, &bit| byte << 1 | u8::from(bit))
        };
        Some(dead.ordinals.chunks(8).map(byte).collect())
    }

    pub(crate) fn dead_ordinals(&self) -> Vec<bool> {
        match &self.dead {
            Some(dead) => dead.ordinals.clone(),
            None => vec![false; self.document_count as usize],
        }
    }

    pub(crate) fn is_live(&self, ordinal: u32) -> bool {
        let dead =
            |dead: &DeadDocuments| dead.ordinals.get(ordinal as usize).copied().unwrap_or(true);
        ordinal < self.document_count && !self.dead.as_ref().is_some_and(dead)
    }

    pub(crate) fn live_ranks(&self) -> Option<&LiveRanks> {
        self.dead.as_ref().map(|dead| &dead.live_ranks)
    }

    /// Ordinal of the live document with an external id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        self.documents
            .find(id)
            .filter(|&ordinal| self.is_live(ordinal))
    }

    /// What the trie head's expander needs.
    pub(crate) fn compact(&self) -> CompactSegment<'_> {
        CompactSegment {
            head: &self.trie_head,
            postings: &self.postings,
            document_vectors: &self.document_vectors,
        }
    }
}
