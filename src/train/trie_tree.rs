//! A trie as a [`SoftmaxTree`].

use super::softmax_tree::{SoftmaxTree, Step};
use crate::Result;
use crate::trie::{DocidPlace, Forest, ForestChild, ForestNode};

/// Which part of a trie is fitted, and where its edges start.
pub trait EdgeSource {
    /// Whether an example leads below the prefix; what is below another is not looked at.
    fn is_asked(&self, node: &ForestNode) -> bool;

    /// Whether the edge to a child keeps what it starts with.
    fn is_fixed(&self, child: &ForestChild) -> bool;

    /// The unit vector and the bias that the edge of each child of `node` starts with.
    fn start(&self, node: &ForestNode, children: &[ForestChild]) -> Vec<(Vec<f32>, f32)>;
}

/// A branching prefix, and which rows of the tree are its children's.
#[derive(Debug)]
pub struct BranchingPrefix {
    /// The prefix.
    pub node: ForestNode,
    /// Its live children, row by row.
    pub children: Vec<ForestChild>,
}

/// The branching prefixes on the way to the docids asked for, with the parameters of all edges
/// that leave them.
#[derive(Debug)]
pub struct TrieTree {
    /// The parameters.
    pub tree: SoftmaxTree,
    /// What the tree's nodes are, in its order.
    pub branchings: Vec<BranchingPrefix>,
    /// Decisions on the way to each live docid asked for, by segment and rank.
    paths: Vec<Vec<Vec<Step>>>,
}

impl TrieTree {
    /// The tree of the live docids of `forest` that `source` asks for.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a trie is damaged.
    pub fn new(
        forest: &Forest<'_>,
        source: &dyn EdgeSource,
        dim: usize,
        scale: f32,
    ) -> Result<Self> {
        let docid_counts = (0..)
            .map_while(|segment| forest.trie(segment))
            .map(|trie| trie.docid_count());
        let paths = docid_counts
            .map(|count| vec![Vec::new(); count as usize])
            .collect();
        let mut built = TrieTree {
            tree: SoftmaxTree::empty(dim, scale),
            branchings: Vec::new(),
            paths,
        };
        let root = forest.root();
        if root.live_count > 0 && source.is_asked(&root) {
            built.add_below(forest, source, root, &mut Vec::new())?;
        }
        Ok(built)
    }

    /// The depth of the recursion is bounded by the length of a docid.
    fn add_below(
        &mut self,
        forest: &Forest<'_>,
        source: &dyn EdgeSource,
        mut prefix: ForestNode,
        path: &mut Vec<Step>,
    ) -> Result<()> {
        let children = loop {
            if prefix.is_end || prefix.live_count == 1 {
                for DocidPlace { segment, rank } in forest.docid_places(&prefix) {
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
        let first_row = self.tree.row_count() as u32;
        let starts = source.start(&prefix, &children);
        let rows = children.iter().zip(starts);
        self.tree
            .push_node(rows.map(|(child, start)| (start, source.is_fixed(child))));
        let below: Vec<ForestNode> = children.iter().map(|child| child.node.clone()).collect();
        self.branchings.push(BranchingPrefix {
            node: prefix,
            children,
        });
        for (row, child) in (first_row..).zip(below) {
            if source.is_asked(&child) {
                path.push(Step { node, row });
                self.add_below(forest, source, child, path)?;
                path.pop();
            }
        }
        Ok(())
    }

    /// The decisions on the way to the docid with `rank` in `segment`; empty when it is dead, not
    /// asked for, or the only one.
    pub fn path(&self, segment: u32, rank: u32) -> &[Step] {
        self.paths
            .get(segment as usize)
            .and_then(|ranks| ranks.get(rank as usize))
            .map_or(&[], Vec::as_slice)
    }
}
