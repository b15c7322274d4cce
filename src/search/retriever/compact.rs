//! The compact retriever's expander: a softmax over the trie head's edge vectors.

use crate::Result;
use crate::decode::{Branching, Expander};
use crate::segment::{CompactEdges, Listed, stored};
use crate::trie::{ForestChild, HeadEdge};
use crate::vectors::{dot, dots_f16};

/// Scores children by `scale * <q, S/|S|> + b`, where `S` sums over the segments
/// (`ARCHITECTURE.md`, D5).
#[derive(Debug, Clone)]
pub struct CompactExpander<'a> {
    query: &'a [f32],
    scale: f32,
    edges: CompactEdges<'a>,
    bytes_touched: u64,
    /// Memory for the edges of a node.
    whole: Vec<Option<HeadEdge<'a>>>,
}

impl<'a> CompactExpander<'a> {
    /// An expander for a unit `query` over `edges`.
    pub fn new(query: &'a [f32], scale: f32, edges: CompactEdges<'a>) -> Self {
        CompactExpander {
            query,
            scale,
            edges,
            bytes_touched: 0,
            whole: Vec::new(),
        }
    }

    /// The logit of a child whose edge is not stored as it is.
    fn summed_logit(&mut self, listed: &Listed<'_>, child: &ForestChild) -> f32 {
        let vectors = self.edges.vectors_of(listed, child);
        self.bytes_touched += bytes_of(vectors, self.query.len());
        let (unit, bias) = self.edges.summed(listed, child, self.query.len());
        self.scale * dot(self.query, &unit) + bias
    }
}

/// The edge of a child, if it is stored as it is: in one segment.
fn whole_edge<'a>(listed: &Listed<'a>, child: &ForestChild) -> Option<HeadEdge<'a>> {
    match child.node.parts.as_slice() {
        [part] => stored(listed, part),
        _ => None,
    }
}

/// Bytes of `vectors` float16 vectors.
fn bytes_of(vectors: usize, dim: usize) -> u64 {
    (vectors * dim * size_of::<half::f16>()) as u64
}

impl Expander for CompactExpander<'_> {
    fn name(&self) -> &str {
        "the trie head of the index"
    }

    fn bytes_touched(&self) -> u64 {
        self.bytes_touched
    }

    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()> {
        for branching in nodes {
            let listed = self.edges.listed(branching.node);
            let mut edges = std::mem::take(&mut self.whole);
            edges.clear();
            let children = branching.children.iter();
            edges.extend(children.map(|child| whole_edge(&listed, child)));
            let first = logits.len();
            // A zero for those that are not stored, from no row.
            let rows = edges
                .iter()
                .map(|edge| edge.map_or(&[][..], |edge| edge.unit));
            dots_f16(self.query, rows, logits);
            let logits = logits.iter_mut().skip(first);
            for ((logit, edge), child) in logits.zip(&edges).zip(branching.children) {
                *logit = match edge {
                    Some(edge) => {
                        self.bytes_touched += bytes_of(1, edge.unit.len());
                        self.scale * *logit + edge.bias
                    }
                    None => self.summed_logit(&listed, child),
                };
            }
            self.whole = edges;
        }
        Ok(())
    }
}
