//! Segments for tests of the store: sections of any bytes, and their entry in a manifest.
#![allow(dead_code)]

use std::borrow::Cow;

use zerogr::raw::format::{ExtentRef, Manifest, SectionInput, SectionKind, SegmentEntry};

/// A section whose entries are its bytes.
pub fn section(kind: u16, bytes: &[u8]) -> SectionInput<'_> {
    SectionInput {
        kind: SectionKind(kind),
        encoding: 1,
        entry_count: bytes.len() as u64,
        bytes: Cow::Borrowed(bytes),
    }
}

/// The entry of a segment of one document.
pub fn entry(id: u64, segment: ExtentRef) -> SegmentEntry {
    SegmentEntry {
        id,
        level: 0,
        doc_count: 1,
        dead_count: 0,
        docid_count: 1,
        segment,
        heads: None,
        tombstones: None,
        pseudo_queries: None,
    }
}

/// Adds such an entry, with the next id.
pub fn push_segment(manifest: &mut Manifest, segment: ExtentRef) {
    manifest
        .segments
        .push(entry(manifest.next_segment_id, segment));
    manifest.next_segment_id += 1;
}
