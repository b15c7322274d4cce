//! Checking a damaged index names the documents at risk; recovering saves all others.

#![allow(clippy::unwrap_used)]

mod corpus;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corpus::{answers, document, options, reopen};
use zerogr::ErrorKind;
use zerogr::index::{Index, MergePolicy, SearchOptions, TrainOptions, check, recover};
use zerogr::store::{Store, VerifyLevel};

/// Three segments of 40 documents, trained, `doc-3` deleted; built once for all tests.
fn sound() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.zgr");
    let index = Index::create(&path, options()).unwrap();
    for batch in 0..3 {
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        for number in batch * 40..(batch + 1) * 40 {
            writer.add(document(number)).unwrap();
        }
        writer.commit().unwrap();
    }
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.delete("doc-3").unwrap();
    writer
        .commit_with(Some(&TrainOptions::default()), &mut |_| {})
        .unwrap();
    (folder, path)
}

fn ids(path: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    reopen(path)
        .snapshot()
        .for_each_document(|document| {
            ids.insert(document.id);
            Ok(())
        })
        .unwrap();
    ids
}

/// Start and length of a section of the segment or heads of one segment.
fn section(path: &Path, segment: usize, heads: bool, kind: u16) -> (usize, usize) {
    let store = Store::open(path).unwrap();
    let entry = store.manifest().segments[segment].clone();
    let reference = if heads {
        entry.heads.unwrap()
    } else {
        entry.segment
    };
    let extent = store.extent(&reference).unwrap();
    let info = extent.sections().find(|info| info.kind.0 == kind).unwrap();
    (info.off_bytes as usize, info.len_bytes as usize)
}

const EXTERNAL_IDS: u16 = 0x0301;
const TRIE: u16 = 0x0101;
const PAYLOADS: u16 = 0x0305;
const EDGE_VECTORS: u16 = 0x0203;

/// Damages a copy of the file, checks it, recovers it, and returns ids at risk and ids saved.
fn damage_and_recover(damage: impl Fn(&mut [u8])) -> (BTreeSet<String>, u64, BTreeSet<String>) {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let mut bytes = std::fs::read(&sound).unwrap();
    damage(&mut bytes);
    std::fs::write(&bad, &bytes).unwrap();
    let report = check(&bad, VerifyLevel::Full).unwrap();
    assert!(!report.is_ok());
    let recovered = recover(&bad, &good).unwrap();
    assert_eq!(recovered.lost, report.at_risk);
    assert_eq!(
        std::fs::read(&bad).unwrap(),
        bytes,
        "the source is only read"
    );
    assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
    let saved = ids(&good);
    assert_eq!(saved.len() as u64, recovered.documents);
    let at_risk = report
        .at_risk
        .iter()
        .flat_map(|risk| risk.documents.clone());
    let unnamed = report
        .at_risk
        .iter()
        .map(|risk| risk.unnamed_documents)
        .sum();
    (at_risk.collect(), unnamed, saved)
}

#[test]
fn a_sound_index_is_copied_whole() {
    let (folder, sound) = sound();
    let good = folder.path().join("good.zgr");
    assert!(check(&sound, VerifyLevel::Full).unwrap().is_ok());
    let report = recover(&sound, &good).unwrap();
    assert!(report.is_complete() && report.notes.is_empty());
    assert_eq!(report.documents, 119);
    let options = SearchOptions::new();
    assert_eq!(
        answers(&reopen(&sound), &options),
        answers(&reopen(&good), &options)
    );
    let error = recover(&sound, &good).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Path);
    assert!(good.exists(), "what was there before stays");
}

#[test]
fn damaged_texts_cost_their_documents_only() {
    let (folder, path) = sound();
    let (start, len) = section(&path, 1, false, PAYLOADS);
    drop(folder);
    let (at_risk, unnamed, saved) = damage_and_recover(|bytes| bytes[start + len / 2] ^= 0x10);
    assert!(!at_risk.is_empty() && at_risk.len() <= 40 && unnamed == 0);
    assert_eq!(at_risk.len() + saved.len(), 119);
    assert!(at_risk.is_disjoint(&saved));
}

#[test]
fn lost_vectors_cost_no_document() {
    let (folder, path) = sound();
    let (start, _) = section(&path, 2, true, EDGE_VECTORS);
    drop(folder);
    let (at_risk, unnamed, saved) = damage_and_recover(|bytes| bytes[start] ^= 0x10);
    assert!(at_risk.is_empty() && unnamed == 0);
    assert_eq!(saved.len(), 119);
}

#[test]
fn a_lost_trie_costs_the_segment_and_its_documents_are_named() {
    let (folder, path) = sound();
    let (start, _) = section(&path, 0, false, TRIE);
    drop(folder);
    let (at_risk, unnamed, saved) = damage_and_recover(|bytes| bytes[start + 9] ^= 0x10);
    let expected: BTreeSet<String> = (0..40).map(|number| format!("doc-{number}")).collect();
    assert_eq!((at_risk, unnamed), (expected, 0));
    assert_eq!(saved.len(), 80);
}

#[test]
fn lost_ids_are_counted() {
    let (folder, path) = sound();
    let (start, _) = section(&path, 0, false, EXTERNAL_IDS);
    drop(folder);
    let (at_risk, unnamed, saved) = damage_and_recover(|bytes| bytes[start] ^= 0x10);
    assert!(at_risk.is_empty());
    assert_eq!((unnamed, saved.len()), (40, 80));
}

#[test]
fn a_file_without_its_front_still_gives_its_newest_state() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let bytes = std::fs::read(&sound).unwrap();
    // One slot lost: the newest. Everything before the first extent lost.
    for lost in [0..512, 4096..4608, 0..8192, 0..12_288] {
        let mut bytes = bytes.clone();
        bytes[lost].fill(0);
        std::fs::write(&bad, &bytes).unwrap();
        let report = recover(&bad, &good).unwrap();
        assert!(report.is_complete());
        assert_eq!(report.documents, 119, "{:?}", report.notes);
        assert_eq!(ids(&good), ids(&sound));
        std::fs::remove_file(&good).unwrap();
    }
    for foreign in [&b"not an index"[..], &[7; 20_000]] {
        std::fs::write(&bad, foreign).unwrap();
        let error = recover(&bad, &good).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAnIndex);
        assert!(!good.exists());
    }
}

#[test]
fn recovering_randomly_damaged_files_never_panics_and_checks_clean() {
    let (folder, sound) = sound();
    let (bad, good) = (
        folder.path().join("bad.zgr"),
        folder.path().join("good.zgr"),
    );
    let bytes = std::fs::read(&sound).unwrap();
    let all = ids(&sound);
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let mut recovered = 0;
    for _ in 0..150 {
        let mut bytes = bytes.clone();
        for _ in 0..1 + random(4) {
            let start = random(bytes.len());
            let end = (start + 1 + random(3000)).min(bytes.len());
            match random(3) {
                0 => bytes[start..end].fill(0),
                1 => bytes[start] ^= 1 << random(8),
                _ => bytes.truncate(bytes.len() - random(bytes.len() / 4)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        std::fs::write(&bad, &bytes).unwrap();
        match recover(&bad, &good) {
            Ok(_) => {
                recovered += 1;
                assert!(check(&good, VerifyLevel::Full).unwrap().is_ok());
                let saved = ids(&good);
                let known = all.iter().map(String::as_str).chain(["doc-3"]);
                let known: BTreeSet<&str> = known.collect();
                assert!(saved.iter().all(|id| known.contains(id.as_str())));
                std::fs::remove_file(&good).unwrap();
            }
            Err(error) => assert!(
                error.is_corrupt() || error.is_not_an_index() || error.is_unsupported_version(),
                "{error}"
            ),
        }
    }
    assert!(recovered > 75, "{recovered} of 150");
}
