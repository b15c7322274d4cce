//! Commits made by hand: what a newer, a careless or a malicious writer could write, with every
//! checksum as it should be.

use std::borrow::Cow;
use std::sync::Arc;

use zerogr::raw::format::{
    ExtentImage, ExtentKind, ExtentRef, ExtentStamp, Manifest, SectionInput, SectionKind,
    SlotContent, Superblock, checksum,
};
use zerogr::raw::store::{MemoryBackend, Store};

/// A file, its newest state, and what will be its next one.
pub struct ByHand {
    pub bytes: Vec<u8>,
    pub superblock: Superblock,
    pub manifest: Manifest,
    /// More sections for the manifest's extent.
    pub manifest_sections: Vec<SectionInput<'static>>,
    slot: usize,
    store: Store,
}

impl ByHand {
    pub fn on(bytes: &[u8]) -> Self {
        let store = Store::open_on(Arc::new(MemoryBackend::new(bytes.to_vec()))).unwrap();
        let (slot, superblock) = newest_superblock(bytes);
        ByHand {
            bytes: bytes.to_vec(),
            superblock,
            manifest: (*store.manifest()).clone(),
            manifest_sections: Vec::new(),
            slot,
            store,
        }
    }

    fn stamp(&self) -> ExtentStamp {
        ExtentStamp {
            generation: self.superblock.generation + 1,
            commit_nonce: self.superblock.commit_nonce ^ 1,
            file_uuid: self.superblock.file_uuid,
        }
    }

    /// The sections of an extent.
    pub fn sections(&self, reference: &ExtentRef) -> Vec<SectionInput<'static>> {
        let extent = self.store.extent(reference).unwrap();
        let sections = extent.sections().map(|info| SectionInput {
            kind: info.kind,
            encoding: info.encoding,
            entry_count: info.entry_count,
            bytes: Cow::Owned(extent.section(info.kind).unwrap().to_vec()),
        });
        sections.collect()
    }

    pub fn append(&mut self, kind: ExtentKind, sections: &[SectionInput<'_>]) -> ExtentRef {
        let image = ExtentImage::new(kind, self.stamp(), sections).unwrap();
        self.bytes
            .resize(self.bytes.len().next_multiple_of(4096), 0);
        let reference = image.reference(self.bytes.len() as u64);
        image
            .runs()
            .for_each(|run| self.bytes.extend_from_slice(run));
        reference
    }

    /// Writes the manifest and the superblock.
    pub fn commit(mut self) -> Vec<u8> {
        self.manifest.generation = self.stamp().generation;
        self.manifest.commit_nonce = self.stamp().commit_nonce;
        let manifest = self.manifest.clone();
        let mut sections = manifest.to_sections();
        sections.append(&mut self.manifest_sections.clone());
        let reference = self.append(ExtentKind::Manifest, &sections);
        let start = reference.off_bytes as usize;
        self.superblock = Superblock {
            generation: self.stamp().generation,
            commit_nonce: self.stamp().commit_nonce,
            committed_end_bytes: self.bytes.len() as u64,
            manifest_off_bytes: reference.off_bytes,
            manifest_len_bytes: reference.len_bytes,
            manifest_crc: checksum::crc32(&self.bytes[start..]),
            ..self.superblock
        };
        let at = 4096 * (1 - self.slot);
        self.bytes[at..at + 256].copy_from_slice(&self.superblock.encode());
        self.bytes
    }
}

/// The newest superblock of a good file, and its slot.
pub fn newest_superblock(bytes: &[u8]) -> (usize, Superblock) {
    let record = |slot: usize| match SlotContent::decode(&bytes[slot * 4096..], None) {
        SlotContent::Record(record) => Some((slot, *record)),
        _ => None,
    };
    (0..2)
        .filter_map(record)
        .max_by_key(|(_, record)| record.generation)
        .unwrap()
}

/// Rewrites a section of the first segment's extent, or, given `None`, adds it.
pub fn with_section(
    bytes: &[u8],
    kind: SectionKind,
    change: impl FnOnce(Option<&mut SectionInput<'static>>) -> Option<SectionInput<'static>>,
) -> Vec<u8> {
    let mut by_hand = ByHand::on(bytes);
    let mut sections = by_hand.sections(&by_hand.manifest.segments[0].segment);
    let added = change(sections.iter_mut().find(|section| section.kind == kind));
    sections.extend(added);
    by_hand.manifest.segments[0].segment = by_hand.append(ExtentKind::Segment, &sections);
    by_hand.commit()
}

/// Changes a record of 256 bytes and its checksum.
pub fn with_record(bytes: &[u8], at: usize, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let record = &mut bytes[at..at + 256];
    change(&mut record[..252]);
    let crc = checksum::crc32(&record[..252]);
    record[252..].copy_from_slice(&crc.to_le_bytes());
    bytes
}
