//! The memo of one query: every docid prefix reached so far, each evaluated at most once.

use smallvec::SmallVec;

use super::expander::{Branching, Expander, log_softmax};
use crate::Result;
use crate::trie::{Forest, ForestNode};

/// Handle of a memoised prefix.
pub(super) type NodeId = u32;

/// A docid where it is stored: (segment, rank).
pub type DocidPlace = (u32, u32);

/// What answering a query cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Branching prefixes whose children were scored.
    pub node_evaluations: u64,
    /// Children scored, that is vectors compared by the trie head.
    pub children_scored: u64,
}

#[derive(Debug)]
struct MemoNode {
    prefix: ForestNode,
    /// Joint log-probability of the prefix.
    log_prob: f64,
    kids: Kids,
}

/// What lies below a prefix once the forced steps have been walked.
#[derive(Debug, Clone)]
enum Kids {
    Unknown,
    /// Exactly one docid, stored in these places.
    Docid(SmallVec<[DocidPlace; 1]>),
    /// The children, side by side.
    Nodes(std::ops::Range<NodeId>),
}

/// What [`Memo::open`] found below a prefix.
pub(super) enum Below {
    Docid(SmallVec<[DocidPlace; 1]>),
    Nodes(std::ops::Range<NodeId>),
}

/// All prefixes one query has reached, over one forest, scored by one expander.
pub struct Memo<'a> {
    forest: &'a Forest<'a>,
    expander: &'a mut dyn Expander,
    nodes: Vec<MemoNode>,
    work: Work,
}

impl<'a> Memo<'a> {
    /// A memo that knows only the root.
    pub fn new(forest: &'a Forest<'a>, expander: &'a mut dyn Expander) -> Self {
        let root = MemoNode {
            prefix: forest.root(),
            log_prob: 0.0,
            kids: Kids::Unknown,
        };
        Memo {
            forest,
            expander,
            nodes: vec![root],
            work: Work::default(),
        }
    }

    /// What was spent so far.
    pub fn work(&self) -> Work {
        self.work
    }

    /// The root, unless no docid is alive.
    pub(super) fn root(&self) -> Option<NodeId> {
        self.nodes
            .first()
            .filter(|root| root.prefix.live_count > 0)
            .map(|_| 0)
    }

    pub(super) fn log_prob(&self, id: NodeId) -> f64 {
        self.nodes
            .get(id as usize)
            .map_or(f64::NEG_INFINITY, |node| node.log_prob)
    }

    /// Walks forced steps below `id` and scores the first branching, unless that was done before.
    pub(super) fn open(&mut self, id: NodeId) -> Result<Below> {
        let Some(node) = self.nodes.get(id as usize) else {
            return Ok(Below::Nodes(0..0));
        };
        match &node.kids {
            Kids::Docid(places) => return Ok(Below::Docid(places.clone())),
            Kids::Nodes(range) => return Ok(Below::Nodes(range.clone())),
            Kids::Unknown => {}
        }
        let log_prob = node.log_prob;
        let mut prefix = node.prefix.clone();
        let kids = loop {
            if prefix.is_end || prefix.live_count == 1 {
                break Kids::Docid(self.forest.docid_places(&prefix));
            }
            let mut children = self.forest.children(&prefix)?;
            if children.len() == 1 {
                if let Some(only) = children.pop() {
                    prefix = only.node;
                }
                continue;
            }
            let mut logits = Vec::with_capacity(children.len());
            self.expander.expand(
                &[Branching {
                    node: &prefix,
                    children: &children,
                }],
                &mut logits,
            )?;
            logits.resize(children.len(), f32::NEG_INFINITY);
            self.work.node_evaluations += 1;
            self.work.children_scored += children.len() as u64;
            let first = self.nodes.len() as NodeId;
            for (child, conditional) in children.into_iter().zip(log_softmax(&logits)) {
                self.nodes.push(MemoNode {
                    prefix: child.node,
                    log_prob: log_prob + conditional,
                    kids: Kids::Unknown,
                });
            }
            break Kids::Nodes(first..self.nodes.len() as NodeId);
        };
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.kids = kids.clone();
        }
        Ok(match kids {
            Kids::Docid(places) => Below::Docid(places),
            Kids::Nodes(range) => Below::Nodes(range),
            Kids::Unknown => Below::Nodes(0..0),
        })
    }

    /// Joint log-probability of the live docid stored at `place`.
    pub fn docid_log_prob(&mut self, (segment, rank): DocidPlace) -> Result<f64> {
        let mut id = 0;
        loop {
            match self.open(id)? {
                Below::Docid(_) => return Ok(self.log_prob(id)),
                Below::Nodes(range) => {
                    let children = self
                        .nodes
                        .get(range.start as usize..range.end as usize)
                        .unwrap_or(&[]);
                    match child_with_rank(children, segment, rank) {
                        Some(index) => id = range.start + index as NodeId,
                        None => return Ok(f64::NEG_INFINITY),
                    }
                }
            }
        }
    }
}

/// The child whose ranks in `segment` contain `rank`. One pass at most: children ascend by rank
/// in each segment, and those a segment lacks are stepped over.
fn child_with_rank(children: &[MemoNode], segment: u32, rank: u32) -> Option<usize> {
    children.iter().position(|node| {
        let part = node.prefix.part(segment);
        part.is_some_and(|part| (part.node.lo..part.node.hi).contains(&rank))
    })
}
