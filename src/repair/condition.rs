//! What is left of a segment when some of its bytes are damaged.
//!
//! Texts, titles, tags, fields and ids of the documents are *primary*: they are what a user gave.
//! Everything else is derived from them, and damage to it loses nothing.
//!
//! ```text
//!   damaged                          consequence
//!   a block of payloads              its documents are lost, unless one flipped bit is all
//!   another section of documents     made anew from the payloads
//!   passages                         documents are cut anew, and so is all that follows
//!   tombstones                       deleted documents come back
//!   lexicon                          made anew from the texts
//!   docids, vectors, token vectors   made anew from the texts, by the encoder
//!   heads                            they start again from the passage vectors
//!   the extent itself                documents that are found in it are saved, ordinals are not
//! ```

use super::documents_left::{DocumentsLeft, is_dead};
use crate::columns::{Csr, SectionSource, SignLists, Strings, VectorRows};
use crate::docs::salvage::{Salvaged, salvage, salvage_bytes};
use crate::docs::sections::{EXTERNAL_IDS, TOMBSTONES};
use crate::docs::{Document, DocumentTable, PassageTable};
use crate::format::{ExtentKind, SectionInput, SegmentEntry};
use crate::lexicon::Lexicon;
use crate::segment::{IndexParams, Segment, SegmentCounts, check_docids, check_heads};
use crate::store::{self, Extent, Section, Store};
use crate::trie::{SegmentTrie, TokenWidth, sections};
use crate::{Error, ErrorKind, Result};
use serde::Serialize;

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

impl AtRisk {
    /// True when documents are lost with the damage.
    pub fn loses_documents(&self) -> bool {
        !self.documents.is_empty() || self.unnamed_documents > 0
    }
}

/// How a segment is.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) remains: Remains,
    /// Deleted documents are not known to be.
    pub(super) has_lost_tombstones: bool,
    risk: AtRisk,
}

/// What there is of a segment.
#[derive(Debug)]
pub(super) enum Remains {
    /// All of it.
    Sound(Box<Segment>),
    /// Some of it.
    Damaged(Box<Damaged>),
    /// Documents of which the ordinals are not known.
    Loose(Vec<Document>),
}

/// A segment of which something is to be made anew.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) body: Extent,
    pub(super) heads: Option<Extent>,
    pub(super) counts: SegmentCounts,
    /// `None` where they are cut anew.
    pub(super) passages: Option<PassageTable>,
    pub(super) documents: DocumentsLeft,
    pub(super) tombstones: Option<Section>,
    pub(super) has_docids: bool,
    pub(super) has_vectors: bool,
    pub(super) has_token_vectors: bool,
    pub(super) has_lexicon: bool,
}

impl Condition {
    /// Examines a segment, its documents included. `has_terms` tells whether its lexicon, if it is
    /// whole, has the terms that `params` make of the texts.
    pub(super) fn examine(
        store: &Store,
        entry: &SegmentEntry,
        params: &IndexParams,
        has_terms: bool,
    ) -> Self {
        let mut condition = Condition {
            remains: Remains::Loose(Vec::new()),
            has_lost_tombstones: false,
            risk: AtRisk {
                segment: entry.id,
                damage: Vec::new(),
                documents: Vec::new(),
                unnamed_documents: 0,
            },
        };
        let stored = store.snapshot();
        match stored.extent_of(ExtentKind::Segment, &entry.segment) {
            Ok(body) => condition.look_into(&stored, body, entry, params, has_terms),
            Err(error) => {
                // What a newer version wrote is not damaged, and not understood.
                let bytes = match error.is_unsupported_version() {
                    true => Vec::new(),
                    false => stored.unverified(&entry.segment).unwrap_or_default(),
                };
                let salvaged = salvage_bytes(&bytes, &stand_in(entry));
                condition.note("its documents are looked for one by one", &error);
                condition.take_loose(entry, salvaged);
            }
        }
        condition
    }

    /// Documents of unknown ordinals: it cannot be told which of them were deleted.
    fn take_loose(&mut self, entry: &SegmentEntry, salvaged: Salvaged) {
        self.note_made_up_ids(&salvaged);
        let documents: Vec<Document> = salvaged.documents.into_iter().flatten().collect();
        let count = u64::from(entry.doc_count);
        self.risk.unnamed_documents = count.saturating_sub(documents.len() as u64);
        self.has_lost_tombstones |= entry.dead_count > 0;
        self.remains = Remains::Loose(documents);
    }

    fn note_made_up_ids(&mut self, salvaged: &Salvaged) {
        if salvaged.made_up_ids > 0 {
            self.risk.damage.push(format!(
                "{} of its documents have ids that were made up: look at them",
                salvaged.made_up_ids
            ));
        }
    }

    /// True when nothing is damaged.
    pub(super) fn is_sound(&self) -> bool {
        matches!(self.remains, Remains::Sound(_))
    }

    /// What is lost with the damage; `None` when nothing is damaged.
    pub(super) fn at_risk(&self) -> Option<AtRisk> {
        (!self.is_sound()).then(|| self.risk.clone())
    }

    fn note(&mut self, consequence: &str, error: &Error) {
        let finding = error.finding();
        self.risk.damage.push(format!("{consequence}: {finding}"));
    }

    /// Whether `result` is good; if not, notes it with the `consequence`.
    fn holds(&mut self, consequence: &str, result: Result<()>) -> bool {
        match result {
            Ok(()) => true,
            Err(error) => {
                self.note(consequence, &error);
                false
            }
        }
    }

    fn look_into(
        &mut self,
        stored: &store::Snapshot,
        body: Extent,
        entry: &SegmentEntry,
        params: &IndexParams,
        has_terms: bool,
    ) {
        let source: &dyn SectionSource = &body;
        let counts = SegmentCounts {
            documents: entry.doc_count,
            docids: entry.docid_count,
        };
        let dim = params.encoder.dim;
        let tombstones = self.tombstones(stored, entry);
        let Some(documents) = self.documents(&body, entry, tombstones.as_deref()) else {
            return;
        };
        let passages = PassageTable::open(source, counts.documents as usize);
        let passages = passages.and_then(|passages| {
            documents.check_passages(&passages, tombstones.as_deref())?;
            Ok(passages)
        });
        let passages = match passages {
            Ok(passages) => passages,
            Err(error) => {
                self.note("its documents are cut into passages anew", &error);
                self.remains = Remains::Damaged(Box::new(Damaged {
                    heads: None,
                    counts,
                    passages: None,
                    documents,
                    tombstones,
                    has_docids: false,
                    has_vectors: false,
                    has_token_vectors: false,
                    has_lexicon: false,
                    body,
                }));
                return;
            }
        };
        let rows = passages.count() as usize;
        let has_docids = self.holds(
            "its docids are made anew",
            docids_of(source, counts.docids, passages.count(), params),
        );
        let vectors = || VectorRows::open(source.section(sections::DOCUMENT_VECTORS)?, rows, dim);
        let has_vectors = self.holds(
            "the vectors of its documents are made anew",
            vectors().and_then(|vectors| vectors.check()),
        );
        let token_vectors = || SignLists::open(source.section(sections::TOKEN_VECTORS)?, rows, dim);
        let has_token_vectors = !params.encoder.token_vectors
            || self.holds(
                "the vectors of its tokens are made anew",
                token_vectors().map(drop),
            );
        let lexicon = match has_terms {
            true => Lexicon::open(source, passages.count()).and_then(|lexicon| lexicon.check()),
            false => Err(Error::new(
                ErrorKind::UnsupportedVersion,
                "they were taken from the texts by rules that are not those of this version",
            )),
        };
        let has_lexicon = self.holds("its words are collected anew", lexicon);
        let heads = open_heads(stored, entry);
        let heads = heads.and_then(|heads| check_heads(&heads, rows, dim).map(|()| heads));
        let heads = match heads {
            Ok(heads) => Some(heads).filter(|_| has_docids),
            Err(error) => {
                self.note("what training fitted is lost, no document is", &error);
                None
            }
        };
        if self.risk.damage.is_empty() {
            match sound(&body, heads.as_ref(), counts, params, tombstones.as_deref()) {
                Ok(segment) => {
                    self.remains = Remains::Sound(Box::new(segment));
                    return;
                }
                Err(error) => self.note("the segment is made anew", &error),
            }
        }
        self.remains = Remains::Damaged(Box::new(Damaged {
            heads,
            counts,
            passages: Some(passages),
            documents,
            tombstones,
            has_docids,
            has_vectors,
            has_token_vectors,
            has_lexicon,
            body,
        }));
    }

    /// The bitmap of deleted documents, if there is one and it can be read.
    fn tombstones(&mut self, stored: &store::Snapshot, entry: &SegmentEntry) -> Option<Section> {
        let reference = entry.tombstones.as_ref()?;
        let bitmap = stored
            .extent_of(ExtentKind::Tombstones, reference)
            .and_then(|extent| SectionSource::section(&extent, TOMBSTONES))
            .and_then(|bitmap| match bitmap.len() {
                len if len == (entry.doc_count as usize).div_ceil(8) => Ok(bitmap),
                _ => Err(Error::corrupt(
                    "a tombstone bitmap does not fit its segment",
                )),
            });
        match bitmap {
            Ok(bitmap) => Some(bitmap),
            Err(error) => {
                self.has_lost_tombstones = true;
                let consequence = format!(
                    "{} of its documents were deleted and come back, for it is not known which",
                    entry.dead_count
                );
                self.note(&consequence, &error);
                None
            }
        }
    }

    /// What is left of the documents; `None` where that is loose ones.
    fn documents(
        &mut self,
        body: &Extent,
        entry: &SegmentEntry,
        tombstones: Option<&[u8]>,
    ) -> Option<DocumentsLeft> {
        let is_live = |ordinal: u32| !is_dead(tombstones, ordinal);
        let rows = entry.doc_count as usize;
        let table = DocumentTable::open(body, rows).and_then(|table| {
            let damaged = table.damaged(is_live)?;
            let table = table.mending_bits();
            // What a mended bit saves is not lost.
            let lost = match damaged.is_empty() {
                true => Vec::new(),
                false => table.damaged(is_live)?,
            };
            Ok((table, damaged, lost))
        });
        match table {
            Ok((table, damaged, lost)) => {
                if let Some((_, error)) = damaged.first() {
                    let consequence = match damaged.len() - lost.len() {
                        0 => format!("{} of its documents cannot be read", lost.len()),
                        saved => format!(
                            "{} of its documents cannot be read, and {saved} only because of one \
                             flipped bit, which is put right",
                            lost.len()
                        ),
                    };
                    self.note(&consequence, error);
                }
                let id = |(ordinal, _): &(u32, Error)| table.id(*ordinal).to_owned();
                self.risk.documents = lost.iter().map(id).collect();
                let lost = lost.into_iter().map(|(ordinal, _)| ordinal).collect();
                Some(DocumentsLeft::Stored(Box::new(table), lost))
            }
            Err(error) => {
                self.note("its documents are read one by one", &error);
                let salvaged = salvage(body, entry.doc_count, &stand_in(entry));
                if !salvaged.has_ordinals {
                    self.take_loose(entry, salvaged);
                    return None;
                }
                self.note_made_up_ids(&salvaged);
                self.name_the_lost(body, entry, &salvaged.documents, is_live);
                Some(DocumentsLeft::Salvaged(salvaged.documents))
            }
        }
    }

    /// Names the documents that salvage did not find, if their ids can be read.
    fn name_the_lost(
        &mut self,
        body: &Extent,
        entry: &SegmentEntry,
        documents: &[Option<Document>],
        is_live: impl Fn(u32) -> bool,
    ) {
        let ids = SectionSource::section(body, EXTERNAL_IDS)
            .and_then(|section| Strings::open(section, entry.doc_count as usize));
        let documents = (0u32..).zip(documents);
        let lost = documents.filter(|(ordinal, document)| document.is_none() && is_live(*ordinal));
        match ids {
            Ok(ids) => {
                let ids = lost.map(|(ordinal, _)| ids.row(ordinal).to_owned());
                self.risk.documents = ids.collect();
            }
            Err(_) => self.risk.unnamed_documents = lost.count() as u64,
        }
    }
}

/// How the ids begin that documents get whose own are lost.
pub(super) fn stand_in(entry: &SegmentEntry) -> String {
    format!("recovered-{}-", entry.id)
}

/// The segment, if all of it can be used.
fn sound(
    body: &Extent,
    heads: Option<&Extent>,
    counts: SegmentCounts,
    params: &IndexParams,
    tombstones: Option<&[u8]>,
) -> Result<Segment> {
    let heads = heads.ok_or_else(|| Error::corrupt("the segment has no heads"))?;
    let segment = Segment::open(body, heads, counts, params)?;
    match tombstones {
        Some(bitmap) => segment.with_tombstones(bitmap),
        None => Ok(segment),
    }
}

/// Checks trie, postings and texts of the docids.
fn docids_of(
    source: &dyn SectionSource,
    docid_count: u32,
    passages: u32,
    params: &IndexParams,
) -> Result<()> {
    let (rows, docids) = (passages as usize, docid_count as usize);
    let width = TokenWidth::from_bytes_per_token(params.tokenizer.token_width_bytes)?;
    let trie = SegmentTrie::open(source.section(sections::TRIE)?, width, docid_count)?;
    let postings = source.section(sections::POSTINGS)?;
    let postings = Csr::open(postings, docids, passages)?;
    let passage_docids = source.section(sections::DOCUMENT_DOCIDS)?;
    let passage_docids = Csr::open(passage_docids, rows, docid_count)?;
    Strings::open(source.section(sections::DOCID_TEXTS)?, docids)?;
    check_docids(&trie, &postings, &passage_docids, passages)
}

/// The docids that a damaged segment still knows for each passage, in words.
pub(super) fn docid_texts(
    source: &dyn SectionSource,
    docid_count: u32,
    passages: &mut [Option<Document>],
) -> Result<()> {
    let (rows, docids) = (passages.len(), docid_count as usize);
    let texts = Strings::open(source.section(sections::DOCID_TEXTS)?, docids)?;
    let ranks = source
        .section(sections::DOCUMENT_DOCIDS)
        .and_then(|section| Csr::open(section, rows, docid_count));
    match ranks {
        Ok(ranks) => {
            for (number, passage) in (0u32..).zip(passages) {
                if let Some(document) = passage {
                    let texts = ranks.row(number).map(|rank| texts.row(rank).to_owned());
                    document.docids = texts.collect();
                }
            }
        }
        // The same pairs in the other order.
        Err(_) => {
            let postings = source.section(sections::POSTINGS)?;
            let postings = Csr::open(postings, docids, rows as u32)?;
            for rank in 0..docid_count {
                for number in postings.row(rank) {
                    if let Some(Some(document)) = passages.get_mut(number as usize) {
                        document.docids.push(texts.row(rank).to_owned());
                    }
                }
            }
        }
    }
    Ok(())
}

fn open_heads(stored: &store::Snapshot, entry: &SegmentEntry) -> Result<Extent> {
    let reference = entry
        .heads
        .as_ref()
        .ok_or_else(|| Error::corrupt("the segment has no heads"))?;
    stored.extent_of(ExtentKind::Heads, reference)
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
