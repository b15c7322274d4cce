//! Which edges of the tries a training fits, where they start, and how they are stored.
//!
//! An edge is fitted if a document that is being learnt is below it. Its parts in segments with
//! such a document are *open*, its other parts stay as they are stored:
//!
//! ```text
//!   S of the union  =  S of the parts that stay  +  S of the open parts
//!                      as stored                    what is missing to the fitted edge
//! ```
//!
//! Invariants:
//! - I1. Segments without a document that is learnt keep their heads, byte for byte.
//! - I2. So do all edges without such a document below them.
//! - I3. Over all segments, a fitted edge has the fitted direction and bias.

use std::collections::HashSet;

use crate::Result;
use crate::segment::{CompactEdges, EdgeSum, Listed, Segment, stored};
use crate::train::{BranchingPrefix, EdgeSource, TrieTree};
use crate::trie::{
    Forest, ForestChild, ForestNode, ForestPart, HeadBuilder, HeadSections, LiveRanks, NewEdge,
    TrieChild,
};
use crate::vectors::{add_scaled, normalise};

/// The documents that a training looks at, by segment.
pub(super) struct FittedEdges<'a> {
    segments: &'a [Segment],
    edges: CompactEdges<'a>,
    dim: usize,
    /// Ranks of docids of documents that are learnt.
    learnt: Vec<LiveRanks>,
    /// Ranks of docids of documents with examples: those, and those that are repeated.
    asked: Vec<LiveRanks>,
    /// Whether edges start from passage vectors and not from what is stored.
    from_passages: bool,
}

/// The open parts of a fitted edge, taken together.
struct OpenParts {
    /// Length per live document.
    norm: f32,
    bias: f32,
    unit: Vec<f32>,
}

impl<'a> FittedEdges<'a> {
    /// The edges above the documents that are learnt or asked; both lists hold for each segment
    /// whether it does for each document.
    pub(super) fn new(
        segments: &'a [Segment],
        edges: CompactEdges<'a>,
        dim: usize,
        [learnt, asked]: [&[Vec<bool>]; 2],
        from_passages: bool,
    ) -> Self {
        let ranks = |documents: &[Vec<bool>]| {
            let of_segment = |(segment, documents): (&Segment, &Vec<bool>)| {
                LiveRanks::from_fn(segment.trie.docid_count(), |rank| {
                    let mut carriers = segment.postings.row(rank);
                    carriers.any(|ordinal| documents.get(ordinal as usize) == Some(&true))
                })
            };
            segments.iter().zip(documents).map(of_segment).collect()
        };
        FittedEdges {
            segments,
            edges,
            dim,
            learnt: ranks(learnt),
            asked: ranks(asked),
            from_passages,
        }
    }

    /// The head of each segment with the parameters of `trie`; `None` where nothing changes.
    pub(super) fn heads(
        &self,
        trie: &TrieTree,
        forest: &Forest<'_>,
    ) -> Result<Vec<Option<HeadSections>>> {
        let mut builders: Vec<HeadBuilder> = Vec::new();
        builders.resize_with(self.segments.len(), HeadBuilder::default);
        let mut replaced: Vec<HashSet<(u32, u32)>> = vec![HashSet::new(); self.segments.len()];
        for (branching, rows) in trie.branchings.iter().zip(&trie.tree.node_rows) {
            let listed = self.edges.listed(&branching.node);
            let fitted: Vec<Option<OpenParts>> = branching
                .children
                .iter()
                .zip(rows.clone())
                .map(|(child, row)| {
                    let row = row as usize;
                    let unit = &trie.tree.unit[row * self.dim..(row + 1) * self.dim];
                    let bias = trie.tree.bias[row];
                    (!self.is_fixed(child)).then(|| self.open_parts(&listed, child, unit, bias))
                })
                .collect();
            for part in branching
                .node
                .parts
                .iter()
                .filter(|part| self.is_open(part))
            {
                let number = part.segment as usize;
                let node = self.list(part, &listed, branching, &fitted, forest)?;
                builders[number].push_node(
                    part.node.depth,
                    part.node.lo,
                    node.iter().map(|(edge, unit)| NewEdge { unit, ..*edge }),
                );
                replaced[number].insert((part.node.depth, part.node.lo));
            }
        }
        let heads = builders.into_iter().zip(replaced).zip(self.segments);
        heads
            .zip(&self.learnt)
            .map(|(((mut builder, replaced), segment), learnt)| {
                if learnt.count(0, segment.trie.docid_count()) == 0 {
                    return Ok(None);
                }
                if !self.from_passages {
                    let is_replaced = |depth, lo| replaced.contains(&(depth, lo));
                    builder.push_stored(&segment.trie_head, is_replaced);
                }
                builder.finish().map(Some)
            })
            .collect()
    }

    /// What the open parts of an edge have to be for the union to have the fitted `unit` and
    /// `bias`, and the length that its documents and the other parts give it.
    fn open_parts(
        &self,
        listed: &Listed<'_>,
        child: &ForestChild,
        unit: &[f32],
        bias: f32,
    ) -> OpenParts {
        let mut stays = EdgeSum::zero(self.dim);
        let mut documents = 0;
        for part in &child.node.parts {
            match self.is_open(part) {
                true => documents += self.live_count(part),
                false => self.edges.add_part(listed, part, &mut stays),
            }
        }
        let documents = documents.max(1) as f32;
        let mut missing = vec![0.0; self.dim];
        add_scaled(&mut missing, stays.norms + documents, unit);
        add_scaled(&mut missing, -1.0, &stays.vector);
        // At least the number of documents: the other parts are no longer than their norms.
        let length = normalise(&mut missing);
        OpenParts {
            norm: length / documents,
            bias: (bias * (stays.norms + length) - stays.biases) / length.max(f32::MIN_POSITIVE),
            unit: missing,
        }
    }

    /// All edges of an open part of a branching prefix, as its segment is to store them.
    fn list(
        &self,
        part: &ForestPart,
        listed: &Listed<'_>,
        branching: &BranchingPrefix,
        fitted: &[Option<OpenParts>],
        forest: &Forest<'_>,
    ) -> Result<Vec<(NewEdge<'static>, Vec<f32>)>> {
        // END sorts first: see `Forest::children`.
        let order = |token: u32| token.wrapping_add(1);
        let children = forest.segment_children(part)?;
        let edge = |(child_index, child): (u32, &TrieChild)| {
            let below = ForestPart {
                segment: part.segment,
                node: child.node,
                child_index,
            };
            let new_edge = |norm, bias| NewEdge {
                token: child.token,
                lo: child.node.lo,
                norm,
                bias,
                unit: &[],
            };
            let in_union = branching
                .children
                .binary_search_by_key(&order(child.token), |live| order(live.token));
            let open = in_union.ok().and_then(|index| fitted.get(index)?.as_ref());
            if let Some(open) = open.filter(|_| self.is_open(&below)) {
                let norm = open.norm * self.live_count(&below) as f32;
                return (new_edge(norm, open.bias), open.unit.clone());
            }
            if let Some(stored) = stored(listed, &below) {
                let unit = stored.unit.iter().map(|value| value.to_f32()).collect();
                return (new_edge(stored.norm, stored.bias), unit);
            }
            let mut sum = EdgeSum::zero(self.dim);
            self.edges.add_part(&Listed::new(), &below, &mut sum);
            let norm = normalise(&mut sum.vector);
            (new_edge(norm, 0.0), sum.vector)
        };
        Ok((0..).zip(&children).map(edge).collect())
    }

    /// Whether a document that is learnt is below a part.
    fn is_open(&self, part: &ForestPart) -> bool {
        is_below(&self.learnt, part)
    }

    fn live_count(&self, part: &ForestPart) -> usize {
        let (lo, hi) = (part.node.lo, part.node.hi);
        let segment = self.segments.get(part.segment as usize);
        segment.map_or(0, |segment| segment.live_count_below(lo, hi))
    }
}

impl EdgeSource for FittedEdges<'_> {
    fn is_asked(&self, node: &ForestNode) -> bool {
        node.parts.iter().any(|part| is_below(&self.asked, part))
    }

    fn is_fixed(&self, child: &ForestChild) -> bool {
        !child.node.parts.iter().any(|part| self.is_open(part))
    }

    fn start(&self, node: &ForestNode, children: &[ForestChild]) -> Vec<(Vec<f32>, f32)> {
        if !self.from_passages {
            let listed = self.edges.listed(node);
            let start = |child| self.edges.summed(&listed, child, self.dim);
            return children.iter().map(start).collect();
        }
        let passages = |child: &ForestChild| {
            let mut sum = vec![0.0; self.dim];
            for part in &child.node.parts {
                if let Some(segment) = self.segments.get(part.segment as usize) {
                    let below = segment.live_sum_below(part.node.lo, part.node.hi);
                    add_scaled(&mut sum, 1.0, &below);
                }
            }
            normalise(&mut sum);
            (sum, 0.0)
        };
        children.iter().map(passages).collect()
    }
}

fn is_below(ranks: &[LiveRanks], part: &ForestPart) -> bool {
    let ranks = ranks.get(part.segment as usize);
    ranks.is_some_and(|ranks| ranks.count(part.node.lo, part.node.hi) > 0)
}
