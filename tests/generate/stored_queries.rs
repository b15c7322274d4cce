//! Queries of a language model in an index: written, interrupted, merged, learnt from.

use std::sync::atomic::Ordering;

use crate::support::corpus::{answers, document, empty, options, reopen};
use crate::support::generator::{StandIn, document_in};
use zerogr::raw::generate::language::{LanguageQueryOptions, PromptStyle};
use zerogr::raw::index::QueryReport;
use zerogr::{Index, MergePolicy, Mode, Result, SearchOptions, TrainOptions, recover};

fn model() -> StandIn<impl Fn(&str, usize) -> String + Send + Sync> {
    // The first words of the document, one more with each sample.
    StandIn::new(|prompt: &str, sample| {
        let words = document_in(prompt).split_whitespace().take(2 + sample);
        words.collect::<Vec<_>>().join(" ")
    })
}

fn query_options(instruction: &str) -> LanguageQueryOptions {
    let mut options = LanguageQueryOptions::new(PromptStyle::FewShot, instruction, 0).unwrap();
    options.per_document = 4;
    options
}

fn write(index: &Index) -> Result<QueryReport> {
    index.write_queries(&model(), &query_options("Find."), &mut |_| {})
}

fn add(index: &Index, numbers: std::ops::Range<u64>) {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    numbers.for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
}

fn queries(index: &Index, count: u64) -> Vec<Vec<String>> {
    (0..count)
        .map(|number| index.queries_of(&format!("doc-{number}")).unwrap())
        .collect()
}

#[test]
fn queries_are_written_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zgr");
    let index = Index::create(&path, options()).unwrap();
    add(&index, 0..40);
    add(&index, 40..50);
    assert_eq!(index.written_queries(), (0, 0));
    let before = answers(&index, &SearchOptions::new().mode(Mode::Generative));
    let report = write(&index).unwrap();
    assert_eq!(
        (report.documents, report.already, report.queries),
        (50, 0, 200)
    );
    assert_eq!(index.written_queries(), (50, 200));
    assert_eq!(
        answers(&index, &SearchOptions::new().mode(Mode::Generative)),
        before
    );
    let found = queries(&index, 50);
    assert!(found.iter().all(|queries| queries.len() == 4), "{found:?}");

    let again = write(&index).unwrap();
    assert_eq!((again.documents, again.already, again.commits), (0, 50, 0));
    add(&index, 50..53);
    let more = write(&index).unwrap();
    assert_eq!((more.documents, more.already), (3, 50));

    drop(index);
    let index = reopen(&path);
    assert_eq!(queries(&index, 50), found);
    index.vacuum().unwrap();
    assert_eq!(queries(&index, 50), found);
    let saved = folder.path().join("saved.zgr");
    assert!(recover(&path, &saved).unwrap().is_complete());
    assert_eq!(queries(&reopen(&saved), 50), found);
}

#[test]
fn another_instruction_replaces_them() {
    let index = empty();
    add(&index, 0..5);
    write(&index).unwrap();
    let other = query_options("Find something else.");
    let report = index.write_queries(&model(), &other, &mut |_| {}).unwrap();
    assert_eq!((report.documents, report.already), (5, 0));
    assert_eq!(index.written_queries(), (5, 20));
}

#[test]
fn merges_and_changes_keep_the_queries_of_what_stays() {
    let index = empty();
    add(&index, 0..30);
    add(&index, 30..60);
    write(&index).unwrap();
    let found = queries(&index, 60);
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.delete("doc-3").unwrap();
    writer.update(document(40)).unwrap();
    writer.commit().unwrap();
    drop(writer);
    // The new version of a document has none yet.
    assert_eq!(index.queries_of("doc-40").unwrap(), [""; 0]);
    assert!(index.queries_of("doc-3").unwrap_err().is_invalid_input());
    index.merge().unwrap();
    for (number, want) in found.iter().enumerate() {
        match number {
            3 => assert!(index.queries_of("doc-3").is_err()),
            40 => assert_eq!(index.queries_of("doc-40").unwrap(), [""; 0]),
            _ => assert_eq!(&index.queries_of(&format!("doc-{number}")).unwrap(), want),
        }
    }
    let report = write(&index).unwrap();
    assert_eq!((report.documents, report.already), (1, 58));
    assert_eq!(index.queries_of("doc-40").unwrap(), found[40]);
}

#[test]
fn a_failure_loses_little_and_the_next_call_goes_on() {
    let index = empty();
    add(&index, 0..200);
    let whole = empty();
    add(&whole, 0..200);
    write(&whole).unwrap();

    let mut failing = model();
    failing.fails_after = 150;
    let error = index.write_queries(&failing, &query_options("Find."), &mut |_| {});
    assert!(error.unwrap_err().is_invalid_input());
    let (documents, _) = index.written_queries();
    assert_eq!(documents, 128, "two commits of 64");

    let model = model();
    let report = index
        .write_queries(&model, &query_options("Find."), &mut |_| {})
        .unwrap();
    assert_eq!((report.documents, report.already), (72, 128));
    assert_eq!(model.asked.load(Ordering::Relaxed), 72);
    assert_eq!(queries(&index, 200), queries(&whole, 200));
}

#[test]
fn training_learns_from_them() {
    let index = empty();
    add(&index, 0..60);
    let train = |index: &Index| {
        index.train(&TrainOptions::default(), &mut |_| {}).unwrap();
        index.snapshot().params().training.clone().unwrap()
    };
    let free = train(&index);
    assert_eq!(free.written_queries, 0);
    write(&index).unwrap();
    let mixed = train(&index);
    assert_eq!(mixed.written_queries, 240);
    assert_eq!(mixed.pseudo_queries, free.pseudo_queries + 240);
}
