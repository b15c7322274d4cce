//! Merging: several segments become one, and no answer changes but for what is deleted.
//!
//! ```text
//!   docids      union of the sorted keys; ranks are handed out anew, dead docids left out
//!   documents   copied in order, dead ones left out; ordinals are handed out anew, and so are the
//!               numbers of passages
//!   vectors     copied
//!   lexicon     union of the sorted terms; postings copied, no text is looked at
//!   trie head   S_c of an edge is the sum of its S_c in every segment, without the dead
//!               documents' share of it (`ARCHITECTURE.md`, D5)
//! ```
//!
//! Invariants:
//! - I1. External ids, docids and stored vectors are kept byte for byte.
//! - I2. The merged trie head gives every edge that branches among the live docids the vector
//!   that the union of the segments gave it, up to the rounding of float16, if no document below
//!   it is dead.
//! - I3. Segments that were never trained merge into what building one of their live documents
//!   gives, byte for byte.
//!
//! A fitted edge does not tell what of it came from a document that is dead now. Fitting moved
//! its direction away from that of the passages below it, and that displacement is kept:
//! `S'/|S'| ~ P'/|P'| + S/|S| - P/|P|` with `P` the sum of the passage vectors below the edge and
//! `P'` that of the live ones. What was dead when the edge was fitted is not in it.

use std::collections::HashSet;

use zerocopy::IntoBytes;

use super::builder::{Docids, Layout, NewSegment, head_sections};
use super::edges::{CompactEdges, EdgeSum};
use super::opened::Segment;
use super::params::IndexParams;
use super::view::View;
use crate::columns::{CsrBuilder, SignListsBuilder, StringsBuilder};
use crate::docs::{DocumentTableBuilder, PassageTableBuilder};
use crate::lexicon::{Lexicon, merge_lexicons};
use crate::trie::{
    Forest, ForestNode, ForestPart, HeadBuilder, NewEdge, TrieBuilder, sum_below, union_keys,
};
use crate::vectors::{add_scaled, normalise};
use crate::{Error, Result};

/// One segment with the live documents of `segments`; `None` when there are none.
pub(crate) fn merge(
    segments: &[Segment],
    params: &IndexParams,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<Option<NewSegment>> {
    let mut passage_count = 0u32;
    let mut new_passages: Vec<Vec<Option<u32>>> = Vec::with_capacity(segments.len());
    for segment in segments {
        let mut numbers = vec![None; segment.passages.count() as usize];
        for passage in segment.live_passages() {
            if let Some(slot) = numbers.get_mut(passage as usize) {
                *slot = Some(passage_count);
            }
            passage_count = passage_count
                .checked_add(1)
                .ok_or_else(|| Error::limit("a merge would make too large a segment"))?;
        }
        new_passages.push(numbers);
    }
    // No more than there are passages.
    let document_count = segments.iter().map(Segment::live_count).sum();
    if document_count == 0 {
        return Ok(None);
    }
    let new_passage = |segment: usize, passage: u32| -> Option<u32> {
        *new_passages.get(segment)?.get(passage as usize)?
    };

    let mut trie = TrieBuilder::default();
    let (mut postings, mut docid_texts) = (CsrBuilder::default(), StringsBuilder::default());
    let mut new_ranks: Vec<Vec<u32>> = segments
        .iter()
        .map(|segment| vec![0; segment.trie.docid_count() as usize])
        .collect();
    union_keys(
        segments.iter().map(|segment| &segment.trie),
        |key, places| {
            go_on()?;
            let mut passages: Vec<u32> = Vec::new();
            let mut text = None;
            for &(number, rank) in places {
                let Some(segment) = segments.get(number) else {
                    continue;
                };
                let live = segment
                    .postings
                    .row(rank)
                    .filter_map(|passage| new_passage(number, passage));
                let before = passages.len();
                passages.extend(live);
                if text.is_none() && passages.len() > before {
                    text = Some(segment.docid_texts.row(rank));
                }
            }
            if let Some(text) = text {
                let new_rank = trie.push(key)?;
                docid_texts.push(text);
                postings.push_row(passages);
                for &(number, rank) in places {
                    if let Some(slot) = new_ranks
                        .get_mut(number)
                        .and_then(|ranks| ranks.get_mut(rank as usize))
                    {
                        *slot = new_rank;
                    }
                }
            }
            Ok(())
        },
    )?;

    let mut passage_docids = CsrBuilder::default();
    let mut documents = DocumentTableBuilder::default();
    let mut passages = PassageTableBuilder::default();
    let (mut vectors, mut document_head) = (Vec::new(), Vec::new());
    let keeps_tokens = params.encoder.token_vectors;
    let mut token_vectors = keeps_tokens.then(SignListsBuilder::default);
    for (segment, ranks) in segments.iter().zip(&new_ranks) {
        documents.push_table(&segment.documents, |ordinal| segment.is_live(ordinal))?;
        for ordinal in segment.live_ordinals() {
            passages.push(&segment.passages.places(ordinal))?;
        }
        for passage in segment.live_passages() {
            go_on()?;
            let docids = segment.passage_docids.row(passage);
            passage_docids.push_row(docids.filter_map(|rank| ranks.get(rank as usize).copied()));
            let row = passage as usize;
            vectors.extend_from_slice(segment.passage_vectors.row(row).as_bytes());
            document_head.extend_from_slice(segment.document_head.row(row).as_bytes());
            if let (Some(to), Some(from)) = (&mut token_vectors, &segment.token_vectors) {
                to.push(from.row(passage));
            }
        }
    }
    let lexicons: Vec<Lexicon> = segments
        .iter()
        .map(|segment| segment.lexicon.clone())
        .collect();
    let has_document_head = segments.iter().any(|segment| segment.has_document_head);

    let heads = if has_document_head {
        let mut head = HeadMerger::new(segments, params.encoder.dim);
        let view = View::all(segments);
        head.add_below(&view.forest(), &view.edges(), view.forest().root())?;
        let rows = (u64::from(passage_count), document_head);
        Some(head_sections(head.builder.finish()?, Some(rows)))
    } else {
        None
    };
    Layout {
        document_count,
        passages,
        docids: Docids {
            trie,
            postings,
            passage_docids,
            texts: docid_texts,
        },
        vectors,
        token_vectors,
        documents,
        lexicon: merge_lexicons(&lexicons, new_passage)?,
    }
    .into_segment(heads, params)
    .map(Some)
}

/// Walks the live docids of all segments in order and lists the edges of the merged trie head.
struct HeadMerger<'a> {
    segments: &'a [Segment],
    builder: HeadBuilder,
    dim: usize,
    /// Per segment, first ranks of nodes that are listed although they do not branch there:
    /// training saw them branch in a union that is larger than this merge.
    listed_unary: Vec<HashSet<u32>>,
    next_rank: u32,
}

impl<'a> HeadMerger<'a> {
    fn new(segments: &'a [Segment], dim: usize) -> Self {
        let unary = |segment: &Segment| segment.trie_head.unary_ranks().collect();
        HeadMerger {
            segments,
            builder: HeadBuilder::default(),
            dim,
            listed_unary: segments.iter().map(unary).collect(),
            next_rank: 0,
        }
    }

    fn add_below(
        &mut self,
        forest: &Forest<'_>,
        edges: &CompactEdges<'_>,
        node: ForestNode,
    ) -> Result<()> {
        if node.is_end || (node.live_count == 1 && !self.is_listed_below(&node)) {
            self.next_rank = self.next_rank.saturating_add(1);
            return Ok(());
        }
        let first_rank = self.next_rank;
        let children = forest.children(&node)?;
        let mut first_ranks = Vec::with_capacity(children.len());
        for child in &children {
            first_ranks.push(self.next_rank);
            self.add_below(forest, edges, child.node.clone())?;
        }
        let listed = edges.listed(&node);
        let Some(depth) = node.parts.first().map(|part| part.node.depth) else {
            return Ok(());
        };
        if children.len() < 2 && listed.is_empty() {
            return Ok(());
        }
        let sums: Vec<(f32, f32, Vec<f32>)> = children
            .iter()
            .map(|child| {
                let mut sum = EdgeSum::zero(self.dim);
                for part in &child.node.parts {
                    let mut own = EdgeSum::zero(self.dim);
                    edges.add_part(&listed, part, &mut own);
                    self.take_out_the_dead(part, &mut own);
                    sum.add(&own);
                }
                let bias = sum.bias();
                (normalise(&mut sum.vector), bias, sum.vector)
            })
            .collect();
        let merged = children.iter().zip(&first_ranks).zip(&sums);
        self.builder.push_node(
            depth,
            first_rank,
            merged.map(|((child, &lo), (norm, bias, unit))| NewEdge {
                token: child.token,
                lo,
                norm: *norm,
                bias: *bias,
                unit,
            }),
        );
        Ok(())
    }

    /// Takes the share of dead documents out of a part of an edge.
    fn take_out_the_dead(&self, part: &ForestPart, sum: &mut EdgeSum) {
        let Some(segment) = self.segments.get(part.segment as usize) else {
            return;
        };
        let (lo, hi) = (part.node.lo, part.node.hi);
        let all = segment.postings.value_count(lo, hi) as f32;
        let live = segment.live_count_below(lo, hi) as f32;
        // A fitted edge is as long as its documents were many: these were dead before.
        if live == all || (sum.norms - live).abs() < 1e-3 * live {
            return;
        }
        let mut passages = sum_below(&segment.postings, &segment.passage_vectors, lo, hi);
        let mut live_passages = segment.live_sum_below(lo, hi);
        normalise(&mut passages);
        normalise(&mut live_passages);
        normalise(&mut sum.vector);
        add_scaled(&mut sum.vector, -1.0, &passages);
        add_scaled(&mut sum.vector, 1.0, &live_passages);
        normalise(&mut sum.vector);
        sum.norms *= live / all;
        sum.biases *= live / all;
        let norm = sum.norms;
        sum.vector.iter_mut().for_each(|value| *value *= norm);
    }

    /// False only if it is certain that no segment lists a node on the way to this one docid.
    fn is_listed_below(&self, node: &ForestNode) -> bool {
        node.parts.iter().any(|part| {
            let unary = self.listed_unary.get(part.segment as usize);
            part.node.hi - part.node.lo > 1
                || unary.is_some_and(|ranks| ranks.contains(&part.node.lo))
        })
    }
}
