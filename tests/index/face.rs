//! What an application does with an index beside building and searching it.

use std::path::Path;

use zerogr::{
    CancelToken, Document, ErrorKind, Filter, Index, IndexOptions, Mode, OpenOptions,
    SearchOptions, Stage, TrainOptions, Writer,
};

use super::support::corpus::{document, empty, encoder, options, queries, reopen};

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

#[test]
fn similarities_compare_between_queries_and_bad_hits_can_be_left_out() {
    let index = empty();
    let mut writer = index.writer().unwrap();
    writer
        .add(Document::new("a").text("wing flutter in a tunnel"))
        .unwrap();
    writer
        .add(Document::new("b").text("heat transfer to a plate"))
        .unwrap();
    writer.commit().unwrap();
    let cosine = |query: &str, id: &str| {
        let options = SearchOptions::new().mode(Mode::Dense);
        let result = index.search(query, &options).unwrap();
        let hit = result.hits.into_iter().find(|hit| hit.id == id).unwrap();
        hit.score as f32
    };
    let own = "wing flutter in a tunnel";
    let foreign = "zebra crossing";
    for mode in [Mode::Generative, Mode::Planned, Mode::Dense, Mode::Fusion] {
        let options = SearchOptions::new().mode(mode);
        for query in [own, foreign] {
            let result = index.search(query, &options).unwrap();
            assert_eq!(result.hits.len(), 2, "{mode:?}");
            for hit in &result.hits {
                let similarity = hit.similarity.unwrap();
                let expected = cosine(query, &hit.id).clamp(-1.0, 1.0);
                assert!((similarity - expected).abs() < 1e-6, "{mode:?}");
            }
        }
        let likely = options.min_similarity(0.9);
        let ids = |query: &str| -> Vec<String> {
            let result = index.search(query, &likely).unwrap();
            result.hits.into_iter().map(|hit| hit.id).collect()
        };
        assert_eq!(ids(own), ["a"], "{mode:?}");
        assert!(ids(foreign).is_empty(), "{mode:?}: nothing is found");
    }
    let words = SearchOptions::new().mode(Mode::Lexical);
    let all = index.search(own, &words).unwrap().hits[0]
        .similarity
        .unwrap();
    let half = index
        .search("wing flutter zebra crossing", &words)
        .unwrap()
        .hits[0]
        .similarity
        .unwrap();
    assert!(0.0 < half && half < all && all <= 1.0, "{half} {all}");
    let none = words.clone().min_similarity(all.next_up());
    assert!(index.search(own, &none).unwrap().hits.is_empty());
    for least in [1.5, f32::NAN, -1.1] {
        let refused = words.clone().min_similarity(least);
        assert!(index.search(own, &refused).unwrap_err().is_invalid_input());
    }
}

#[test]
fn an_index_without_an_encoder_is_searched_by_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, IndexOptions::lexical()).unwrap();
    let mut writer = index.writer().unwrap();
    for number in 0..30 {
        let mut document = document(number);
        document.docids.clear();
        writer.add(document).unwrap();
    }
    writer
        .add(
            Document::new("own")
                .docid("a docid of its own")
                .text("zebra"),
        )
        .unwrap();
    writer.commit().unwrap();
    writer
        .add(Document::new("late").text("a zebra crossing"))
        .unwrap();
    writer.merge().unwrap();
    let training = writer.train(&TrainOptions::default(), &mut |_| {});
    assert!(training.unwrap_err().is_invalid_input());
    drop((writer, index));

    let index = Index::open(&path).unwrap();
    let reference = {
        let index = empty();
        let mut writer = index.writer().unwrap();
        (0..30).for_each(|number| writer.add(document(number)).unwrap());
        writer.add(Document::new("own").text("zebra")).unwrap();
        writer
            .add(Document::new("late").text("a zebra crossing"))
            .unwrap();
        writer.commit().unwrap();
        drop(writer);
        index
    };
    let scores = |index: &Index, query: &str, options: &SearchOptions| -> Vec<(String, f64)> {
        let hits = index.search(query, options).unwrap().hits;
        hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
    };
    let tagged = SearchOptions::new().filter(Filter::tag("fizz"));
    for query in queries().iter().map(String::as_str).chain(["zebra"]) {
        for options in [SearchOptions::new(), tagged.clone()] {
            let found = scores(&index, query, &options);
            assert_eq!(
                found,
                scores(&reference, query, &options.mode(Mode::Lexical))
            );
        }
    }
    assert_eq!(scores(&index, "zebra", &SearchOptions::new()).len(), 2);
    let docid = &index.snapshot().document("own").unwrap().unwrap().docids;
    assert_eq!(docid, &["a docid of its own"]);
    for mode in [Mode::Generative, Mode::Dense, Mode::Fusion] {
        let refused = index.search("zebra", &SearchOptions::new().mode(mode));
        let error = refused.unwrap_err();
        assert!(error.is_invalid_input() && error.to_string().contains("no encoder"));
    }
    assert!(
        zerogr::check(&path, zerogr::VerifyLevel::Full)
            .unwrap()
            .is_ok()
    );
    let recovered = folder.path().join("b.zgr");
    assert!(zerogr::recover(&path, &recovered).unwrap().is_complete());
}

#[test]
fn ids_are_listed_without_documents() {
    let index = empty();
    let mut writer = index.writer().unwrap();
    add(&mut writer, 0..5);
    writer.commit().unwrap();
    writer.delete("doc-3").unwrap();
    writer.commit().unwrap();
    let snapshot = index.snapshot();
    let mut ids: Vec<&str> = snapshot.ids().collect();
    ids.sort_unstable();
    assert_eq!(ids, ["doc-0", "doc-1", "doc-2", "doc-4"]);
}

#[test]
fn an_index_is_opened_or_created_and_options_of_what_is_there_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let mut senseless = options();
    senseless.docid_words = 0;
    let opened = |options: &IndexOptions| {
        Index::open_or_create(
            &path,
            options.clone(),
            OpenOptions::new().encoder(encoder()),
        )
    };
    assert!(opened(&senseless).unwrap_err().is_invalid_input() && !path.exists());
    let index = opened(&options()).unwrap();
    let mut writer = index.writer().unwrap();
    add(&mut writer, 0..3);
    writer.commit().unwrap();
    drop((writer, index));
    let index = opened(&senseless).unwrap();
    assert_eq!(index.snapshot().document_count(), 3);
    let result = index.search(&queries()[0], &SearchOptions::new()).unwrap();
    assert!(!result.hits.is_empty());
}
