//! What one search or one training sees: all segments, each with its live documents.

use std::sync::Arc;

use super::edges::CompactEdges;
use super::filter::Filter;
use super::live::LiveDocuments;
use super::opened::Segment;
use crate::Result;
use crate::decode::{DocidPlace, PassagePlace, Postings};
use crate::docs::FieldTypes;
use crate::trie::{Forest, ForestTrie};

/// Segments and what may be found in each of them.
#[derive(Debug)]
pub(crate) struct View<'a> {
    segments: &'a [Segment],
    /// `None`: every document.
    live: Vec<Option<Arc<LiveDocuments>>>,
}

impl<'a> View<'a> {
    /// Everything that is not deleted.
    pub(crate) fn all(segments: &'a [Segment]) -> Self {
        let live = segments.iter().map(|segment| segment.live().cloned());
        View {
            segments,
            live: live.collect(),
        }
    }

    /// What is not deleted and passes `filter`.
    ///
    /// # Errors
    ///
    /// Those of [`Filter::matching`].
    pub(crate) fn filtered(
        segments: &'a [Segment],
        filter: &Filter,
        types: &FieldTypes,
    ) -> Result<Self> {
        let live = |segment: &Segment| {
            let matching = filter.matching(segment, types)?;
            Ok(Some(Arc::new(LiveDocuments::new(
                matching,
                &segment.passages,
                &segment.passage_docids,
                segment.trie.docid_count(),
            ))))
        };
        Ok(View {
            segments,
            live: segments.iter().map(live).collect::<Result<_>>()?,
        })
    }

    /// The union of the tries.
    pub(crate) fn forest(&self) -> Forest<'_> {
        let tries = self.segments.iter().zip(&self.live);
        Forest::new(tries.map(|(segment, live)| ForestTrie {
            trie: &segment.trie,
            present: segment.live().map(|live| live.ranks()),
            live: live.as_ref().map(|live| live.ranks()),
        }))
    }

    /// The trie heads.
    pub(crate) fn edges(&self) -> CompactEdges<'a> {
        CompactEdges::new(self.segments.iter().map(Segment::compact).collect())
    }

    /// Whether a document may be found.
    pub(crate) fn is_live(&self, segment: u32, ordinal: u32) -> bool {
        match self.live.get(segment as usize) {
            Some(Some(live)) => live.contains(ordinal),
            Some(None) => true,
            None => false,
        }
    }
}

impl Postings for View<'_> {
    fn passages(&self, docid: DocidPlace, numbers: &mut Vec<u32>) {
        let number = docid.segment;
        if let Some(segment) = self.segments.get(number as usize) {
            let carriers = segment.postings.row(docid.rank);
            let is_live =
                |&passage: &u32| self.is_live(number, segment.passages.document_of(passage));
            numbers.extend(carriers.filter(is_live));
        }
    }

    fn docids(&self, place: PassagePlace, ranks: &mut Vec<u32>) {
        if let Some(segment) = self.segments.get(place.segment as usize) {
            ranks.extend(segment.passage_docids.row(place.passage));
        }
    }

    fn max_docids_per_passage(&self) -> usize {
        self.segments
            .iter()
            .map(|segment| segment.max_docids_per_passage)
            .max()
            .unwrap_or(1)
    }
}
