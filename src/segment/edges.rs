//! The vectors of the trie's edges: the trie head of every segment, summed over the union.
//!
//! An edge without a stored vector, since nothing branches there in its segment, is as good as the
//! sum of the vectors of the passages below it.

use smallvec::SmallVec;

use crate::columns::{Csr, VectorRows};
use crate::trie::{ForestChild, ForestNode, ForestPart, HeadEdge, HeadNode, TrieHead, sum_below};
use crate::vectors::{add_scaled, add_scaled_f16, norm, normalise};

/// What the trie head needs of one segment.
#[derive(Debug, Clone, Copy)]
pub struct CompactSegment<'a> {
    /// Stored edges.
    pub head: &'a TrieHead,
    /// Rank -> passages, for edges that are not stored.
    pub postings: &'a Csr,
    /// The vectors of those passages.
    pub passage_vectors: &'a VectorRows,
}

/// The edge vectors of all segments.
#[derive(Debug, Clone)]
pub struct CompactEdges<'a> {
    segments: Vec<CompactSegment<'a>>,
}

impl<'a> CompactEdges<'a> {
    /// Edge vectors over `segments`, in the order of the forest.
    pub fn new(segments: Vec<CompactSegment<'a>>) -> Self {
        CompactEdges { segments }
    }

    /// The segments.
    pub fn segments(&self) -> &[CompactSegment<'a>] {
        &self.segments
    }

    /// The listed edges of `parent` in each segment, looked up once for all its children.
    pub(crate) fn listed(&self, parent: &ForestNode) -> Listed<'a> {
        let lookup = |part: &ForestPart| {
            self.segments
                .get(part.segment as usize)?
                .head
                .node(&part.node)
        };
        parent
            .parts
            .iter()
            .filter_map(|part| Some((part.segment, lookup(part)?)))
            .collect()
    }

    /// Vectors that [`CompactEdges::sum`] adds up.
    pub(crate) fn vectors_of(&self, listed: &Listed<'_>, child: &ForestChild) -> usize {
        let of_part = |part: &ForestPart| match stored(listed, part) {
            Some(_) => 1,
            None => self
                .segments
                .get(part.segment as usize)
                .map_or(0, |segment| {
                    segment.postings.value_count(part.node.lo, part.node.hi)
                }),
        };
        child.node.parts.iter().map(of_part).sum()
    }

    /// `S/|S|` and the bias of an edge, summed over the segments that have it.
    pub(crate) fn summed(
        &self,
        listed: &Listed<'_>,
        child: &ForestChild,
        dim: usize,
    ) -> (Vec<f32>, f32) {
        let (mut sum, bias) = self.sum(listed, child, dim);
        normalise(&mut sum);
        (sum, bias)
    }

    /// `S` and the bias of an edge, summed over the segments that have it.
    pub(crate) fn sum(
        &self,
        listed: &Listed<'_>,
        child: &ForestChild,
        dim: usize,
    ) -> (Vec<f32>, f32) {
        let mut sum = EdgeSum::zero(dim);
        for part in &child.node.parts {
            self.add_part(listed, part, &mut sum);
        }
        let bias = sum.bias();
        (sum.vector, bias)
    }

    /// Adds what the segment of `part` has of an edge.
    pub(crate) fn add_part(&self, listed: &Listed<'_>, part: &ForestPart, sum: &mut EdgeSum) {
        if let Some(edge) = stored(listed, part) {
            add_scaled_f16(&mut sum.vector, edge.norm, edge.unit);
            sum.biases += edge.norm * edge.bias;
            sum.norms += edge.norm;
        } else if let Some(segment) = self.segments.get(part.segment as usize) {
            let below = sum_below(
                segment.postings,
                segment.passage_vectors,
                part.node.lo,
                part.node.hi,
            );
            add_scaled(&mut sum.vector, 1.0, &below);
            sum.norms += norm(&below);
        }
    }
}

/// An edge, added up over segments.
#[derive(Debug, Clone)]
pub(crate) struct EdgeSum {
    /// `S`.
    pub(crate) vector: Vec<f32>,
    /// Sum of the lengths.
    pub(crate) norms: f32,
    /// Sum of the biases, each times its length.
    pub(crate) biases: f32,
}

impl EdgeSum {
    pub(crate) fn zero(dim: usize) -> Self {
        EdgeSum {
            vector: vec![0.0; dim],
            norms: 0.0,
            biases: 0.0,
        }
    }

    pub(crate) fn add(&mut self, other: &EdgeSum) {
        add_scaled(&mut self.vector, 1.0, &other.vector);
        self.norms += other.norms;
        self.biases += other.biases;
    }

    pub(crate) fn bias(&self) -> f32 {
        match self.norms > 0.0 {
            true => self.biases / self.norms,
            false => 0.0,
        }
    }
}

/// What is stored of an edge in the segment of `part`.
pub(crate) fn stored<'a>(listed: &Listed<'a>, part: &ForestPart) -> Option<HeadEdge<'a>> {
    let mut listed = listed.iter();
    let (_, node) = listed.find(|(segment, _)| *segment == part.segment)?;
    node.edge(part.child_index)
}

/// Listed nodes by segment.
pub(crate) type Listed<'a> = SmallVec<[(u32, HeadNode<'a>); 1]>;
