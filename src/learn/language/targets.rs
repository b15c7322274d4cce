//! What is wanted at each node of the trie, of docids that are wanted more or less.

use std::collections::BTreeMap;

use crate::Result;
use crate::decode::label;
use crate::train::PrefixTarget;
use crate::trie::{END, Forest, ForestNode};

/// Docids that are wanted: shares of the loss, and whose they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct WantedDocids {
    docids: BTreeMap<Vec<u32>, Wanted>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Wanted {
    share: f32,
    /// Passages, by the order in which they were added.
    owners: Vec<usize>,
}

/// The end of a docid below a node.
#[derive(Clone, Copy)]
struct Rest<'a> {
    tokens: &'a [u32],
    wanted: &'a Wanted,
}

impl WantedDocids {
    /// Wants the docids of one passage, all of them the same, `share` in all.
    pub(super) fn add(&mut self, owner: usize, docids: Vec<Vec<u32>>, share: f32) {
        let each = share / docids.len().max(1) as f32;
        for docid in docids {
            let wanted = self.docids.entry(docid).or_default();
            wanted.share += each;
            if wanted.owners.last() != Some(&owner) {
                wanted.owners.push(owner);
            }
        }
    }

    /// Targets at the nodes below which what is wanted goes apart from the rest, or in itself.
    pub(super) fn children(
        &self,
        forest: &Forest<'_>,
        end_token: u32,
    ) -> Result<Vec<PrefixTarget>> {
        let docids = self.docids.iter();
        let all: Vec<Rest<'_>> = docids
            .map(|(docid, wanted)| Rest {
                tokens: docid,
                wanted,
            })
            .collect();
        let mut targets = Vec::new();
        let walk = Walk { forest, end_token };
        walk.below(&forest.root(), &all, &mut Vec::new(), &mut targets)?;
        Ok(targets)
    }

    /// A target at every token of every docid, among all of the vocabulary.
    pub(super) fn vocabulary(&self, end_token: u32) -> Vec<PrefixTarget> {
        let docids = self.docids.iter();
        docids
            .flat_map(|(docid, wanted)| PrefixTarget::along(docid, end_token, wanted.share))
            .collect()
    }
}

struct Walk<'a> {
    forest: &'a Forest<'a>,
    end_token: u32,
}

impl Walk<'_> {
    fn below(
        &self,
        node: &ForestNode,
        rest: &[Rest<'_>],
        prefix: &mut Vec<u32>,
        targets: &mut Vec<PrefixTarget>,
    ) -> Result<()> {
        // Below this node all docids are of the same passages: which of them comes makes no difference.
        let same = rest.windows(2).all(|two| match two {
            [one, other] => one.wanted.owners == other.wanted.owners,
            _ => true,
        });
        if same && node.live_count as usize == rest.len() {
            return Ok(());
        }
        let children = self.forest.children(node)?;
        let wanted: Vec<(&_, Vec<Rest<'_>>)> = children
            .iter()
            .map(|child| {
                let below = rest.iter().filter_map(|rest| {
                    let tokens = match rest.tokens.split_first() {
                        Some((first, behind)) => (*first == child.token).then_some(behind),
                        None => (child.token == END).then_some(&[][..]),
                    };
                    tokens.map(|tokens| Rest { tokens, ..*rest })
                });
                (child, below.collect::<Vec<_>>())
            })
            .filter(|(_, below)| !below.is_empty())
            .collect();
        if children.len() > 1 && !wanted.is_empty() {
            let label = |token| label(token, self.end_token);
            let share = |below: &[Rest<'_>]| below.iter().map(|rest| rest.wanted.share).sum();
            targets.push(PrefixTarget {
                prefix: prefix.clone(),
                allowed: Some(children.iter().map(|child| label(child.token)).collect()),
                wanted: wanted
                    .iter()
                    .map(|(child, below)| (label(child.token), share(below)))
                    .collect(),
            });
        }
        for (child, below) in wanted {
            if child.token != END {
                prefix.push(child.token);
                self.below(&child.node, &below, prefix, targets)?;
                prefix.pop();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::trie::{ForestTrie, SegmentTrie};

    const END_TOKEN: u32 = 99;

    /// What is wanted behind `prefix`, docid by docid.
    fn by_docid(
        prefix: &[u32],
        all: &BTreeSet<Vec<u32>>,
        passages: &[(Vec<Vec<u32>>, f32)],
    ) -> Option<PrefixTarget> {
        let next = |docid: &[u32]| docid.get(prefix.len()).copied().unwrap_or(END_TOKEN);
        let below = |docid: &[u32]| docid.starts_with(prefix);
        let children: BTreeSet<u32> = all
            .iter()
            .filter(|one| below(one))
            .map(|one| next(one))
            .collect();
        let owners = |docid: &Vec<u32>| -> Vec<usize> {
            let owns = |&at: &usize| passages[at].0.contains(docid);
            (0..passages.len()).filter(owns).collect()
        };
        let of_all: BTreeSet<Vec<usize>> =
            all.iter().filter(|one| below(one)).map(owners).collect();
        let is_settled = of_all.len() == 1 && !of_all.first().unwrap().is_empty();
        let mut wanted: BTreeMap<u32, f32> = BTreeMap::new();
        for (docids, share) in passages {
            for docid in docids.iter().filter(|docid| below(docid)) {
                *wanted.entry(next(docid)).or_default() += share / docids.len() as f32;
            }
        }
        (children.len() > 1 && !is_settled && !wanted.is_empty()).then(|| PrefixTarget {
            prefix: prefix.to_vec(),
            allowed: Some(children.into_iter().collect()),
            wanted: wanted.into_iter().collect(),
        })
    }

    fn sorted(mut target: PrefixTarget) -> PrefixTarget {
        target.wanted.sort_by_key(|(token, _)| *token);
        if let Some(allowed) = &mut target.allowed {
            allowed.sort_unstable();
        }
        target
    }

    proptest! {
        #[test]
        fn targets_are_those_of_every_docid_by_itself(
            all in prop::collection::btree_set(prop::collection::vec(1u32..4, 1..4), 1..24),
            chosen in prop::collection::vec((prop::collection::btree_set(0usize..24, 1..4), 1u8..9), 1..4),
        ) {
            let docids: Vec<Vec<u32>> = all.iter().cloned().collect();
            let trie = SegmentTrie::of_docids(&all);
            let forest = Forest::new([ForestTrie { trie: &trie, present: None, live: None }]);
            let passages: Vec<(Vec<Vec<u32>>, f32)> = chosen
                .iter()
                .map(|(places, share)| {
                    let own: BTreeSet<Vec<u32>> =
                        places.iter().map(|at| docids[at % docids.len()].clone()).collect();
                    (own.into_iter().collect(), f32::from(*share))
                })
                .collect();
            let mut wanted = WantedDocids::default();
            for (owner, (own, share)) in passages.iter().enumerate() {
                wanted.add(owner, own.clone(), *share);
            }
            let targets = wanted.children(&forest, END_TOKEN).unwrap();
            let mut found: BTreeMap<Vec<u32>, PrefixTarget> = BTreeMap::new();
            for target in targets {
                found.insert(target.prefix.clone(), sorted(target));
            }
            let prefixes: BTreeSet<Vec<u32>> = all
                .iter()
                .flat_map(|docid| (0..=docid.len()).map(|len| docid[..len].to_vec()))
                .collect();
            for prefix in prefixes {
                let expected = by_docid(&prefix, &all, &passages);
                match (found.remove(&prefix), expected) {
                    (None, None) => {}
                    (Some(one), Some(other)) => {
                        prop_assert_eq!(&one.allowed, &other.allowed);
                        prop_assert_eq!(one.wanted.len(), other.wanted.len());
                        for (one, other) in one.wanted.iter().zip(&other.wanted) {
                            prop_assert_eq!(one.0, other.0);
                            prop_assert!((one.1 - other.1).abs() < 1e-4);
                        }
                    }
                    (one, other) => prop_assert!(false, "{:?} {:?} {:?}", prefix, one, other),
                }
            }
            prop_assert!(found.is_empty());
        }
    }
}
