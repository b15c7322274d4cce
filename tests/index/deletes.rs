//! Deleted documents cost nothing: no hit, no decoding step, no lost recall.

use crate::support::corpus;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::corpus::{answers, document, empty, options, queries, reopen};
use crate::support::generator::{StandIn, document_in};
use crate::support::second_reader::{read_py, unpacked_blocks};
use zerogr::raw::generate::language::{LanguageQueryOptions, PromptStyle};
use zerogr::{Document, Index, MergePolicy, Mode, SearchOptions, TrainOptions};

const DOCUMENTS: u64 = 400;

fn is_deleted(number: u64) -> bool {
    number % 2 == 1
}

/// An index of the documents for which `keep` holds, in four commits that are never merged.
fn index(keep: impl Fn(u64) -> bool) -> Index {
    let index = empty();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for batch in 0..4 {
        let numbers = batch * DOCUMENTS / 4..(batch + 1) * DOCUMENTS / 4;
        for number in numbers.filter(|&number| keep(number)) {
            writer.add(document(number)).unwrap();
        }
        writer.commit().unwrap();
    }
    drop(writer);
    index
}

fn half_deleted() -> Index {
    let index = index(|_| true);
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for number in (0..DOCUMENTS).filter(|&number| is_deleted(number)) {
        writer.delete(&format!("doc-{number}")).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    index
}

/// Of the ten nearest documents by cosine, how many are among the first twenty drawn.
fn recall(index: &Index) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for query in queries() {
        let query = index.encode_query(&query, None).unwrap();
        let nearest = index.snapshot().dense(query.vector(), 10).unwrap();
        let options = SearchOptions::new()
            .mode(Mode::Generative)
            .k(20)
            .draws(20)
            .rerank(false);
        let hits = index
            .snapshot()
            .search_vector(query.vector(), &options)
            .unwrap()
            .hits;
        assert_eq!(hits.len(), 20, "as many hits as were asked for");
        let drawn: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        wanted += nearest.len();
        found += nearest
            .iter()
            .filter(|(id, _)| drawn.contains(id.as_str()))
            .count();
    }
    f64::from(found as u32) / wanted as f64
}

#[test]
fn recall_does_not_fall_when_half_of_the_documents_are_deleted() {
    let (all, half, fresh) = (index(|_| true), half_deleted(), index(|n| !is_deleted(n)));
    let (of_all, of_half, of_fresh) = (recall(&all), recall(&half), recall(&fresh));
    println!(
        "recall of all {of_all:.3}, half deleted {of_half:.3}, built of that half {of_fresh:.3}"
    );
    assert!(of_half >= of_all, "{of_half} after, {of_all} before");
    assert!(
        of_half >= of_fresh - 0.05,
        "{of_half}, built anew {of_fresh}"
    );
    half.merge().unwrap();
    assert!(
        (recall(&half) - of_fresh).abs() < 0.02,
        "a merge leaves what building without the deleted gives"
    );
}

#[test]
fn a_decoder_never_enters_a_dead_branch() {
    let (half, fresh) = (half_deleted(), index(|number| !is_deleted(number)));
    let everything = SearchOptions::new()
        .mode(Mode::Generative)
        .k(DOCUMENTS as usize)
        .rerank(false);
    for query in queries() {
        let of_half = half.search(&query, &everything).unwrap();
        let of_fresh = fresh.search(&query, &everything).unwrap();
        assert_eq!(of_half.hits.len(), DOCUMENTS as usize / 2);
        assert_eq!(
            of_half.work.node_evaluations,
            of_fresh.work.node_evaluations
        );
        assert_eq!(of_half.work.children_scored, of_fresh.work.children_scored);
    }
}

/// A document in which everything that is stored of one has a mark of its own.
fn marked(number: u64, version: &str) -> Document {
    let mark = mark(number, version);
    let plain = document(number);
    Document::new(format!("id{number:04}"))
        .title(format!("title{mark} {}", plain.title))
        .text(format!("text{mark} {}", plain.text))
        // With one word, some would have the tokens of another.
        .docid(format!("docid{mark} {number} {}", plain.title))
        .docid("shared by all")
        .tag(format!("tag{mark}"))
        .extra("note", format!("field{mark}"))
}

fn mark(number: u64, version: &str) -> String {
    format!("zq{number:04}{version}")
}

fn write_queries(index: &Index) {
    let model = StandIn::new(|prompt: &str, sample| {
        let words = document_in(prompt).split_whitespace().take(2 + sample);
        words.collect::<Vec<_>>().join(" ")
    });
    let mut options = LanguageQueryOptions::new(PromptStyle::FewShot, "Find.", 0).unwrap();
    options.per_document = 2;
    index.write_queries(&model, &options, &mut |_| {}).unwrap();
    index.set_expansion_weight(0.3).unwrap();
}

/// An index of marked documents in segments of 500, with queries that a model wrote, of which the
/// first are deleted and the next ones replaced.
struct Purged {
    path: PathBuf,
    gone: Vec<String>,
    kept: Vec<String>,
    replaced: u64,
    deleted: u64,
}

fn delete_and_replace(folder: &Path, documents: u64, deleted: u64, is_trained: bool) -> Purged {
    let path = folder.join(format!("{documents}-{deleted}-{is_trained}.zgr"));
    let index = Index::create(&path, options()).unwrap();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for number in 0..documents {
        writer.add(marked(number, "a")).unwrap();
        if number % 500 == 499 {
            writer.commit().unwrap();
        }
    }
    writer.commit().unwrap();
    drop(writer);
    write_queries(&index);
    if is_trained {
        index.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    }
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    let replaced = documents / 15;
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for number in 0..documents {
        let id = format!("id{number:04}");
        if number < deleted {
            assert!(writer.delete(&id).unwrap());
            gone.extend([id, mark(number, "a")]);
        } else if number < deleted + replaced {
            writer.add(marked(number, "b")).unwrap();
            gone.push(mark(number, "a"));
            kept.extend([id, mark(number, "b")]);
        } else {
            kept.extend([id, mark(number, "a")]);
        }
    }
    writer.commit().unwrap();
    Purged {
        path,
        gone,
        kept,
        replaced,
        deleted,
    }
}

/// What of `words` is anywhere in a file: as bytes, in unpacked blocks, or in what the second
/// reader says of it.
fn found_in(path: &Path, words: &[String]) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let mut all = read_py(&bytes).unwrap().to_string().into_bytes();
    all.extend(unpacked_blocks(path));
    all.extend(bytes);
    let mut there = BTreeSet::new();
    for at in 0..all.len() {
        let rest = &all[at..];
        if rest.starts_with(b"zq") || rest.starts_with(b"id") {
            there.extend([rest.get(..6), rest.get(..7)].into_iter().flatten());
        }
    }
    let found = words.iter().filter(|word| there.contains(word.as_bytes()));
    found.cloned().collect()
}

#[test]
fn after_a_vacuum_no_byte_of_a_deleted_or_replaced_document_is_left() {
    // ZF-VA-05
    let folder = tempfile::tempdir().unwrap();
    for (documents, deleted, is_trained) in [(30, 1, false), (30, 1, true), (1000, 150, false)] {
        let case = delete_and_replace(folder.path(), documents, deleted, is_trained);
        let index = reopen(&case.path);
        assert_eq!(found_in(&case.path, &case.gone), case.gone);
        let dead = index.snapshot().dead_documents();
        assert_eq!(dead.documents, case.deleted + case.replaced);
        assert_eq!(dead.docids, case.deleted + case.replaced);
        assert!(dead.estimated_bytes > 0);

        let (copy, backup) = (
            folder.path().join("copy.zgr"),
            folder.path().join("backup.zgr"),
        );
        index.vacuum_into(&copy).unwrap();
        // A backup is what there is.
        index.backup(&backup).unwrap();
        assert_eq!(found_in(&backup, &case.gone), case.gone);
        index.vacuum().unwrap();
        for path in [&case.path, &copy] {
            assert_eq!(found_in(path, &case.gone), [""; 0]);
            assert_eq!(found_in(path, &case.kept), case.kept);
            let index = reopen(path);
            assert_eq!(index.snapshot().dead_documents(), Default::default());
            assert_eq!(index.snapshot().document_count(), documents - deleted);
            assert_eq!(index.stored().space().unwrap().dead_bytes, 0);
            assert!(
                zerogr::check(path, zerogr::raw::store::VerifyLevel::Full)
                    .unwrap()
                    .is_ok()
            );
        }
        // A second one has nothing to do but copy.
        let segments = index.stored().manifest().clone().segments.clone();
        index.vacuum().unwrap();
        let ids = |entries: &[zerogr::raw::format::SegmentEntry]| {
            entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
        };
        assert_eq!(
            ids(&index.stored().manifest().clone().segments),
            ids(&segments)
        );
        std::fs::remove_file(&copy).unwrap();
        std::fs::remove_file(&backup).unwrap();
    }
}

#[test]
fn a_vacuum_answers_as_a_merge_of_every_segment_does_and_keeps_written_queries() {
    let folder = tempfile::tempdir().unwrap();
    for is_trained in [false, true] {
        let case = delete_and_replace(folder.path(), 60, 3, is_trained);
        let other = folder.path().join("other.zgr");
        std::fs::copy(&case.path, &other).unwrap();
        let (vacuumed, merged) = (reopen(&case.path), reopen(&other));
        let lexical = SearchOptions::new().mode(Mode::Lexical);
        let before = answers(&vacuumed, &lexical);
        vacuumed.vacuum().unwrap();
        assert_eq!(answers(&vacuumed, &lexical), before);
        merged.merge().unwrap();
        for mode in [Mode::Generative, Mode::Planned] {
            let options = SearchOptions::new().mode(mode);
            let (a, b) = (answers(&vacuumed, &options), answers(&merged, &options));
            corpus::assert_same_answers(&a, &b, 1e-3);
        }
        for number in 7..60 {
            let id = format!("id{number:04}");
            assert_eq!(vacuumed.queries_of(&id).unwrap().len(), 2);
            assert_eq!(
                vacuumed.queries_of(&id).unwrap(),
                merged.queries_of(&id).unwrap()
            );
        }
        std::fs::remove_file(&other).unwrap();
    }
}

#[test]
fn deleting_everything_and_a_vacuum_leave_an_empty_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    let mut writer = index.writer().unwrap();
    writer.add(marked(1, "a")).unwrap();
    writer.commit().unwrap();
    writer.delete("id0001").unwrap();
    writer.commit().unwrap();
    writer.vacuum().unwrap();
    assert_eq!(found_in(&path, &[mark(1, "a")]), [""; 0]);
    assert!(index.stored().manifest().clone().segments.is_empty());
    writer.add(marked(2, "a")).unwrap();
    writer.commit().unwrap();
    assert_eq!(reopen(&path).snapshot().document_count(), 1);
}
