//! Where things are in a file and how they come to be there, checked with no help from the code
//! that writes them.

use std::sync::Arc;

use crate::by_hand::{ByHand, newest_superblock, with_record, with_section};
use crate::contents::{assert_same, contents};
use crate::indexes::GOLDENS;
use crate::support::repository::repository;
use crate::support::second_reader::read_py;
use sha2::{Digest, Sha256};
#[cfg(feature = "models")]
use zerogr::ErrorKind;
use zerogr::raw::format::{BlobRole, ExtentKind, SectionInput, SectionKind, SlotContent};
use zerogr::raw::store::{MemoryBackend, Store};
use zerogr::{Index, OpenOptions};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(repository("tests/golden").join(format!("{name}.zgr"))).unwrap()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn every_byte_before_the_first_extent_is_accounted_for() {
    // ZF-CV-01, ZF-CV-03, ZF-FL-01, ZF-SB-05
    let bytes = golden("segments");
    for (at, magic) in [
        (0, b"\x89ZGS\r\n\x1a\n"),
        (4096, b"\x89ZGS\r\n\x1a\n"),
        (8192, b"\x89ZGR\r\n\x1a\n"),
    ] {
        assert_eq!(&bytes[at..at + 8], magic);
        assert_eq!(&bytes[at + 8..at + 12], [0, 0, 1, 0]);
        assert_eq!(
            u32_at(&bytes, at + 252),
            crc32fast::hash(&bytes[at..at + 252])
        );
        assert!(bytes[at + 256..at + 4096].iter().all(|&byte| byte == 0));
    }
    for slot in [0, 4096] {
        assert_eq!(&bytes[slot + 12..slot + 16], [0; 4]);
        assert_eq!(&bytes[slot + 80..slot + 104], [0; 24], "no features");
        assert!(bytes[slot + 120..slot + 252].iter().all(|&byte| byte == 0));
    }
    assert_eq!(u32_at(&bytes, 8192 + 12), 1, "SEEDED");
    assert!(bytes[8192 + 32..8192 + 252].iter().all(|&byte| byte == 0));
}

#[test]
fn extents_fill_the_file_and_are_what_their_header_says() {
    // ZF-EX-01, ZF-EX-04, ZF-EX-05, ZF-EX-12, ZF-FL-02, ZF-FL-04: every commit only appended.
    let bytes = golden("segments");
    let (mut at, mut manifests) = (12_288, 0);
    while at < bytes.len() {
        let extent = &bytes[at..];
        assert_eq!(&extent[..4], b"ZGRX");
        let len = u64_at(extent, 24) as usize + 96;
        assert!(len.is_multiple_of(4096));
        let footer = &extent[len - 32..len];
        assert_eq!(u32_at(footer, 0), crc32fast::hash(&extent[64..len - 32]));
        assert_eq!(u32_at(footer, 4), u32_at(extent, 60));
        assert_eq!(u64_at(footer, 8), len as u64);
        assert_eq!(u32_at(footer, 24), crc32fast::hash(&footer[..24]));
        assert_eq!(&footer[28..], b"XRGZ");
        manifests += u64::from(extent[4] == 6);
        // The newest commit of the walk so far.
        assert!(u64_at(extent, 8) <= manifests + 1);
        at += len;
    }
    let (_, superblock) = newest_superblock(&bytes);
    assert_eq!(manifests, superblock.generation);
    assert_eq!(superblock.committed_end_bytes, bytes.len() as u64);
}

#[test]
fn dead_bytes_are_those_that_nothing_refers_to() {
    // ZF-MF-03, ZF-FL-04
    for golden_index in &GOLDENS {
        let by_hand = ByHand::on(&golden(golden_index.name));
        let mut extents: Vec<_> = by_hand.manifest.extents().collect();
        extents.sort();
        extents.dedup();
        let live: u64 = extents.iter().map(|extent| extent.len_bytes).sum();
        let superblock = &by_hand.superblock;
        let dead = superblock.committed_end_bytes - 12_288 - superblock.manifest_len_bytes - live;
        assert_eq!(by_hand.manifest.dead_bytes, dead, "{}", golden_index.name);
    }
}

#[test]
fn identity_and_nonces_of_a_seeded_file_follow_from_the_seed() {
    // ZF-CM-08, ZF-CM-09
    let bytes = golden("empty");
    let mut uuid =
        Sha256::digest([&b"zerogr file uuid\0"[..], &7u64.to_le_bytes()].concat())[..16].to_vec();
    uuid[6] = uuid[6] & 0x0F | 0x80;
    uuid[8] = uuid[8] & 0x3F | 0x80;
    assert_eq!(&bytes[8192 + 16..8192 + 32], uuid);
    let nonce = |base: &[u8]| {
        let hash = Sha256::digest([&b"zerogr commit nonce\0"[..], &uuid, base].concat());
        u64_at(&hash, 0)
    };
    // The first commit is in slot 0, the second in slot 1.
    assert_eq!(u64_at(&bytes, 56), nonce(&[0; 20]));
    let base = [&bytes[16..24], &bytes[56..64], &bytes[48..52]].concat();
    assert_eq!(u64_at(&bytes, 4096 + 56), nonce(&base));
}

#[test]
fn a_newer_version_is_refused_by_name_whatever_else_it_says() {
    // ZF-FH-01, ZF-SB-02, ZF-VE-01
    let mut record = [0xA5; 256];
    record[..8].copy_from_slice(b"\x89ZGS\r\n\x1a\n");
    record[8..12].copy_from_slice(&[9, 0, 3, 0]);
    record[16..24].copy_from_slice(&77u64.to_le_bytes());
    let crc = crc32fast::hash(&record[..252]);
    record[252..].copy_from_slice(&crc.to_le_bytes());
    let SlotContent::Unreadable { generation, error } = SlotContent::decode(&record, None) else {
        panic!();
    };
    assert_eq!(generation, 77);
    assert!(error.to_string().contains("9.3"), "{error}");
}

#[test]
fn a_commit_keeps_the_optional_features_it_does_not_know() {
    // ZF-SB-06
    let bytes = golden("segments");
    let (slot, _) = newest_superblock(&bytes);
    let bytes = with_record(&bytes, slot * 4096, |record| record[100] = 8);
    let backend = Arc::new(MemoryBackend::new(bytes));
    let options = OpenOptions::new().encoder(Arc::new(GOLDENS[2].encoder));
    let index = Index::open_on(backend.clone(), options).unwrap();
    let mut writer = index.writer().unwrap();
    writer.delete("rope").unwrap();
    writer.commit().unwrap();
    let (_, superblock) = newest_superblock(&backend.to_vec());
    assert_eq!((superblock.generation, superblock.opt_flags), (6, 8 << 32));
}

#[test]
fn large_sections_have_chunk_tables() {
    // ZF-EX-07, ZF-EX-08, ZF-EX-09: checked by both readers.
    let backend = Arc::new(MemoryBackend::new(golden("blobs")));
    let store = Store::open_on(backend.clone()).unwrap();
    let mut transaction = store.begin().unwrap();
    let mut manifest = transaction.base().clone();
    for len in [1 << 20, (1 << 20) + 1, (1 << 20) + (1 << 16), 1_500_000] {
        let blob: Vec<u8> = (0..len).map(|at: u32| (at >> 8 ^ at) as u8).collect();
        let name = len.to_string();
        let entry = transaction.append_blob(BlobRole::Other(9), &name, "", &blob);
        manifest.blobs.push(entry.unwrap());
    }
    transaction.commit(manifest).unwrap();
    let mut bytes = backend.to_vec();
    assert_same(&read_py(&bytes).unwrap(), &contents(&bytes), 0.0, "blobs");

    let by_hand = ByHand::on(&bytes);
    let extents: Vec<_> = by_hand.manifest.extents().collect();
    let [.., at_limit, _, _, last] = extents.as_slice() else {
        panic!();
    };
    let entry = |off: u64| &bytes[off as usize + 64..][..64];
    assert_eq!(entry(at_limit.off_bytes)[6], 1);
    assert_eq!(entry(last.off_bytes)[6], 2);
    let table_off = last.off_bytes + u64_at(entry(last.off_bytes), 40);
    bytes[table_off as usize] ^= 1;
    let store = Store::open_on(Arc::new(MemoryBackend::new(bytes.clone()))).unwrap();
    let blob = store.manifest().blobs.last().unwrap().clone();
    assert!(store.blob(&blob).unwrap_err().is_corrupt());
    assert_eq!(read_py(&bytes).map(drop).unwrap_err().0, 1);
}

#[cfg(feature = "models")]
#[test]
fn an_external_blob_is_the_one_meant_or_not_used() {
    // ZF-MF-07
    let folder = tempfile::tempdir().unwrap();
    let mut by_hand = ByHand::on(&golden("blobs"));
    by_hand.manifest.blobs[0].role = BlobRole::Encoder;
    by_hand.manifest.blobs[1].role = BlobRole::Tokenizer;
    let path = folder.path().join("blobs.zgr");
    std::fs::write(&path, by_hand.commit()).unwrap();
    let kind_with = |options| {
        let index = Index::open_with(&path, options).unwrap();
        index.encoder().err().unwrap().kind()
    };
    assert_eq!(kind_with(OpenOptions::new()), ErrorKind::UntrustedModel);
    let kind = || kind_with(OpenOptions::new().trust_model(true));
    assert_eq!(kind(), ErrorKind::Model, "nothing is there");
    std::fs::create_dir(folder.path().join("elsewhere")).unwrap();
    let outside = folder.path().join("elsewhere/notes.txt");
    std::fs::write(&outside, b"other content").unwrap();
    assert_eq!(kind(), ErrorKind::ModelMismatch);
}

#[test]
fn vacuum_and_merge_change_no_document() {
    // ZF-VA-01, ZF-CP-02, ZF-SG-02, ZF-HD-03
    let bytes = golden("segments");
    let store = Store::open_on(Arc::new(MemoryBackend::new(bytes.clone()))).unwrap();
    let target = Arc::new(MemoryBackend::default());
    store.copy_live(target.clone()).unwrap();
    let vacuumed = target.to_vec();
    assert!(vacuumed.len() < bytes.len());
    assert_eq!(vacuumed[8192..12_288], bytes[8192..12_288]);
    assert_eq!(vacuumed[..4096], vacuumed[4096..8192]);
    let by_hand = ByHand::on(&vacuumed);
    assert_eq!(
        (
            by_hand.manifest.prev_manifest_off,
            by_hand.manifest.dead_bytes
        ),
        (0, 0)
    );
    let found = read_py(&vacuumed).unwrap();
    assert_same(&found, &contents(&vacuumed), 0.0, "vacuumed");
    let mut expected = contents(&bytes);
    expected["generation"] = 6.into();
    assert_same(&found, &expected, 0.0, "vacuumed");

    let backend = Arc::new(MemoryBackend::new(bytes));
    let options = OpenOptions::new().encoder(Arc::new(GOLDENS[2].encoder));
    let index = Index::open_on(backend.clone(), options).unwrap();
    index.merge().unwrap();
    let merged = backend.to_vec();
    let found = read_py(&merged).unwrap();
    assert_same(&found, &contents(&merged), 0.0, "merged");
    let live = |index: &serde_json::Value| -> Vec<serde_json::Value> {
        let docids_of = |document: &serde_json::Value| -> serde_json::Value {
            let passages = index["passages"].as_array().unwrap().iter();
            let own = passages.filter(|one| {
                one["segment"] == document["segment"] && one["document"] == document["ordinal"]
            });
            own.map(|one| one["docids"].clone()).collect()
        };
        let documents = index["documents"].as_array().unwrap().iter();
        let live = documents.filter(|document| document["live"] == true);
        let mut live: Vec<_> = live
            .map(|one| serde_json::json!([one["id"], one["title"], one["text"], docids_of(one)]))
            .collect();
        live.sort_by_key(|one| one[0].to_string());
        live
    };
    assert_eq!(found["segments"].as_array().unwrap().len(), 1);
    assert_eq!(live(&found), live(&expected));
}

#[test]
fn pseudo_queries_may_be_left_alone() {
    // ZF-PQ-01, ZF-VE-03
    let bytes = golden("segments");
    let mut by_hand = ByHand::on(&bytes);
    let section = SectionInput::new(SectionKind(0x0401), 1, b"of a newer writer".to_vec());
    let reference = by_hand.append(ExtentKind::PseudoQueries, &[section]);
    by_hand.manifest.segments[0].pseudo_queries = Some(reference);
    let bytes = by_hand.commit();
    assert!(crate::contents::open(&bytes, GOLDENS[2].encoder).is_ok());
    assert_same(
        &read_py(&bytes).unwrap(),
        &contents(&bytes),
        0.0,
        "segments",
    );
}

#[test]
fn a_section_kind_occurs_once() {
    // ZF-EX-06: two entries of a table, made equal.
    let bytes = golden("segments");
    let bytes = with_section(&bytes, SectionKind(0x8001), |_| {
        Some(SectionInput::new(SectionKind(0x8001), 0, Vec::new()))
    });
    let mut by_hand = ByHand::on(&bytes);
    let reference = &mut by_hand.manifest.segments[0].segment;
    let start = reference.off_bytes as usize;
    let extent = &mut by_hand.bytes[start..];
    extent.copy_within(64..66, 64 + 10 * 64);
    let table_crc = crc32fast::hash(&extent[64..64 + 11 * 64]);
    extent[40..44].copy_from_slice(&table_crc.to_le_bytes());
    reference.header_crc = crc32fast::hash(&extent[..60]);
    extent[60..64].copy_from_slice(&reference.header_crc.to_le_bytes());
    let bytes = by_hand.commit();
    assert!(
        crate::contents::open(&bytes, GOLDENS[2].encoder)
            .unwrap_err()
            .is_corrupt()
    );
    assert_eq!(read_py(&bytes).map(drop).unwrap_err().0, 1);
}
