//! The golden files: today's code, the second reader and the files themselves agree.
//!
//! `ZEROGR_BLESS=1 cargo test --test format golden` writes the files of `tests/golden/` anew. Do
//! that only when the format changes, together with its version, its text and a line in the
//! changelog; files of a released version are never written again.

use std::path::PathBuf;
use std::sync::Arc;

use crate::contents::{assert_same, contents, searches};
use crate::indexes::{GOLDENS, Golden};
use crate::support::repository::repository;
use crate::support::second_reader::read_py;
use serde_json::{Value, json};
use zerogr::raw::format::SectionKind;
use zerogr::raw::store::{MemoryBackend, Store, VerifyLevel};

fn path(golden: &Golden, extension: &str) -> PathBuf {
    repository("tests/golden").join(format!("{}.{extension}", golden.name))
}

fn file(golden: &Golden) -> Vec<u8> {
    std::fs::read(path(golden, "zgr")).unwrap()
}

fn answers(bytes: &[u8], golden: &Golden) -> Value {
    json!({
        "index": contents(bytes),
        "searches": searches(bytes, golden.encoder, golden.queries),
    })
}

/// Writes what is asked for; the other tests wait for it.
fn bless() {
    static DONE: std::sync::Once = std::sync::Once::new();
    DONE.call_once(|| {
        if std::env::var_os("ZEROGR_BLESS").is_none() {
            return;
        }
        for golden in &GOLDENS {
            let bytes = golden.write();
            let mut answers = answers(&bytes, golden).to_string();
            answers.push('\n');
            std::fs::write(path(golden, "json"), answers).unwrap();
            std::fs::write(path(golden, "zgr"), bytes).unwrap();
        }
    });
}

#[test]
fn every_golden_file_gives_its_answers() {
    bless();
    for golden in &GOLDENS {
        let expected = std::fs::read(path(golden, "json")).unwrap();
        let expected: Value = serde_json::from_slice(&expected).unwrap();
        let found = answers(&file(golden), golden);
        assert_same(&found["index"], &expected["index"], 0.0, golden.name);
        assert_same(&found["searches"], &expected["searches"], 1e-6, golden.name);
        let backend = Arc::new(MemoryBackend::new(file(golden)));
        let report = Store::open_on(backend).unwrap().verify(VerifyLevel::Full);
        assert!(report.is_ok(), "{}: {:?}", golden.name, report.findings);
    }
}

#[test]
fn the_second_reader_agrees() {
    bless();
    for golden in &GOLDENS {
        let bytes = file(golden);
        let found = read_py(&bytes).unwrap_or_else(|error| panic!("{}: {error:?}", golden.name));
        assert_same(&found, &contents(&bytes), 0.0, golden.name);
    }
}

#[test]
fn equal_input_gives_the_golden_bytes() {
    bless();
    for golden in &GOLDENS {
        let written = golden.write();
        assert_eq!(written, golden.write(), "{}", golden.name);
        if golden.is_reproducible {
            let same = written == file(golden);
            assert!(same, "{} is written differently now", golden.name);
        } else {
            // The same sections, if not the same floats.
            let shape = |bytes: &[u8]| -> Vec<(SectionKind, u64, u64)> {
                let backend = Arc::new(MemoryBackend::new(bytes.to_vec()));
                let store = Store::open_on(backend).unwrap();
                let extents = store.manifest();
                extents
                    .extents()
                    .flat_map(|reference| {
                        let extent = store.extent(&reference).unwrap();
                        let shapes = extent
                            .sections()
                            .map(|info| (info.kind, info.entry_count, info.len_bytes));
                        shapes.collect::<Vec<_>>()
                    })
                    .collect()
            };
            assert_eq!(shape(&written), shape(&file(golden)), "{}", golden.name);
        }
    }
}
