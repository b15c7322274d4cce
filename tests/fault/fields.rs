//! Damage to the columns of fields: flipped bits, and numbers that are wrong though every checksum is
//! right.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::damage::{index_file, is_typed_damage, saved_documents};
use crate::passages::repair::repair;
use crate::passages::{all_documents, numbers_of, options, sections, wrong_values};
use rayon::prelude::*;
use zerogr::raw::store::{MemoryBackend, VerifyLevel};
use zerogr::{CheckReport, Error, Filter, Index, Mode, SearchOptions, check, recover_with};

const KINDS: &[u16] = &[0x030C, 0x030D, 0x030E, 0x030F, 0x0310];

/// What some filters find.
fn found(index: &Index) -> Result<Vec<BTreeSet<String>>, Error> {
    let filters = [
        Filter::range("number", 2..6),
        Filter::eq("words", "wing"),
        Filter::prefix("words", "s"),
        Filter::not(Filter::exists("number")),
    ];
    let options = SearchOptions::new().mode(Mode::Dense).k(100);
    let vector = vec![1.0; index.snapshot().params().encoder.dim];
    filters
        .into_iter()
        .map(|filter| {
            let options = options.clone().filter(filter);
            let found = index.snapshot().search_vector(&vector, &options)?;
            Ok(found.hits.into_iter().map(|hit| hit.id).collect())
        })
        .collect()
}

fn opened(file: Vec<u8>) -> Result<Index, Error> {
    Index::open_on(Arc::new(MemoryBackend::new(file)), options())
}

/// Checks and recovers a damaged file: what the check says, and what filters find in what was saved.
/// No document is lost.
fn check_and_recover(
    file: &[u8],
    all: &BTreeSet<String>,
    what: &str,
) -> (CheckReport, Vec<BTreeSet<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (bad, good) = (path("bad.zgr"), path("good.zgr"));
    std::fs::write(&bad, file).unwrap();
    let checked = check(&bad, VerifyLevel::Full).unwrap();
    let report = recover_with(&bad, &good, &options()).unwrap();
    assert!(report.is_complete(), "{what}: {report:?}");
    assert!(saved_documents(&good) == *all, "{what}: {report:?}");
    let found = found(&Index::open_with(&good, options()).unwrap()).unwrap();
    (checked, found)
}

#[test]
fn a_flipped_bit_in_a_column_is_named_and_costs_nothing() {
    // ZF-FD-05
    let file = index_file();
    let all = all_documents(&file);
    let expected = found(&opened(file.clone()).unwrap()).unwrap();
    assert!(
        expected
            .iter()
            .all(|ids| ids.len() > 2 || ids.contains("guide.md"))
    );
    let is_exhaustive = std::env::var_os("ZEROGR_EXHAUSTIVE").is_some();
    let step = if is_exhaustive { 1 } else { 97 };
    sections(&file, KINDS).par_iter().for_each(|(name, place)| {
        for bit in (place.start * 8..place.end * 8).step_by(step) {
            let mut bytes = file.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (checked, found) = check_and_recover(&bytes, &all, name);
            assert_eq!(found, expected, "{name}, bit {bit}");
            let mut findings = checked.store.findings.iter();
            assert!(
                findings.any(|one| one.place.contains(name.as_str())),
                "{checked:?}"
            );
        }
    });
}

#[test]
fn wrong_numbers_of_columns_are_refused_or_answered_and_cost_no_document() {
    let file = index_file();
    let all = all_documents(&file);
    let numbers = numbers_of(&file, KINDS);
    numbers.par_iter().enumerate().for_each(|(number, field)| {
        // The upper half of a number of 64 bits is that of a sign or of damage.
        for off in (field.off..field.off + field.len).step_by(4) {
            let place = off..off + 4;
            let old = u32::from_le_bytes(file[place.clone()].try_into().unwrap());
            for (way, value) in wrong_values(old).enumerate() {
                let what = format!("{field:?}: {value}, not {old}");
                let mut bytes = file.clone();
                bytes[place.clone()].copy_from_slice(&value.to_le_bytes());
                repair(&mut bytes);
                let used = opened(bytes.clone()).and_then(|index| {
                    found(&index)?;
                    index.merge()?;
                    found(&index)
                });
                if let Err(error) = used {
                    assert!(is_typed_damage(&error), "{what}: {error:?}");
                }
                // One way of each.
                if way == number % 5 {
                    check_and_recover(&bytes, &all, &what);
                }
            }
        }
    });
}
