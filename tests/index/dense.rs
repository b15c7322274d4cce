//! The baselines of the encoder: cosine over everything, and its fusion with BM25, equal to what
//! the definitions say, whatever the segments.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::corpus::{
    answers, assert_same_answers, document, empty, encoder, in_three_segments, queries,
};
use zerogr::{EncodedQuery, ErrorKind, Filter, Index, Mode, SearchOptions, TextEncoder};

const DOCUMENTS: u64 = 120;

fn index() -> Index {
    in_three_segments(DOCUMENTS)
}

fn live() -> impl Iterator<Item = u64> {
    (0..DOCUMENTS).filter(|number| !number.is_multiple_of(9))
}

fn encode(text: &str) -> Vec<f32> {
    encoder().encode(&[text], 256, &mut |_, _| Ok(())).unwrap()
}

/// Cosines computed from the texts, not from the index.
fn cosines(query: &str) -> BTreeMap<String, f64> {
    let query = encode(query);
    let cosine = |number: u64| {
        let document = document(number);
        let passage = encode(&format!("{}\n{}", document.title, document.text));
        let product: f32 = query.iter().zip(&passage).map(|(x, y)| x * y).sum();
        (document.id, f64::from(product))
    };
    live().map(cosine).collect()
}

#[test]
fn dense_is_the_cosine_of_every_live_document() {
    let index = index();
    let options = SearchOptions::new().k(500).mode(Mode::Dense);
    for query in queries() {
        let hits = index.search(&query, &options).unwrap().hits;
        let expected = cosines(&query);
        let found: BTreeSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        assert_eq!(found, expected.keys().map(String::as_str).collect());
        for hit in &hits {
            let cosine = expected[&hit.id];
            assert!((hit.score - cosine).abs() < 2e-3, "{} {cosine}", hit.score);
            assert_eq!(hit.log_prob, f64::NEG_INFINITY);
        }
        let ordered = |a: &zerogr::Hit, b: &zerogr::Hit| {
            a.score > b.score || (a.score == b.score && a.id < b.id)
        };
        assert!(hits.is_sorted_by(ordered));
        let vector = index.encode_query(&query, None).unwrap();
        let pairs = hits.iter().map(|hit| (hit.id.clone(), hit.score));
        let pairs: Vec<(String, f64)> = pairs.collect();
        assert_eq!(index.snapshot().dense(vector.vector(), 500).unwrap(), pairs);
        let first = index
            .snapshot()
            .search_vector(vector.vector(), &options.clone().k(5));
        assert_eq!(first.unwrap().hits, hits[..5]);
    }
}

/// Mean 0, deviation 1; all 0 where all are equal.
fn standard(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / values.len() as f64).sqrt();
    let divisor = if deviation > 0.0 { deviation } else { 1.0 };
    values
        .iter()
        .map(|value| (value - mean) / divisor)
        .collect()
}

#[test]
fn fusion_is_the_weighted_sum_over_the_best_of_both() {
    let index = index();
    let snapshot = index.snapshot();
    for query in queries() {
        let vector = index.encode_query(&query, None).unwrap();
        let cosines: BTreeMap<String, f64> = snapshot
            .dense(vector.vector(), 500)
            .unwrap()
            .into_iter()
            .collect();
        let words: BTreeMap<String, f64> =
            snapshot.lexical(&query, 500).unwrap().into_iter().collect();
        for (draws, share) in [
            (10, None),
            (10, Some(0.5)),
            (40, Some(0.0)),
            (40, Some(1.0)),
        ] {
            let best = snapshot.dense(vector.vector(), draws).unwrap().into_iter();
            let best = best.chain(snapshot.lexical(&query, draws).unwrap());
            let candidates: Vec<String> = best
                .map(|(id, _)| id)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            let dense: Vec<f64> = candidates.iter().map(|id| cosines[id]).collect();
            let bm25 = |id: &String| words.get(id).copied().unwrap_or(0.0);
            let bm25: Vec<f64> = candidates.iter().map(bm25).collect();
            let (dense, bm25) = (standard(&dense), standard(&bm25));
            let weight = share.unwrap_or(0.3);
            let mut expected: Vec<(f64, &String)> = candidates
                .iter()
                .zip(dense.iter().zip(&bm25))
                .map(|(id, (dense, bm25))| ((1.0 - weight) * dense + weight * bm25, id))
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));

            let mut options = SearchOptions::new().k(8).draws(draws).mode(Mode::Fusion);
            options.prior_share = share;
            let hits = index.search(&query, &options).unwrap().hits;
            assert_eq!(hits.len(), 8);
            for (hit, (score, _)) in hits.iter().zip(&expected) {
                assert!((hit.score - score).abs() < 1e-9, "{} {score}", hit.score);
                assert_eq!(hit.drawn_score, cosines[&hit.id]);
                assert!((hit.prior - words.get(&hit.id).unwrap_or(&0.0)).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn baselines_survive_a_merge_and_obey_filters() {
    let index = index();
    for mode in [Mode::Dense, Mode::Fusion] {
        let options = SearchOptions::new().k(12).mode(mode);
        let filtered = options.clone().filter(Filter::tag("fizz")).explain(true);
        let scattered = answers(&index, &options);
        for query in queries() {
            for hit in index.search(&query, &filtered).unwrap().hits {
                let number: u64 = hit.id.trim_start_matches("doc-").parse().unwrap();
                assert!(number.is_multiple_of(3) && !number.is_multiple_of(9));
                let terms = hit.explanation.unwrap().matched_terms;
                assert!(mode == Mode::Fusion || terms.is_empty());
            }
        }
        let copy = self::index();
        copy.merge().unwrap();
        assert_same_answers(&scattered, &answers(&copy, &options), 1e-6);
        let none = index.search("wing", &options.clone().k(0)).unwrap();
        assert!(none.hits.is_empty() && none.complete);
        assert!(empty().search("wing", &options).unwrap().hits.is_empty());
    }
}

#[test]
fn an_index_contains_its_live_documents() {
    let snapshot = index().snapshot();
    assert!(live().all(|number| snapshot.contains(&document(number).id)));
    for absent in ["doc-0", "doc-9", "doc-120", ""] {
        assert!(!snapshot.contains(absent), "{absent}");
    }
}

#[test]
fn weights_belong_to_the_modes_that_use_them() {
    let index = index();
    let search = |options: &SearchOptions| index.search("wing", options);
    let fusion = SearchOptions::new().mode(Mode::Fusion);
    assert!(search(&fusion.clone().prior_share(0.4)).is_ok());
    assert!(
        search(&fusion.clone().prior_share(1.4))
            .unwrap_err()
            .is_invalid_input()
    );
    let dense = SearchOptions::new().mode(Mode::Dense);
    assert!(
        search(&dense.clone().prior_share(0.4))
            .unwrap_err()
            .is_invalid_input()
    );
    let planned = SearchOptions::new().planner(2.0).mode(Mode::Fusion);
    assert!(search(&planned).unwrap_err().is_invalid_input());
    let wordless = index.snapshot().search_vector(&[1.0; 3], &fusion);
    assert!(wordless.unwrap_err().is_invalid_input());
    let short = index.snapshot().search_vector(&[1.0; 3], &dense);
    assert!(short.unwrap_err().is_invalid_input());
}

#[test]
fn a_query_of_another_encoder_is_refused() {
    let index = index();
    let snapshot = index.snapshot();
    let options = SearchOptions::new().mode(Mode::Dense);
    let own = index.encode_query("wing", None).unwrap();
    snapshot.search_encoded("wing", &own, &options).unwrap();
    // Of the same length, so that nothing else tells them apart.
    let foreign = EncodedQuery::from(own.vector().to_vec());
    snapshot.search_encoded("wing", &foreign, &options).unwrap();
    let foreign = foreign.of_encoder("another");
    for mode in [Mode::Dense, Mode::Fusion, Mode::Planned, Mode::Generative] {
        let options = SearchOptions::new().mode(mode);
        let error = snapshot
            .search_encoded("wing", &foreign, &options)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelMismatch);
        assert!(error.to_string().contains("another"), "{error}");
    }
    // Words alone need no vector.
    let lexical = SearchOptions::new().mode(Mode::Lexical);
    snapshot.search_encoded("wing", &foreign, &lexical).unwrap();
    let fingerprint = index.snapshot().params().encoder.fingerprint.clone();
    let same = foreign.of_encoder(fingerprint);
    snapshot.search_encoded("wing", &same, &options).unwrap();
}
