//! From a committed manifest to opened segments.

use std::sync::OnceLock;

use crate::columns::SectionSource;
use crate::docs::sections::TOMBSTONES;
use crate::format::{BlobRole, ExtentKind, SegmentEntry};
use crate::segment::{IndexParams, Segment, SegmentCounts};
use crate::vectors::LinearMap;
use crate::{Error, Result, store};

/// One committed state, opened.
#[derive(Debug)]
pub(super) struct State {
    pub(super) stored: store::Snapshot,
    pub(super) params: IndexParams,
    pub(super) segments: Vec<Segment>,
    /// Read when the first query is encoded.
    query_map: OnceLock<Option<LinearMap>>,
}

impl State {
    /// What judgements taught of queries, if they did.
    ///
    /// # Errors
    ///
    /// `Corrupt` where it is damaged, `Io` where it cannot be read.
    pub(super) fn query_map(&self) -> Result<Option<&LinearMap>> {
        if let Some(known) = self.query_map.get() {
            return Ok(known.as_ref());
        }
        let mut blobs = self.stored.manifest().blobs.iter();
        let entry = blobs.find(|blob| blob.role == BlobRole::QueryMap);
        let map = entry.map(|entry| {
            let bytes = self.stored.blob(entry)?;
            LinearMap::from_bytes(&bytes, self.params.encoder.dim)
        });
        let map = map.transpose()?;
        Ok(self.query_map.get_or_init(|| map).as_ref())
    }

    /// Reads one committed state; segments that `earlier` has open stay open.
    ///
    /// # Errors
    ///
    /// `Corrupt` where a section cannot be read, `UnsupportedVersion` where a newer version wrote
    /// it.
    pub(super) fn read(stored: store::Snapshot, earlier: Option<&State>) -> Result<State> {
        let manifest = stored.manifest().clone();
        let params = IndexParams::from_json(&manifest.params)?;
        let unchanged = |entry: &SegmentEntry| {
            let state = earlier?;
            // After a vacuum, holding on to segments would keep the old file.
            if !stored.is_in_file_of(&state.stored) {
                return None;
            }
            // The same queries, and their words are searched now or are not any more.
            if state.params.lexicon.expansion() != params.lexicon.expansion() {
                return None;
            }
            let known = state.stored.manifest();
            let mut known = known.segments.iter().zip(&state.segments);
            let (_, segment) = known.find(|(known, _)| *known == entry)?;
            Some(segment.clone())
        };
        let mut segments = Vec::with_capacity(manifest.segments.len());
        for entry in &manifest.segments {
            if let Some(segment) = unchanged(entry) {
                segments.push(segment);
                continue;
            }
            let heads = entry
                .heads
                .as_ref()
                .ok_or_else(|| Error::corrupt(format!("segment {} has no trie head", entry.id)))?;
            let body = stored.extent_of(ExtentKind::Segment, &entry.segment)?;
            let heads = stored.extent_of(ExtentKind::Heads, heads)?;
            let counts = SegmentCounts {
                documents: entry.doc_count,
                docids: entry.docid_count,
            };
            let mut segment = Segment::open(&body, &heads, counts, &params)
                .map_err(|error| error.at(body.place()))?;
            if let Some(tombstones) = &entry.tombstones {
                let extent = stored.extent_of(ExtentKind::Tombstones, tombstones)?;
                let bitmap = SectionSource::section(&extent, TOMBSTONES)?;
                segment = segment
                    .with_tombstones(&bitmap)
                    .map_err(|error| bitmap.located(error))?;
            }
            if let Some(queries) = &entry.pseudo_queries
                && params.lexicon.expansion().is_some()
            {
                let queries = stored.extent_of(ExtentKind::PseudoQueries, queries)?;
                segment = segment
                    .with_expansion(&queries)
                    .map_err(|error| error.at(queries.place()))?;
            }
            segments.push(segment);
        }
        Ok(State {
            stored,
            params,
            segments,
            query_map: OnceLock::new(),
        })
    }
}
