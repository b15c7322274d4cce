//! The manifest: the whole state of the index after one commit.
//!
//! Every commit writes the full list, so opening an index is reading one manifest, however many
//! commits came before. It is an extent of kind [`ExtentKind::Manifest`](super::ExtentKind) with
//! five sections:
//!
//! ```text
//! COUNTERS  64 bytes: generation, commit_nonce, next_segment_id, dead_bytes, prev_manifest_off
//! SEGMENTS  152 bytes per segment
//! BLOBS     88 bytes per blob, then its name, media type and path
//! PARAMS    UTF-8 JSON: everything that shapes a result
//! USER      bytes of the embedding application
//! ```

use std::borrow::Cow;

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::extent::{ExtentRef, SectionKind};
use super::image::SectionInput;
use super::limits::{MAX_BLOBS, MAX_SEGMENT_DOCS, MAX_SEGMENTS, MAX_USER_METADATA_BYTES, to_u64};
use super::sections::manifest as section;
use crate::error::{Error, Result};

mod blob;
mod raw_ref;

pub use blob::{BlobEntry, BlobPlace, BlobRole};
use raw_ref::RawRef;

/// The state of the index after one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Number of the commit, from 1.
    pub generation: u64,
    /// Nonce of the commit. Together with the file's identity and the generation it names this
    /// state for ever; a generation alone may be reused after a crash.
    pub commit_nonce: u64,
    /// The id the next new segment gets; ids are never reused.
    pub next_segment_id: u64,
    /// The segments, oldest first.
    pub segments: Vec<SegmentEntry>,
    /// Models, tokenizers and the like.
    pub blobs: Vec<BlobEntry>,
    /// Bytes of the file that this state does not reach.
    pub dead_bytes: u64,
    /// Where the manifest before this one starts; 0 in the first.
    pub prev_manifest_off: u64,
    /// Everything that shapes a result, as UTF-8 JSON.
    pub params: Vec<u8>,
    /// Bytes of the embedding application.
    pub user_metadata: Vec<u8>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentEntry {
    /// Its id, below the manifest's `next_segment_id`.
    pub id: u64,
    /// Merge level.
    pub level: u16,
    /// Documents in it, dead ones included.
    pub doc_count: u32,
    /// Dead documents in it.
    pub dead_count: u32,
    /// Docids in its trie.
    pub docid_count: u32,
    /// Trie, postings and documents.
    pub segment: ExtentRef,
    /// Fitted vectors.
    pub heads: Option<ExtentRef>,
    /// Dead documents.
    pub tombstones: Option<ExtentRef>,
    /// Generated queries.
    pub pseudo_queries: Option<ExtentRef>,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawCounters {
    generation: U64,
    commit_nonce: U64,
    next_segment_id: U64,
    dead_bytes: U64,
    prev_manifest_off: U64,
    reserved: [u8; 24],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawSegment {
    id: U64,
    level: U16,
    reserved: U16,
    doc_count: U32,
    dead_count: U32,
    docid_count: U32,
    segment: RawRef,
    heads: RawRef,
    tombstones: RawRef,
    pseudo_queries: RawRef,
}

impl SegmentEntry {
    /// The extents of the segment.
    pub fn extents(&self) -> impl Iterator<Item = ExtentRef> + use<> {
        [
            Some(self.segment),
            self.heads,
            self.tombstones,
            self.pseudo_queries,
        ]
        .into_iter()
        .flatten()
    }
}

impl Manifest {
    /// Every extent this state reaches, the manifest's own excepted.
    pub fn extents(&self) -> impl Iterator<Item = ExtentRef> + '_ {
        let blobs = self.blobs.iter().filter_map(|blob| match blob.place {
            BlobPlace::Embedded(reference) => Some(reference),
            BlobPlace::External { .. } => None,
        });
        self.segments
            .iter()
            .flat_map(SegmentEntry::extents)
            .chain(blobs)
    }

    /// What an extent of the state belongs to, for messages: "segment 3".
    pub fn owner_of(&self, reference: &ExtentRef) -> Option<String> {
        let is_of = |entry: &&SegmentEntry| entry.extents().any(|extent| extent == *reference);
        if let Some(entry) = self.segments.iter().find(is_of) {
            return Some(format!("segment {}", entry.id));
        }
        let place = BlobPlace::Embedded(*reference);
        let blob = self.blobs.iter().find(|blob| blob.place == place)?;
        Some(format!("blob {}", blob.name))
    }

    /// Whether no two extents of the state overlap, `own`, that of the manifest, included. So what
    /// a state reaches is never more than the file holds.
    pub fn extents_are_apart(&self, own: ExtentRef) -> bool {
        let mut places: Vec<(u64, u64)> = self
            .extents()
            .chain([own])
            .map(|extent| {
                let end_bytes = extent.off_bytes.saturating_add(extent.len_bytes);
                (extent.off_bytes, end_bytes)
            })
            .collect();
        places.sort_unstable();
        places.is_sorted_by(|(_, end_bytes), (next_off_bytes, _)| end_bytes <= next_off_bytes)
    }

    /// Checks the limits and the rules between fields.
    ///
    /// # Errors
    /// `Limit` or `InvalidInput`.
    pub fn validate(&self) -> Result<()> {
        if self.segments.len() > MAX_SEGMENTS {
            return Err(Error::limit(format!(
                "an index has at most {MAX_SEGMENTS} segments"
            )));
        }
        if self.blobs.len() > MAX_BLOBS {
            return Err(Error::limit(format!(
                "an index has at most {MAX_BLOBS} blobs"
            )));
        }
        if self.user_metadata.len() > MAX_USER_METADATA_BYTES {
            return Err(Error::limit(format!(
                "user metadata has at most {MAX_USER_METADATA_BYTES} bytes"
            )));
        }
        if std::str::from_utf8(&self.params).is_err() {
            return Err(Error::invalid("the parameters of an index must be UTF-8"));
        }
        let mut ids: Vec<u64> = self.segments.iter().map(|segment| segment.id).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Error::invalid("two segments have the same id"));
        }
        if ids.last().is_some_and(|&id| id >= self.next_segment_id) {
            return Err(Error::invalid(
                "a segment's id is not below next_segment_id",
            ));
        }
        for segment in &self.segments {
            if segment.doc_count > MAX_SEGMENT_DOCS {
                return Err(Error::limit("a segment has at most 2^32-2 documents"));
            }
            if segment.dead_count > segment.doc_count {
                return Err(Error::invalid(
                    "a segment has more dead documents than documents",
                ));
            }
        }
        self.blobs.iter().try_for_each(BlobEntry::validate)
    }

    /// The sections of the manifest's extent.
    pub fn to_sections(&self) -> Vec<SectionInput<'_>> {
        let counters = RawCounters {
            generation: self.generation.into(),
            commit_nonce: self.commit_nonce.into(),
            next_segment_id: self.next_segment_id.into(),
            dead_bytes: self.dead_bytes.into(),
            prev_manifest_off: self.prev_manifest_off.into(),
            reserved: [0; 24],
        };
        let mut segments = Vec::new();
        for segment in &self.segments {
            segments.extend_from_slice(
                RawSegment {
                    id: segment.id.into(),
                    level: segment.level.into(),
                    reserved: U16::ZERO,
                    doc_count: segment.doc_count.into(),
                    dead_count: segment.dead_count.into(),
                    docid_count: segment.docid_count.into(),
                    segment: segment.segment.into(),
                    heads: RawRef::from_optional(segment.heads),
                    tombstones: RawRef::from_optional(segment.tombstones),
                    pseudo_queries: RawRef::from_optional(segment.pseudo_queries),
                }
                .as_bytes(),
            );
        }
        let mut blobs = Vec::new();
        self.blobs.iter().for_each(|blob| blob.encode(&mut blobs));
        let input = |kind, entry_count: usize, bytes| SectionInput {
            kind,
            encoding: 1,
            entry_count: to_u64(entry_count),
            bytes,
        };
        vec![
            input(
                section::COUNTERS,
                1,
                Cow::Owned(counters.as_bytes().to_vec()),
            ),
            input(section::SEGMENTS, self.segments.len(), Cow::Owned(segments)),
            input(section::BLOBS, self.blobs.len(), Cow::Owned(blobs)),
            input(
                section::PARAMS,
                self.params.len(),
                Cow::Borrowed(self.params.as_slice()),
            ),
            input(
                section::USER,
                self.user_metadata.len(),
                Cow::Borrowed(self.user_metadata.as_slice()),
            ),
        ]
    }

    /// Reads a manifest. `find` gives the body and entry count of a section.
    ///
    /// # Errors
    /// `Corrupt` when a section is missing or its body cannot be what it claims.
    pub fn from_sections<'a>(
        find: impl Fn(SectionKind) -> Option<(&'a [u8], u64)>,
    ) -> Result<Self> {
        let damaged = |what: &str| Error::corrupt(format_args!("the manifest is damaged: {what}"));
        let (counters, _) = find(section::COUNTERS).ok_or_else(|| damaged("no counters"))?;
        let counters = RawCounters::ref_from_bytes(counters)
            .map_err(|_| damaged("its counters have the wrong length"))?;
        let (segments, count) = find(section::SEGMENTS).ok_or_else(|| damaged("no segments"))?;
        let segments = <[RawSegment]>::ref_from_bytes(segments)
            .map_err(|_| damaged("its segment list has the wrong length"))?;
        if to_u64(segments.len()) != count {
            return Err(damaged("its segment list and count disagree"));
        }
        let (blobs, count) = find(section::BLOBS).ok_or_else(|| damaged("no blobs"))?;
        let (params, _) = find(section::PARAMS).ok_or_else(|| damaged("no parameters"))?;
        let (user, _) = find(section::USER).ok_or_else(|| damaged("no user metadata"))?;
        let manifest = Manifest {
            generation: counters.generation.get(),
            commit_nonce: counters.commit_nonce.get(),
            next_segment_id: counters.next_segment_id.get(),
            segments: segments
                .iter()
                .map(|raw| SegmentEntry {
                    id: raw.id.get(),
                    level: raw.level.get(),
                    doc_count: raw.doc_count.get(),
                    dead_count: raw.dead_count.get(),
                    docid_count: raw.docid_count.get(),
                    segment: raw.segment.get(),
                    heads: raw.heads.get_optional(),
                    tombstones: raw.tombstones.get_optional(),
                    pseudo_queries: raw.pseudo_queries.get_optional(),
                })
                .collect(),
            blobs: BlobEntry::decode_list(blobs, count)
                .ok_or_else(|| damaged("its blob list is broken"))?,
            dead_bytes: counters.dead_bytes.get(),
            prev_manifest_off: counters.prev_manifest_off.get(),
            params: params.to_vec(),
            user_metadata: user.to_vec(),
        };
        manifest
            .validate()
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests;
