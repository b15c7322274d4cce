//! Merging changes where documents are stored, and no answer.

use std::collections::BTreeMap;

use crate::support::corpus::{answers, assert_same_answers, document, empty};
use proptest::prelude::*;
use zerogr::{Document, Index, MergePolicy, Mode, SearchOptions, TrainOptions};

/// Scores are sums of a few softmax terms of sharpness 20 over float16 vectors.
const ROUNDING: f64 = 0.02;

fn add(index: &Index, numbers: std::ops::Range<u64>, policy: MergePolicy) -> usize {
    let mut writer = index.writer().unwrap().merge_policy(policy);
    numbers.for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap().segments
}

fn stored(index: &Index) -> BTreeMap<String, Document> {
    let mut documents = BTreeMap::new();
    index
        .snapshot()
        .for_each_document(|document| {
            documents.insert(document.id.clone(), document);
            Ok(())
        })
        .unwrap();
    documents
}

fn draws() -> SearchOptions {
    SearchOptions::new()
        .mode(Mode::Generative)
        .k(20)
        .rerank(false)
}

#[test]
fn ten_commits_merged_or_not_answer_like_one() {
    let (once, never, tiered) = (empty(), empty(), empty());
    assert_eq!(add(&once, 0..200, MergePolicy::Never), 1);
    for batch in 0..10 {
        let numbers = batch * 20..(batch + 1) * 20;
        assert_eq!(
            add(&never, numbers.clone(), MergePolicy::Never),
            batch as usize + 1
        );
        assert!(add(&tiered, numbers, MergePolicy::Tiered) < 8);
    }
    assert_eq!(stored(&once), stored(&never));
    assert_eq!(stored(&once), stored(&tiered));
    let expected = answers(&once, &draws());
    assert_same_answers(&expected, &answers(&never, &draws()), ROUNDING);
    assert_same_answers(&expected, &answers(&tiered, &draws()), ROUNDING);
    let report = never.merge().unwrap();
    assert_eq!((report.merged_segments, report.segments), (10, 1));
    assert_same_answers(&expected, &answers(&never, &draws()), ROUNDING);
    assert_eq!(stored(&once), stored(&never));
}

#[test]
fn a_merge_of_trained_and_new_segments_changes_no_answer() {
    let index = empty();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    // Deleted before the training: nothing of them is in what it fits.
    (0..150).for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
    for number in (0..150).filter(|number| number % 7 == 1) {
        assert!(writer.delete(&format!("doc-{number}")).unwrap());
    }
    writer.commit().unwrap();
    drop(writer);
    add(&index, 150..200, MergePolicy::Never);
    index.train(&TrainOptions::default(), &mut |_| {}).unwrap();
    add(&index, 200..230, MergePolicy::Never);

    let (drawn, reranked) = (draws(), SearchOptions::new().mode(Mode::Generative).k(20));
    let before = (answers(&index, &drawn), answers(&index, &reranked));
    let documents = stored(&index);
    let old = index.snapshot();
    let report = index.merge().unwrap();
    assert_eq!((report.merged_segments, report.segments), (3, 1));
    assert_same_answers(&before.0, &answers(&index, &drawn), ROUNDING);
    assert_same_answers(&before.1, &answers(&index, &reranked), ROUNDING);
    assert_eq!(stored(&index), documents);
    assert_eq!(old.document_count(), index.snapshot().document_count());
    assert!(
        old.document("doc-0").unwrap().is_some(),
        "old snapshots stay"
    );
    assert!(index.snapshot().document("doc-1").unwrap().is_none());
}

#[test]
fn a_merge_of_some_segments_keeps_what_training_fitted_for_all() {
    let index = empty();
    for batch in 0..3 {
        add(&index, batch * 60..(batch + 1) * 60, MergePolicy::Never);
    }
    // A part of the second segment goes: it alone is rewritten, and the union's edges stay fitted.
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    for number in 60..75 {
        writer.delete(&format!("doc-{number}")).unwrap();
    }
    let train = TrainOptions::default();
    writer.commit_with(Some(&train), &mut |_| {}).unwrap();
    let before = answers(&index, &draws());
    let mut writer = writer.merge_policy(MergePolicy::Tiered);
    let report = writer.commit().unwrap();
    assert_eq!((report.merged_segments, report.segments), (1, 3));
    assert_same_answers(&before, &answers(&index, &draws()), ROUNDING);
}

#[test]
fn deleting_everything_leaves_an_empty_index_that_goes_on() {
    let index = empty();
    add(&index, 0..10, MergePolicy::Tiered);
    let mut writer = index.writer().unwrap();
    for number in 0..10 {
        assert!(writer.delete(&format!("doc-{number}")).unwrap());
    }
    assert_eq!(writer.commit().unwrap().segments, 0);
    assert!(index.search("wing", &draws()).unwrap().hits.is_empty());
    drop(writer);
    add(&index, 3..5, MergePolicy::Tiered);
    assert_eq!(index.snapshot().document_count(), 2);
}

#[test]
fn many_small_commits_stay_few_segments() {
    let index = empty();
    let mut most = 0;
    for number in 0..300 {
        most = most.max(add(&index, number..number + 1, MergePolicy::Tiered));
    }
    assert!(most <= 21, "{most} segments");
    assert_eq!(stored(&index).len(), 300);
}

#[derive(Debug, Clone)]
enum Operation {
    Add(u64),
    Update(u64),
    Delete(u64),
    Commit,
    Rollback,
    Merge,
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = 0u64..30;
    prop_oneof![
        4 => number.clone().prop_map(Operation::Add),
        1 => number.clone().prop_map(Operation::Update),
        2 => number.prop_map(Operation::Delete),
        2 => Just(Operation::Commit),
        1 => Just(Operation::Rollback),
        1 => Just(Operation::Merge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the history, the index holds what a map would, each document findable by its id.
    #[test]
    fn an_index_holds_what_a_map_holds(operations in prop::collection::vec(operation(), 1..60)) {
        let index = empty();
        let mut writer = index.writer().unwrap();
        let mut committed: BTreeMap<String, Document> = BTreeMap::new();
        let mut pending = committed.clone();
        for (turn, operation) in (0u64..).zip(operations) {
            let versioned = |number: u64| document(number).extra("turn", turn);
            match operation {
                Operation::Add(number) => {
                    writer.add(versioned(number)).unwrap();
                    pending.insert(format!("doc-{number}"), versioned(number));
                }
                Operation::Update(number) => {
                    let exists = pending.contains_key(&format!("doc-{number}"));
                    prop_assert_eq!(writer.update(versioned(number)).unwrap(), exists);
                    if exists {
                        pending.insert(format!("doc-{number}"), versioned(number));
                    }
                }
                Operation::Delete(number) => {
                    let id = format!("doc-{number}");
                    prop_assert_eq!(writer.delete(&id).unwrap(), pending.remove(&id).is_some());
                }
                Operation::Commit => {
                    writer.commit().unwrap();
                    committed = pending.clone();
                }
                Operation::Rollback => {
                    writer.rollback();
                    pending = committed.clone();
                }
                Operation::Merge => {
                    drop(writer);
                    index.merge().unwrap();
                    writer = index.writer().unwrap();
                    pending = committed.clone();
                }
            }
            prop_assert_eq!(&stored(&index), &committed);
        }
        let everything = SearchOptions::new().mode(Mode::Generative).k(100);
        let hits = index.search("wing", &everything).unwrap().hits;
        let mut found: Vec<String> = hits.into_iter().map(|hit| hit.id).collect();
        found.sort();
        prop_assert_eq!(found, committed.keys().cloned().collect::<Vec<_>>());
    }
}
