//! What an application does with an index beside building and searching it.

use std::path::Path;

use zerogr::{
    CancelToken, ErrorKind, Index, OpenOptions, SearchOptions, Stage, TrainOptions, Writer,
};

use super::support::corpus::{document, empty, options, queries, reopen};

fn add(writer: &mut Writer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        writer.add(document(number)).unwrap();
    }
}

fn built(path: &Path, documents: u64) -> Index {
    let index = Index::create(path, options()).unwrap();
    let mut writer = index.writer().unwrap();
    add(&mut writer, 0..documents);
    writer.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    drop(writer);
    index
}

#[test]
fn hits_are_read_in_the_state_that_was_searched() {
    let index = empty();
    let mut writer = index.writer().unwrap();
    add(&mut writer, 0..8);
    writer.commit().unwrap();
    let query = &queries()[0];
    let result = index.search(query, &SearchOptions::new().k(3)).unwrap();
    for hit in &result.hits {
        assert!(writer.delete(&hit.id).unwrap());
    }
    writer.commit().unwrap();
    let documents = result.documents().unwrap();
    let found = documents.iter().map(|document| &document.id);
    assert!(found.eq(result.hits.iter().map(|hit| &hit.id)));
    assert_eq!(documents.len(), 3);
    assert_eq!(result.snapshot().document_count(), 8);
    let later = index.snapshot().documents(&result.hits).unwrap_err();
    assert!(later.is_invalid_input() && later.to_string().contains("SearchResult::snapshot"));
    let again = result.snapshot().search(query, &SearchOptions::new().k(3));
    assert_eq!(again.unwrap(), result);
}

#[test]
fn one_writer_writes_trains_and_merges() {
    let index = empty();
    let mut writer = index.writer().unwrap();
    add(&mut writer, 0..20);
    let trained = writer.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((trained.added, trained.segments), (20, 1));
    assert!(index.snapshot().params().training.is_some());
    writer = writer.merge_policy(zerogr::MergePolicy::Never);
    add(&mut writer, 20..25);
    assert_eq!(writer.commit().unwrap().segments, 2);
    add(&mut writer, 25..30);
    let merged = writer.merge().unwrap();
    assert_eq!((merged.added, merged.segments), (5, 1));
    for (error, call) in [
        (index.merge().unwrap_err(), "Writer::merge"),
        (index.vacuum().unwrap_err(), "Writer::vacuum"),
        (
            index
                .train(&TrainOptions::default(), &mut |_| {})
                .unwrap_err(),
            "Writer::train",
        ),
    ] {
        assert!(
            error.is_locked() && error.to_string().contains(call),
            "{error}"
        );
    }
}

#[test]
fn a_training_with_nothing_new_loads_no_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let generation = built(&path, 20).snapshot().generation();
    let index = Index::open_with(&path, OpenOptions::new()).unwrap();
    assert!(index.encoder().is_err(), "there is none to be had");
    let report = index.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    assert_eq!(report.generation, generation);
    let full = TrainOptions::default().full(true);
    assert!(index.train(&full, &mut |_| {}).is_err());
}

#[test]
fn a_commit_is_cancelled_at_any_stage_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    drop(built(&path, 20));
    let before = std::fs::read(&path).unwrap();
    let index = reopen(&path);
    let mut writer = index.writer().unwrap();
    add(&mut writer, 20..70);
    writer.delete("doc-3").unwrap();
    for stage in [
        Stage::Docids,
        Stage::EncodingDocuments,
        Stage::PseudoQueries,
        Stage::EncodingPseudoQueries,
        Stage::FittingTrieHead,
        Stage::FittingDocumentHead,
    ] {
        let cancel = CancelToken::new();
        writer = writer.cancel_token(cancel.clone());
        let mut reports = 0;
        let error = writer
            .train(&TrainOptions::default(), &mut |progress| {
                if progress.stage == stage {
                    cancel.cancel();
                }
                reports += u32::from(cancel.is_cancelled());
            })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{stage:?}: {error}");
        assert_eq!(reports, 1, "{stage:?} goes on after it was cancelled");
        assert!(index.snapshot().contains("doc-3"));
    }
    assert!(
        before == std::fs::read(&path).unwrap(),
        "the file is as it was"
    );
    writer = writer.cancel_token(CancelToken::new());
    let report = writer.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    assert_eq!((report.added, report.deleted), (50, 1));
    assert_eq!(index.snapshot().document_count(), 69);
}

#[test]
fn a_merge_and_a_vacuum_are_cancelled_and_leave_the_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    drop(built(&path, 20));
    let index = reopen(&path);
    let mut writer = index
        .writer()
        .unwrap()
        .merge_policy(zerogr::MergePolicy::Never);
    add(&mut writer, 20..40);
    writer.commit().unwrap();
    writer.delete("doc-3").unwrap();
    writer.commit().unwrap();
    let before = std::fs::read(&path).unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    writer = writer.cancel_token(cancel);
    assert!(writer.merge().unwrap_err().is_cancelled());
    assert!(writer.vacuum().unwrap_err().is_cancelled());
    assert!(before == std::fs::read(&path).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    writer = writer.cancel_token(CancelToken::new());
    assert_eq!(writer.merge().unwrap().segments, 1);
    assert!(writer.vacuum().unwrap().after_bytes < before.len() as u64);
}
