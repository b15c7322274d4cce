//! Best-first decoding: the exact k most probable documents.
//!
//! Prefixes are opened in order of probability. A docid still hidden below the frontier is at
//! most as probable as the best prefix there, so a document none of whose docids has been seen
//! scores at most `ln(docids per document) + log P(best prefix)`; once k documents beat that
//! bound, they are the answer. A document seen through one docid has its other docids scored at
//! once, by walking to them through the memo, so every candidate's score is exact (I2).

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};

use super::memo::{Below, DocidPlace, Memo, NodeId};
use crate::Result;

/// Allows for the rounding of a sum of exponentials when scores are held against the bound.
const BOUND_SLACK: f64 = 1e-9;

/// A document found by a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Position of its segment in the forest.
    pub segment: u32,
    /// Its ordinal there.
    pub ordinal: u32,
    /// Log of the summed probabilities of its docids.
    pub log_prob: f64,
    /// Rank of its most probable docid.
    pub best_rank: u32,
}

/// Which documents carry a docid, and which docids a document carries.
pub trait Postings {
    /// Live documents that carry the docid at `place`.
    fn documents(&self, place: DocidPlace) -> Vec<u32>;
    /// Ranks of the docids of a document, its own order kept.
    fn docids(&self, segment: u32, ordinal: u32) -> Vec<u32>;
    /// Most docids any document carries.
    fn max_docids_per_document(&self) -> usize;
}

/// A frontier entry; the most probable prefix is the greatest.
#[derive(PartialEq)]
struct Open {
    log_prob: f64,
    id: NodeId,
}

impl Eq for Open {}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        self.log_prob
            .total_cmp(&other.log_prob)
            .then(other.id.cmp(&self.id))
    }
}

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

/// The `k` most probable documents *and every document tied with the last of them*, most
/// probable first; the order among ties is left to the caller.
pub fn best_first(memo: &mut Memo<'_>, postings: &dyn Postings, k: usize) -> Result<Vec<Drawn>> {
    let mut frontier = BinaryHeap::new();
    frontier.extend(memo.root().map(|id| Open { log_prob: 0.0, id }));
    let bound_above_prefix = (postings.max_docids_per_document().max(1) as f64).ln() + BOUND_SLACK;

    let mut drawn: Vec<Drawn> = Vec::new();
    let mut seen: HashSet<(u32, u32)> = HashSet::new();
    let mut best_k: BinaryHeap<Reverse<Score>> = BinaryHeap::new();
    while let Some(Open { log_prob, id }) = frontier.pop() {
        let kth_score = best_k
            .peek()
            .filter(|_| best_k.len() >= k)
            .map(|Reverse(Score(score))| *score);
        if k == 0 || kth_score.is_some_and(|score| log_prob + bound_above_prefix < score) {
            break;
        }
        match memo.open(id)? {
            Below::Nodes(range) => {
                frontier.extend(range.map(|id| Open {
                    log_prob: memo.log_prob(id),
                    id,
                }));
            }
            Below::Docid(places) => {
                for place in places {
                    for ordinal in postings.documents(place) {
                        if !seen.insert((place.0, ordinal)) {
                            continue;
                        }
                        let document = score_document(memo, postings, place.0, ordinal)?;
                        best_k.push(Reverse(Score(document.log_prob)));
                        if best_k.len() > k {
                            best_k.pop();
                        }
                        drawn.push(document);
                    }
                }
            }
        }
    }
    drawn.sort_by(|a, b| b.log_prob.total_cmp(&a.log_prob));
    if let Some(last) = k
        .checked_sub(1)
        .and_then(|last| drawn.get(last))
        .map(|last| last.log_prob)
    {
        drawn.truncate(drawn.partition_point(|document| document.log_prob >= last));
    }
    Ok(drawn)
}

/// The exact score of one document: the log-sum over its docids.
pub fn score_document(
    memo: &mut Memo<'_>,
    postings: &dyn Postings,
    segment: u32,
    ordinal: u32,
) -> Result<Drawn> {
    let mut best = (f64::NEG_INFINITY, 0);
    let mut log_probs = Vec::new();
    for (position, rank) in postings.docids(segment, ordinal).into_iter().enumerate() {
        let log_prob = memo.docid_log_prob((segment, rank))?;
        if position == 0 || log_prob > best.0 {
            best = (log_prob, rank);
        }
        log_probs.push(log_prob);
    }
    Ok(Drawn {
        segment,
        ordinal,
        log_prob: log_sum_exp(&log_probs),
        best_rank: best.1,
    })
}

/// `ln(sum(exp(values)))`, minus infinity for none. A single value comes back unchanged.
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + values
        .iter()
        .map(|value| (value - max).exp())
        .sum::<f64>()
        .ln()
}
