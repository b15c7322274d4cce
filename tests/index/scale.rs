//! A million documents with docids of their own and no model: rates, space and memory.
//!
//! `cargo test --release --test index a_million -- --ignored --nocapture` takes minutes and some GB of disk.
//! The default run does the same with few documents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::support::numbered::{ENCODER, document};
use zerogr::raw::store::VerifyLevel;
use zerogr::{EncoderSource, Index, IndexOptions, OpenOptions, SearchOptions, check};

/// The most memory this process ever had, in bytes; 0 where the system does not tell.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

fn run(documents: u64, batch: u64) -> Vec<(String, f64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.zgr");
    let options = IndexOptions::with_encoder(EncoderSource::Custom(Arc::new(ENCODER)));
    let index = Index::create(&path, options).unwrap();
    let mut figures = Vec::new();
    let mut note = |what: &str, value: f64| {
        println!("{what}: {value:.3}");
        figures.push((what.to_owned(), value));
    };
    let seconds = |started: Instant| started.elapsed().as_secs_f64();

    let started = Instant::now();
    let mut writer = index.writer().unwrap();
    let mut vacuumed = 0;
    let mut most_segments = 0;
    for first in (0..documents).step_by(batch as usize) {
        for number in first..(first + batch).min(documents) {
            writer.add(document(number)).unwrap();
        }
        let report = writer.commit().unwrap();
        most_segments = most_segments.max(report.segments);
        vacuumed += u64::from(report.vacuumed_bytes > 0);
        let space = index.stored().space().unwrap();
        let bound = (space.live_bytes * 5 / 2).max(space.live_bytes + (16 << 20)) + 65_536;
        assert!(space.file_bytes <= bound, "{space:?}");
    }
    note(
        "documents/s, ingest with merges",
        documents as f64 / seconds(started),
    );
    note("automatic vacuums", vacuumed as f64);
    note("most segments", most_segments as f64);

    let started = Instant::now();
    let deleted = (0..documents).filter(|number| number % 10 < 3);
    let mut deleted_count = 0u64;
    for number in deleted {
        assert!(writer.delete(&format!("document-{number}")).unwrap());
        deleted_count += 1;
    }
    writer.commit().unwrap();
    note("deletes/s", deleted_count as f64 / seconds(started));
    drop(writer);

    let started = Instant::now();
    index.merge().unwrap();
    let left = documents - deleted_count;
    note(
        "documents/s, merge of everything",
        left as f64 / seconds(started),
    );
    let started = Instant::now();
    let report = index.vacuum().unwrap();
    let after = report.after_bytes as f64;
    note("MB/s, vacuum", after / 1e6 / seconds(started));
    let space = index.stored().space().unwrap();
    assert!(
        space.file_bytes as f64 <= 1.05 * space.live_bytes as f64 + 16_384.0,
        "{space:?}"
    );
    note("file MB", after / 1e6);

    let started = Instant::now();
    let checked = check(&path, VerifyLevel::Full).unwrap();
    assert!(checked.is_ok(), "{:?}", checked.store.findings);
    assert_eq!(checked.documents, left);
    note(
        "MB/s, full check with documents",
        after / 1e6 / seconds(started),
    );

    let manifest = index.stored().manifest().clone();
    let mut section_bytes: BTreeMap<u16, u64> = BTreeMap::new();
    let mut docids = 0u64;
    for entry in &manifest.segments {
        docids += u64::from(entry.docid_count);
        for reference in [Some(entry.segment), entry.heads].into_iter().flatten() {
            let extent = index.stored().extent(&reference).unwrap();
            for info in extent.sections() {
                *section_bytes.entry(info.kind.0).or_default() += info.len_bytes;
            }
        }
    }
    for (kind, bytes) in section_bytes {
        note(
            &format!("bytes/docid, section {kind:#06x}"),
            bytes as f64 / docids as f64,
        );
    }

    let started = Instant::now();
    let open = Index::open_with(&path, OpenOptions::new().encoder(Arc::new(ENCODER))).unwrap();
    note("open ms", seconds(started) * 1e3);
    let started = Instant::now();
    let hits = open.search("anything", &SearchOptions::new()).unwrap().hits;
    note("search ms", seconds(started) * 1e3);
    assert_eq!(hits.len(), 10);
    for number in [3, 4, left / 2 / 10 * 10 + 5, documents / 10 * 10 - 1] {
        let found = open
            .snapshot()
            .document(&format!("document-{number}"))
            .unwrap();
        assert_eq!(found.unwrap().text, document(number).text);
    }
    assert!(open.snapshot().document("document-0").unwrap().is_none());
    note("peak memory MB", peak_bytes() as f64 / 1e6);
    figures
}

#[test]
fn a_few_thousand_documents_are_ingested_deleted_merged_vacuumed_and_checked() {
    run(3_000, 100);
}

#[test]
#[ignore = "minutes and gigabytes: see the head of this file"]
fn a_million_documents() {
    let figures = run(1_000_000, 10_000);
    let peak = figures.iter().find(|(what, _)| what == "peak memory MB");
    assert!(peak.unwrap().1 < 4096.0 * 1.048_576);
}
