//! Training the language model of an index: it learns where documents are, once, goes on where it
//! was stopped, and changes nothing but its adapter.

use std::path::Path;

use tempfile::TempDir;
use zerogr::{
    CancelToken, Document, EncoderSource, ErrorKind, Index, IndexOptions, LanguageLoss,
    LanguageTrainOptions, SearchOptions,
};

use super::index_language_model::{by_model, encoder, model, options};
use crate::support::installed::{stderr, stdout, zerogr};

pub const TOPICS: [(&str, &str); 6] = [
    ("wings", "thin wings flutter in fast air"),
    ("heat", "hot plates lose warmth by radiation"),
    ("yeast", "cells of yeast divide under stress"),
    ("sleep", "memory grows while people sleep"),
    ("rivers", "salmon swim up cold rivers"),
    ("stars", "old stars collapse into dust"),
];

fn documents() -> Vec<Document> {
    let document = |(id, text): &(&str, &str)| Document::new(*id).title(*id).text(*text);
    TOPICS.iter().map(document).collect()
}

/// An index of the topics in a folder with the model.
fn setting() -> (TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let index = Index::create(folder.path().join("a.zgr"), options(&model)).unwrap();
    let mut writer = index.writer().unwrap();
    for document in documents() {
        writer.add(document).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    (folder, index)
}

pub fn training() -> LanguageTrainOptions {
    let mut options = LanguageTrainOptions::default();
    options.queries_per_document = 6;
    options.epochs = 40;
    options.batch_queries = 8;
    options.rank = 8;
    options.layers = Some(2);
    options.learning_rate = 1e-2;
    options.threads = 1;
    options
}

/// Documents of which their own title and text find them first.
fn found_first(index: &Index, search: &SearchOptions) -> usize {
    let first = |query: &str| index.search(query, search).unwrap().hits.remove(0).id;
    let own = TOPICS.iter().filter(|(id, text)| first(text) == *id);
    own.count()
}

fn adapter_bytes(index: &Index) -> Option<Vec<u8>> {
    let adapter = index.snapshot().adapter().unwrap();
    adapter.map(|adapter| adapter.to_bytes())
}

#[test]
fn a_trained_model_finds_what_an_untrained_one_does_not() {
    let drawn = by_model().rerank(false);
    for loss in [LanguageLoss::Children, LanguageLoss::Vocabulary] {
        let (_folder, index) = setting();
        let before = found_first(&index, &drawn);
        assert!(before <= 3, "{before}");
        let mut options = training();
        options.loss = loss;
        let mut steps = Vec::new();
        let mut writer = index.writer().unwrap();
        let report = writer
            .train_language(&options, &mut |progress| steps.push(progress.done))
            .unwrap();
        assert_eq!(report.new_documents, 6);
        assert_eq!(steps.last(), Some(&report.steps));
        assert!(report.best_loss < report.initial_loss, "{report:?}");
        assert!(found_first(&index, &drawn) >= 5, "{loss:?} {report:?}");
        // A token of the model without another meaning ranks.
        assert_eq!(index.search("wings", &by_model()).unwrap().hits.len(), 6);
        assert!(!Path::new(&format!("{}.training", index.path().display())).exists());

        let again = writer.train_language(&options, &mut |_| {}).unwrap();
        assert!(!again.is_trained());
        assert_eq!(again.generation, report.generation);
    }
}

#[test]
fn a_model_learns_to_find_what_planned_search_finds() {
    let (_folder, index) = setting();
    let mut options = training();
    options.distillation = 1.0;
    let mut writer = index.writer().unwrap();
    writer.train_language(&options, &mut |_| {}).unwrap();
    let first = |query: &str, search: &SearchOptions| {
        index.search(query, search).unwrap().hits.remove(0).id
    };
    let (taught, learnt) = (SearchOptions::new(), by_model().rerank(false));
    let alike = |(_, text): &&(&str, &str)| first(text, &taught) == first(text, &learnt);
    assert!(TOPICS.iter().filter(alike).count() >= 5);
}

#[test]
fn documents_that_come_later_are_found_and_then_learnt() {
    let (_folder, index) = setting();
    let mut writer = index.writer().unwrap();
    let options = training();
    writer.train_language(&options, &mut |_| {}).unwrap();
    let before = adapter_bytes(&index);
    writer
        .add(Document::new("gold").text("miners wash gold from sand"))
        .unwrap();
    writer.commit().unwrap();
    assert_eq!(adapter_bytes(&index), before);
    let found = index.search("gold from sand", &by_model()).unwrap();
    assert!(found.hits.iter().any(|hit| hit.id == "gold"));

    let report = writer.train_language(&options, &mut |_| {}).unwrap();
    assert_eq!(report.new_documents, 1);
    // As many texts of those that were there are seen again as there are new ones.
    assert_eq!(report.asked_documents, 7, "{report:?}");
    let texts = report.queries + report.held_out;
    assert!(texts <= 2 * options.queries_per_document, "{report:?}");
    assert!(found_first(&index, &by_model().rerank(false)) >= 5);
    assert_ne!(adapter_bytes(&index), before);
    let mut all = options;
    all.full = true;
    assert_eq!(
        writer
            .train_language(&all, &mut |_| {})
            .unwrap()
            .new_documents,
        7
    );
}

#[test]
fn a_training_that_is_stopped_changes_nothing_and_goes_on() {
    let (_folder, index) = setting();
    let options = training();
    index
        .writer()
        .unwrap()
        .train_language(&options, &mut |_| {})
        .unwrap();
    let whole = adapter_bytes(&index);
    for stop in [1, 25, 60, 100] {
        let (_folder, index) = setting();
        let generation = index.snapshot().generation();
        let cancel = CancelToken::new();
        let mut writer = index.writer().unwrap().cancel_token(cancel.clone());
        let mut first = None;
        let error = writer.train_language(&options, &mut |progress| {
            if progress.done == stop && progress.total > 30 {
                cancel.cancel();
            }
        });
        assert!(error.unwrap_err().is_cancelled());
        drop(writer);
        assert_eq!(index.snapshot().generation(), generation);
        assert_eq!(adapter_bytes(&index), None);
        let mut writer = index.writer().unwrap();
        writer
            .train_language(&options, &mut |progress| {
                if progress.total > 30 {
                    first.get_or_insert(progress.done);
                }
            })
            .unwrap();
        assert_eq!(first, Some(stop / 20 * 20 + 1));
        assert_eq!(adapter_bytes(&index), whole, "stopped at {stop}");
    }
}

#[test]
fn what_cannot_be_trained_is_said() {
    let (folder, index) = setting();
    let mut writer = index.writer().unwrap();
    for change in [
        |options: &mut LanguageTrainOptions| options.rank = 0,
        |options: &mut LanguageTrainOptions| options.learning_rate = f32::NAN,
        |options: &mut LanguageTrainOptions| options.batch_queries = 0,
        |options: &mut LanguageTrainOptions| options.distillation = 1.1,
    ] {
        let mut options = training();
        change(&mut options);
        let error = writer.train_language(&options, &mut |_| {}).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
    }
    let mut wild = training();
    wild.learning_rate = 1.0;
    wild.epochs = 200;
    // Whatever comes of it, it is no worse than nothing, or refused.
    match writer.train_language(&wild, &mut |_| {}) {
        Ok(report) => assert!(report.best_loss <= report.initial_loss),
        Err(error) => assert!(error.to_string().contains("learning rate"), "{error}"),
    }
    // A file of somebody else's in the place of the checkpoint stays.
    let letter = folder.path().join("letter");
    std::fs::write(&letter, "dear").unwrap();
    let mut over = training();
    over.checkpoint = Some(letter.clone());
    over.full = true;
    let error = writer.train_language(&over, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(std::fs::read(&letter).unwrap(), b"dear");
    // Of one document nothing has to be told apart.
    for id in ["heat", "yeast", "sleep", "rivers", "stars"] {
        writer.delete(id).unwrap();
    }
    let report = writer.train_language(&over, &mut |_| {}).unwrap();
    assert!(!report.is_trained(), "{report:?}");
    drop(writer);
    let folder = tempfile::tempdir().unwrap();
    let plain = IndexOptions::with_encoder(EncoderSource::Custom(encoder()));
    let plain = Index::create(folder.path().join("b.zgr"), plain).unwrap();
    let mut writer = plain.writer().unwrap();
    let error = writer.train_language(&training(), &mut |_| {}).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
}

#[test]
fn the_command_line_trains_the_model_of_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(folder.path(), 1);
    let corpus = folder.path().join("corpus.jsonl");
    let line = |(id, text): &(&str, &str)| format!("{{\"_id\":\"{id}\",\"text\":\"{text}\"}}\n");
    std::fs::write(&corpus, TOPICS.iter().map(line).collect::<String>()).unwrap();
    let index = folder.path().join("a.zgr");
    let run = |arguments: &[&str]| {
        let output = zerogr().args(arguments).arg(&index).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let model = model.to_str().unwrap();
    run(&[
        "build",
        corpus.to_str().unwrap(),
        "--retriever-model",
        model,
        "-o",
    ]);
    let trained = run(&[
        "train",
        "--retriever",
        "lm",
        "--pseudo-queries",
        "4",
        "--epochs",
        "2",
        "--json",
    ]);
    let report: serde_json::Value = serde_json::from_str(&trained).unwrap();
    assert_eq!(report["new_documents"], 6);
    let again = run(&["train", "--retriever", "lm"]);
    assert!(again.starts_with("nothing to train"), "{again}");
    assert!(run(&["info"]).contains("adapter"));
}
