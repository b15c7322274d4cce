//! A commit in the making: the segments of the next state, and what of them is to be written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::models::NewBlob;
use super::snapshot::Snapshot;
use crate::columns::MemorySections;
use crate::docs::sections::TOMBSTONES;
use crate::format::{BlobRole, ExtentKind, ExtentRef, Manifest, SectionInput, SegmentEntry};
use crate::segment::{
    IndexParams, MergePolicy, NewSegment, QueryTable, Segment, SegmentSize, WrittenQueries,
    check_heads, level_of, merge, query_sections,
};
use crate::store;
use crate::store::Transaction;
use crate::{Error, Result};

/// The files of an encoder, and what depends on it.
const ENCODER_ROLES: [BlobRole; 4] = [
    BlobRole::Encoder,
    BlobRole::Tokenizer,
    BlobRole::TokenHead,
    BlobRole::QueryMap,
];

/// The next state.
pub(super) struct Draft {
    base: Arc<Manifest>,
    stored: store::Snapshot,
    parts: Vec<Part>,
    /// Roles whose files go, and the files that come.
    old_roles: Vec<BlobRole>,
    new_blobs: Vec<NewBlob>,
    is_changed: bool,
}

/// One segment of the next state.
struct Part {
    segment: Segment,
    body: Body,
    /// Heads to write; `None` keeps those of the committed segment.
    heads: Option<MemorySections>,
    queries: Queries,
}

/// The pseudo-queries of a segment.
enum Queries {
    /// Those of the committed segment, if it has any.
    Kept,
    /// These, or none.
    New(Option<Vec<SectionInput<'static>>>),
}

enum Body {
    Committed(SegmentEntry),
    New(MemorySections),
}

impl Draft {
    /// The state of `snapshot`, unchanged.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let base = snapshot.state.stored.manifest().clone();
        let parts = snapshot.state.segments.iter().zip(&base.segments);
        Draft {
            parts: parts
                .map(|(segment, entry)| Part {
                    segment: segment.clone(),
                    body: Body::Committed(entry.clone()),
                    heads: None,
                    queries: Queries::Kept,
                })
                .collect(),
            stored: snapshot.state.stored.clone(),
            base,
            old_roles: Vec::new(),
            new_blobs: Vec::new(),
            is_changed: false,
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.parts.iter().map(|part| &part.segment)
    }

    /// Marks as dead what is deleted or replaced; returns how many were replaced.
    pub(super) fn bury(
        &mut self,
        deleted: &HashSet<String>,
        replacements: &HashMap<String, usize>,
    ) -> usize {
        let mut replaced = 0;
        for part in &mut self.parts {
            let find = |id: &String| part.segment.find(id);
            let mut dead: HashSet<u32> = deleted.iter().filter_map(find).collect();
            let deleted_here = dead.len();
            dead.extend(replacements.keys().filter_map(find));
            replaced += dead.len() - deleted_here;
            if !dead.is_empty() {
                part.segment.bury(|ordinal| dead.contains(&ordinal));
                self.is_changed = true;
            }
        }
        replaced
    }

    /// Adds a segment.
    pub(super) fn push(&mut self, new: NewSegment) {
        self.parts.push(Part::from(new));
        self.is_changed = true;
    }

    /// Merges until `policy` is content; returns how many segments were merged away.
    pub(super) fn merge(
        &mut self,
        policy: MergePolicy,
        params: &IndexParams,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<usize> {
        let before = self.parts.len();
        let mut merged_away = 0;
        loop {
            let size = |part: &Part| SegmentSize {
                documents: part.segment.document_count,
                dead: part.segment.dead_count(),
                docids: part.segment.trie.docid_count(),
            };
            let sizes: Vec<SegmentSize> = self.parts.iter().map(size).collect();
            let Some(positions) = policy.next(&sizes) else {
                break;
            };
            let merging: Vec<&Part> = positions
                .iter()
                .filter_map(|&position| self.parts.get(position))
                .collect();
            let merged = self.merged(&merging, params, go_on)?;
            let mut position = 0;
            self.parts.retain(|_| {
                position += 1;
                positions.binary_search(&(position - 1)).is_err()
            });
            merged_away += positions.len();
            self.parts.extend(merged);
            self.is_changed = true;
        }
        debug_assert!(self.parts.len() <= before);
        Ok(merged_away)
    }

    /// One segment of the live documents of `parts` and of what was written for them.
    fn merged(
        &self,
        parts: &[&Part],
        params: &IndexParams,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Option<Part>> {
        let segments: Vec<Segment> = parts.iter().map(|part| part.segment.clone()).collect();
        let queries = self.live_queries(parts.iter().copied());
        let queries = query_sections(&queries, params.lexicon.expansion())?;
        Ok(merge(&segments, params, go_on)?.map(|new| Part {
            queries: Queries::New(queries),
            ..Part::from(new)
        }))
    }

    /// Makes every segment anew, for another encoder that is kept in `blobs`; one of which nothing
    /// comes is left out.
    pub(super) fn remake(
        &mut self,
        blobs: Vec<NewBlob>,
        params: &IndexParams,
        make: &mut dyn FnMut(&Segment) -> Result<Option<NewSegment>>,
    ) -> Result<()> {
        let mut parts = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let Some(new) = make(&part.segment)? else {
                continue;
            };
            let queries = self.live_queries(std::iter::once(part));
            let queries = query_sections(&queries, params.lexicon.expansion())?;
            parts.push(Part {
                queries: Queries::New(queries),
                ..Part::from(new)
            });
        }
        self.parts = parts;
        self.replace(&ENCODER_ROLES, blobs);
        Ok(())
    }

    /// Puts another adapter of the language model in the place of the one that is there, or none.
    pub(super) fn set_adapter(&mut self, adapter: Option<NewBlob>) {
        self.replace(&[BlobRole::Adapter], adapter.into_iter().collect());
    }

    /// Puts another map of queries in the place of the one that is there, or none.
    #[cfg(feature = "eval")]
    pub(super) fn set_query_map(&mut self, map: Option<NewBlob>) {
        self.replace(&[BlobRole::QueryMap], map.into_iter().collect());
    }

    fn replace(&mut self, roles: &[BlobRole], blobs: Vec<NewBlob>) {
        self.old_roles.extend(roles);
        self.new_blobs.extend(blobs);
        self.is_changed = true;
    }

    /// Replaces the heads of segments, in their order, where there are new ones.
    ///
    /// # Errors
    /// `InvalidInput` when fitting ended in values that are no numbers.
    pub(super) fn set_heads(
        &mut self,
        heads: Vec<Option<Vec<SectionInput<'static>>>>,
        params: &IndexParams,
    ) -> Result<()> {
        for (part, heads) in self.parts.iter_mut().zip(heads) {
            if let Some(heads) = heads {
                let heads = MemorySections::taking(heads)?;
                let rows = part.segment.passages.count() as usize;
                check_heads(&heads, rows, params.encoder.dim).map_err(|error| {
                    Error::invalid(format!(
                        "training came to nothing ({}): train with a lower learning rate",
                        error.finding()
                    ))
                })?;
                part.heads = Some(heads);
            }
        }
        self.is_changed = true;
        Ok(())
    }

    /// Replaces the pseudo-queries of a segment.
    pub(super) fn set_queries(
        &mut self,
        position: usize,
        queries: Option<Vec<SectionInput<'static>>>,
    ) {
        if let Some(part) = self.parts.get_mut(position) {
            part.queries = Queries::New(queries);
            self.is_changed = true;
        }
    }

    /// The pseudo-queries of each segment. Those that cannot be read are as good as none: a model
    /// can write them again.
    pub(super) fn query_tables(&self) -> Vec<Option<QueryTable>> {
        self.parts
            .iter()
            .map(|part| self.query_table(part))
            .collect()
    }

    fn query_table(&self, part: &Part) -> Option<QueryTable> {
        let documents = part.segment.document_count;
        match (&part.queries, &part.body) {
            (Queries::New(sections), _) => {
                let sections = MemorySections::new(sections.as_ref()?).ok()?;
                QueryTable::open(&sections, documents).ok()
            }
            (Queries::Kept, Body::Committed(entry)) => {
                let reference = entry.pseudo_queries.as_ref()?;
                let kind = ExtentKind::PseudoQueries;
                let extent = self.stored.extent_of(kind, reference).ok()?;
                QueryTable::open(&extent, documents).ok()
            }
            (Queries::Kept, Body::New(_)) => None,
        }
    }

    /// What was written for the live documents of some segments, in the order in which a merge
    /// of the segments puts them.
    fn live_queries<'p>(
        &self,
        parts: impl Iterator<Item = &'p Part>,
    ) -> Vec<Option<WrittenQueries>> {
        let of_part = |part: &'p Part| {
            let table = self.query_table(part);
            let live = part.segment.live_ordinals();
            live.map(move |ordinal| table.as_ref()?.written(ordinal))
        };
        parts.flat_map(of_part).collect()
    }

    /// Appends what changed and commits; returns the generation.
    pub(super) fn commit(self, mut transaction: Transaction, params: &IndexParams) -> Result<u64> {
        let mut manifest = Manifest {
            params: params.to_json()?,
            segments: Vec::with_capacity(self.parts.len()),
            ..(*self.base).clone()
        };
        manifest
            .blobs
            .retain(|blob| !self.old_roles.contains(&blob.role));
        for blob in &self.new_blobs {
            manifest.blobs.push(blob.append(&mut transaction)?);
        }
        for part in self.parts {
            part.write(&mut manifest, &mut |kind, sections| {
                transaction.append(kind, sections)
            })?;
        }
        Ok(transaction.commit(manifest)?.generation)
    }

    /// The same state without its dead documents: a segment that has any is written anew, one
    /// after the other, and the others stay.
    pub(super) fn purge(
        &self,
        params: &IndexParams,
        append: &mut Append<'_>,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Manifest> {
        let mut manifest = Manifest {
            segments: Vec::with_capacity(self.parts.len()),
            ..(*self.base).clone()
        };
        for part in &self.parts {
            match &part.body {
                Body::Committed(entry) if part.segment.dead_count() == 0 => {
                    manifest.segments.push(entry.clone());
                }
                _ => {
                    if let Some(purged) = self.merged(&[part], params, go_on)? {
                        purged.write(&mut manifest, append)?;
                    }
                }
            }
        }
        Ok(manifest)
    }
}

/// Writes an extent and says where it is.
pub(super) type Append<'a> = dyn FnMut(ExtentKind, &[SectionInput<'_>]) -> Result<ExtentRef> + 'a;

impl Part {
    /// Appends what is new in the segment and adds it to `manifest`.
    fn write(self, manifest: &mut Manifest, append: &mut Append<'_>) -> Result<()> {
        let mut entry = match self.body {
            Body::Committed(entry) => entry,
            Body::New(sections) => {
                let id = manifest.next_segment_id;
                manifest.next_segment_id += 1;
                SegmentEntry {
                    id,
                    level: level_of(self.segment.document_count),
                    doc_count: self.segment.document_count,
                    dead_count: 0,
                    docid_count: self.segment.trie.docid_count(),
                    segment: append(ExtentKind::Segment, &sections.inputs())?,
                    heads: None,
                    tombstones: None,
                    pseudo_queries: None,
                }
            }
        };
        if let Some(sections) = self.heads {
            entry.heads = Some(append(ExtentKind::Heads, &sections.inputs())?);
        }
        if let Queries::New(sections) = self.queries {
            entry.pseudo_queries = match sections {
                Some(sections) => Some(append(ExtentKind::PseudoQueries, &sections)?),
                None => None,
            };
        }
        let dead_count = self.segment.dead_count();
        if dead_count != entry.dead_count
            && let Some(live) = self.segment.live()
        {
            let section = SectionInput::new(TOMBSTONES, u64::from(dead_count), live.tombstones());
            entry.tombstones = Some(append(ExtentKind::Tombstones, &[section])?);
            entry.dead_count = dead_count;
        }
        manifest.segments.push(entry);
        Ok(())
    }
}

impl From<NewSegment> for Part {
    fn from(new: NewSegment) -> Self {
        Part {
            segment: new.segment,
            body: Body::New(new.body),
            heads: Some(new.heads),
            queries: Queries::Kept,
        }
    }
}
