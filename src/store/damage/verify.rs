//! Looking for damage, and saying where it is.
//!
//! Verification reads the file anew, past every cache, and goes on after the first finding.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::format::limits::{HEADER_OFF_BYTES, PAGE_BYTES, SLOT_OFF_BYTES, to_u64};
use crate::format::{
    BLOB_BYTES, BlobPlace, ExtentKind, ExtentRef, HEADER_BYTES, SUPERBLOCK_RECORD_BYTES,
    SlotContent, sections,
};
use crate::store::handle::Store;
use crate::store::read::extent::Extent;
use crate::store::read::select::{self, State};
use crate::store::read::snapshot::Snapshot;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyLevel {
    /// Superblocks, header, manifest, and header, section table and footer of every extent.
    Headers,
    /// Also the checksum of every section, except those of blobs.
    Structure,
    /// Also blobs and their SHA-256, and every padding byte.
    Full,
}

/// One place of damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is damaged: "superblock slot 1", "segment 7: heads".
    pub place: String,
    /// Where it starts in the file.
    pub off_bytes: u64,
    /// How long it is.
    pub len_bytes: u64,
    /// What is wrong with it.
    pub message: String,
}

/// What verification read and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How much was read.
    pub level: VerifyLevel,
    /// The state that was verified.
    pub generation: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// Bytes the state reaches, its manifest included.
    pub live_bytes: u64,
    /// Committed bytes the state does not reach; vacuum gives them back.
    pub dead_bytes: u64,
    /// Bytes after the last commit: an interrupted one, overwritten by the next.
    pub tail_bytes: u64,
    /// Extents looked at.
    pub extents_checked: u64,
    /// Sections whose checksum was verified.
    pub sections_checked: u64,
    /// Damage, in the order it was found.
    pub findings: Vec<Finding>,
}

impl VerifyReport {
    /// True when no damage was found.
    pub fn is_ok(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Store {
    /// Verifies the newest state known to this handle; see [`Snapshot::verify`].
    pub fn verify(&self, level: VerifyLevel) -> VerifyReport {
        self.snapshot().verify(level)
    }
}

impl Snapshot {
    /// Verifies the state. A read that fails is a finding too, so this does not fail.
    pub fn verify(&self, level: VerifyLevel) -> VerifyReport {
        let state = &self.state;
        let space = self.space_of(self.file.len_bytes().unwrap_or(0));
        let mut verifier = Verifier {
            snapshot: self,
            report: VerifyReport {
                level,
                generation: state.manifest.generation,
                file_bytes: space.file_bytes,
                live_bytes: space.live_bytes,
                dead_bytes: space.dead_bytes,
                tail_bytes: space.tail_bytes,
                extents_checked: 0,
                sections_checked: 0,
                findings: Vec::new(),
            },
        };
        verifier.front(state);
        verifier.extents(state);
        verifier.report
    }
}

struct Verifier<'a> {
    snapshot: &'a Snapshot,
    report: VerifyReport,
}

/// An extent as the manifest names it.
struct Named {
    place: String,
    kind: ExtentKind,
    reference: ExtentRef,
    sha256: Option<[u8; 32]>,
}

impl Verifier<'_> {
    fn finding(&mut self, place: &str, off_bytes: u64, len_bytes: u64, message: impl ToString) {
        self.report.findings.push(Finding {
            place: place.to_owned(),
            off_bytes,
            len_bytes,
            message: message.to_string(),
        });
    }

    /// Slots and header.
    fn front(&mut self, state: &State) {
        let backend = &*self.snapshot.file.backend;
        if let Err(error) = select::read_header(backend) {
            self.finding(
                "file header",
                HEADER_OFF_BYTES,
                to_u64(HEADER_BYTES),
                error.finding(),
            );
        }
        for (slot, off_bytes) in SLOT_OFF_BYTES.into_iter().enumerate() {
            if let Err(message) = self.slot(state, slot) {
                let place = format!("superblock slot {slot}");
                self.finding(&place, off_bytes, to_u64(SUPERBLOCK_RECORD_BYTES), message);
            }
        }
        if self.report.level < VerifyLevel::Full {
            return;
        }
        let pages = [
            ("superblock slot 0", 0, SUPERBLOCK_RECORD_BYTES),
            ("superblock slot 1", PAGE_BYTES, SUPERBLOCK_RECORD_BYTES),
            ("file header", HEADER_OFF_BYTES, HEADER_BYTES),
        ];
        for (place, off_bytes, used) in pages {
            let mut rest = vec![
                0;
                usize::try_from(PAGE_BYTES)
                    .unwrap_or(0)
                    .saturating_sub(used)
            ];
            let off_bytes = off_bytes.saturating_add(to_u64(used));
            let read = backend.read_exact_at(&mut rest, off_bytes);
            if let Err(error) = read {
                self.finding(place, off_bytes, to_u64(rest.len()), error);
            } else if rest.iter().any(|&byte| byte != 0) {
                let message = "bytes after the record are not zero";
                self.finding(place, off_bytes, to_u64(rest.len()), message);
            }
        }
    }

    /// One slot and the manifest it names. A commit by another process may have replaced either
    /// since this handle looked, so any intact record of this file will do.
    fn slot(&self, state: &State, slot: usize) -> Result<(), String> {
        let backend = &*self.snapshot.file.backend;
        let content = select::read_slot(backend, slot, Some(self.snapshot.file.header.file_uuid));
        match content.map_err(|error| error.finding().to_owned())? {
            SlotContent::Record(record) => {
                let generation = record.generation;
                select::load_state(backend, slot, *record)
                    .map(drop)
                    .map_err(|error| format!("generation {generation}: {}", error.finding()))
            }
            // The first commit leaves the second slot unused.
            SlotContent::Empty if state.superblock.generation == 1 && slot != state.slot => Ok(()),
            SlotContent::Empty => Err("the record was erased".into()),
            SlotContent::Damaged(why) => Err(why),
            SlotContent::Unreadable { error, .. } => Err(error.to_string()),
        }
    }

    fn extents(&mut self, state: &State) {
        for one in &named_extents(state) {
            let reference = &one.reference;
            self.report.extents_checked = self.report.extents_checked.saturating_add(1);
            if let Err(error) = self.extent(one) {
                self.finding(
                    &one.place,
                    reference.off_bytes,
                    reference.len_bytes,
                    error.finding(),
                );
            }
        }
    }

    fn extent(&mut self, one: &Named) -> Result<()> {
        let extent = self.snapshot.extent_uncached(&one.reference)?;
        extent.expect_kind(one.kind)?;
        extent.footer()?;
        let level = self.report.level;
        if level == VerifyLevel::Headers
            || (level == VerifyLevel::Structure && one.kind == ExtentKind::Blob)
        {
            return Ok(());
        }
        self.sections(&one.place, &extent);
        if level < VerifyLevel::Full {
            return Ok(());
        }
        if let Some(expected) = one.sha256 {
            let bytes = extent.section(BLOB_BYTES)?;
            if <[u8; 32]>::from(Sha256::digest(&bytes)) != expected {
                return Err(crate::error::Error::corrupt(
                    "the SHA-256 of the blob is not the one in the manifest",
                ));
            }
        }
        extent.verify_all()
    }

    /// Every section, each with a finding of its own.
    fn sections(&mut self, place: &str, extent: &Extent) {
        let sections: Vec<_> = extent.sections().collect();
        for info in sections {
            self.report.sections_checked = self.report.sections_checked.saturating_add(1);
            if let Err(error) = extent.section(info.kind) {
                let name = sections::name_of(extent.kind(), info.kind);
                let place = format!("{place}, section {name}");
                self.finding(&place, info.off_bytes, info.len_bytes, error.finding());
            }
        }
    }
}

/// The manifest and every extent it lists.
fn named_extents(state: &State) -> Vec<Named> {
    let mut named = vec![Named {
        place: "manifest".into(),
        kind: ExtentKind::Manifest,
        reference: state.manifest_ref,
        sha256: None,
    }];
    for segment in &state.manifest.segments {
        let parts = [
            ("segment", ExtentKind::Segment, Some(segment.segment)),
            ("heads", ExtentKind::Heads, segment.heads),
            ("tombstones", ExtentKind::Tombstones, segment.tombstones),
            (
                "pseudo-queries",
                ExtentKind::PseudoQueries,
                segment.pseudo_queries,
            ),
        ];
        named.extend(parts.into_iter().filter_map(|(part, kind, reference)| {
            let place = format!("segment {}: {part}", segment.id);
            Some(Named {
                place,
                kind,
                reference: reference?,
                sha256: None,
            })
        }));
    }
    for blob in &state.manifest.blobs {
        if let BlobPlace::Embedded(reference) = blob.place {
            named.push(Named {
                place: format!("blob {}", blob.name),
                kind: ExtentKind::Blob,
                reference,
                sha256: Some(blob.sha256),
            });
        }
    }
    named
}
