//! Planned search: exact for the sum of probability and prior, whatever the segments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::corpus::{in_three_segments, queries};
use zerogr::raw::decode::{Beam, Budget, CancelToken, Decoder, GumbelTopK, ReverseAnnealed};
use zerogr::raw::lexicon::Analyser;
use zerogr::{Filter, Hit, Index, Mode, SearchOptions, SearchResult};

const DOCUMENTS: u64 = 150;

fn index() -> Index {
    in_three_segments(DOCUMENTS)
}

fn search(index: &Index, query: &str, options: &SearchOptions) -> SearchResult {
    index.search(query, options).unwrap()
}

#[test]
fn planned_draws_are_the_exact_best_of_the_sum() {
    let index = index();
    let all = SearchOptions::new()
        .mode(Mode::Generative)
        .k(DOCUMENTS as usize)
        .rerank(false);
    for query in queries() {
        let generated = search(&index, &query, &all).hits;
        let words: BTreeMap<String, f64> = index
            .snapshot()
            .lexical(&query, DOCUMENTS as usize)
            .unwrap()
            .into_iter()
            .collect();
        let best = words.values().copied().fold(0.0, f64::max);
        for lambda in [0.0, 1.5, 6.0, 40.0] {
            let mut expected: Vec<(f64, &str)> = generated
                .iter()
                .map(|hit| {
                    let prior = words.get(&hit.id).map_or(0.0, |score| score / best);
                    (hit.log_prob + lambda * prior, hit.id.as_str())
                })
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0));
            let options = SearchOptions::new()
                .k(10)
                .draws(10)
                .rerank(false)
                .planner(lambda);
            let hits = search(&index, &query, &options).hits;
            assert_eq!(hits.len(), 10);
            for (hit, (score, _)) in hits.iter().zip(&expected) {
                assert!(
                    (hit.score - score).abs() < 1e-5,
                    "{} and {score}",
                    hit.score
                );
                let same = expected.iter().find(|(_, id)| *id == hit.id).unwrap();
                assert!((hit.score - same.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn reranking_with_the_words_alone_is_their_order() {
    let index = index();
    for query in queries() {
        let options = SearchOptions::new()
            .k(5)
            .draws(DOCUMENTS as usize)
            .mode(Mode::Planned)
            .prior_share(1.0);
        let hits = search(&index, &query, &options).hits;
        let words = search(
            &index,
            &query,
            &SearchOptions::new().k(5).mode(Mode::Lexical),
        )
        .hits;
        for (hit, word) in hits.iter().zip(&words) {
            assert!((hit.prior - word.score).abs() < 1e-9);
        }
    }
}

/// Distances from the mean of those of a population in their standard deviations.
fn standard(values: &[f64], is_typical: &[bool]) -> Vec<f64> {
    let chosen = values
        .iter()
        .zip(is_typical)
        .filter(|(_, typical)| **typical);
    let typical: Vec<f64> = chosen.map(|(value, _)| *value).collect();
    let count = typical.len() as f64;
    let mean = typical.iter().sum::<f64>() / count;
    let variance = typical.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let score = |v: &f64| match variance > 0.0 {
        true => (v - mean) / variance.sqrt(),
        false => 0.0,
    };
    values.iter().map(score).collect()
}

// ZF-SC-06
#[test]
fn reranking_weighs_the_words_as_the_format_says() {
    let index = index();
    let params = index.snapshot().params().search.clone();
    let live = index.snapshot().document_count() as f64;
    let everything = SearchOptions::new()
        .mode(Mode::Generative)
        .k(DOCUMENTS as usize);
    for query in queries() {
        // At share 0 the score is that of the document head.
        let planned = everything.clone().mode(Mode::Planned);
        let heads = search(&index, &query, &planned.clone().prior_share(0.0)).hits;
        let population: BTreeSet<String> = [Mode::Planned, Mode::Generative]
            .into_iter()
            .flat_map(|mode| {
                let draws = everything.clone().mode(mode).k(100).rerank(false);
                search(&index, &query, &draws).hits
            })
            .map(|hit| hit.id)
            .collect();
        assert!(population.len() < heads.len());
        let is_typical: Vec<bool> = heads
            .iter()
            .map(|hit| population.contains(&hit.id))
            .collect();
        let of = |score: fn(&Hit) -> f64| {
            let scores: Vec<f64> = heads.iter().map(score).collect();
            standard(&scores, &is_typical)
        };
        let (z1, z2) = (of(|hit| hit.score), of(|hit| hit.prior));
        let best = heads.iter().map(|hit| hit.prior).fold(0.0, f64::max);
        let containing = |word: &str| {
            let alone = everything.clone().mode(Mode::Lexical);
            search(&index, word, &alone).hits.len() as f64
        };
        let terms = query
            .split_whitespace()
            .filter(|word| !Analyser::default().terms(word).is_empty());
        let whole: f64 = terms
            .map(containing)
            .map(|df| (1.0 + (live - df + 0.5) / (df + 0.5)).ln())
            .sum();
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let odds = params.prior_share / (1.0 - params.prior_share)
            * (params.peak_weight * (most(&z2) - most(&z1))).exp()
            * (best / whole / 0.25).powf(params.coverage_weight);
        let share = odds / (1.0 + odds);
        for hit in search(&index, &query, &planned).hits {
            let at = heads.iter().position(|head| head.id == hit.id).unwrap();
            let expected = (1.0 - share) * z1[at] + share * z2[at];
            assert!(
                (hit.score - expected).abs() < 1e-6,
                "{query}, {}: {} and {expected}",
                hit.id,
                hit.score
            );
        }
    }
}

#[test]
fn explanations_add_up() {
    let index = index();
    for query in queries() {
        let options = SearchOptions::new()
            .mode(Mode::Planned)
            .rerank(false)
            .explain(true);
        for hit in search(&index, &query, &options).hits {
            let why = hit.explanation.unwrap();
            let sum: f64 = why.decisions.iter().map(|decision| decision.log_prob).sum();
            assert!((sum - why.docid_log_prob).abs() < 1e-9);
            // A document's probability is that of its docids together.
            assert!(why.docid_log_prob <= hit.log_prob + 1e-9);
            assert!((why.planner + hit.log_prob - hit.drawn_score).abs() < 1e-9);
            let words: f64 = why.matched_terms.iter().map(|term| term.score).sum();
            assert!((words - hit.prior).abs() < 1e-9);
            assert!(!why.tokens.is_empty());
            let positions: Vec<u32> = why.decisions.iter().map(|one| one.position).collect();
            assert!(positions.is_sorted());
        }
    }
}

#[test]
fn every_decoder_searches_filtered_deleted_and_scattered_documents() {
    let index = index();
    let decoders = [
        Decoder::BestFirst,
        Decoder::ReverseAnnealed(ReverseAnnealed::default()),
        Decoder::GumbelTopK(GumbelTopK::default()),
        Decoder::Beam(Beam::default()),
    ];
    for decoder in decoders {
        for rerank in [false, true] {
            let options = SearchOptions::new()
                .mode(Mode::Generative)
                .decoder(decoder.clone())
                .rerank(rerank)
                .filter(Filter::tag("fizz"));
            for query in queries().iter().take(5) {
                let result = search(&index, query, &options);
                assert!(result.complete);
                assert_eq!(result.hits.len(), 10, "{decoder:?}");
                for hit in &result.hits {
                    let number: u64 = hit.id["doc-".len()..].parse().unwrap();
                    assert!(number.is_multiple_of(3) && !number.is_multiple_of(9));
                }
                assert_eq!(result, search(&index, query, &options), "reproducible");
            }
        }
    }
}

#[test]
fn budgets_end_a_search_with_what_it_has() {
    let index = index();
    let query = &queries()[0];
    let whole = search(&index, query, &SearchOptions::new().mode(Mode::Generative));
    assert!(whole.complete);
    let budget = |budget: Budget| {
        search(
            &index,
            query,
            &SearchOptions::new().mode(Mode::Generative).budget(budget),
        )
    };
    let some = budget(Budget::new().max_evaluations(3));
    assert!(!some.complete && some.work.node_evaluations <= 3);
    let token = CancelToken::new();
    token.cancel();
    let cancelled = budget(Budget::new().cancel(token));
    assert!(!cancelled.complete && cancelled.hits.is_empty());
    let ample = budget(Budget::new().max_time(Duration::from_secs(3600)));
    assert_eq!(ample, whole);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let index = index();
    let weights = SearchOptions::new().mode(Mode::Generative).prior_share(0.5);
    let outside = SearchOptions::new().mode(Mode::Planned).prior_share(1.5);
    let negative = SearchOptions::new().planner(-1.0);
    let unguided = SearchOptions::new()
        .planner(1.0)
        .decoder(Decoder::Beam(Beam::default()));
    let reranked = |mode: Mode| SearchOptions::new().mode(mode).rerank(true);
    let [lexical, dense, fusion] = [Mode::Lexical, Mode::Dense, Mode::Fusion].map(reranked);
    for options in [weights, outside, negative, unguided, lexical, dense, fusion] {
        assert!(
            index
                .search("wing", &options)
                .unwrap_err()
                .is_invalid_input()
        );
    }
    let wordless = SearchOptions::new().mode(Mode::Planned);
    let vector = index.encode_query("wing", None).unwrap();
    let error = index
        .snapshot()
        .search_vector(vector.vector(), &wordless)
        .unwrap_err();
    assert!(error.is_invalid_input());
}
