//! A commit in the making: the segments of the next state, and what of them is to be written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::merge::merge;
use super::merge_policy::{MergePolicy, SegmentSize, level_of};
use super::params::IndexParams;
use super::segment::Segment;
use super::segment_builder::NewSegment;
use super::snapshot::Snapshot;
use crate::Result;
use crate::docs::sections::TOMBSTONES;
use crate::format::{ExtentKind, Manifest, SectionInput, SegmentEntry};
use crate::store::Transaction;

/// The next state.
pub(super) struct Draft {
    base: Arc<Manifest>,
    parts: Vec<Part>,
    is_changed: bool,
}

/// One segment of the next state.
struct Part {
    segment: Segment,
    body: Body,
    /// Heads to write; `None` keeps those of the committed segment.
    heads: Option<Vec<SectionInput<'static>>>,
}

enum Body {
    Committed(SegmentEntry),
    New(Vec<SectionInput<'static>>),
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
                })
                .collect(),
            base,
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
    pub(super) fn merge(&mut self, policy: MergePolicy, params: &IndexParams) -> Result<usize> {
        let before = self.parts.len();
        let mut merged_away = 0;
        loop {
            let size = |part: &Part| SegmentSize {
                documents: part.segment.document_count,
                dead: part.segment.dead_count(),
                docids: part.segment.trie.docid_count(),
                lacks_lexicon: part.segment.lexicon.is_none(),
            };
            let sizes: Vec<SegmentSize> = self.parts.iter().map(size).collect();
            let Some(positions) = policy.next(&sizes) else {
                break;
            };
            let segments: Vec<Segment> = positions
                .iter()
                .filter_map(|&position| self.parts.get(position))
                .map(|part| part.segment.clone())
                .collect();
            let merged = merge(&segments, params)?;
            let mut position = 0;
            self.parts.retain(|_| {
                position += 1;
                positions.binary_search(&(position - 1)).is_err()
            });
            merged_away += positions.len();
            self.parts.extend(merged.map(Part::from));
            self.is_changed = true;
        }
        debug_assert!(self.parts.len() <= before);
        Ok(merged_away)
    }

    /// Replaces the heads of all segments, in their order.
    pub(super) fn set_heads(&mut self, heads: Vec<Vec<SectionInput<'static>>>) {
        for (part, heads) in self.parts.iter_mut().zip(heads) {
            part.heads = Some(heads);
        }
        self.is_changed = true;
    }

    /// Appends what changed and commits; returns the generation.
    pub(super) fn commit(self, mut transaction: Transaction, params: &IndexParams) -> Result<u64> {
        let mut manifest = Manifest {
            params: params.to_json()?,
            segments: Vec::with_capacity(self.parts.len()),
            ..(*self.base).clone()
        };
        for part in self.parts {
            let mut entry = match part.body {
                Body::Committed(entry) => entry,
                Body::New(sections) => {
                    let id = manifest.next_segment_id;
                    manifest.next_segment_id += 1;
                    SegmentEntry {
                        id,
                        level: level_of(part.segment.document_count),
                        doc_count: part.segment.document_count,
                        dead_count: 0,
                        docid_count: part.segment.trie.docid_count(),
                        segment: transaction.append(ExtentKind::Segment, &sections)?,
                        heads: None,
                        tombstones: None,
                        pseudo_queries: None,
                    }
                }
            };
            if let Some(sections) = part.heads {
                entry.heads = Some(transaction.append(ExtentKind::Heads, &sections)?);
            }
            let dead_count = part.segment.dead_count();
            if dead_count != entry.dead_count
                && let Some(live) = part.segment.live()
            {
                let section =
                    SectionInput::new(TOMBSTONES, u64::from(dead_count), live.tombstones());
                entry.tombstones = Some(transaction.append(ExtentKind::Tombstones, &[section])?);
                entry.dead_count = dead_count;
            }
            manifest.segments.push(entry);
        }
        Ok(transaction.commit(manifest)?.generation)
    }
}

impl From<NewSegment> for Part {
    fn from(new: NewSegment) -> Self {
        Part {
            segment: new.segment,
            body: Body::New(new.body),
            heads: Some(new.heads),
        }
    }
}
