//! Saving what can be saved of a damaged index into a new file.
//!
//! The source is only read. Sound segments are copied as they are; a segment with unreadable
//! documents is written anew without them; fitted vectors that are lost start again from the
//! passage vectors. Whatever is lost is listed.

use std::path::Path;

use serde::Serialize;

use super::condition::{AtRisk, Condition, sections_of};
use super::merge::merge;
use super::merge_policy::level_of;
use super::params::IndexParams;
use super::segment::Segment;
use crate::Result;
use crate::format::{BlobPlace, ExtentKind, Manifest, SegmentEntry};
use crate::store::{CreateOptions, Store, Transaction};

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
    /// How the recovered state was found, when not in the ordinary way.
    pub notes: Vec<String>,
}

impl RecoverReport {
    /// True when nothing was lost.
    pub fn is_complete(&self) -> bool {
        self.lost.is_empty() && self.lost_blobs.is_empty()
    }
}

/// Writes what is left of the index at `source` to a new file at `target`. When it fails,
/// there is no new file.
///
/// # Errors
///
/// [`Path`](crate::ErrorKind::Path) when something is at `target`;
/// [`Corrupt`](crate::ErrorKind::Corrupt) or [`NotAnIndex`](crate::ErrorKind::NotAnIndex) when
/// no committed state is left in the source at all; [`Io`](crate::ErrorKind::Io).
pub fn recover(source: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<RecoverReport> {
    let (source, target) = (source.as_ref(), target.as_ref());
    let damaged = Store::open_salvage(source)?;
    let params = IndexParams::from_json(&damaged.manifest().params)?;
    let new = Store::create(
        target,
        &CreateOptions {
            application_id: damaged.header().application_id,
            ..CreateOptions::default()
        },
    )?;
    let result = copy(&damaged, &new, &params);
    if result.is_err() {
        drop(new);
        // The error that stopped the copy matters more than one of cleaning up after it.
        let _ = std::fs::remove_file(target);
    }
    result
}

fn copy(damaged: &Store, new: &Store, params: &IndexParams) -> Result<RecoverReport> {
    let old = damaged.manifest();
    let mut report = RecoverReport {
        generation: old.generation,
        notes: damaged.passed_over(),
        ..RecoverReport::default()
    };
    let mut transaction = new.begin()?;
    let mut manifest = Manifest {
        params: old.params.clone(),
        user_metadata: old.user_metadata.clone(),
        next_segment_id: old.next_segment_id,
        ..transaction.base().clone()
    };
    for entry in &old.segments {
        let condition = Condition::examine(damaged, entry, params);
        report.lost.extend(condition.at_risk());
        let saved = match &condition.segment {
            Some(_) if condition.is_sound() => {
                Some(copy_segment(damaged, entry, &mut transaction)?)
            }
            Some(segment) => rewrite_segment(
                segment,
                &condition.unreadable,
                entry.id,
                params,
                &mut transaction,
            )?,
            None => None,
        };
        if let Some(saved) = saved {
            report.documents += u64::from(saved.doc_count - saved.dead_count);
            manifest.segments.push(saved);
        }
    }
    for blob in &old.blobs {
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
    transaction.commit(manifest)?;
    Ok(report)
}

/// A sound segment as it is.
fn copy_segment(
    damaged: &Store,
    entry: &SegmentEntry,
    transaction: &mut Transaction,
) -> Result<SegmentEntry> {
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
            .and_then(|reference| copy(reference, ExtentKind::PseudoQueries).ok()),
        ..entry.clone()
    })
}

/// What is readable of a damaged segment, as a new one; `None` when no document is.
fn rewrite_segment(
    segment: &Segment,
    unreadable: &[u32],
    id: u64,
    params: &IndexParams,
    transaction: &mut Transaction,
) -> Result<Option<SegmentEntry>> {
    let mut readable = segment.clone();
    readable.bury(|ordinal| unreadable.binary_search(&ordinal).is_ok());
    let Some(new) = merge(&[readable], params)? else {
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
