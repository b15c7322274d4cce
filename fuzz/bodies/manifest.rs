//! The five sections of a manifest, alone and as the newest commit of a file.
//!
//! Input: four u16 lengths, then the bodies of the sections; the last takes the rest.

use std::sync::Arc;

use zerogr::raw::format::{
    ExtentImage, ExtentKind, ExtentStamp, FileHeader, HEADER_FLAG_SEEDED, Manifest, SectionInput,
    SectionKind, Superblock, manifest_section,
};
use zerogr::raw::store::{MemoryBackend, Store, VerifyLevel};
use zerogr::{Index, OpenOptions};

use super::Input;
use super::support::fault::scenario::Start;

const KINDS: [SectionKind; 5] = [
    manifest_section::COUNTERS,
    manifest_section::SEGMENTS,
    manifest_section::BLOBS,
    manifest_section::PARAMS,
    manifest_section::USER,
];
const STAMP: ExtentStamp = ExtentStamp {
    generation: 3,
    commit_nonce: 77,
    file_uuid: [9; 16],
};

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let lengths = [
        input.number(),
        input.number(),
        input.number(),
        input.number(),
        usize::MAX,
    ];
    let bodies = lengths.map(|len| input.bytes(len));
    let count = |kind: SectionKind, body: &[u8]| match kind {
        manifest_section::SEGMENTS => body.len() as u64 / 152,
        // The records say themselves how long they are.
        manifest_section::BLOBS => body.iter().fold(0, |sum, &byte| sum ^ u64::from(byte)) % 4,
        _ => 1,
    };
    let read = |bodies: &[&[u8]; 5]| {
        Manifest::from_sections(|kind| {
            let at = KINDS.iter().position(|other| *other == kind)?;
            Some((bodies[at], count(kind, bodies[at])))
        })
    };
    if let Ok(manifest) = read(&bodies) {
        // What can be read can be written, and comes back.
        let sections = manifest.to_sections();
        let again = Manifest::from_sections(|kind| {
            let section = sections.iter().find(|section| section.kind == kind)?;
            Some((&section.bytes, section.entry_count))
        });
        assert_eq!(again.unwrap(), manifest);
    }
    in_a_file(&bodies, count);
}

fn in_a_file(bodies: &[&[u8]; 5], count: impl Fn(SectionKind, &[u8]) -> u64) {
    // The superblock and the manifest must name the same commit.
    let mut counters = bodies[0].to_vec();
    if let Some(front) = counters.get_mut(..16) {
        front[..8].copy_from_slice(&STAMP.generation.to_le_bytes());
        front[8..].copy_from_slice(&STAMP.commit_nonce.to_le_bytes());
    }
    let sections: Vec<_> = KINDS
        .iter()
        .zip(bodies)
        .map(|(&kind, &body)| {
            let bytes = if kind == manifest_section::COUNTERS {
                &counters
            } else {
                body
            };
            SectionInput::new(kind, count(kind, body), bytes.to_vec())
        })
        .collect();
    let image = ExtentImage::new(ExtentKind::Manifest, STAMP, &sections).unwrap();
    let header = FileHeader {
        file_uuid: STAMP.file_uuid,
        created_ms: 0,
        application_id: 0,
        flags: HEADER_FLAG_SEEDED,
    };
    let superblock = Superblock {
        generation: STAMP.generation,
        committed_end_bytes: 12_288 + image.len_bytes(),
        manifest_off_bytes: 12_288,
        manifest_len_bytes: image.len_bytes(),
        manifest_crc: image.crc(),
        commit_nonce: STAMP.commit_nonce,
        file_uuid: STAMP.file_uuid,
        req_read_flags: 0,
        req_write_flags: 0,
        opt_flags: 0,
        writer_version: [0; 16],
        flags: 0,
    };
    let mut file = superblock.encode().to_vec();
    file.resize(8192, 0);
    file.extend_from_slice(&header.encode());
    file.resize(12_288, 0);
    image.runs().for_each(|run| file.extend_from_slice(run));
    let backend = Arc::new(MemoryBackend::new(file));
    if let Ok(store) = Store::open_on(backend.clone()) {
        let _ = store.verify(VerifyLevel::Full);
        let transaction = store.begin().unwrap();
        let manifest = transaction.base().clone();
        // A state that opens can be built upon, unless its numbers are used up.
        let _ = transaction.commit(manifest);
    }
    let _ = Index::open_on(backend, OpenOptions::new());
}

fn packed(manifest: &Manifest) -> Vec<u8> {
    let sections = manifest.to_sections();
    let mut seed = Vec::new();
    for section in &sections[..4] {
        seed.extend_from_slice(&(section.bytes.len() as u16).to_le_bytes());
    }
    sections
        .iter()
        .for_each(|section| seed.extend_from_slice(&section.bytes));
    seed
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new(), packed(&Manifest::default())];
    for start in [Start::Store { seeded: true }, Start::Index] {
        let backend = Arc::new(MemoryBackend::new(start.image()));
        let store = Store::open_on(backend).unwrap();
        let manifest = store.manifest();
        seeds.push(packed(&manifest));
        let mut without = (*manifest).clone();
        without.params = b"{\"encoder\":{}}".to_vec();
        seeds.push(packed(&without));
        without.segments.clear();
        seeds.push(packed(&without));
    }
    seeds
}
