//! An index that grows, is trained again, and shrinks: what each step may change.

use std::collections::BTreeMap;

use crate::support::corpus::{answers, assert_same_answers, document, empty};
use zerogr::raw::format::ExtentRef;
use zerogr::raw::segment::TrainingRecord;
use zerogr::raw::trie::sections::{DOCUMENT_HEAD, DOCUMENT_VECTORS};
use zerogr::{Index, MergePolicy, Mode, SearchOptions, TrainOptions};

/// Scores are sums of a few softmax terms of sharpness 20 over float16 vectors.
const ROUNDING: f64 = 0.02;

fn add(index: &Index, numbers: std::ops::Range<u64>, policy: MergePolicy) {
    let mut writer = index.writer().unwrap().merge_policy(policy);
    numbers.for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
}

fn delete(index: &Index, numbers: impl Iterator<Item = u64>, policy: MergePolicy) {
    let mut writer = index.writer().unwrap().merge_policy(policy);
    for number in numbers {
        assert!(writer.delete(&format!("doc-{number}")).unwrap());
    }
    writer.commit().unwrap();
}

fn train(index: &Index, options: &TrainOptions) -> TrainingRecord {
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    writer.commit_with(Some(options), &mut |_| {}).unwrap();
    drop(writer);
    index.snapshot().params().training.clone().unwrap()
}

/// Where the heads of each segment are stored.
fn head_references(index: &Index) -> Vec<ExtentRef> {
    let manifest = index.stored().manifest().clone();
    let heads = manifest.segments.iter().map(|entry| entry.heads.unwrap());
    heads.collect()
}

/// The bytes of all sections of the heads of each segment, by kind.
fn heads(index: &Index) -> Vec<BTreeMap<u16, Vec<u8>>> {
    let sections = |reference: &ExtentRef| {
        let extent = index.stored().extent(reference).unwrap();
        let kinds: Vec<_> = extent.sections().map(|info| info.kind).collect();
        let bytes = |kind| extent.section(kind).unwrap().to_vec();
        kinds
            .into_iter()
            .map(|kind| (kind.0, bytes(kind)))
            .collect()
    };
    head_references(index).iter().map(sections).collect()
}

/// Rows of the document head, or of the passage vectors, of the only segment, by external id.
fn rows(index: &Index, of_head: bool) -> BTreeMap<String, Vec<u8>> {
    let manifest = index.stored().manifest().clone();
    let [entry] = manifest.segments.as_slice() else {
        panic!("{} segments", manifest.segments.len());
    };
    let (reference, kind) = match of_head {
        true => (entry.heads.unwrap(), DOCUMENT_HEAD),
        false => (entry.segment, DOCUMENT_VECTORS),
    };
    let section = index
        .stored()
        .extent(&reference)
        .unwrap()
        .section(kind)
        .unwrap();
    let mut ids = Vec::new();
    let snapshot = index.snapshot();
    snapshot
        .for_each_document(|document| {
            ids.push(document.id);
            Ok(())
        })
        .unwrap();
    let row_bytes = section.len() / ids.len();
    let rows = section.chunks(row_bytes).map(<[u8]>::to_vec);
    ids.into_iter().zip(rows).collect()
}

fn draws() -> SearchOptions {
    SearchOptions::new()
        .mode(Mode::Generative)
        .k(20)
        .rerank(false)
}

#[test]
fn training_again_learns_what_is_new_and_leaves_other_segments_alone() {
    let index = empty();
    add(&index, 0..200, MergePolicy::Never);
    let first = train(&index, &TrainOptions::default());
    assert_eq!((first.learnt_documents, first.repeated_documents), (200, 0));
    add(&index, 200..240, MergePolicy::Never);
    let before = head_references(&index);
    let untrained = heads(&index);
    let second = train(&index, &TrainOptions::default());
    assert_eq!(second.documents, 240);
    assert_eq!(
        (second.learnt_documents, second.repeated_documents),
        (40, 20)
    );
    let share = second.trie_head.examples as f64 / first.trie_head.examples as f64;
    assert!(
        (0.2..0.4).contains(&share),
        "{share} of the examples for 60 of 200 documents"
    );
    let after = head_references(&index);
    assert_eq!(
        before[0], after[0],
        "nothing of the first segment is written again"
    );
    let trained = heads(&index);
    assert!(!untrained[1].contains_key(&DOCUMENT_HEAD.0));
    assert!(trained[1].contains_key(&DOCUMENT_HEAD.0));
    assert_ne!(untrained[1], trained[1]);

    let generation = index.snapshot().generation();
    train(&index, &TrainOptions::default());
    assert_eq!(index.snapshot().generation(), generation, "nothing is new");
    add(&index, 240..250, MergePolicy::Never);
    let third = train(&index, &TrainOptions::default());
    assert_eq!((third.learnt_documents, third.repeated_documents), (10, 5));
    assert!(third.trie_head.best_loss <= third.trie_head.initial_loss);
}

#[test]
fn a_single_new_document_is_learnt() {
    let index = empty();
    add(&index, 0..50, MergePolicy::Never);
    train(&index, &TrainOptions::default());
    add(&index, 50..51, MergePolicy::Never);
    let record = train(&index, &TrainOptions::default());
    assert_eq!((record.learnt_documents, record.held_out), (1, 1));
    assert!(record.document_head.examples > 0);
}

#[test]
fn training_again_keeps_the_vectors_of_old_documents() {
    let index = empty();
    add(&index, 0..150, MergePolicy::Never);
    train(&index, &TrainOptions::default());
    add(&index, 150..190, MergePolicy::Everything);
    let (before, passages) = (rows(&index, true), rows(&index, false));
    let record = train(&index, &TrainOptions::default());
    assert_eq!(record.learnt_documents, 40);
    let after = rows(&index, true);
    assert_eq!(passages, rows(&index, false));
    for number in 0..190 {
        let id = format!("doc-{number}");
        let is_new = number >= 150;
        assert_eq!(before[&id] == passages[&id], is_new, "{id} before");
        assert_eq!(before[&id] != after[&id], is_new, "{id} after");
    }
}

#[test]
fn training_again_is_deterministic() {
    let grown = |seed| {
        let index = empty();
        add(&index, 0..120, MergePolicy::Never);
        train(&index, &TrainOptions::default());
        add(&index, 120..150, MergePolicy::Never);
        train(&index, &TrainOptions::default().seed(seed));
        heads(&index)
    };
    assert_eq!(grown(1), grown(1));
    assert_ne!(grown(1), grown(2));
}

#[test]
fn a_fitted_union_of_old_and_new_segments_merges_without_a_change() {
    let index = empty();
    add(&index, 0..150, MergePolicy::Never);
    train(&index, &TrainOptions::default());
    for first in [150, 170] {
        add(&index, first..first + 20, MergePolicy::Never);
        train(&index, &TrainOptions::default());
    }
    let before = answers(&index, &draws());
    assert_eq!(index.merge().unwrap().merged_segments, 3);
    assert_same_answers(&before, &answers(&index, &draws()), ROUNDING);
}

#[test]
fn learning_all_anew_is_building_at_once() {
    let is_kept = |number: &u64| number % 4 != 1;
    let grown = empty();
    add(&grown, 0..100, MergePolicy::Never);
    train(&grown, &TrainOptions::default());
    add(&grown, 100..140, MergePolicy::Never);
    delete(
        &grown,
        (0..140).filter(|number| !is_kept(number)),
        MergePolicy::Never,
    );
    let of_grown = train(&grown, &TrainOptions::default().full(true));

    let fresh = empty();
    let mut writer = fresh.writer().unwrap();
    (0..140)
        .filter(is_kept)
        .for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
    drop(writer);
    let of_fresh = train(&fresh, &TrainOptions::default());
    assert_eq!(of_grown.pseudo_queries, of_fresh.pseudo_queries);
    assert!((of_grown.trie_head.best_loss - of_fresh.trie_head.best_loss).abs() < 1e-3);
    for options in [draws(), SearchOptions::new().mode(Mode::Generative).k(20)] {
        let (grown, fresh) = (answers(&grown, &options), answers(&fresh, &options));
        assert_same_answers(&grown, &fresh, ROUNDING);
    }
}

#[test]
fn much_that_is_new_or_gone_makes_training_learn_all_anew() {
    let index = empty();
    add(&index, 0..100, MergePolicy::Never);
    train(&index, &TrainOptions::default());
    add(&index, 100..210, MergePolicy::Never);
    let record = train(&index, &TrainOptions::default());
    assert_eq!(
        record.learnt_documents, 210,
        "more new documents than old ones"
    );
    delete(&index, 0..60, MergePolicy::Never);
    let generation = index.snapshot().generation();
    train(&index, &TrainOptions::default());
    assert_eq!(index.snapshot().generation(), generation, "most are left");
    delete(&index, 60..80, MergePolicy::Never);
    let record = train(&index, &TrainOptions::default());
    assert_eq!(record.learnt_documents, 130, "more than a third is gone");
}

#[test]
fn deleting_from_an_untrained_index_leaves_what_building_without_gives() {
    let index = empty();
    add(&index, 0..60, MergePolicy::Never);
    add(&index, 60..120, MergePolicy::Never);
    delete(
        &index,
        (0..120).filter(|number| number % 2 == 1),
        MergePolicy::Everything,
    );
    let fresh = empty();
    let mut writer = fresh.writer().unwrap();
    (0..120)
        .step_by(2)
        .for_each(|number| writer.add(document(number)).unwrap());
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(heads(&index).len(), 1);
    assert_eq!(
        heads(&index),
        heads(&fresh),
        "every edge sum, byte for byte"
    );
    assert_eq!(rows(&index, false), rows(&fresh, false));
}

#[test]
fn deleting_from_a_trained_index_takes_the_dead_out_of_its_edges() {
    // Two sorts of documents below one edge; the second sort is deleted after the training.
    let index = empty();
    let mut writer = index.writer().unwrap();
    let of_sort = |number: u64, word: &str| {
        let text = format!("{word} {word} {word} number{number}");
        zerogr::Document::new(format!("{word}-{number}"))
            .docid(format!("shared {word} {number}"))
            .text(text)
    };
    for number in 0..20 {
        writer.add(of_sort(number, "copper")).unwrap();
        writer.add(of_sort(number, "silver")).unwrap();
        writer.add(document(number)).unwrap();
    }
    let options = TrainOptions::default();
    writer.commit_with(Some(&options), &mut |_| {}).unwrap();
    let probability_of_copper = |index: &Index| {
        let hits = index.search("silver", &draws().k(80)).unwrap().hits;
        let hits = hits.iter().filter(|hit| hit.id.starts_with("copper"));
        hits.map(|hit| hit.log_prob.exp()).sum::<f64>()
    };
    let mut writer = writer.merge_policy(MergePolicy::Never);
    for number in 0..20 {
        assert!(writer.delete(&format!("silver-{number}")).unwrap());
    }
    writer.commit().unwrap();
    drop(writer);
    let before = probability_of_copper(&index);
    println!("{:?}", index.merge().unwrap());
    for hit in index
        .search("silver", &draws().k(80))
        .unwrap()
        .hits
        .iter()
        .take(4)
    {
        println!("{} {} {}", hit.id, hit.log_prob, hit.docid);
    }
    let after = probability_of_copper(&index);
    assert!(
        after < before / 2.0,
        "{after}, with the dead in the sums {before}"
    );
}
