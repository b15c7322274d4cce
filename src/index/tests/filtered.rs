//! Filtered decoding over several segments against the law in plain loops.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::{log_softmax, log_sum_exp};
use crate::docs::FieldTypes;
use crate::index::support::corpus::{document, empty, queries};
use crate::segment::Segment;
use crate::trie::{END, TrieNode};
use crate::vectors::{add_scaled_f16, dot, normalise};
use crate::{Filter, MergePolicy, Mode, SearchOptions};

/// Stored unit vectors are rounded to float16; the plain law makes them unit again.
const ROUNDING: f64 = 5e-3;

/// Every document's log-probability: at each step a softmax over the next tokens of the docids
/// that may be found, their vectors summed over everything that is stored below them.
struct PlainLaw<'a> {
    segments: &'a [Segment],
    query: &'a [f32],
    scale: f32,
    /// Docids of the documents that may be found.
    docids: BTreeSet<Vec<u32>>,
}

impl PlainLaw<'_> {
    fn next(docid: &[u32], depth: usize) -> u32 {
        docid.get(depth).copied().unwrap_or(END)
    }

    fn log_prob(&self, docid: &[u32]) -> f64 {
        let mut total = 0.0;
        for depth in 0..=docid.len() {
            let prefix = &docid[..depth];
            let alike = self.docids.iter().filter(|other| other.starts_with(prefix));
            let tokens: BTreeSet<u32> = alike.map(|other| Self::next(other, depth)).collect();
            let logits: Vec<f32> = tokens
                .iter()
                .map(|&token| self.logit(prefix, token))
                .collect();
            let chosen = tokens
                .iter()
                .position(|&token| token == Self::next(docid, depth));
            total += log_softmax(&logits).unwrap()[chosen.unwrap()];
        }
        total
    }

    fn logit(&self, prefix: &[u32], token: u32) -> f32 {
        let mut sum = vec![0.0; self.query.len()];
        let (mut bias, mut norms) = (0.0, 0.0);
        for segment in self.segments {
            let Some((node, index, child)) = find(segment, prefix, token) else {
                continue;
            };
            let mut documents = (child.lo..child.hi).flat_map(|rank| segment.postings.row(rank));
            if !documents.clone().any(|ordinal| segment.is_live(ordinal)) {
                continue;
            }
            let listed = segment.trie_head.node(&node);
            if let Some(edge) = listed.and_then(|listed| listed.edge(index)) {
                add_scaled_f16(&mut sum, edge.norm, edge.unit);
                bias += edge.norm * edge.bias;
                norms += edge.norm;
            } else {
                let mut own = vec![0.0; sum.len()];
                documents.by_ref().for_each(|ordinal| {
                    let row = segment.passage_vectors.row(ordinal as usize);
                    add_scaled_f16(&mut own, 1.0, row);
                });
                sum.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
                norms += normalise(&mut own);
            }
        }
        normalise(&mut sum);
        self.scale * dot(self.query, &sum) + bias / norms
    }
}

/// The node of `prefix`, and the position and node of its child `token`.
fn find(segment: &Segment, prefix: &[u32], token: u32) -> Option<(TrieNode, u32, TrieNode)> {
    let child = |node, token| {
        let mut children = Vec::new();
        segment.trie.children(node, &mut children).unwrap();
        let index = children.iter().position(|child| child.token == token)?;
        Some((index as u32, children[index].node))
    };
    let mut node = segment.trie.root();
    for &token in prefix {
        node = child(node, token)?.1;
    }
    let (index, below) = child(node, token)?;
    Some((node, index, below))
}

#[test]
fn filtered_search_equals_the_law_in_plain_loops() {
    let index = empty();
    for batch in 0..3u64 {
        let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
        (batch * 15..batch * 15 + 15).for_each(|number| writer.add(document(number)).unwrap());
        writer.commit().unwrap();
    }
    index.train(&Default::default(), &mut |_| {}).unwrap();
    let mut writer = index.writer().unwrap().merge_policy(MergePolicy::Never);
    (45..55).for_each(|number| writer.add(document(number)).unwrap());
    (0..45).step_by(4).for_each(|number| {
        writer.delete(&format!("doc-{number}")).unwrap();
    });
    writer.commit().unwrap();

    let snapshot = index.snapshot();
    let segments = &snapshot.state.segments;
    assert_eq!(segments.len(), 4);
    for filter in [
        Filter::all([]),
        Filter::tag("fizz"),
        Filter::not(Filter::tag("year-2001")),
        Filter::ids(["doc-1", "doc-5", "doc-50"]),
    ] {
        let matching: Vec<Vec<bool>> = segments
            .iter()
            .map(|segment| filter.matching(segment, &FieldTypes::default()).unwrap())
            .collect();
        let mut docids_of = BTreeMap::new();
        for (segment, matching) in segments.iter().zip(&matching) {
            for ordinal in (0..segment.document_count).filter(|&o| matching[o as usize]) {
                let ranks = segment.passage_docids.row(ordinal);
                let docids: Vec<_> = ranks
                    .map(|rank| segment.trie.docid(rank).unwrap().unwrap())
                    .collect();
                docids_of.insert(segment.documents.id(ordinal).to_owned(), docids);
            }
        }
        for query in queries() {
            let query = index.encode_query(&query, None).unwrap();
            let law = PlainLaw {
                segments,
                query: query.vector(),
                scale: snapshot.params().scale,
                docids: docids_of.values().flatten().cloned().collect(),
            };
            let options = SearchOptions::new()
                .mode(Mode::Generative)
                .k(100)
                .rerank(false)
                .filter(filter.clone());
            let hits = snapshot
                .search_vector(query.vector(), &options)
                .unwrap()
                .hits;
            assert_eq!(hits.len(), docids_of.len());
            for hit in hits {
                let each: Vec<f64> = docids_of[&hit.id]
                    .iter()
                    .map(|docid| law.log_prob(docid))
                    .collect();
                let expected = log_sum_exp(&each);
                assert!(
                    (hit.score - expected).abs() < ROUNDING,
                    "{}: {} and {expected}",
                    hit.id,
                    hit.score
                );
            }
        }
    }
}
