//! A snapshot: one committed state of an index.

use std::sync::Arc;

use super::models::{Loaded, Models};
use super::state::State;
use crate::docs::Document;
#[cfg(feature = "models")]
use crate::model::Adapter;
use crate::search::Hit;
use crate::segment::{IndexParams, find_document};
use crate::{Error, Result, store};

/// One committed state. Cheap to clone; later commits do not change it.
///
/// ```
/// # use zerogr::{Index, IndexOptions, Mode, SearchOptions};
/// # use zerogr::Document;
/// # #[cfg(not(feature = "models"))]
/// # fn main() {}
/// # #[cfg(feature = "models")]
/// # fn main() -> zerogr::Result<()> {
/// # if let Err(missing) = zerogr::raw::model::Encoder::from_cache(&Default::default()) {
/// #     eprintln!("skipped: {missing}");
/// #     return Ok(());
/// # }
/// # let folder = tempfile::tempdir().unwrap();
/// # let index = Index::create(folder.path().join("a.zgr"), IndexOptions::default())?;
/// # let mut writer = index.writer()?;
/// # writer.add(Document::new("doc-1").text("Thin wings may vibrate."))?;
/// # writer.commit()?;
/// let before = index.snapshot();
/// writer.delete("doc-1")?;
/// writer.commit()?;
/// let query = index.encode_query("flutter", None)?;
/// assert_eq!(before.search_encoded("flutter", &query, &SearchOptions::new())?.hits.len(), 1);
/// assert!(before.document("doc-1")?.is_some());
/// assert!(index.snapshot().document("doc-1")?.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) state: Arc<State>,
    pub(super) models: Arc<Models>,
}

impl Snapshot {
    pub(super) fn new(state: State, models: Arc<Models>) -> Self {
        Snapshot {
            state: Arc::new(state),
            models,
        }
    }

    /// A later state of the same index; segments that are in both stay open, and so do the models,
    /// unless it has another encoder: `next`, if that is known.
    pub(super) fn successor(&self, stored: store::Snapshot, next: Option<&Loaded>) -> Result<Self> {
        let state = State::read(stored, Some(&self.state))?;
        let models = &self.models;
        let models = models.of_successor(&self.state, &state, next);
        Ok(Snapshot::new(state, models))
    }

    /// Number of the commit.
    pub fn generation(&self) -> u64 {
        self.state.stored.generation()
    }

    /// The parameters of the index.
    pub fn params(&self) -> &IndexParams {
        &self.state.params
    }

    /// What a training changed of the language model that answers queries, if the index has such an
    /// adapter.
    ///
    /// # Errors
    ///
    /// `Corrupt` or [`Model`](crate::ErrorKind::Model) when it is damaged, `Io` when it cannot be
    /// read.
    #[cfg(feature = "models")]
    pub fn adapter(&self) -> Result<Option<Adapter>> {
        super::models::adapter(&self.state.stored)
    }

    /// Live documents.
    pub fn document_count(&self) -> u64 {
        let live =
            |entry: &crate::format::SegmentEntry| u64::from(entry.doc_count - entry.dead_count);
        let manifest = self.state.stored.manifest();
        manifest.segments.iter().map(live).sum()
    }

    /// Passages of the live documents; a document that is not cut is one.
    pub fn passage_count(&self) -> u64 {
        let segments = self.state.segments.iter();
        segments
            .map(|segment| u64::from(segment.live_passage_count()))
            .sum()
    }

    /// Whether a live document has this external id.
    pub fn contains(&self, id: &str) -> bool {
        find_document(&self.state.segments, id).is_some()
    }

    /// External ids of the live documents, in the order they are stored. No document is unpacked.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let segments = self.state.segments.iter();
        segments.flat_map(|segment| {
            let ordinals = segment.live_ordinals();
            ordinals.map(|ordinal| segment.documents.id(ordinal))
        })
    }

    /// The document with an external id, or `None`.
    ///
    /// # Errors
    ///
    /// `Corrupt` when its payload is damaged, `UnsupportedVersion` when it is packed in a way that
    /// is not known, `Io` when it cannot be read.
    pub fn document(&self, id: &str) -> Result<Option<Document>> {
        let Some(place) = find_document(&self.state.segments, id) else {
            return Ok(None);
        };
        let segment = self.state.segments.get(place.segment as usize);
        segment
            .map(|segment| segment.document(place.ordinal))
            .transpose()
    }

    /// Calls `each` with every live document that can be read, in the order they are stored, until
    /// it fails.
    ///
    /// # Errors
    ///
    /// What `each` gives; `Corrupt` after the last document when one could not be read.
    pub fn for_each_document(&self, mut each: impl FnMut(Document) -> Result<()>) -> Result<()> {
        let mut unreadable = Ok(());
        for segment in &self.state.segments {
            let is_live = |ordinal| segment.is_live(ordinal);
            segment.documents.try_each(is_live, |ordinal, document| {
                match document {
                    Ok(document) => each(segment.with_docids(ordinal, document))?,
                    Err(error) if unreadable.is_ok() => unreadable = Err(error),
                    Err(_) => {}
                }
                Ok(())
            })?;
        }
        unreadable
    }

    /// The documents of `hits` of a search in this state, in their order.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when one of them is not in it:
    /// [`SearchResult::snapshot`](crate::SearchResult::snapshot) is the state that was searched;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when one is damaged.
    pub fn documents(&self, hits: &[Hit]) -> Result<Vec<Document>> {
        hits.iter().map(|hit| self.document_of(hit)).collect()
    }

    /// The document of a hit of a search in this state.
    pub(super) fn document_of(&self, hit: &Hit) -> Result<Document> {
        self.document(&hit.id)?.ok_or_else(|| {
            Error::invalid(format!(
                "document {:?} is not in this snapshot: take that of the search, \
                 SearchResult::snapshot",
                hit.id
            ))
        })
    }
}
