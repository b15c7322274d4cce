//! The trie head: one vector per edge of a branching node, and one per document.
//!
//! P(child c | prefix, query q) = softmax over the children of `scale * <q, S_c/|S_c|> + b_c`
//! (`ARCHITECTURE.md`, D5). `S_c` is a *sum* over the documents below the edge, so the vectors of
//! several segments add up to those of their union, and a merge changes no score.
//!
//! ```text
//!   HEAD_NODES   sorted by (depth, lo)      HEAD_EDGES, those of a node side by side
//!   depth lo first_edge edge_count   ──►    token lo norm bias     (norm * row = S_c)
//!                                           EDGE_VECTORS: one unit float16 row per edge
//! ```
//!
//! Invariants:
//! - I1. A listed node lists *all* its children in the segment, in the trie's order, so the
//!   edge of child `i` is `first_edge + i`.
//! - I2. A node that does not branch in the segment may be listed (it branched in the union
//!   that was trained) or not; then its edge is the sum over the documents below it.

use half::f16;
use zerocopy::little_endian::{F32, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::segment_trie::{SegmentTrie, TrieNode};
use crate::columns::{Csr, VectorRows};
use crate::store::Section;
use crate::vectors::{add_scaled_f16, normalise, to_f16_bytes};
use crate::{Error, Result};

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct NodeRecord {
    depth: U32,
    lo: U32,
    first_edge: U32,
    edge_count: U32,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct EdgeRecord {
    token: U32,
    lo: U32,
    norm: F32,
    bias: F32,
}

/// The edges of one listed node.
#[derive(Debug, Clone, Copy)]
pub struct HeadNode<'a> {
    edges: &'a [EdgeRecord],
    /// Their rows, side by side.
    units: &'a [f16],
    dim: usize,
}

impl<'a> HeadNode<'a> {
    /// The edge of child `child_index`.
    #[inline]
    pub fn edge(&self, child_index: u32) -> Option<HeadEdge<'a>> {
        let index = child_index as usize;
        let record = self.edges.get(index)?;
        Some(HeadEdge {
            norm: record.norm.get(),
            bias: record.bias.get(),
            unit: self.units.get(index * self.dim..(index + 1) * self.dim)?,
        })
    }
}

/// What is stored for one edge.
#[derive(Debug, Clone, Copy)]
pub struct HeadEdge<'a> {
    /// Length of `S_c`.
    pub norm: f32,
    /// Fitted prior of the edge; zero before training.
    pub bias: f32,
    /// Direction of `S_c`.
    pub unit: &'a [f16],
}

/// The trie head of one segment.
#[derive(Debug, Clone)]
pub struct TrieHead {
    nodes: Section,
    edges: Section,
    vectors: VectorRows,
}

impl TrieHead {
    /// Reads a head of `dim`-dimensional vectors.
    ///
    /// # Errors
    ///
    /// `Corrupt` when nodes are out of order, point outside the edges, or edges and vectors are not
    /// as many.
    pub fn open(nodes: Section, edges: Section, vectors: Section, dim: usize) -> Result<Self> {
        let edge_count = edges.as_slice_of::<EdgeRecord>()?.len();
        let records: &[NodeRecord] = nodes.as_slice_of()?;
        let inside = |node: &NodeRecord| {
            u64::from(node.first_edge.get()) + u64::from(node.edge_count.get()) <= edge_count as u64
        };
        if !records.iter().all(inside)
            || !records.is_sorted_by_key(|node| (node.depth.get(), node.lo.get()))
        {
            return Err(nodes.damaged("the trie head lists nodes out of order or out of bounds"));
        }
        let vectors = VectorRows::open(vectors, edge_count, dim)?;
        Ok(TrieHead {
            nodes,
            edges,
            vectors,
        })
    }

    /// Refuses numbers that are none, which no fitting may give.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn check(&self) -> Result<()> {
        let edges: &[EdgeRecord] = self.edges.as_slice_of()?;
        let is_finite =
            |edge: &EdgeRecord| edge.norm.get().is_finite() && edge.bias.get().is_finite();
        if edges.iter().all(is_finite) {
            return self.vectors.check();
        }
        Err(self
            .edges
            .damaged("the trie head has edges with values that are no numbers"))
    }

    /// The edges listed for `node`, if it is listed.
    pub fn node(&self, node: &TrieNode) -> Option<HeadNode<'_>> {
        let records: &[NodeRecord] = self.nodes.as_slice_of().ok()?;
        let key = (node.depth, node.lo);
        let index = records
            .binary_search_by_key(&key, |record| (record.depth.get(), record.lo.get()))
            .ok()?;
        let record = records.get(index)?;
        let first = record.first_edge.get() as usize;
        let edges = first..first + record.edge_count.get() as usize;
        Some(HeadNode {
            units: self.vectors.rows(edges.clone()),
            edges: self.edges.as_slice_of::<EdgeRecord>().ok()?.get(edges)?,
            dim: self.vectors.dim(),
        })
    }

    /// First ranks of the listed nodes that have one child only (I2).
    pub fn unary_ranks(&self) -> impl Iterator<Item = u32> + '_ {
        let records: &[NodeRecord] = self.nodes.as_slice_of().unwrap_or(&[]);
        records
            .iter()
            .filter(|record| record.edge_count.get() == 1)
            .map(|record| record.lo.get())
    }

    /// Number of edges with a vector.
    pub fn edge_count(&self) -> usize {
        self.edges
            .as_slice_of::<EdgeRecord>()
            .map_or(0, <[EdgeRecord]>::len)
    }
}

/// One edge to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewEdge<'a> {
    /// Token of the child, or [`super::END`].
    pub token: u32,
    /// First rank below the child.
    pub lo: u32,
    /// Length of `S_c`.
    pub norm: f32,
    /// Fitted prior.
    pub bias: f32,
    /// Direction of `S_c`, `dim` values.
    pub unit: &'a [f32],
}

/// The three section bodies of a head.
#[derive(Debug, Clone)]
pub struct HeadSections {
    /// Body of [`super::sections::HEAD_NODES`].
    pub nodes: Vec<u8>,
    /// Body of [`super::sections::HEAD_EDGES`].
    pub edges: Vec<u8>,
    /// Body of [`super::sections::EDGE_VECTORS`].
    pub vectors: Vec<u8>,
    /// Number of listed nodes.
    pub node_count: usize,
    /// Number of edges.
    pub edge_count: usize,
}

/// Builds what [`TrieHead`] reads.
#[derive(Debug, Default)]
pub struct HeadBuilder {
    nodes: Vec<NodeRecord>,
    edges: Vec<EdgeRecord>,
    vectors: Vec<u8>,
}

impl HeadBuilder {
    /// Lists a node with all its children in the segment, in the trie's order.
    pub fn push_node<'e>(
        &mut self,
        depth: u32,
        lo: u32,
        edges: impl IntoIterator<Item = NewEdge<'e>>,
    ) {
        let first_edge = self.edges.len();
        for edge in edges {
            self.edges.push(EdgeRecord {
                token: U32::new(edge.token),
                lo: U32::new(edge.lo),
                norm: F32::new(edge.norm),
                bias: F32::new(edge.bias),
            });
            self.vectors.extend_from_slice(&to_f16_bytes(edge.unit));
        }
        self.nodes.push(NodeRecord {
            depth: U32::new(depth),
            lo: U32::new(lo),
            first_edge: U32::new(first_edge as u32),
            edge_count: U32::new((self.edges.len() - first_edge) as u32),
        });
    }

    /// Lists the nodes of `head` as they are, those for which `is_replaced` holds (given depth and
    /// first rank) left out.
    pub fn push_stored(&mut self, head: &TrieHead, is_replaced: impl Fn(u32, u32) -> bool) {
        let nodes: &[NodeRecord] = head.nodes.as_slice_of().unwrap_or(&[]);
        let edges: &[EdgeRecord] = head.edges.as_slice_of().unwrap_or(&[]);
        for node in nodes {
            if is_replaced(node.depth.get(), node.lo.get()) {
                continue;
            }
            let first = node.first_edge.get() as usize;
            let stored = first..first + node.edge_count.get() as usize;
            let first_edge = U32::new(self.edges.len() as u32);
            self.edges
                .extend_from_slice(edges.get(stored.clone()).unwrap_or(&[]));
            for row in stored {
                self.vectors
                    .extend_from_slice(head.vectors.row(row).as_bytes());
            }
            self.nodes.push(NodeRecord {
                first_edge,
                ..*node
            });
        }
    }

    /// The section bodies.
    ///
    /// # Errors
    /// `Limit` when there are more edges than a number on disk can count.
    pub fn finish(mut self) -> Result<HeadSections> {
        if u32::try_from(self.edges.len()).is_err() {
            return Err(Error::limit(
                "the trie head of a segment has more than 2^32-1 edges: commit more often",
            ));
        }
        self.nodes
            .sort_by_key(|node| (node.depth.get(), node.lo.get()));
        Ok(HeadSections {
            nodes: self.nodes.as_bytes().to_vec(),
            edges: self.edges.as_bytes().to_vec(),
            node_count: self.nodes.len(),
            edge_count: self.edges.len(),
            vectors: self.vectors,
        })
    }

    /// The head of a segment nobody has trained: `S_c` is the sum of the passage vectors below
    /// each edge of each branching node; biases are zero.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the trie is damaged, `Limit` when it has more than 2^32 - 1 edges.
    pub fn untrained(
        trie: &SegmentTrie,
        postings: &Csr,
        vectors: &VectorRows,
    ) -> Result<HeadSections> {
        let mut builder = HeadBuilder::default();
        if trie.docid_count() > 0 {
            builder.push_below(trie, postings, vectors, trie.root())?;
        }
        builder.finish()
    }

    /// Lists every branching node below `node` and returns the sum of the vectors below it.
    /// The depth of the recursion is bounded by the length of a docid.
    fn push_below(
        &mut self,
        trie: &SegmentTrie,
        postings: &Csr,
        vectors: &VectorRows,
        node: TrieNode,
    ) -> Result<Vec<f32>> {
        if node.hi - node.lo == 1 {
            return Ok(sum_below(postings, vectors, node.lo, node.hi));
        }
        let mut children = Vec::new();
        trie.children(node, &mut children)?;
        let mut sums = Vec::with_capacity(children.len());
        for child in &children {
            sums.push(self.push_below(trie, postings, vectors, child.node)?);
        }
        let mut total = vec![0.0; vectors.dim()];
        for sum in &sums {
            crate::vectors::add_scaled(&mut total, 1.0, sum);
        }
        if children.len() > 1 {
            let norms: Vec<f32> = sums.iter_mut().map(|sum| normalise(sum)).collect();
            let edges = children
                .iter()
                .zip(&sums)
                .zip(norms)
                .map(|((child, unit), norm)| NewEdge {
                    token: child.token,
                    lo: child.node.lo,
                    norm,
                    bias: 0.0,
                    unit,
                });
            self.push_node(node.depth, node.lo, edges);
        }
        Ok(total)
    }
}

/// Sum of the vectors of the documents below ranks `[lo, hi)`, each as often as it is listed.
pub fn sum_below(postings: &Csr, vectors: &VectorRows, lo: u32, hi: u32) -> Vec<f32> {
    let mut sum = vec![0.0; vectors.dim()];
    for ordinal in (lo..hi).flat_map(|rank| postings.row(rank)) {
        add_scaled_f16(&mut sum, 1.0, vectors.row(ordinal as usize));
    }
    sum
}
