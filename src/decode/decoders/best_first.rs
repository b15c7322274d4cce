//! Best-first decoding: the exact k best passages.
//!
//! A passage's score is `ln P(passage) + lambda * prior(passage)`, without a planner just
//! `ln P(passage)`. A docid still hidden below the frontier is at most as probable as the best
//! prefix there, and a passage carries at most `m` docids; so a passage none of whose docids
//! has been seen scores, for at least one prefix of the frontier that hides a docid of it, at
//! most
//!
//! ```text
//!   bound(prefix) = ln P(prefix) + ln m + lambda * max prior below the prefix
//! ```
//!
//! Prefixes are opened by falling bound; once k passages beat the best bound, they are the
//! answer. A passage seen through one docid has its other docids scored at once, by walking to
//! them through the memo, so every candidate's score is exact. What an earlier drawing of the
//! query has scored is a candidate from the beginning, and the bound of k passages with it.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};

use super::drawn::{Drawn, best_with_ties, score_passages};
use super::frontier::{Entry, Frontier};
use super::prior::{AscendingMaxima, Planner};
use super::request::Request;
use crate::Result;
use crate::decode::expanders::place::{DocidPlace, PassagePlace, ScoredPassage};
use crate::decode::prefixes::memo::{Below, Memo, NodeRange};
use crate::trie::ForestNode;

/// Allows for the rounding of a sum of exponentials when scores are held against a bound. All
/// else rounds the same way in both: addition is monotone, and both add in the same order.
const BOUND_SLACK: f64 = 1e-9;

/// `f64` ordered totally, for heaps.
#[derive(PartialEq)]
struct Score(f64);

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The `k` best passages and every passage tied with the last of them, best first.
pub(in crate::decode) fn best_first(
    memo: &mut Memo<'_>,
    request: &Request<'_>,
) -> Result<Vec<Drawn>> {
    let k = request.k;
    let bounds = Bounds::new(request);
    let mut frontier = Frontier::new();
    if let Some(root) = memo.root() {
        bounds.push_siblings(&mut frontier, memo, root..root + 1, f64::NEG_INFINITY);
    }

    let mut candidates = Candidates {
        request,
        drawn: Vec::new(),
        seen: HashSet::new(),
        unscored: Vec::new(),
        best_k: BinaryHeap::new(),
    };
    for known in memo.scored() {
        candidates.seen.insert(known.place);
        candidates.rank(Drawn {
            place: known.place,
            score: known.log_prob,
            log_prob: known.log_prob,
            best_rank: known.best_rank,
        });
    }
    while let Some(bound) = frontier.best_key() {
        if k == 0 || candidates.kth_score().is_some_and(|score| bound < score) {
            break;
        }
        let Some(best) = frontier.pop(memo, k)? else {
            break;
        };
        match memo.open(best.id)? {
            None => break,
            Some(Below::Nodes(range)) => {
                let least = candidates.kth_score().unwrap_or(f64::NEG_INFINITY);
                bounds.push_siblings(&mut frontier, memo, range, least);
            }
            Some(Below::Docid(places)) => {
                candidates.see(&places);
                if candidates.unscored.len() >= candidates.enough(memo.batch()) {
                    candidates.score(memo)?;
                }
            }
        }
    }
    candidates.score(memo)?;
    Ok(best_with_ties(candidates.drawn, k))
}

/// Passages seen through one docid at least.
struct Candidates<'a> {
    request: &'a Request<'a>,
    drawn: Vec<Drawn>,
    seen: HashSet<PassagePlace>,
    /// Seen and waiting to be scored, so that a call of the expander serves several.
    unscored: Vec<PassagePlace>,
    best_k: BinaryHeap<Reverse<Score>>,
}

impl Candidates<'_> {
    /// What `k` passages are known to reach.
    fn kth_score(&self) -> Option<f64> {
        let Reverse(Score(score)) = self.best_k.peek()?;
        (self.best_k.len() >= self.request.k).then_some(*score)
    }

    /// How many to score at once: what a call of the expander serves, but no more than are missing
    /// to the `k` that end the search.
    fn enough(&self, batch: usize) -> usize {
        match self.request.k.saturating_sub(self.drawn.len()) {
            0 => batch,
            missing => missing.min(batch),
        }
    }

    fn see(&mut self, places: &[DocidPlace]) {
        let mut numbers = Vec::new();
        for &docid in places {
            numbers.clear();
            self.request.postings.passages(docid, &mut numbers);
            let passages = numbers.iter().map(|&passage| PassagePlace {
                segment: docid.segment,
                passage,
            });
            let seen = &mut self.seen;
            self.unscored
                .extend(passages.filter(|&passage| seen.insert(passage)));
        }
    }

    fn score(&mut self, memo: &mut Memo<'_>) -> Result<()> {
        let scored = score_passages(memo, self.request.postings, &self.unscored)?;
        self.unscored.clear();
        for passage in scored {
            memo.note_scored(ScoredPassage {
                place: passage.place,
                log_prob: passage.log_prob,
                best_rank: passage.best_rank,
            });
            self.rank(passage);
        }
        Ok(())
    }

    /// Takes a passage whose score, without the planner, is exact.
    fn rank(&mut self, mut passage: Drawn) {
        if let Some(Planner { prior, lambda }) = self.request.planner {
            passage.score += lambda * prior.of(passage.place);
        }
        self.best_k.push(Reverse(Score(passage.score)));
        if self.best_k.len() > self.request.k {
            self.best_k.pop();
        }
        self.drawn.push(passage);
    }
}

/// What bounds the passages below a prefix.
struct Bounds<'a> {
    /// Room for `m` docids of a passage, and for rounding.
    above_prefix: f64,
    planner: Option<Planner<'a>>,
}

impl<'a> Bounds<'a> {
    fn new(request: &Request<'a>) -> Self {
        let most_docids = request.postings.max_docids_per_passage().max(1);
        Bounds {
            above_prefix: (most_docids as f64).ln() + BOUND_SLACK,
            planner: request.planner,
        }
    }

    /// Lets siblings wait with their bounds, those bounded below `least` left out.
    fn push_siblings(
        &self,
        frontier: &mut Frontier<()>,
        memo: &Memo<'_>,
        siblings: NodeRange,
        least: f64,
    ) {
        let planner = self.planner.as_ref();
        let mut priors = planner.map(|planner| (planner.prior.ascending(), planner.lambda));
        let entries = memo.siblings(siblings).map(|(id, log_prob, prefix)| {
            let prior = priors.as_mut().map_or(0.0, |(maxima, lambda)| {
                *lambda * best_prior_below(maxima, prefix)
            });
            Entry {
                key: log_prob + self.above_prefix + prior,
                tie: (),
                id,
                with: (),
            }
        });
        frontier.extend(entries.filter(|entry| entry.key >= least));
    }
}

fn best_prior_below(maxima: &mut AscendingMaxima<'_>, prefix: &ForestNode) -> f64 {
    let best = prefix
        .parts
        .iter()
        .map(|part| maxima.max_in(part.segment, part.node.lo..part.node.hi));
    best.fold(0.0, f64::max)
}
