//! The trie as a [`SoftmaxTree`], and the fitted tree as trie heads again.

use super::softmax_tree::{SoftmaxTree, Step};
use crate::Result;
use crate::decode::CompactEdges;
use crate::trie::{Forest, ForestChild, ForestNode, HeadBuilder, HeadSections, NewEdge, sum_below};
use crate::vectors::normalise;

/// Every branching prefix of a forest with the parameters of its edges.
#[derive(Debug)]
pub struct TrieTree {
    /// The parameters; node `i` is `branchings[i]`, row by row its live children.
    pub tree: SoftmaxTree,
    branchings: Vec<(ForestNode, Vec<ForestChild>)>,
    /// Decisions on the way to each live docid, by segment and rank.
    paths: Vec<Vec<Vec<Step>>>,
}

impl TrieTree {
    /// The tree of all live docids of `forest`, its edges starting where `edges` has them.
    pub fn new(
        forest: &Forest<'_>,
        edges: &CompactEdges<'_>,
        dim: usize,
        scale: f32,
    ) -> Result<Self> {
        let tree = SoftmaxTree {
            dim,
            scale,
            node_rows: Vec::new(),
            unit: Vec::new(),
            bias: Vec::new(),
        };
        let docid_counts = (0..)
            .map_while(|segment| forest.trie(segment))
            .map(|trie| trie.docid_count());
        let paths = docid_counts
            .map(|count| vec![Vec::new(); count as usize])
            .collect();
        let mut built = TrieTree {
            tree,
            branchings: Vec::new(),
            paths,
        };
        let root = forest.root();
        if root.live_count > 0 {
            built.add_below(forest, edges, root, &mut Vec::new())?;
        }
        Ok(built)
    }

    fn add_below(
        &mut self,
        forest: &Forest<'_>,
        edges: &CompactEdges<'_>,
        mut prefix: ForestNode,
        path: &mut Vec<Step>,
    ) -> Result<()> {
        let children = loop {
            if prefix.is_end || prefix.live_count == 1 {
                for (segment, rank) in forest.docid_places(&prefix) {
                    self.paths[segment as usize][rank as usize] = path.clone();
                }
                return Ok(());
            }
            let mut children = forest.children(&prefix)?;
            match children.pop() {
                Some(only) if children.is_empty() => prefix = only.node,
                Some(last) => {
                    children.push(last);
                    break children;
                }
                None => return Ok(()),
            }
        };
        let node = self.branchings.len() as u32;
        let first_row = self.tree.bias.len() as u32;
        let listed = edges.listed(&prefix);
        for child in &children {
            let (unit, bias) = edges.summed(&listed, child, self.tree.dim);
            self.tree.unit.extend_from_slice(&unit);
            self.tree.bias.push(bias);
        }
        self.tree
            .node_rows
            .push(first_row..first_row + children.len() as u32);
        self.branchings.push((prefix, children.clone()));
        for (row, child) in (first_row..).zip(children) {
            path.push(Step { node, row });
            self.add_below(forest, edges, child.node, path)?;
            path.pop();
        }
        Ok(())
    }

    /// The decisions on the way to the docid with `rank` in `segment`; empty when it is dead, or
    /// the only one.
    pub fn path(&self, segment: u32, rank: u32) -> &[Step] {
        self.paths
            .get(segment as usize)
            .and_then(|ranks| ranks.get(rank as usize))
            .map_or(&[], Vec::as_slice)
    }

    /// The heads of all segments with this tree's parameters: for every edge the number of
    /// documents below it in the segment times its unit vector, so that segments add up.
    pub fn heads(
        &self,
        forest: &Forest<'_>,
        edges: &CompactEdges<'_>,
    ) -> Result<Vec<HeadSections>> {
        let mut builders: Vec<HeadBuilder> = edges
            .segments()
            .iter()
            .map(|_| HeadBuilder::default())
            .collect();
        // END sorts first: see `Forest::children`.
        let order = |token: u32| token.wrapping_add(1);
        for ((prefix, children), rows) in self.branchings.iter().zip(&self.tree.node_rows) {
            for part in &prefix.parts {
                let segment = &edges.segments()[part.segment as usize];
                let mut units = Vec::new();
                let mut records = Vec::new();
                for child in forest.segment_children(part)? {
                    let (lo, hi) = (child.node.lo, child.node.hi);
                    let documents = segment.postings.value_count(lo, hi) as f32;
                    match children
                        .binary_search_by_key(&order(child.token), |live| order(live.token))
                    {
                        Ok(index) => {
                            let row = rows.start as usize + index;
                            units.extend_from_slice(
                                &self.tree.unit[row * self.tree.dim..(row + 1) * self.tree.dim],
                            );
                            records.push((child.token, lo, documents, self.tree.bias[row]));
                        }
                        Err(_) => {
                            let mut sum =
                                sum_below(segment.postings, segment.document_vectors, lo, hi);
                            let norm = normalise(&mut sum);
                            units.extend_from_slice(&sum);
                            records.push((child.token, lo, norm, 0.0));
                        }
                    }
                }
                let edges = records.into_iter().zip(units.chunks(self.tree.dim)).map(
                    |((token, lo, norm, bias), unit)| NewEdge {
                        token,
                        lo,
                        norm,
                        bias,
                        unit,
                    },
                );
                builders[part.segment as usize].push_node(part.node.depth, part.node.lo, edges);
            }
        }
        builders.into_iter().map(HeadBuilder::finish).collect()
    }
}
