//! Saving what can be saved of a damaged index into a new file.
//!
//! The source is only read. Sound segments are copied as they are; of a damaged one the documents
//! are saved and the rest is made anew ([`condition`](super::condition), [`mend`](super::mend)).
//! Whatever is lost is listed.
//!
//! ```text
//!   found      the newest state that is left, and segments that were written after it
//!   examined   every segment; whoever is certain of what is deleted comes first
//!   written    to a file under another name, checked, and put in its place
//! ```
//!
//! - I1. Every document whose payload is intact is saved, whatever else is damaged.
//! - I2. [`check`](super::check) finds nothing in the new file.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use super::check::{check_expansion, check_store};
use super::condition::{AtRisk, Condition, Remains, sections_of};
use super::mend::Maker;
use super::params_left::params_left;
use crate::docs::sections::EXTERNAL_IDS;
use crate::format::{BlobPlace, ExtentKind, ExtentRef, Manifest, SegmentEntry};
use crate::index::{OpenOptions, load_recorded};
use crate::segment::{IndexParams, Segment, level_of, merge};
use crate::store::{CreateOptions, Salvage, Snapshot, Store, Transaction, VerifyLevel};
use crate::trie::sections::TRIE;
use crate::{Error, Result};

/// What recovery saved and what it could not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecoverReport {
    /// The commit that was recovered.
    pub generation: u64,
    /// Documents saved.
    pub documents: u64,
    /// Damaged segments and the documents lost with them.
    pub lost: Vec<AtRisk>,
    /// Embedded files (encoder, tokenizer) that are lost.
    pub lost_blobs: Vec<String>,
    /// Of the documents saved, those whose vectors and docids the encoder made anew.
    pub encoded: u64,
    /// Of the documents saved, those that have stand-ins for vectors or docids, since there was no
    /// encoder: words find them. They get the real ones when they are added again.
    pub without_vectors: u64,
    /// How the recovered state was found, when not in the ordinary way, and what is to be done.
    pub notes: Vec<String>,
}

impl RecoverReport {
    /// True when no document is lost, no embedded file, and every document has its vectors.
    pub fn is_complete(&self) -> bool {
        !self.lost.iter().any(AtRisk::loses_documents)
            && self.lost_blobs.is_empty()
            && self.without_vectors == 0
    }
}

/// Writes what is left of the index at `source` to a new file at `target`, with the rights of the
/// old one. When it fails, there is no new file. Vectors are made anew by the encoder that the
/// index holds or names; see [`recover_with`] for an encoder of the application.
///
/// # Errors
///
/// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when something is at `target`;
/// [`Corrupt`](crate::ErrorKind::Corrupt) or [`NotAnIndex`](crate::ErrorKind::NotAnIndex) when
/// neither a committed state nor a segment is left in the source;
/// [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion);
/// [`Io`](crate::ErrorKind::Io).
pub fn recover(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<RecoverReport> {
    recover_with(source, target, &OpenOptions::new())
}

/// [`recover`], with the encoder and the device of `options`.
///
/// # Errors
///
/// `AlreadyExists` when something is at `target`; `Corrupt` or `NotAnIndex` when neither a committed
/// state nor a segment is left in the source; `UnsupportedVersion`; `DiskFull` or `Io`.
pub fn recover_with(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    options: &OpenOptions,
) -> Result<RecoverReport> {
    let salvage = Store::open_salvage(source.as_ref())?;
    let create = CreateOptions {
        application_id: salvage.store.header().application_id,
        ..CreateOptions::default()
    };
    let mut report = RecoverReport::default();
    Store::create_like(target.as_ref(), &salvage.store, &create, |new| {
        report = write(&salvage, new, options)?;
        let checked = check_store(new, VerifyLevel::Full);
        match checked.first_finding() {
            None => Ok(()),
            Some(finding) => Err(Error::corrupt(format_args!(
                "what was recovered is not used, because it is damaged itself ({finding}): \
                 report this, with the file if you can"
            ))),
        }
    })?;
    Ok(report)
}

/// Commits what is left to an empty store.
fn write(salvage: &Salvage, new: &Store, options: &OpenOptions) -> Result<RecoverReport> {
    let damaged = &salvage.store;
    let stored = damaged.snapshot();
    let old = stored.manifest();
    let mut report = RecoverReport {
        generation: old.generation,
        notes: salvage.notes.clone(),
        ..RecoverReport::default()
    };
    let mut next_segment_id = old.next_segment_id;
    let mut orphans = Vec::new();
    for reference in &salvage.orphans {
        orphans.extend(orphan_entry(&stored, reference, next_segment_id));
        next_segment_id += 1;
    }
    if !orphans.is_empty() {
        report.notes.push(
            "the record of the last commit is lost: documents that were deleted may be back".into(),
        );
    }
    let segments = || old.segments.iter().chain(&orphans);
    let entries: Vec<SegmentEntry> = segments().cloned().collect();
    let left = params_left(&old.params, &stored, &entries, options)?;
    let params = &left.params;
    let mut transaction = new.begin()?;
    let mut manifest = Manifest {
        params: match left.notes.is_empty() {
            true => old.params.clone(),
            false => params.to_json()?,
        },
        user_metadata: old.user_metadata.clone(),
        next_segment_id,
        ..transaction.base().clone()
    };
    report.notes.extend(left.notes);

    let has_terms = left.have_lexicons_their_terms;
    let examine = |entry| (entry, Condition::examine(damaged, entry, params, has_terms));
    let mut conditions: Vec<_> = segments().map(examine).collect();
    let risks = conditions.iter().map(|(_, condition)| condition.at_risk());
    report.lost = risks.flatten().collect();
    let load = || load_recorded(&stored, params, options);
    let mut maker = Maker::new(params, &load);
    let is_orphan = |entry: &SegmentEntry| entry.id >= old.next_segment_id;
    let is_certain = |(entry, condition): &(&SegmentEntry, Condition)| {
        !is_orphan(entry) && !condition.has_lost_tombstones
    };
    let mut taken = match conditions.iter().all(is_certain) {
        true => None,
        false => Some(HashSet::new()),
    };
    // What has an id that was taken before was replaced: so first the newest, orphans, then whoever
    // is certain of what is deleted.
    conditions.sort_by_key(|(entry, condition)| {
        let is_first = is_orphan(entry);
        (!is_first, condition.has_lost_tombstones, entry.id)
    });
    for (entry, condition) in conditions {
        let (segment, is_sound) = match condition.remains {
            Remains::Sound(segment) => (Some(*segment), true),
            Remains::Damaged(damaged) => (damaged.mend(&mut maker)?, false),
            Remains::Loose(documents) => (maker.segment_of(documents)?, false),
        };
        let Some(mut segment) = segment else {
            continue;
        };
        let has_replaced = taken
            .as_mut()
            .is_some_and(|taken| bury_replaced(&mut segment, taken));
        let saved = match is_sound && !has_replaced {
            true => {
                let saved = copy_segment(damaged, entry, params, &mut transaction)?;
                if saved.pseudo_queries.is_none() && entry.pseudo_queries.is_some() {
                    report.notes.push(format!(
                        "the queries that a language model wrote for segment {} are lost, with their \
                         words: `zerogr generate queries` writes them again",
                        entry.id
                    ));
                }
                Some(saved)
            }
            false => rewrite_segment(&segment, entry.id, params, &mut transaction)?,
        };
        if let Some(saved) = saved {
            report.documents += u64::from(saved.doc_count - saved.dead_count);
            manifest.segments.push(saved);
        }
    }
    manifest.segments.sort_by_key(|entry| {
        let position = entries.iter().position(|old| old.id == entry.id);
        // The newest orphan comes first among them, and last in the file.
        (
            is_orphan(entry),
            position.map(|at| {
                if is_orphan(entry) {
                    usize::MAX - at
                } else {
                    at
                }
            }),
        )
    });
    report.encoded = maker.encoded;
    report.without_vectors = maker.without_encoder;
    if let Some(error) = maker.lack().filter(|_| maker.without_encoder > 0) {
        report.notes.push(format!(
            "{} documents have no vectors, and only words find them, because there is no encoder: \
             {}. Recover again with the encoder, or add the documents again where it is: zerogr \
             list --json NEW | zerogr add NEW -",
            maker.without_encoder,
            error.finding()
        ));
    }
    copy_blobs(damaged, &mut transaction, &mut manifest, &mut report)?;
    transaction.commit(manifest)?;
    Ok(report)
}

/// The entry of a segment whose own is lost; `None` when its table does not tell how many documents
/// it has.
fn orphan_entry(stored: &Snapshot, reference: &ExtentRef, id: u64) -> Option<SegmentEntry> {
    let body = stored.extent(reference).ok()?;
    let count = |kind| {
        let info = body.sections().find(|info| info.kind == kind)?;
        u32::try_from(info.entry_count).ok()
    };
    Some(SegmentEntry {
        id,
        level: 0,
        doc_count: count(EXTERNAL_IDS)?,
        dead_count: 0,
        docid_count: count(TRIE)?,
        segment: *reference,
        heads: None,
        tombstones: None,
        pseudo_queries: None,
    })
}

/// Takes out the documents whose ids are taken, and takes the others; whether there were any.
fn bury_replaced(segment: &mut Segment, taken: &mut HashSet<String>) -> bool {
    let mut replaced = HashSet::new();
    for ordinal in segment.live_ordinals() {
        if !taken.insert(segment.documents.id(ordinal).to_owned()) {
            replaced.insert(ordinal);
        }
    }
    segment.bury(|ordinal| replaced.contains(&ordinal));
    !replaced.is_empty()
}

fn copy_blobs(
    damaged: &Store,
    transaction: &mut Transaction,
    manifest: &mut Manifest,
    report: &mut RecoverReport,
) -> Result<()> {
    for blob in &damaged.manifest().blobs {
        match &blob.place {
            BlobPlace::External { .. } => manifest.blobs.push(blob.clone()),
            BlobPlace::Embedded(_) => match damaged.blob(blob) {
                Ok(bytes) => {
                    let copied =
                        transaction.append_blob(blob.role, &blob.name, &blob.media_type, &bytes)?;
                    manifest.blobs.push(copied);
                }
                Err(error) => report.lost_blobs.push(format!("{}: {error}", blob.name)),
            },
        }
    }
    Ok(())
}

/// A sound segment as it is.
fn copy_segment(
    damaged: &Store,
    entry: &SegmentEntry,
    params: &IndexParams,
    transaction: &mut Transaction,
) -> Result<SegmentEntry> {
    let has_expansion = check_expansion(damaged, entry, params).is_ok();
    let mut copy = |reference, kind| {
        let sections = sections_of(&damaged.extent(reference)?)?;
        transaction.append(kind, &sections)
    };
    let heads = entry.heads.as_ref();
    let tombstones = entry.tombstones.as_ref();
    Ok(SegmentEntry {
        segment: copy(&entry.segment, ExtentKind::Segment)?,
        heads: heads
            .map(|reference| copy(reference, ExtentKind::Heads))
            .transpose()?,
        tombstones: tombstones
            .map(|reference| copy(reference, ExtentKind::Tombstones))
            .transpose()?,
        // A model can write them again, so damage to them loses nothing.
        pseudo_queries: entry
            .pseudo_queries
            .as_ref()
            .filter(|_| has_expansion)
            .and_then(|reference| copy(reference, ExtentKind::PseudoQueries).ok()),
        ..entry.clone()
    })
}

/// The live documents of a segment, as a new one; `None` when there are none.
fn rewrite_segment(
    segment: &Segment,
    id: u64,
    params: &IndexParams,
    transaction: &mut Transaction,
) -> Result<Option<SegmentEntry>> {
    let Some(new) = merge(std::slice::from_ref(segment), params, &|| Ok(()))? else {
        return Ok(None);
    };
    Ok(Some(SegmentEntry {
        id,
        level: level_of(new.counts.documents),
        doc_count: new.counts.documents,
        dead_count: 0,
        docid_count: new.counts.docids,
        segment: transaction.append(ExtentKind::Segment, &new.body.inputs())?,
        heads: Some(transaction.append(ExtentKind::Heads, &new.heads.inputs())?),
        tombstones: None,
        pseudo_queries: None,
    }))
}
