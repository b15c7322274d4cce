//! Best-first decoding against the obvious reference: walk every docid, sum, sort.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::store::Section;
use crate::trie::{Forest, ForestTrie, LiveRanks, SegmentTrie, TokenWidth, build_trie};

/// A segment in the plainest form: each document's docids, and which documents are alive.
#[derive(Debug, Clone)]
struct PlainSegment {
    documents: Vec<(BTreeSet<Vec<u32>>, bool)>,
}

impl PlainSegment {
    fn docids(&self) -> Vec<Vec<u32>> {
        let all: BTreeSet<_> = self
            .documents
            .iter()
            .flat_map(|(docids, _)| docids.iter().cloned())
            .collect();
        all.into_iter().collect()
    }

    fn trie(&self) -> (SegmentTrie, LiveRanks) {
        let width = TokenWidth::for_vocabulary(100).unwrap();
        let docids = self.docids();
        let bytes = build_trie(docids.iter().map(|docid| width.key(docid).unwrap())).unwrap();
        let trie = SegmentTrie::open(Section::for_test(bytes), width, docids.len() as u32).unwrap();
        let live = LiveRanks::from_fn(docids.len() as u32, |rank| {
            self.documents
                .iter()
                .any(|(own, alive)| *alive && own.contains(&docids[rank as usize]))
        });
        (trie, live)
    }
}

fn all_live<'a>(trie: &'a SegmentTrie, live: &'a LiveRanks) -> ForestTrie<'a> {
    ForestTrie {
        trie,
        present: Some(live),
        live: Some(live),
    }
}

struct PlainPostings<'a>(&'a [PlainSegment]);

impl Postings for PlainPostings<'_> {
    fn documents(&self, (segment, rank): DocidPlace) -> Vec<u32> {
        let segment = &self.0[segment as usize];
        let docid = &segment.docids()[rank as usize];
        let carries = |&ordinal: &u32| {
            let (own, alive) = &segment.documents[ordinal as usize];
            *alive && own.contains(docid)
        };
        (0..segment.documents.len() as u32)
            .filter(carries)
            .collect()
    }

    fn docids(&self, segment: u32, ordinal: u32) -> Vec<u32> {
        let all = self.0[segment as usize].docids();
        let own = &self.0[segment as usize].documents[ordinal as usize].0;
        (0..all.len() as u32)
            .filter(|&rank| own.contains(&all[rank as usize]))
            .collect()
    }

    fn max_docids_per_document(&self) -> usize {
        self.0
            .iter()
            .flat_map(|segment| &segment.documents)
            .map(|(own, _)| own.len())
            .max()
            .unwrap_or(1)
    }
}

/// Few distinct values, so that ties are common; odd ones, so that I3 is exercised.
fn logit_of(token: u32, depth: u32, flavour: u32) -> f32 {
    match (token
        .wrapping_mul(7)
        .wrapping_add(depth * 3)
        .wrapping_add(flavour))
        % 9
    {
        0 if flavour > 2 => f32::NAN,
        1 if flavour > 2 => f32::NEG_INFINITY,
        value => (value % 3) as f32,
    }
}

/// Logits that depend on the token and depth of the child only.
struct HashExpander {
    flavour: u32,
    calls: usize,
}

impl Expander for HashExpander {
    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> crate::Result<()> {
        for branching in nodes {
            assert!(
                branching.children.len() > 1,
                "forced steps must not be evaluated"
            );
            self.calls += 1;
            for child in branching.children {
                logits.push(logit_of(
                    child.token,
                    child.node.parts[0].node.depth - 1,
                    self.flavour,
                ));
            }
        }
        Ok(())
    }
}

/// The law in plain loops: at each step, softmax over the next tokens of the live docids.
fn brute_force(segments: &[PlainSegment], flavour: u32) -> BTreeMap<(u32, u32), f64> {
    let live: BTreeSet<Vec<u32>> = segments
        .iter()
        .flat_map(|segment| &segment.documents)
        .filter(|(_, alive)| *alive)
        .flat_map(|(docids, _)| docids.iter().cloned())
        .collect();
    let log_prob_of = |docid: &Vec<u32>| {
        let mut log_prob = 0.0;
        for depth in 0..=docid.len() {
            let next = |other: &Vec<u32>| other.get(depth).copied().unwrap_or(crate::trie::END);
            let mut choices: Vec<u32> = live
                .iter()
                .filter(|other| other.starts_with(&docid[..depth]))
                .map(next)
                .collect();
            choices.sort_by_key(|token| token.wrapping_add(1));
            choices.dedup();
            if choices.len() > 1 {
                let logits: Vec<f32> = choices
                    .iter()
                    .map(|&token| logit_of(token, depth as u32, flavour))
                    .collect();
                let chosen = choices
                    .iter()
                    .position(|&token| token == next(docid))
                    .unwrap();
                log_prob += log_softmax(&logits)[chosen];
            }
        }
        log_prob
    };
    let mut scores = BTreeMap::new();
    for (number, segment) in segments.iter().enumerate() {
        for (ordinal, (docids, alive)) in segment.documents.iter().enumerate() {
            if *alive {
                let log_probs: Vec<f64> = docids.iter().map(log_prob_of).collect();
                scores.insert((number as u32, ordinal as u32), log_sum_exp(&log_probs));
            }
        }
    }
    scores
}

fn segments() -> impl Strategy<Value = Vec<PlainSegment>> {
    let docid = prop::collection::vec(0u32..4, 1..5);
    let document = (
        prop::collection::btree_set(docid, 1..4),
        prop::bool::weighted(0.8),
    );
    let segment =
        prop::collection::vec(document, 0..16).prop_map(|documents| PlainSegment { documents });
    prop::collection::vec(segment, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The same documents with the same scores, to the last bit, ties included; each node once.
    #[test]
    fn best_first_equals_scoring_every_docid(segments in segments(), k in 0usize..12, flavour in 0u32..6) {
        let tries: Vec<_> = segments.iter().map(PlainSegment::trie).collect();
        let forest = Forest::new(tries.iter().map(|(trie, live)| all_live(trie, live)));
        let mut expander = HashExpander { flavour, calls: 0 };
        let mut memo = Memo::new(&forest, &mut expander);
        let drawn = best_first(&mut memo, &PlainPostings(&segments), k).unwrap();
        let evaluations = memo.work().node_evaluations as usize;
        prop_assert_eq!(evaluations, expander.calls);

        let scores = brute_force(&segments, flavour);
        let mut expected: Vec<_> = scores.iter().map(|(place, score)| (*place, *score)).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        if k == 0 {
            expected.clear();
        } else if let Some(last) = expected.get(k - 1).map(|last| last.1) {
            expected.retain(|(_, score)| *score >= last);
        }
        let by_place = |list: Vec<((u32, u32), f64)>| list.into_iter().collect::<BTreeMap<_, _>>();
        prop_assert!(drawn.is_sorted_by(|a, b| a.log_prob >= b.log_prob));
        let got = by_place(drawn.iter().map(|one| ((one.segment, one.ordinal), one.log_prob)).collect());
        prop_assert_eq!(got, by_place(expected));
    }
}

#[test]
fn a_unique_prefix_ends_the_walk() {
    let segment = PlainSegment {
        documents: vec![
            (BTreeSet::from([vec![1, 1, 1, 1, 1]]), true),
            (BTreeSet::from([vec![2, 2, 2, 2, 2]]), true),
        ],
    };
    let (trie, live) = segment.trie();
    let forest = Forest::new([all_live(&trie, &live)]);
    let mut expander = HashExpander {
        flavour: 0,
        calls: 0,
    };
    let mut memo = Memo::new(&forest, &mut expander);
    let segments = [segment];
    assert_eq!(
        best_first(&mut memo, &PlainPostings(&segments), 2)
            .unwrap()
            .len(),
        2
    );
    assert_eq!(memo.work().node_evaluations, 1, "only the root branches");
}

#[test]
fn an_empty_forest_has_no_documents() {
    let forest = Forest::default();
    let mut expander = HashExpander {
        flavour: 0,
        calls: 0,
    };
    let mut memo = Memo::new(&forest, &mut expander);
    assert!(
        best_first(&mut memo, &PlainPostings(&[]), 5)
            .unwrap()
            .is_empty()
    );
}
