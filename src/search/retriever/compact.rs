//! The compact retriever's expander: a softmax over the trie head's edge vectors.

use crate::Result;
use crate::decode::{Branching, Expander};
use crate::segment::{CompactEdges, Listed};
use crate::trie::ForestChild;
use crate::vectors::{dot, dot_f16};

/// Scores children by `scale * <q, S/|S|> + b`, where `S` sums over the segments
/// (`ARCHITECTURE.md`, D5).
#[derive(Debug, Clone)]
pub struct CompactExpander<'a> {
    query: &'a [f32],
    scale: f32,
    edges: CompactEdges<'a>,
    bytes_touched: u64,
}

impl<'a> CompactExpander<'a> {
    /// An expander for a unit `query` over `edges`.
    pub fn new(query: &'a [f32], scale: f32, edges: CompactEdges<'a>) -> Self {
        CompactExpander {
            query,
            scale,
            edges,
            bytes_touched: 0,
        }
    }

    fn logit(&mut self, listed: &Listed, child: &ForestChild) -> f32 {
        if let [part] = child.node.parts.as_slice()
            && let Some(edge) = self.edges.stored(listed, part)
        {
            self.bytes_touched += bytes_of(1, edge.unit.len());
            return self.scale * dot_f16(self.query, edge.unit) + edge.bias;
        }
        let vectors = self.edges.vectors_of(listed, child);
        self.bytes_touched += bytes_of(vectors, self.query.len());
        let (unit, bias) = self.edges.summed(listed, child, self.query.len());
        self.scale * dot(self.query, &unit) + bias
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
            for child in branching.children {
                logits.push(self.logit(&listed, child));
            }
        }
        Ok(())
    }
}
