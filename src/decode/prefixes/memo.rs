//! The memo of one query: every docid prefix reached so far, each evaluated at most once.
//!
//! ```text
//!   id   0 root ─────────────┐            opening a node walks the forced steps below it and
//!   id   1 [a]    2 [b]    3 [c]          scores the first branching; its children get ids
//!            │                            side by side, in the order of the trie
//!   id   4 [a x y]  5 [a x z]
//! ```
//!
//! Temperature, removal and search order act on what is remembered here, after the logits; so
//! one evaluation of a prefix serves every decoder and every draw of a query.
//!
//! Invariants:
//! - I1. A branching prefix is given to the expander at most once; a prefix with one live docid
//!   or one live child never.
//! - I2. What is known of a prefix does not depend on when it was opened, nor with which others.
//!   Only ids do, so no result may depend on how ids compare.

use smallvec::SmallVec;

use super::budget::{Budget, Meter};
use super::work::Work;
use crate::decode::expanders::place::{DocidPlace, Places, ScoredPassage};
use crate::decode::expanders::softmax::log_softmax_into;
use crate::decode::expanders::{Branching, Expander};
use crate::logits;
use crate::trie::{Forest, ForestChild, ForestNode, TrieChild};
use crate::{Error, ErrorKind, Result};

/// Handle of a memoised prefix.
pub(in crate::decode) type NodeId = u32;

/// Handles of the children of a prefix.
pub(in crate::decode) type NodeRange = std::ops::Range<NodeId>;

#[derive(Debug)]
struct MemoNode {
    prefix: ForestNode,
    /// The token that leads here from the branching above.
    token: u32,
    /// Joint log-probability of the prefix.
    log_prob: f64,
    kids: Kids,
}

/// What lies below a prefix once the forced steps have been walked.
#[derive(Debug, Clone)]
enum Kids {
    Unknown,
    /// Waiting for the expander, in the call that is being put together.
    Asked,
    /// Exactly one docid.
    Docid,
    /// The children, side by side.
    Nodes(NodeRange),
}

/// A branching that the expander is asked about.
struct Asked {
    id: NodeId,
    /// Where forced steps led from the prefix, if there are any.
    forced: Option<ForestNode>,
    children: Vec<ForestChild>,
}

/// What [`Memo::open`] found below a prefix.
pub(in crate::decode) enum Below {
    Docid(Places),
    Nodes(NodeRange),
}

/// Where a walk to a docid through known prefixes ends.
#[derive(Clone, Copy)]
enum Walk {
    /// At the docid.
    Docid(NodeId),
    /// At a prefix that has yet to be opened.
    Unknown(NodeId),
    /// The docid is not alive.
    Nowhere,
}

/// All prefixes one query has reached, over one forest, scored by one expander.
pub struct Memo<'a> {
    forest: &'a Forest<'a>,
    expander: &'a mut dyn Expander,
    nodes: Vec<MemoNode>,
    /// By node: its logit among its siblings, checked. Apart from the nodes because sampling reads
    /// long runs of them.
    logits: Vec<f32>,
    /// Passages whose exact scores are known, for whoever draws again.
    scored: Vec<ScoredPassage>,
    work: Work,
    meter: Meter,
    cut_short: bool,
    // Memory for what is needed while prefixes are opened.
    spare: Vec<Vec<ForestChild>>,
    level: Vec<TrieChild>,
    answer: Vec<f32>,
    conditional: Vec<f64>,
}

impl<'a> Memo<'a> {
    /// A memo that knows only the root.
    pub fn new(forest: &'a Forest<'a>, expander: &'a mut dyn Expander) -> Self {
        Memo::with_budget(forest, expander, Budget::default())
    }

    /// The same, for a query that may spend no more than `budget`, whose clock starts now.
    pub fn with_budget(
        forest: &'a Forest<'a>,
        expander: &'a mut dyn Expander,
        budget: Budget,
    ) -> Self {
        let root = MemoNode {
            prefix: forest.root(),
            token: 0,
            log_prob: 0.0,
            kids: Kids::Unknown,
        };
        Memo {
            forest,
            expander,
            nodes: vec![root],
            logits: vec![0.0],
            scored: Vec::new(),
            work: Work::default(),
            meter: Meter::start(budget),
            cut_short: false,
            spare: Vec::new(),
            level: Vec::new(),
            answer: Vec::new(),
            conditional: Vec::new(),
        }
    }

    /// What was spent so far.
    pub fn work(&self) -> Work {
        Work {
            bytes_touched: self.expander.bytes_touched(),
            ..self.work
        }
    }

    /// Whether the budget has refused something a decoder could not do without.
    pub fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Prefixes an expander call should carry when there are that many likely ones.
    pub(in crate::decode) fn batch(&self) -> usize {
        self.expander.batch().max(1)
    }

    /// The root, unless no docid is alive.
    pub(in crate::decode) fn root(&self) -> Option<NodeId> {
        self.nodes
            .first()
            .filter(|root| root.prefix.live_count > 0)
            .map(|_| 0)
    }

    /// Known prefixes; ids are below it.
    pub(in crate::decode) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Joint log-probability of a prefix, at temperature one and with nothing removed.
    pub(in crate::decode) fn log_prob(&self, id: NodeId) -> f64 {
        self.node(id)
            .map_or(f64::NEG_INFINITY, |node| node.log_prob)
    }

    /// Live (segment, rank) pairs below a prefix.
    pub(in crate::decode) fn live_count(&self, id: NodeId) -> u32 {
        self.node(id).map_or(0, |node| node.prefix.live_count)
    }

    /// Siblings, each with its joint log-probability.
    pub(in crate::decode) fn siblings(
        &self,
        range: NodeRange,
    ) -> impl Iterator<Item = (NodeId, f64, &ForestNode)> {
        let nodes = self.nodes.get(range.start as usize..range.end as usize);
        let ids = range.zip(nodes.unwrap_or(&[]));
        ids.map(|(id, node)| (id, node.log_prob, &node.prefix))
    }

    /// Passages of which [`Memo::note_scored`] was told.
    pub(in crate::decode) fn scored(&self) -> &[ScoredPassage] {
        &self.scored
    }

    /// Notes a passage whose score is exact, unless the budget has refused any part of it.
    pub(in crate::decode) fn note_scored(&mut self, passage: ScoredPassage) {
        if !self.cut_short {
            self.scored.push(passage);
        }
    }

    /// The token that leads to a prefix from the branching above it.
    pub(in crate::decode) fn token(&self, id: NodeId) -> u32 {
        self.node(id).map_or(0, |node| node.token)
    }

    /// Tokens before the branching whose children are `range`.
    pub(in crate::decode) fn branching_depth(&self, range: &NodeRange) -> u32 {
        let part = self
            .node(range.start)
            .and_then(|node| node.prefix.parts.first());
        part.map_or(0, |part| part.node.depth.saturating_sub(1))
    }

    /// The logits of siblings, checked.
    pub(in crate::decode) fn logits(&self, range: &NodeRange) -> &[f32] {
        self.logits
            .get(range.start as usize..range.end as usize)
            .unwrap_or(&[])
    }

    /// Whether [`Memo::open`] would have to do anything.
    pub(in crate::decode) fn is_unknown(&self, id: NodeId) -> bool {
        self.node(id)
            .is_some_and(|node| matches!(node.kids, Kids::Unknown))
    }

    /// Whether the expander has yet to be asked about a prefix: it is unknown, and more than one
    /// docid is below it.
    pub(in crate::decode) fn is_unread(&self, id: NodeId) -> bool {
        self.is_unknown(id) && self.live_count(id) > 1
    }

    fn node(&self, id: NodeId) -> Option<&MemoNode> {
        self.nodes.get(id as usize)
    }

    /// What is below `id`; `None` when the budget forbids finding out.
    pub(in crate::decode) fn open(&mut self, id: NodeId) -> Result<Option<Below>> {
        if self.is_unknown(id) {
            self.open_all(&[id])?;
        }
        let below = self.node(id).and_then(|node| match &node.kids {
            // Forced steps lose no live docid, so its places are those below the prefix itself.
            Kids::Docid => Some(Below::Docid(self.forest.docid_places(&node.prefix))),
            Kids::Nodes(range) => Some(Below::Nodes(range.clone())),
            Kids::Unknown | Kids::Asked => None,
        });
        self.cut_short |= below.is_none();
        Ok(below)
    }

    /// Opens those of `ids` that are still unknown, with one call of the expander at most; as
    /// many as the budget allows, the first ones first.
    pub(in crate::decode) fn open_all(&mut self, ids: &[NodeId]) -> Result<()> {
        let left = self.meter.evaluations_left(&self.work);
        let mut asked: SmallVec<[Asked; 1]> = SmallVec::new();
        for &id in ids {
            if !self.is_unknown(id) {
                continue;
            }
            if !self.meter.is_running() {
                break;
            }
            let mut children = self.spare.pop().unwrap_or_default();
            match self.next_branching(id, &mut children)? {
                Some(forced) if (asked.len() as u64) < left => {
                    // So that an id given twice is asked once (I1).
                    self.set_kids(id, Kids::Asked);
                    asked.push(Asked {
                        id,
                        forced,
                        children,
                    });
                }
                _ => self.spare.push(children),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let nodes = &self.nodes;
        let branchings = asked.iter().filter_map(|one| {
            let own = nodes.get(one.id as usize).map(|node| &node.prefix);
            Some(Branching {
                node: one.forced.as_ref().or(own)?,
                children: &one.children,
            })
        });
        let branchings: SmallVec<[Branching<'_>; 1]> = branchings.collect();
        if self.work.prefills == 0 {
            self.expander.prefill()?;
            self.work.prefills = 1;
        }
        let mut logits = std::mem::take(&mut self.answer);
        logits.clear();
        self.expander.expand(&branchings, &mut logits)?;
        drop(branchings);
        self.work.passes += 1;

        let mut rest = logits.as_slice();
        for mut one in asked {
            let count = one.children.len();
            let (own, others) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = others;
            self.add_children(one.id, &mut one.children, own)?;
            self.spare.push(one.children);
        }
        self.answer = logits;
        Ok(())
    }

    /// Walks the forced steps below `id`. At a docid, notes it and gives `None`; at a branching,
    /// gives its `children` and, if steps led there, the prefix.
    fn next_branching(
        &mut self,
        id: NodeId,
        children: &mut Vec<ForestChild>,
    ) -> Result<Option<Option<ForestNode>>> {
        let mut forced: Option<ForestNode> = None;
        loop {
            let own = self.nodes.get(id as usize).map(|node| &node.prefix);
            let Some(prefix) = forced.as_ref().or(own) else {
                return Ok(None);
            };
            if prefix.is_end || prefix.live_count == 1 {
                self.set_kids(id, Kids::Docid);
                return Ok(None);
            }
            self.forest
                .children_into(prefix, &mut self.level, children)?;
            match children.len() {
                // Nothing below: only a damaged trie says so, and it says nothing.
                0 => {
                    self.set_kids(id, Kids::Nodes(0..0));
                    return Ok(None);
                }
                1 => forced = children.pop().map(|only| only.node),
                _ => return Ok(Some(forced)),
            }
        }
    }

    /// Notes the children of `parent`, which are taken out of `children`.
    fn add_children(
        &mut self,
        parent: NodeId,
        children: &mut Vec<ForestChild>,
        logits: &[f32],
    ) -> Result<()> {
        let logits = logits::checked(logits, self.expander.name())?;
        if logits.len() != children.len() {
            let message = format!(
                "{} gave {} logits for {} children",
                self.expander.name(),
                logits.len(),
                children.len()
            );
            return Err(Error::new(ErrorKind::Model, message));
        }
        self.work.node_evaluations += 1;
        self.work.children_scored += children.len() as u64;

        let log_prob = self.log_prob(parent);
        let first = self.nodes.len() as NodeId;
        log_softmax_into(logits, 1.0, &mut self.conditional);
        let children = children.drain(..).zip(&self.conditional);
        self.nodes
            .extend(children.map(|(child, conditional)| MemoNode {
                prefix: child.node,
                token: child.token,
                log_prob: log_prob + conditional,
                kids: Kids::Unknown,
            }));
        self.logits.extend_from_slice(logits);
        self.set_kids(parent, Kids::Nodes(first..self.nodes.len() as NodeId));
        Ok(())
    }

    fn set_kids(&mut self, id: NodeId, kids: Kids) {
        if let Some(node) = self.nodes.get_mut(id as usize) {
            node.kids = kids;
        }
    }

    /// What the retriever itself says of whole docids: see [`Expander::rerank`].
    ///
    /// # Errors
    ///
    /// `Model` for scores that are no numbers, and what the expander gives.
    pub fn rerank(&mut self, docids: &[DocidPlace]) -> Result<Option<Vec<f32>>> {
        let Some(scores) = self.expander.rerank(docids)? else {
            return Ok(None);
        };
        // Scores of passages compare like logits; of none there is nothing to compare.
        if !scores.is_empty() {
            logits::checked(&scores, self.expander.name())?;
        }
        Ok(Some(scores))
    }

    /// Joint log-probability of the live docid stored at `place`; minus infinity when it is not
    /// alive, or when the budget forbids finding out.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a trie is damaged, `Model` for logits that are no numbers, and what the
    /// expander gives.
    pub fn docid_log_prob(&mut self, place: DocidPlace) -> Result<f64> {
        let log_probs = self.docid_log_probs(&[place])?;
        Ok(log_probs.first().copied().unwrap_or(f64::NEG_INFINITY))
    }

    /// [`Memo::docid_log_prob`] of several docids, whose unknown prefixes are opened together.
    pub(in crate::decode) fn docid_log_probs(&mut self, places: &[DocidPlace]) -> Result<Vec<f64>> {
        let mut walks = vec![Walk::Unknown(0); places.len()];
        loop {
            for (walk, &place) in walks.iter_mut().zip(places) {
                // Whoever waits for a prefix goes on from there.
                if let Walk::Unknown(id) = *walk {
                    *walk = self.walk(id, place);
                }
            }
            let unknown = |walk: &Walk| match walk {
                Walk::Unknown(id) => Some(*id),
                _ => None,
            };
            let missing: Vec<NodeId> = walks.iter().filter_map(unknown).collect();
            self.open_all(&missing)?;
            // All of them refused, or there was none: no further call would tell more.
            if missing.iter().all(|&id| self.is_unknown(id)) {
                self.cut_short |= !missing.is_empty();
                let log_prob = |walk: &Walk| match walk {
                    Walk::Docid(id) => self.log_prob(*id),
                    _ => f64::NEG_INFINITY,
                };
                return Ok(walks.iter().map(log_prob).collect());
            }
        }
    }

    /// The child in `range` that the docid at `place` is below of.
    pub(in crate::decode) fn child_towards(
        &self,
        range: &NodeRange,
        place: DocidPlace,
    ) -> Option<NodeId> {
        let children = self.nodes.get(range.start as usize..range.end as usize)?;
        let index = child_with_rank(children, place)?;
        Some(range.start + index as NodeId)
    }

    /// Goes on from the prefix `id` as far as prefixes are known.
    fn walk(&self, mut id: NodeId, place: DocidPlace) -> Walk {
        loop {
            match self.node(id).map(|node| &node.kids) {
                Some(Kids::Docid) => return Walk::Docid(id),
                Some(Kids::Nodes(range)) => match self.child_towards(range, place) {
                    Some(child) => id = child,
                    None => return Walk::Nowhere,
                },
                Some(Kids::Unknown) => return Walk::Unknown(id),
                Some(Kids::Asked) | None => return Walk::Nowhere,
            }
        }
    }
}

/// The child whose ranks in `segment` contain `rank`, by bisection: those children that have a
/// part in the segment ascend by rank there, and those between that have none are stepped over.
fn child_with_rank(children: &[MemoNode], place: DocidPlace) -> Option<usize> {
    let (mut lo, mut hi) = (0, children.len());
    while lo < hi {
        let middle = lo + (hi - lo) / 2;
        let next = (middle..hi)
            .zip(children.get(middle..hi)?)
            .find_map(|(index, node)| Some((index, node.prefix.part(place.segment)?)));
        match next {
            Some((index, part)) if place.rank >= part.node.hi => lo = index + 1,
            Some((index, part)) if place.rank >= part.node.lo => return Some(index),
            _ => hi = middle,
        }
    }
    None
}
