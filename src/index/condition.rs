//! What is left of a segment when some of its bytes are damaged.
//!
//! ```text
//!   damaged                     consequence
//!   some payload blocks         their documents are lost, the rest of the segment is not
//!   lexicon                     nothing is lost: it is built anew from the texts
//!   heads                       nothing is lost: they start again from the passage vectors
//!   tombstones                  nothing is lost: deleted documents come back
//!   anything else               the segment is lost
//! ```

use serde::Serialize;

use super::known_sections;
use super::params::IndexParams;
use super::segment::{Segment, SegmentCounts};
use super::segment_builder::untrained_heads;
use crate::columns::{LazySection, MemorySections, SectionSource, Strings};
use crate::docs::sections::{EXTERNAL_IDS, TOMBSTONES};
use crate::format::{ExtentKind, SectionInput, SectionKind, SegmentEntry};
use crate::lexicon::{Lexicon, sections as lexicon};
use crate::store::{self, Extent, Section, Store};
use crate::{Error, Result};

/// A damaged segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AtRisk {
    /// Number of the segment.
    pub segment: u64,
    /// What is damaged in it and what that means.
    pub damage: Vec<String>,
    /// External ids of the documents that cannot be read.
    pub documents: Vec<String>,
    /// Documents that cannot be read and whose ids cannot either.
    pub unnamed_documents: u64,
}

/// How a segment is.
#[derive(Debug)]
pub(super) struct Condition {
    /// The segment, if it can be used at all.
    pub(super) segment: Option<Segment>,
    /// Live documents of a usable segment that cannot be read.
    pub(super) unreadable: Vec<u32>,
    /// What is damaged and what that means, in words.
    damage: Vec<String>,
    segment_id: u64,
    /// External ids, where the segment is lost and they can still be read.
    ids: Option<Strings>,
    document_count: u32,
}

impl Condition {
    /// Examines a segment, its documents included.
    pub(super) fn examine(store: &Store, entry: &SegmentEntry, params: &IndexParams) -> Self {
        let mut condition = Condition {
            segment: None,
            unreadable: Vec::new(),
            damage: Vec::new(),
            segment_id: entry.id,
            ids: None,
            document_count: entry.doc_count,
        };
        match condition.open(store, entry, params) {
            Ok(segment) => condition.segment = Some(segment),
            Err(error) => condition
                .damage
                .push(format!("the segment is lost: {}", error.finding())),
        }
        condition
    }

    /// True when nothing is damaged.
    pub(super) fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    /// What is lost with the damage; `None` when nothing is damaged.
    pub(super) fn at_risk(&self) -> Option<AtRisk> {
        if self.is_sound() {
            return None;
        }
        let (documents, unnamed_documents) = self.lost();
        Some(AtRisk {
            segment: self.segment_id,
            damage: self.damage.clone(),
            documents,
            unnamed_documents,
        })
    }

    /// External ids of the documents that are lost, and how many more have no readable id.
    fn lost(&self) -> (Vec<String>, u64) {
        match (&self.segment, &self.ids) {
            (Some(segment), _) => {
                let id = |&ordinal: &u32| segment.documents.id(ordinal).to_owned();
                (self.unreadable.iter().map(id).collect(), 0)
            }
            (None, Some(ids)) => {
                let id = |ordinal| ids.row(ordinal).to_owned();
                ((0..self.document_count).map(id).collect(), 0)
            }
            (None, None) => (Vec::new(), u64::from(self.document_count)),
        }
    }

    fn open(
        &mut self,
        store: &Store,
        entry: &SegmentEntry,
        params: &IndexParams,
    ) -> Result<Segment> {
        let stored = store.snapshot();
        let body = known_sections::open(&stored, &entry.segment, ExtentKind::Segment)?;
        let documents = entry.doc_count as usize;
        self.ids = body
            .find(EXTERNAL_IDS)
            .ok()
            .flatten()
            .and_then(|section| Strings::open(section, documents).ok());
        let counts = SegmentCounts {
            documents: entry.doc_count,
            docids: entry.docid_count,
        };
        let lexicon = Lexicon::open(&body, entry.doc_count);
        let lexicon = lexicon.and_then(|lexicon| lexicon.map_or(Ok(()), |found| found.check()));
        let without_lexicon = WithoutLexicon(&body);
        let body: &dyn SectionSource = match lexicon {
            Ok(()) => &body,
            Err(error) => {
                self.damage.push(format!(
                    "its words are to be collected anew, and no document is lost: {}",
                    error.finding()
                ));
                &without_lexicon
            }
        };
        let mut segment = match open_heads(&stored, entry)
            .and_then(|heads| Segment::open(body, &heads, counts, params))
        {
            Ok(segment) => segment,
            Err(error) => {
                let heads = MemorySections::new(&untrained_heads(body, counts, params)?)?;
                let segment = Segment::open(body, &heads, counts, params)?;
                self.damage.push(format!(
                    "its fitted vectors are lost, and no document is: {}",
                    error.finding()
                ));
                segment
            }
        };
        segment.check()?;
        if let Some(reference) = &entry.tombstones {
            let bitmap = known_sections::open(&stored, reference, ExtentKind::Tombstones)
                .and_then(|extent| SectionSource::section(&extent, TOMBSTONES));
            match bitmap.and_then(|bitmap| segment.clone().with_tombstones(&bitmap)) {
                Ok(marked) => segment = marked,
                Err(error) => self.damage.push(format!(
                    "{} of its documents were deleted and come back, for it is not known which: \
                     {}",
                    entry.dead_count,
                    error.finding()
                )),
            }
        }
        let is_live = |ordinal| segment.is_live(ordinal);
        let damaged = segment.documents.damaged(is_live)?;
        if let Some((_, error)) = damaged.first() {
            self.damage.push(format!(
                "{} of its documents cannot be read: {}",
                damaged.len(),
                error.finding()
            ));
        }
        self.unreadable = damaged.into_iter().map(|(ordinal, _)| ordinal).collect();
        Ok(segment)
    }
}

/// The sections of a segment of before there were lexicons.
struct WithoutLexicon<'a>(&'a Extent);

impl SectionSource for WithoutLexicon<'_> {
    fn find(&self, kind: SectionKind) -> Result<Option<Section>> {
        match kind {
            lexicon::TERMS | lexicon::TERM_POSTINGS | lexicon::DOCUMENT_LENGTHS => Ok(None),
            _ => SectionSource::find(self.0, kind),
        }
    }

    fn lazy(&self, kind: SectionKind) -> Result<LazySection> {
        self.0.lazy(kind)
    }
}

fn open_heads(stored: &store::Snapshot, entry: &SegmentEntry) -> Result<Extent> {
    let reference = entry
        .heads
        .as_ref()
        .ok_or_else(|| Error::corrupt("the segment has no heads"))?;
    known_sections::open(stored, reference, ExtentKind::Heads)
}

/// The verified sections of an extent, to be written elsewhere.
pub(super) fn sections_of(extent: &Extent) -> Result<Vec<SectionInput<'static>>> {
    let copy = |kind| {
        let section = extent.section(kind)?;
        Ok(SectionInput {
            kind,
            encoding: section.encoding(),
            entry_count: section.entry_count(),
            bytes: section.to_vec().into(),
        })
    };
    let kinds: Vec<_> = extent.sections().map(|info| info.kind).collect();
    kinds.into_iter().map(copy).collect()
}
