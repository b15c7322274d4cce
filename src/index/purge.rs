//! Vacuum of an index: dead bytes go, and so do the documents that were deleted or replaced.
//!
//! A deleted document is marked as dead at first, and its text, its docids, its words and what it
//! added to sums stay in the extents of its segment until that is merged. A vacuum promises that
//! they are gone. So on the way to the new file every segment with dead documents is merged with
//! none: what is written is what a merge of that segment alone would give, and no answer changes.
//! It is one step with the copy: up to the exchange of the files everything is as it was.

use serde::Serialize;

use super::commit::Draft;
use super::snapshot::Snapshot;
use crate::Result;
use crate::decode::CancelToken;
use crate::format::{Manifest, SectionInput};
use crate::segment::go_on;
use crate::store::{CompactCopy, Rewrite};

/// What is in a file because of documents that were deleted or replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadDocuments {
    /// Documents.
    pub documents: u64,
    /// Docids that lead to no live document, counted in each segment.
    pub docids: u64,
    /// Their share of the live bytes of the file, by their number: an estimate.
    pub estimated_bytes: u64,
}

/// What a compact copy of an index is to hold: its newest state without dead documents.
pub(super) struct Purge<'a> {
    /// A state of the index; the copy is of the newest one.
    pub(super) known: &'a Snapshot,
    /// Ends the copy.
    pub(super) cancel: &'a CancelToken,
}

impl Rewrite for Purge<'_> {
    fn manifest(&self, copy: &mut CompactCopy<'_>) -> Result<Manifest> {
        let snapshot = self.known.successor(copy.source().clone(), None)?;
        let append = &mut |kind, sections: &[SectionInput<'_>]| copy.append(kind, sections);
        Draft::new(&snapshot).purge(snapshot.params(), append, &|| self.go_on())
    }

    fn go_on(&self) -> Result<()> {
        go_on(self.cancel)
    }
}

impl Snapshot {
    /// What [`Index::vacuum`](crate::Index::vacuum) would leave behind, beside dead bytes.
    pub fn dead_documents(&self) -> DeadDocuments {
        let entries = &self.state.stored.manifest().segments;
        let mut dead = DeadDocuments::default();
        for (segment, entry) in self.state.segments.iter().zip(entries) {
            let documents = u64::from(segment.dead_count());
            if documents == 0 {
                continue;
            }
            let docids = segment.trie.docid_count();
            let live_docids = segment
                .live()
                .map_or(docids, |live| live.ranks().count(0, docids));
            let extents = [Some(entry.segment), entry.heads, entry.pseudo_queries];
            let len_bytes: u128 = extents
                .into_iter()
                .flatten()
                .map(|extent| u128::from(extent.len_bytes))
                .sum();
            let share =
                len_bytes * u128::from(documents) / u128::from(segment.document_count.max(1));
            dead.documents += documents;
            dead.docids += u64::from(docids.saturating_sub(live_docids));
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            dead.estimated_bytes = dead.estimated_bytes.saturating_add(share);
        }
        dead
    }
}
