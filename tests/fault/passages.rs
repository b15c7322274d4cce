//! Damage to the sections that say which passages documents have: flipped bits, and numbers that
//! are wrong though every checksum is right.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

#[path = "../../fuzz/bodies/fields.rs"]
#[allow(dead_code)]
pub mod numbers;
#[path = "../../fuzz/bodies/repair.rs"]
pub mod repair;

use crate::damage::{index_file, is_typed_damage, saved_documents};
use crate::support::fault::scenario;
use numbers::{Field, Group, fields};
use rayon::prelude::*;
use repair::repair;
use zerogr::raw::format::ExtentKind;
use zerogr::raw::format::sections::name_of;
use zerogr::raw::store::{MemoryBackend, Store, VerifyLevel};
use zerogr::{
    CheckReport, Error, Index, Mode, OpenOptions, SearchOptions, SnippetOptions, check,
    recover_with,
};

const KINDS: &[u16] = &[0x0309, 0x030A, 0x030B];

pub fn options() -> OpenOptions {
    OpenOptions::new().encoder(scenario::encoder())
}

/// The numbers in the sections of some kinds, each of which the file has.
pub fn numbers_of(file: &[u8], kinds: &[u16]) -> Vec<Field> {
    let is_of_kinds = |field: &Field| match field.group {
        Group::Section(kind) => kinds.contains(&kind),
        _ => false,
    };
    let numbers: Vec<Field> = fields(file).into_iter().filter(is_of_kinds).collect();
    let groups: BTreeSet<Group> = numbers.iter().map(|field| field.group).collect();
    assert_eq!(groups.len(), kinds.len());
    numbers
}

/// Names and places of the sections of some kinds in the segments of a file.
pub fn sections(file: &[u8], kinds: &[u16]) -> Vec<(String, Range<usize>)> {
    let store = Store::open_on(Arc::new(MemoryBackend::new(file.to_vec()))).unwrap();
    let mut found = Vec::new();
    for entry in &store.manifest().segments {
        let extent = store.extent(&entry.segment).unwrap();
        for info in extent
            .sections()
            .filter(|info| kinds.contains(&info.kind.0))
        {
            let start = info.off_bytes as usize;
            let name = name_of(ExtentKind::Segment, info.kind);
            found.push((name, start..start + info.len_bytes as usize));
        }
    }
    let names: BTreeSet<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), kinds.len(), "{names:?}");
    found
}

/// Checks and recovers a damaged file: what the check says, and the headings of a passage that is
/// found in what was saved.
fn check_and_recover(
    file: &[u8],
    all: &BTreeSet<String>,
    what: &str,
) -> (CheckReport, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bad, good) = (path("bad.zgr"), path("good.zgr"));
    std::fs::write(&bad, file).unwrap();
    let checked = check(&bad, VerifyLevel::Full).unwrap();
    let loses = checked.at_risk.iter().any(|risk| risk.loses_documents());
    assert!(!loses, "{what}: {checked:?}");
    let report = recover_with(&bad, &good, &options()).unwrap();
    assert!(report.is_complete(), "{what}: {report:?}");
    assert!(saved_documents(&good) == *all, "{what}: {report:?}");
    let saved = check(&good, VerifyLevel::Full).unwrap();
    assert!(saved.is_ok(), "{what}: {saved:?}");
    let headings = headings_of_the_guide(&good, what);
    (checked, headings)
}

/// What was recovered has passages in their places.
fn headings_of_the_guide(path: &Path, what: &str) -> Vec<String> {
    let index = Index::open_with(path, options()).unwrap();
    let hits = index
        .search("cool cone river", &SearchOptions::new())
        .unwrap()
        .hits;
    let hit = hits.iter().find(|hit| hit.id == "guide.md").unwrap();
    let place = &hit.passages[0];
    let text = index.snapshot().document("guide.md").unwrap().unwrap().text;
    assert!(
        text[place.bytes.clone()].contains("cool"),
        "{what}: {hit:?}"
    );
    place.headings.clone()
}

pub fn all_documents(file: &[u8]) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sound.zgr");
    std::fs::write(&path, file).unwrap();
    saved_documents(&path)
}

#[test]
fn a_flipped_bit_in_a_section_of_passages_is_named_and_costs_no_document() {
    // ZF-PS-06
    let file = index_file();
    let all = all_documents(&file);
    let is_exhaustive = std::env::var_os("ZEROGR_EXHAUSTIVE").is_some();
    let step = if is_exhaustive { 1 } else { 37 };
    sections(&file, KINDS).par_iter().for_each(|(name, place)| {
        for bit in (place.start * 8..place.end * 8).step_by(step) {
            let mut bytes = file.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (checked, headings) = check_and_recover(&bytes, &all, name);
            let mut findings = checked.store.findings.iter();
            assert!(
                findings.any(|one| one.place.contains(name.as_str())),
                "{checked:?}"
            );
            let damage = checked.at_risk.iter().flat_map(|risk| &risk.damage);
            let damage: Vec<&String> = damage.collect();
            assert!(
                damage.len() == 1 && damage[0].contains("its documents are cut into passages anew"),
                "{checked:?}"
            );
            assert_eq!(headings, ["Heat", "Cone"], "{name}, bit {bit}");
        }
    });
}

/// What a number may be set to.
pub fn wrong_values(old: u32) -> impl Iterator<Item = u32> {
    let beside = [
        old.wrapping_add(1),
        old.wrapping_sub(1),
        old.wrapping_mul(2),
    ];
    let all = beside
        .into_iter()
        .chain([0, 1, 1 << 31, u32::MAX - 1, u32::MAX]);
    all.filter(move |&value| value != old)
}

/// Opens, asks, shows and merges: answers and errors, but no panic.
fn use_all(file: Vec<u8>) -> Result<(), Error> {
    let index = Index::open_on(Arc::new(MemoryBackend::new(file)), options())?;
    let search = || -> Result<(), Error> {
        for mode in [
            Mode::Planned,
            Mode::Generative,
            Mode::Lexical,
            Mode::Dense,
            Mode::Fusion,
        ] {
            let options = SearchOptions::new().mode(mode).passages_per_document(9);
            for hit in index.search("cool cone river wing", &options)?.hits {
                let snippet = SnippetOptions::default();
                index.snapshot().snippet(&hit, "cone", &snippet)?;
            }
        }
        Ok(())
    };
    let before = search();
    index.merge()?;
    before.and(search())
}

#[test]
fn wrong_numbers_of_passages_are_refused_or_answered_and_cost_no_document() {
    let file = index_file();
    let all = all_documents(&file);
    let numbers = numbers_of(&file, KINDS);
    numbers.par_iter().enumerate().for_each(|(number, field)| {
        let place = field.off..field.off + 4;
        let old = u32::from_le_bytes(file[place.clone()].try_into().unwrap());
        for (way, value) in wrong_values(old).enumerate() {
            let what = format!("{field:?}: {value}, not {old}");
            let mut bytes = file.clone();
            bytes[place.clone()].copy_from_slice(&value.to_le_bytes());
            repair(&mut bytes);
            if let Err(error) = use_all(bytes.clone()) {
                assert!(is_typed_damage(&error), "{what}: {error:?}");
            }
            // One way of each.
            if way == number % 5 {
                check_and_recover(&bytes, &all, &what);
            }
        }
    });
}
