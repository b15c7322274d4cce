//! What comes out of a decoder: passages, found through their docids.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::decode::expanders::place::{DocidPlace, PassagePlace, Places};
use crate::decode::prefixes::memo::Memo;

/// A passage found by a decoder.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The passage.
    pub place: PassagePlace,
    /// What the decoder ranks by; every [`Decoder`](crate::decode::Decoder) says what that is.
    pub score: f64,
    /// Log-probability. For decoders that score passages, of the passage: the log of the summed
    /// probabilities of its docids. For decoders that draw docids, of the docid it came out with.
    /// Always at temperature one, with nothing removed.
    pub log_prob: f64,
    /// Rank of its most probable docid, or of the docid it came out with.
    pub best_rank: u32,
}

/// Which passages carry a docid, and which docids a passage carries.
pub trait Postings {
    /// Appends the live passages that carry the docid at `place`.
    fn passages(&self, place: DocidPlace, numbers: &mut Vec<u32>);
    /// Appends the ranks of the docids of a passage, its own order kept.
    fn docids(&self, place: PassagePlace, ranks: &mut Vec<u32>);
    /// Most docids any passage carries.
    fn max_docids_per_passage(&self) -> usize;
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

/// The exact score of one passage: the log-sum over its docids.
///
/// # Errors
///
/// `Corrupt` when a trie is damaged, `Model` for logits that are no numbers, and what the expander
/// gives.
pub fn score_passage(
    memo: &mut Memo<'_>,
    postings: &dyn Postings,
    place: PassagePlace,
) -> Result<Drawn> {
    let scored = score_passages(memo, postings, &[place])?;
    let unscored = || Drawn::from_docids(place, &[], &[]);
    Ok(scored.into_iter().next().unwrap_or_else(unscored))
}

/// [`score_passage`] of several passages, whose unknown prefixes are opened together.
pub(in crate::decode) fn score_passages(
    memo: &mut Memo<'_>,
    postings: &dyn Postings,
    passages: &[PassagePlace],
) -> Result<Vec<Drawn>> {
    let mut ranks = Vec::new();
    let mut places: Vec<DocidPlace> = Vec::new();
    let mut ends = Vec::with_capacity(passages.len());
    for &place in passages {
        let first = ranks.len();
        postings.docids(place, &mut ranks);
        let segment = place.segment;
        let own = ranks.iter().skip(first);
        places.extend(own.map(|&rank| DocidPlace { segment, rank }));
        ends.push(ranks.len());
    }
    let log_probs = memo.docid_log_probs(&places)?;
    let mut first = 0;
    let scored = passages.iter().zip(ends).map(|(&place, end)| {
        let own = std::mem::replace(&mut first, end)..end;
        let ranks = ranks.get(own.clone()).unwrap_or(&[]);
        Drawn::from_docids(place, ranks, log_probs.get(own).unwrap_or(&[]))
    });
    Ok(scored.collect())
}

impl Drawn {
    /// A passage whose docids `ranks` have these log-probabilities, ranked by their log-sum.
    pub(in crate::decode) fn from_docids(
        place: PassagePlace,
        ranks: &[u32],
        log_probs: &[f64],
    ) -> Self {
        let mut best: Option<(f64, u32)> = None;
        for (&rank, &log_prob) in ranks.iter().zip(log_probs) {
            if best.is_none_or(|(most, _)| log_prob > most) {
                best = Some((log_prob, rank));
            }
        }
        let log_prob = log_sum_exp(log_probs);
        Drawn {
            place,
            score: log_prob,
            log_prob,
            best_rank: best.map_or(0, |(_, rank)| rank),
        }
    }
}

/// The `k` best of `drawn` and all that tie with the last of them, best first.
pub(in crate::decode) fn best_with_ties(mut drawn: Vec<Drawn>, k: usize) -> Vec<Drawn> {
    drawn.sort_by(|a, b| b.score.total_cmp(&a.score));
    let last = k.checked_sub(1).and_then(|last| drawn.get(last));
    match last.map(|last| last.score) {
        Some(last) => drawn.truncate(drawn.partition_point(|one| one.score >= last)),
        None if k == 0 => drawn.clear(),
        None => {}
    }
    drawn
}

/// Passages in the order in which their docids are drawn. A passage comes out with the first
/// of its docids; passages of one docid come out together, with equal scores.
pub(in crate::decode) struct InDrawOrder<'a> {
    postings: &'a dyn Postings,
    seen: HashSet<PassagePlace>,
    drawn: Vec<Drawn>,
}

impl<'a> InDrawOrder<'a> {
    pub(in crate::decode) fn new(postings: &'a dyn Postings) -> Self {
        InDrawOrder {
            postings,
            seen: HashSet::new(),
            drawn: Vec::new(),
        }
    }

    /// Passages so far.
    pub(in crate::decode) fn len(&self) -> usize {
        self.drawn.len()
    }

    /// Takes the next docid, stored at `places`.
    pub(in crate::decode) fn take(&mut self, places: &[DocidPlace], log_prob: f64) {
        // The reciprocal of the rank of the first passage of this docid.
        let score = 1.0 / (self.drawn.len() + 1) as f64;
        let mut numbers = Vec::new();
        for &docid in places {
            numbers.clear();
            self.postings.passages(docid, &mut numbers);
            for &passage in &numbers {
                let segment = docid.segment;
                let place = PassagePlace { segment, passage };
                if self.seen.insert(place) {
                    self.drawn.push(Drawn {
                        place,
                        score,
                        log_prob,
                        best_rank: docid.rank,
                    });
                }
            }
        }
    }

    pub(in crate::decode) fn finish(self) -> Vec<Drawn> {
        self.drawn
    }
}

/// Passages of a set of docids with known log-probabilities, scored by the log-sum over those
/// of their docids that are in the set; in no order.
pub(in crate::decode) fn passages_of(
    docids: &[(f64, Places)],
    postings: &dyn Postings,
) -> Vec<Drawn> {
    let log_prob_of: HashMap<DocidPlace, f64> = docids
        .iter()
        .flat_map(|(log_prob, places)| places.iter().map(|&place| (place, *log_prob)))
        .collect();
    let mut seen = HashSet::new();
    let mut drawn = Vec::new();
    let (mut numbers, mut ranks) = (Vec::new(), Vec::new());
    for &docid in docids.iter().flat_map(|(_, places)| places) {
        let segment = docid.segment;
        let log_prob_of = |rank: u32| log_prob_of.get(&DocidPlace { segment, rank }).copied();
        numbers.clear();
        postings.passages(docid, &mut numbers);
        for &passage in &numbers {
            let place = PassagePlace { segment, passage };
            if !seen.insert(place) {
                continue;
            }
            ranks.clear();
            postings.docids(place, &mut ranks);
            ranks.retain(|&rank| log_prob_of(rank).is_some());
            let log_probs: Vec<f64> = ranks.iter().filter_map(|&rank| log_prob_of(rank)).collect();
            drawn.push(Drawn::from_docids(place, &ranks, &log_probs));
        }
    }
    drawn
}
