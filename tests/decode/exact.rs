//! Best-first, with and without a planner, and beam search: equal to scoring every docid.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::support::decoding::shapes::{BOTH_LOGITS, shapes};
use crate::support::decoding::*;
use zerogr::raw::decode::*;
use zerogr::raw::trie::END;

/// The score of every live document: at each step softmax over the next tokens of the live
/// docids, summed in logs from the root.
fn brute_force(corpus: &Corpus, logits: &Logits) -> BTreeMap<Document, f64> {
    let live = corpus.live_docids();
    let log_prob_of = |docid: &Docid| {
        let mut log_prob = 0.0;
        for depth in 0..=docid.len() {
            let tokens = next_tokens(&live, &docid[..depth]);
            if tokens.len() > 1 {
                let scores: Vec<f32> = tokens
                    .iter()
                    .map(|&token| logits(&docid[..depth], token))
                    .collect();
                let next = docid.get(depth).copied().unwrap_or(END);
                let chosen = tokens.iter().position(|&token| token == next).unwrap();
                log_prob += log_softmax(&scores).unwrap()[chosen];
            }
        }
        log_prob
    };
    let score =
        |docids: &BTreeSet<Docid>| log_sum_exp(&docids.iter().map(log_prob_of).collect::<Vec<_>>());
    corpus
        .live_documents()
        .map(|(place, docids)| (place, score(docids)))
        .collect()
}

/// The `k` best and their ties.
fn best(scores: &BTreeMap<Document, f64>, k: usize) -> BTreeMap<Document, f64> {
    let mut sorted: Vec<f64> = scores.values().copied().collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let least = match k {
        0 => return BTreeMap::new(),
        k => sorted.get(k - 1).copied().unwrap_or(f64::NEG_INFINITY),
    };
    scores
        .iter()
        .filter(|(_, score)| **score >= least)
        .map(|(d, s)| (*d, *s))
        .collect()
}

fn by_document(decoded: &Decoded) -> BTreeMap<Document, f64> {
    assert!(decoded.complete && decoded.passages.is_sorted_by(|a, b| a.score >= b.score));
    let scores: BTreeMap<_, _> = decoded
        .passages
        .iter()
        .map(|one| (place(one), one.score))
        .collect();
    assert_eq!(
        scores.len(),
        decoded.passages.len(),
        "a document came out twice"
    );
    scores
}

pub fn corpora() -> impl Strategy<Value = Vec<Vec<PlainDocument>>> {
    let docid = prop::collection::vec(0u32..4, 1..5);
    let document =
        (prop::collection::btree_set(docid, 1..4), 0u32..10).prop_map(|(docids, fate)| {
            PlainDocument {
                docids,
                is_deleted: fate == 0,
                is_filtered: fate == 1,
            }
        });
    prop::collection::vec(prop::collection::vec(document, 0..16), 1..5)
}

/// Few distinct values, so that ties are common; from flavour 3 on, odd ones too.
fn tied_logits(flavour: u32) -> impl Fn(&[u32], u32) -> f32 {
    move |prefix, token| match (token
        .wrapping_mul(7)
        .wrapping_add(prefix.len() as u32 * 3)
        .wrapping_add(flavour))
        % 9
    {
        0 | 1 if flavour > 2 => f32::MIN,
        2 | 3 if flavour > 4 => f32::MAX,
        value => (value % 3) as f32,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The same documents with the same scores, to the last bit, ties included; each prefix once
    /// at most, whatever the size of a pass.
    #[test]
    fn best_first_equals_scoring_every_docid(
        segments in corpora(), k in 0usize..12, flavour in 0u32..7, batch in 1usize..6,
    ) {
        let corpus = Corpus::new(segments);
        let logits = tied_logits(flavour);
        let forest = corpus.forest();
        let mut expander = TableExpander::new(&corpus, &logits);
        expander.batch = batch;
        let mut memo = Memo::new(&forest, &mut expander);
        let decoded = Decoder::BestFirst.decode(&mut memo, &request(&corpus, k)).unwrap();
        let work = memo.work();
        prop_assert_eq!(by_document(&decoded), best(&brute_force(&corpus, &logits), k));
        prop_assert_eq!(work.node_evaluations as usize, expander.asked.len());
        prop_assert_eq!(work.passes as usize, expander.passes);
        prop_assert_eq!(work.prefills as usize, expander.prefills);
    }

    /// Likewise with a prior of few distinct values, which some documents lack.
    #[test]
    fn the_planner_is_exact_for_the_sum(
        segments in corpora(), k in 0usize..12, flavour in 0u32..7, seed in any::<u32>(),
        lambda in prop::sample::select(vec![0.0, 0.3, 1.0, 50.0]),
    ) {
        let value = |segment: usize, ordinal: usize| {
            (seed.wrapping_mul(segment as u32 * 31 + ordinal as u32 + 7) >> 20) % 4
        };
        let lists = segments.iter().enumerate().map(|(segment, documents)| {
            let all = (0..documents.len()).map(|ordinal| (ordinal as u32, value(segment, ordinal) as f32));
            all.filter(|(_, value)| *value != 1.0).collect()
        });
        let lists: Vec<Vec<(u32, f32)>> = lists.collect();
        let corpus = Corpus::new(segments);
        let logits = tied_logits(flavour);
        let mut scores = brute_force(&corpus, &logits);
        let prior = Prior::new(&corpus, lists.clone()).unwrap();
        for (&(segment, ordinal), score) in &mut scores {
            let own = lists[segment as usize].iter().find(|one| one.0 == ordinal).map_or(0.0, |one| one.1);
            prop_assert_eq!(prior.of(PassagePlace { segment, passage: ordinal }), f64::from(own));
            *score += lambda * f64::from(own);
        }
        let forest = corpus.forest();
        let mut expander = TableExpander::new(&corpus, &logits);
        let mut memo = Memo::new(&forest, &mut expander);
        let request = Request { planner: Some(Planner { prior: &prior, lambda }), ..request(&corpus, k) };
        let decoded = Decoder::BestFirst.decode(&mut memo, &request).unwrap();
        prop_assert_eq!(by_document(&decoded), best(&scores, k));
    }

    /// The maximum below every range of ranks.
    #[test]
    fn the_best_prior_below_a_prefix_is_its_maximum(segments in corpora(), seed in any::<u32>()) {
        let lists: Vec<Vec<(u32, f32)>> = segments.iter().map(|documents| {
            (0..documents.len() as u32).map(|o| (o, (seed.wrapping_mul(o + 3) >> 24) as f32)).filter(|one| one.1 > 60.0).collect()
        }).collect();
        let corpus = Corpus::new(segments);
        let prior = Prior::new(&corpus, lists.clone()).unwrap();
        for (segment, list) in (0u32..).zip(&lists) {
            let ranks_of = |ordinal: u32| {
                let mut ranks = Vec::new();
                corpus.docids(PassagePlace { segment, passage: ordinal }, &mut ranks);
                ranks
            };
            for (lo, hi) in (0..20u32).flat_map(|lo| (lo..20).map(move |hi| (lo, hi))) {
                let inside = list.iter().filter(|(ordinal, _)| ranks_of(*ordinal).iter().any(|rank| (lo..hi).contains(rank)));
                let expected = inside.map(|one| f64::from(one.1)).fold(0.0, f64::max);
                prop_assert_eq!(prior.max_in(segment, lo..hi), expected);
            }
        }
    }

    /// A beam that nothing falls out of, to the last bit.
    #[test]
    fn a_wide_beam_is_exact(segments in corpora(), k in 0usize..12, flavour in 0u32..7) {
        let corpus = Corpus::new(segments);
        let logits = tied_logits(flavour);
        let width = corpus.live_docids().len().max(1);
        let decoded = run(&corpus, &logits, &Decoder::Beam(Beam { width }), k);
        prop_assert_eq!(by_document(&decoded), best(&brute_force(&corpus, &logits), k));
    }
}

/// Beam search in plain loops: prefixes step over branchings, all at once.
fn plain_beam(corpus: &Corpus, logits: &Logits, width: usize) -> Vec<(Docid, f64)> {
    let live = corpus.live_docids();
    // A prefix, its log-probability, whether it has ended.
    let mut beam = vec![(Docid::new(), 0.0, false)];
    while beam.iter().any(|(_, _, is_done)| !is_done) {
        let mut next = Vec::new();
        for (mut prefix, log_prob, is_done) in beam {
            if is_done {
                next.push((prefix, log_prob, true));
                continue;
            }
            loop {
                let tokens = next_tokens(&live, &prefix);
                match tokens.as_slice() {
                    [END] => next.push((prefix, log_prob, true)),
                    &[only] => {
                        prefix.push(only);
                        continue;
                    }
                    tokens => {
                        let scores: Vec<f32> =
                            tokens.iter().map(|&token| logits(&prefix, token)).collect();
                        for (&token, conditional) in
                            tokens.iter().zip(log_softmax(&scores).unwrap())
                        {
                            let own = if token == END { &[][..] } else { &[token] };
                            next.push((
                                [&prefix, own].concat(),
                                log_prob + conditional,
                                token == END,
                            ));
                        }
                    }
                }
                break;
            }
        }
        // A prefix sorts before what it begins, so this order is that of the trie.
        let mut ranked: Vec<usize> = (0..next.len()).collect();
        ranked.sort_by(|&a, &b| next[b].1.total_cmp(&next[a].1));
        ranked.truncate(width);
        ranked.sort();
        beam = ranked
            .into_iter()
            .map(|index| next[index].clone())
            .collect();
    }
    beam.into_iter()
        .map(|(docid, log_prob, _)| (docid, log_prob))
        .collect()
}

#[test]
fn a_narrow_beam_equals_plain_loops() {
    for (name, corpus) in shapes() {
        for (flavour, logits) in BOTH_LOGITS {
            for width in 1..8 {
                let docids: BTreeMap<Docid, f64> =
                    plain_beam(&corpus, logits, width).into_iter().collect();
                let scores = corpus.live_documents().filter_map(|(place, own)| {
                    let found: Vec<f64> = own
                        .iter()
                        .filter_map(|docid| docids.get(docid).copied())
                        .collect();
                    (!found.is_empty()).then(|| (place, log_sum_exp(&found)))
                });
                let decoded = run(&corpus, logits, &Decoder::Beam(Beam { width }), usize::MAX);
                assert_eq!(
                    by_document(&decoded),
                    scores.collect(),
                    "{name} {flavour} {width}"
                );
            }
        }
    }
}

#[test]
fn a_unique_prefix_ends_the_walk() {
    let corpus = Corpus::new(vec![crate::support::decoding::shapes::one_each(&[
        &[1, 1, 1, 1, 1],
        &[2, 2, 2, 2, 2],
    ])]);
    let forest = corpus.forest();
    let mut expander = TableExpander::new(&corpus, &|_, _| 0.0);
    let mut memo = Memo::new(&forest, &mut expander);
    let decoded = Decoder::BestFirst
        .decode(&mut memo, &request(&corpus, 2))
        .unwrap();
    assert_eq!(decoded.passages.len(), 2);
    assert_eq!(memo.work().node_evaluations, 1, "only the root branches");
}
