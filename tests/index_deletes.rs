//! Deleted documents cost nothing: no hit, no decoding step, no lost recall.

#![allow(clippy::unwrap_used)]

mod corpus;

use std::collections::BTreeSet;

use corpus::{document, empty, queries};
use zerogr::index::{Index, MergePolicy, Mode, SearchOptions};

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
        let nearest = index.snapshot().dense(query.vector(), 10);
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
