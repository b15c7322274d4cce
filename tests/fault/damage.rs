//! Damaged files: a typed error or the right answer, never a panic, never a wrong answer.
//!
//! The right answer is that of the newest commit or, where its superblock or manifest is damaged,
//! that of the commit before; the store then says so (`Store::passed_over`).
//!
//! A small file of the store goes through every flip of a bit. So does an index of more than
//! 64 KiB, with three segments, tombstones and trained heads, opened, read and searched after
//! every flip; a run by default takes of each byte one bit, and every bit of the first 256 bytes
//! of each page, where headers, tables and records are. Recovery saves every document after every
//! 1,499th flip. All of them:
//!
//! ```text
//! ZEROGR_EXHAUSTIVE=1 cargo test --test fault damage -- --nocapture
//! ```

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::support::fault::{Random, observe_index, scenario};
use crate::support::segments::{entry, section};
use rayon::prelude::*;
use zerogr::raw::format::{BlobRole, ExtentKind, FileHeader, Manifest, checksum, limits};
use zerogr::raw::store::{Backend, CreateOptions, MemoryBackend, Store, VerifyLevel};
use zerogr::{
    Document, Documents, Error, ErrorKind, Index, MergePolicy, OpenOptions, TrainOptions, check,
    recover_with,
};

const SEED: CreateOptions = CreateOptions {
    seed: Some(7),
    application_id: 0,
};

/// A file of three generations and about 20 KB.
fn small_file() -> Vec<u8> {
    let backend = Arc::new(MemoryBackend::default());
    let store = Store::create_on(backend.clone(), &SEED).unwrap();
    for n in 0..2u8 {
        let mut transaction = store.begin().unwrap();
        let body: Vec<u8> = (0..300).map(|i| (i as u8) ^ n).collect();
        let sections = [1, 2].map(|kind| section(kind, &body));
        let segment = transaction.append(ExtentKind::Segment, &sections).unwrap();
        let mut manifest = transaction.base().clone();
        manifest.next_segment_id = u64::from(n) + 1;
        manifest.segments = vec![entry(n.into(), segment)];
        manifest.params = format!("{{\"n\":{n}}}").into_bytes();
        if n == 0 {
            manifest.blobs.push(
                transaction
                    .append_blob(BlobRole::Tokenizer, "t", "text/plain", b"blob")
                    .unwrap(),
            );
        }
        transaction.commit(manifest).unwrap();
    }
    backend.to_vec()
}

/// Everything a reader can get from a file.
type Answer = (Arc<Manifest>, Vec<Vec<u8>>);

fn read_all(bytes: Vec<u8>) -> Result<Answer, Error> {
    let store = Store::open_on(Arc::new(MemoryBackend::new(bytes)))?;
    let manifest = store.manifest();
    let mut contents = Vec::new();
    for reference in manifest.extents() {
        let extent = store.extent(&reference)?;
        for info in extent.sections() {
            contents.push(extent.section(info.kind)?.to_vec());
        }
    }
    Ok((manifest, contents))
}

/// The right answers: those of the whole file and, where a slot or manifest is lost, of the
/// commit before the last.
fn answers(file: &[u8]) -> [Answer; 2] {
    let newest = read_all(file.to_vec()).unwrap();
    let mut older = file.to_vec();
    // Three commits: the newest is in slot 0 again.
    older[..512].fill(0xFF);
    let older = read_all(older).unwrap();
    assert_eq!((newest.0.generation, older.0.generation), (3, 2));
    [newest, older]
}

pub fn is_typed_damage(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Corrupt | ErrorKind::NotAnIndex | ErrorKind::UnsupportedVersion
    )
}

#[test]
fn every_single_bit_flip_is_found_or_harmless() {
    // ZF-OP-07
    let file = small_file();
    let answers = answers(&file);
    let mut damaged = file.clone();
    let (mut refused, mut fell_back) = (0, 0);
    for bit in 0..file.len() * 8 {
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read_all(damaged.clone()) {
            Ok(answer) if answer == answers[0] => {}
            Ok(answer) => {
                assert!(answer == answers[1], "bit {bit} changed the answer");
                fell_back += 1;
            }
            Err(error) => {
                assert!(is_typed_damage(&error), "bit {bit}: {error}");
                refused += 1;
            }
        }
        damaged[bit / 8] ^= 1 << (bit % 8);
    }
    // The newest record and manifest fall back; header and sections cannot.
    assert!(fell_back >= (256 + 4096) * 8 && refused >= (256 + 600) * 8);
}

#[test]
fn full_verification_finds_every_flip_of_a_live_byte() {
    // ZF-CV-03, ZF-BL-02
    let file = small_file();
    let dead = {
        // The first manifest and the first segment are not reachable any more.
        let store = Store::open_on(Arc::new(MemoryBackend::new(file.clone()))).unwrap();
        let manifest = store.manifest();
        let mut live: Vec<_> = manifest.extents().map(|r| r.off_bytes as usize).collect();
        live.push(file.len() - 4096);
        // The manifest before is not live, and still what a torn slot would fall back to.
        live.push(manifest.prev_manifest_off as usize);
        move |at: usize| at >= 12_288 && !live.contains(&(at / 4096 * 4096))
    };
    let mut damaged = file.clone();
    for at in 0..file.len() {
        let bit = 1 << (at % 8);
        damaged[at] ^= bit;
        if let Ok(store) = Store::open_on(Arc::new(MemoryBackend::new(damaged.clone()))) {
            let report = store.verify(VerifyLevel::Full);
            assert_eq!(report.is_ok(), dead(at), "byte {at}: {:?}", report.findings);
            assert!(report.findings.iter().all(|finding| {
                let start = finding.off_bytes as usize / 4096 * 4096;
                (start..start + 4096).contains(&at)
                    || store.manifest().generation == 2
                    || finding.place.contains("slot")
            }));
        }
        damaged[at] ^= bit;
    }
}

#[test]
fn truncation_at_any_length_opens_a_commit_or_is_refused() {
    let file = small_file();
    let answers = answers(&file);
    for len in (0..file.len())
        .step_by(64)
        .chain(file.len() - 70..file.len())
    {
        match read_all(file[..len].to_vec()) {
            Ok(answer) => assert!(answers.contains(&answer), "length {len}"),
            Err(error) => assert!(is_typed_damage(&error), "length {len}: {error}"),
        }
    }
    assert!(
        read_all(file[..8000].to_vec())
            .unwrap_err()
            .is_not_an_index()
    );
    assert!(read_all(file[..13_000].to_vec()).unwrap_err().is_corrupt());
}

#[test]
fn a_torn_newest_slot_falls_back_and_says_so_and_the_next_commit_repairs_it() {
    // ZF-CM-03
    let mut file = small_file();
    file[100] ^= 1;
    let backend = Arc::new(MemoryBackend::new(file.clone()));
    let store = Store::open_on(backend.clone()).unwrap();
    assert_eq!(store.manifest().generation, 2);
    assert_eq!(store.passed_over().len(), 1);
    let report = store.verify(VerifyLevel::Headers);
    assert_eq!(report.findings[0].place, "superblock slot 0");
    let transaction = store.begin().unwrap();
    let manifest = transaction.base().clone();
    transaction.commit(manifest).unwrap();
    assert!(store.passed_over().is_empty());
    // What the damaged slot named may be in use elsewhere, so it is still there.
    assert!(backend.to_vec()[12_288..file.len()] == file[12_288..]);
    let again = Store::open_on(backend).unwrap();
    assert_eq!(again.manifest().generation, 3);
    assert!(again.verify(VerifyLevel::Full).is_ok());
}

#[test]
fn both_slots_lost_is_corrupt_and_a_lost_header_is_told_from_no_index() {
    // ZF-FH-02, ZF-OP-06
    let mut file = small_file();
    file[8192] ^= 1;
    assert!(read_all(file.clone()).unwrap_err().is_corrupt());
    file[0] ^= 1;
    file[4096] ^= 1;
    assert!(read_all(file.clone()).unwrap_err().is_not_an_index());
    file[8192] ^= 1;
    assert!(read_all(file).unwrap_err().is_corrupt());
}

/// Rewrites the newest superblock, with a good checksum.
fn with_superblock(file: &[u8], change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut file = file.to_vec();
    change(&mut file[..252]);
    let crc = checksum::crc32(&file[..252]);
    file[252..256].copy_from_slice(&crc.to_le_bytes());
    file
}

#[test]
fn newer_formats_and_unknown_features_are_refused_not_passed_over() {
    // ZF-OP-04, ZF-VE-03
    let file = small_file();
    let newer = with_superblock(&file, |record| record[8] = 9);
    assert!(read_all(newer).unwrap_err().is_unsupported_version());
    let feature = with_superblock(&file, |record| record[80] = 1);
    assert!(read_all(feature).unwrap_err().is_unsupported_version());
    let optional = with_superblock(&file, |record| record[96] = 1);
    assert!(read_all(optional).is_ok());
    let read_only = with_superblock(&file, |record| record[88] = 1);
    let store = Store::open_on(Arc::new(MemoryBackend::new(read_only))).unwrap();
    assert!(store.begin().unwrap_err().is_unsupported_version());
}

#[test]
fn superblocks_that_lie_with_good_checksums_are_refused_or_passed_over() {
    let file = small_file();
    let answers = answers(&file);
    for (at, len) in [(24, 8), (32, 8), (40, 8), (48, 4), (56, 8)] {
        for value in [
            0u64,
            1,
            4096,
            8192,
            12_288,
            1 << 40,
            1 << 62,
            u64::MAX,
            u64::MAX - 4095,
        ] {
            let damaged = with_superblock(&file, |r| {
                r[at..at + len].copy_from_slice(&value.to_le_bytes()[..len])
            });
            match read_all(damaged) {
                Ok(answer) => assert!(answers.contains(&answer)),
                Err(error) => assert!(is_typed_damage(&error)),
            }
        }
    }
}

#[test]
fn the_layout_is_the_one_in_the_specification() {
    let file = small_file();
    assert_eq!(limits::SLOT_OFF_BYTES, [0, 4096]);
    let header = FileHeader::decode(&file[8192..]).unwrap();
    assert_eq!(header.created_ms, 0);
    assert_eq!(&file[0..4], b"\x89ZGS");
    assert_eq!(&file[8192..8196], b"\x89ZGR");
    assert_eq!(&file[12_288..12_292], b"ZGRX");
    assert_eq!(&file[file.len() - 4..], b"XRGZ");
    assert_eq!(&file[80..256][..16], &[0; 16]);
    assert_eq!(u64::from_le_bytes(file[16..24].try_into().unwrap()), 3);
    assert_eq!(&file[64..80], header.file_uuid);
}

/// An index of three segments with trained heads, each with a document that is cut into passages;
/// the last commit deleted documents.
pub fn index_file() -> Vec<u8> {
    let backend = Arc::new(MemoryBackend::default());
    let index = Index::create_on(backend.clone(), scenario::index_options()).unwrap();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for numbers in [0..4, 4..7, 7..9] {
        if numbers.start == 4 {
            writer.add(scenario::guide()).unwrap();
        }
        for number in numbers {
            // Bytes that do not compress.
            let mut noise = vec![0; 150];
            Random::new(number as u64).fill(&mut noise);
            let noise: String = noise.iter().map(|byte| format!("{byte:02x}")).collect();
            writer
                .add(scenario::document(number).extra("noise", noise))
                .unwrap();
        }
        writer.commit().unwrap();
    }
    let train = TrainOptions::default().seed(1);
    writer.commit_with(Some(&train), &mut |_| {}).unwrap();
    for id in ["d1", "d5"] {
        assert!(writer.delete(id).unwrap());
    }
    writer.commit().unwrap();
    let file = backend.to_vec();
    assert!(file.len() >= 64 << 10, "{} bytes", file.len());
    file
}

/// Opens an index, reads every document and searches; whether it fell back to an older commit.
fn search_all(backend: &Arc<MemoryBackend>) -> Result<(u64, bool), Error> {
    let index = Index::open_on(backend.clone(), OpenOptions::new())?;
    let mut hasher = DefaultHasher::new();
    observe_index(&index, &mut hasher)?;
    Ok((hasher.finish(), !index.stored().passed_over().is_empty()))
}

/// The answers of the newest commit and of the one before.
fn index_answers(file: &[u8]) -> [u64; 2] {
    let newest = Arc::new(MemoryBackend::new(file.to_vec()));
    let slot = Store::open_on(newest.clone())
        .unwrap()
        .manifest()
        .generation as usize;
    let older = Arc::new(MemoryBackend::new(file.to_vec()));
    // Generation 1 is in slot 0.
    older
        .write_all_at(&[0xFF; 256], (slot - 1) as u64 % 2 * 4096)
        .unwrap();
    let (newest, older) = (search_all(&newest).unwrap(), search_all(&older).unwrap());
    assert!(newest.0 != older.0 && !newest.1 && older.1);
    [newest.0, older.0]
}

/// What became of a damaged file: an error, the newest answer, or the one before.
#[derive(Debug, Default)]
struct Outcomes {
    refused: AtomicUsize,
    newest: AtomicUsize,
    older: AtomicUsize,
}

impl Outcomes {
    fn check(&self, answers: &[u64; 2], backend: &Arc<MemoryBackend>, what: &str) {
        let result = catch_unwind(AssertUnwindSafe(|| search_all(backend)));
        let counter = match result.unwrap_or_else(|_| panic!("{what}: a panic")) {
            Ok((answer, _)) if answer == answers[0] => &self.newest,
            Ok((answer, fell_back)) => {
                assert!(answer == answers[1] && fell_back, "{what}: a wrong answer");
                &self.older
            }
            Err(error) => {
                assert!(is_typed_damage(&error), "{what}: {error:?}");
                &self.refused
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn an_index_answers_right_or_not_at_all_after_any_flip_of_a_bit() {
    let file = index_file();
    let answers = index_answers(&file);
    let exhaustive = std::env::var_os("ZEROGR_EXHAUSTIVE").is_some();
    let bits: Vec<usize> = (0..file.len() * 8)
        .filter(|bit| {
            let byte = bit / 8;
            let chosen = Random::new(byte as u64).below(8) == bit % 8;
            exhaustive || chosen || byte % 4096 < 256
        })
        .collect();
    let (outcomes, start) = (Outcomes::default(), Instant::now());
    bits.par_chunks(512).for_each(|bits| {
        let backend = Arc::new(MemoryBackend::new(file.clone()));
        for bit in bits {
            let (at, old) = (bit / 8, file[bit / 8]);
            let flipped = old ^ 1 << (bit % 8);
            backend.write_all_at(&[flipped], at as u64).unwrap();
            outcomes.check(&answers, &backend, &format!("byte {at}, bit {}", bit % 8));
            backend.write_all_at(&[old], at as u64).unwrap();
        }
    });
    println!(
        "{} flips in {:?}: {outcomes:?}",
        bits.len(),
        start.elapsed()
    );
    // Sections are refused, the newest record and manifest fall back, dead bytes do not matter.
    for counter in [&outcomes.refused, &outcomes.newest, &outcomes.older] {
        assert!(counter.load(Ordering::Relaxed) > 2000, "{outcomes:?}");
    }
}

#[test]
fn an_index_cut_at_any_length_answers_right_or_not_at_all() {
    let file = index_file();
    let answers = index_answers(&file);
    let (outcomes, start) = (Outcomes::default(), Instant::now());
    (0..=file.len()).into_par_iter().for_each(|len| {
        let backend = Arc::new(MemoryBackend::new(file[..len].to_vec()));
        outcomes.check(&answers, &backend, &format!("length {len}"));
    });
    println!(
        "{} lengths in {:?}: {outcomes:?}",
        file.len() + 1,
        start.elapsed()
    );
    assert_eq!(outcomes.newest.into_inner(), 1);
    assert!(outcomes.older.into_inner() >= 4096);
}

/// The documents of an index, but for their docids.
pub fn saved_documents(path: &Path) -> BTreeSet<String> {
    let mut saved = BTreeSet::new();
    let unreadable = Documents::open(path).unwrap().for_each(|document| {
        saved.insert(
            Document {
                docids: Vec::new(),
                ..document
            }
            .to_json_line(),
        );
        Ok(())
    });
    assert!(unreadable.unwrap().is_empty());
    saved
}

#[test]
fn no_flip_of_a_bit_costs_recovery_a_document() {
    let file = index_file();
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.zgr");
    std::fs::write(&sound, &file).unwrap();
    let all = saved_documents(&sound);
    let is_exhaustive = std::env::var_os("ZEROGR_EXHAUSTIVE").is_some();
    let step = if is_exhaustive { 1 } else { 1499 };
    let bits: Vec<usize> = (0..file.len() * 8).step_by(step).collect();
    bits.par_chunks(256).for_each(|bits| {
        let folder = tempfile::tempdir().unwrap();
        let (bad, good) = (
            folder.path().join("bad.zgr"),
            folder.path().join("good.zgr"),
        );
        let mut bytes = file.clone();
        for bit in bits {
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&bad, &bytes).unwrap();
            let options = OpenOptions::new().encoder(scenario::encoder());
            let report = recover_with(&bad, &good, &options);
            let report = report.unwrap_or_else(|error| panic!("bit {bit}: {error}"));
            let saved = saved_documents(&good);
            assert!(all.is_subset(&saved), "bit {bit}: {report:?}");
            // One that was deleted may be back.
            assert!(saved.len() <= all.len() + 2, "bit {bit}: {report:?}");
            let checked = check(&good, VerifyLevel::Full).unwrap();
            assert!(checked.is_ok(), "bit {bit}: {checked:?}");
            std::fs::remove_file(&good).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    });
}
