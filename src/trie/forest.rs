//! Several tries walked as one: the union of the live docids of all segments.
//!
//! A docid prefix may exist in any number of segments; a [`ForestNode`] holds its place in
//! each of them. Children whose docids are all dead or filtered out are never shown, so a
//! decoder cannot enter a dead branch. A place whose docids are merely filtered out stays in
//! its node all the same: how likely an edge is must not depend on which segment holds what.

use smallvec::SmallVec;

use super::key::END;
use super::live::LiveRanks;
use super::segment_trie::{SegmentTrie, TrieChild, TrieNode};
use crate::{Error, Result};

/// A docid where it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocidPlace {
    /// Position of its segment in the forest.
    pub segment: u32,
    /// Its rank there.
    pub rank: u32,
}

/// The place of a prefix in one segment.
#[derive(Debug, Clone, Copy)]
pub struct ForestPart {
    /// Position of the segment in the forest.
    pub segment: u32,
    /// The prefix in that segment.
    pub node: TrieNode,
    /// Position among *all* children (dead ones too) of the parent in that segment.
    pub child_index: u32,
}

/// A docid prefix over all segments that know it.
#[derive(Debug, Clone)]
pub struct ForestNode {
    /// One entry per segment with a docid below the prefix that is not deleted, by segment.
    pub parts: SmallVec<[ForestPart; 1]>,
    /// Live docids below the prefix (neither deleted nor filtered out), counted per segment.
    pub live_count: u32,
    /// True when the docid has ended: nothing follows.
    pub is_end: bool,
}

/// One way to go on from a prefix.
#[derive(Debug, Clone)]
pub struct ForestChild {
    /// The next token, or [`END`].
    pub token: u32,
    /// The prefix with that token appended.
    pub node: ForestNode,
}

/// The tries of an index with what is alive in each.
#[derive(Debug, Clone, Default)]
pub struct Forest<'a> {
    tries: Vec<ForestTrie<'a>>,
}

/// One trie of a forest; a mask that is `None` lets everything through.
#[derive(Debug, Clone, Copy)]
pub struct ForestTrie<'a> {
    /// The docids.
    pub trie: &'a SegmentTrie,
    /// Docids that are not deleted.
    pub present: Option<&'a LiveRanks>,
    /// Of these, docids that are not filtered out.
    pub live: Option<&'a LiveRanks>,
}

impl<'a> Forest<'a> {
    /// A forest over `tries`.
    pub fn new(tries: impl IntoIterator<Item = ForestTrie<'a>>) -> Self {
        Forest {
            tries: tries.into_iter().collect(),
        }
    }

    /// The trie of `segment`.
    pub fn trie(&self, segment: u32) -> Option<&'a SegmentTrie> {
        self.tries.get(segment as usize).map(|one| one.trie)
    }

    /// The empty prefix. Its `live_count` is zero when no docid is alive.
    pub fn root(&self) -> ForestNode {
        let mut root = ForestNode {
            parts: SmallVec::new(),
            live_count: 0,
            is_end: false,
        };
        for (segment, one) in self.tries.iter().enumerate() {
            root.add(
                ForestPart {
                    segment: segment as u32,
                    node: one.trie.root(),
                    child_index: 0,
                },
                self,
            );
        }
        root
    }

    /// The children of `node` that lead to a live docid: [`END`] first, then by token.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a trie is damaged.
    pub fn children(&self, node: &ForestNode) -> Result<Vec<ForestChild>> {
        let mut children = Vec::new();
        self.children_into(node, &mut Vec::new(), &mut children)?;
        Ok(children)
    }

    /// [`Forest::children`] in the place of what is in `children`; `level` is for what it needs
    /// meanwhile. Both keep their memory for the next node.
    pub(crate) fn children_into(
        &self,
        node: &ForestNode,
        level: &mut Vec<TrieChild>,
        children: &mut Vec<ForestChild>,
    ) -> Result<()> {
        children.clear();
        if node.is_end {
            return Ok(());
        }
        for part in &node.parts {
            let Some(trie) = self.trie(part.segment) else {
                continue;
            };
            level.clear();
            trie.children(part.node, level)?;
            let parts = (0u32..).zip(level.iter()).map(|(child_index, child)| {
                (
                    child.token,
                    ForestPart {
                        segment: part.segment,
                        node: child.node,
                        child_index,
                    },
                )
            });
            // Most prefixes are in one segment, and then there is nothing to merge with.
            if children.is_empty() {
                children.extend(parts.map(|(token, part)| {
                    let mut child = ForestChild::unknown(token);
                    child.node.add(part, self);
                    child
                }));
            } else {
                *children = self.merge(std::mem::take(children), parts);
            }
        }
        children.retain(|child| child.node.live_count > 0);
        Ok(())
    }

    /// Merges one segment's children into those of the segments before it. [`END`] sorts first
    /// because `token + 1` wraps it to zero.
    fn merge(
        &self,
        left: Vec<ForestChild>,
        right: impl Iterator<Item = (u32, ForestPart)>,
    ) -> Vec<ForestChild> {
        let order = |token: u32| token.wrapping_add(1);
        let mut merged = Vec::with_capacity(left.len() + right.size_hint().0);
        let mut left = left.into_iter().peekable();
        for (token, part) in right {
            while let Some(child) = left.next_if(|child| order(child.token) < order(token)) {
                merged.push(child);
            }
            let mut child = left
                .next_if(|child| child.token == token)
                .unwrap_or_else(|| ForestChild::unknown(token));
            child.node.add(part, self);
            merged.push(child);
        }
        merged.extend(left);
        merged
    }

    /// The live places of a node that names exactly one docid.
    pub fn docid_places(&self, node: &ForestNode) -> SmallVec<[DocidPlace; 1]> {
        let place = |part: &ForestPart| {
            let rank = match self.tries.get(part.segment as usize)?.live {
                Some(live) => live.first(part.node.lo, part.node.hi)?,
                None => part.node.lo,
            };
            Some(DocidPlace {
                segment: part.segment,
                rank,
            })
        };
        node.parts.iter().filter_map(place).collect()
    }

    /// The tokens that lead to `node` from the root; [`END`] is not among them.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the trie does not lead back to the node.
    pub fn tokens_to(&self, node: &ForestNode) -> Result<Vec<u32>> {
        let Some(part) = node.parts.first() else {
            return Ok(Vec::new());
        };
        let docid = match self.trie(part.segment) {
            Some(trie) => trie.docid(part.node.lo)?,
            None => None,
        };
        let depth = part.node.depth as usize - usize::from(node.is_end);
        docid
            .and_then(|tokens| tokens.get(..depth).map(<[u32]>::to_vec))
            .ok_or_else(|| Error::corrupt("a docid is shorter than a prefix that leads to it"))
    }

    /// All children of one part in its own segment, dead ones included.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the trie is damaged.
    pub fn segment_children(&self, part: &ForestPart) -> Result<Vec<TrieChild>> {
        let mut children = Vec::new();
        if let Some(trie) = self.trie(part.segment) {
            trie.children(part.node, &mut children)?;
        }
        Ok(children)
    }
}

impl ForestChild {
    /// A child that no segment knows yet.
    fn unknown(token: u32) -> Self {
        ForestChild {
            token,
            node: ForestNode {
                parts: SmallVec::new(),
                live_count: 0,
                is_end: token == END,
            },
        }
    }
}

impl ForestNode {
    fn add(&mut self, part: ForestPart, forest: &Forest<'_>) {
        let count = |mask: Option<&LiveRanks>| match mask {
            Some(mask) => mask.count(part.node.lo, part.node.hi),
            None => part.node.hi - part.node.lo,
        };
        let Some(one) = forest.tries.get(part.segment as usize) else {
            return;
        };
        if count(one.present) > 0 {
            self.live_count += count(one.live);
            self.parts.push(part);
        }
    }

    /// The place of the prefix in `segment`.
    pub fn part(&self, segment: u32) -> Option<&ForestPart> {
        self.parts.iter().find(|part| part.segment == segment)
    }
}
