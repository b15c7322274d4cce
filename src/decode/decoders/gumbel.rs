//! Gumbel-top-k decoding: exact sampling of docids without replacement.
//!
//! The law: docids come out one after the other, each with its probability among those that are
//! left. Give every docid a Gumbel number with location `ln P`; sorted by it they have exactly
//! that order (Kool, van Hoof and Welling, "Stochastic Beams and Where to Find Them", 2019). The
//! same said with times: docid `i` rings after a time that is exponential with rate `P_i`
//! (Gumbel = -ln time), and docids come out as they ring.
//!
//! Times need not be drawn docid by docid. The first ring below a prefix, at `t`, comes from one
//! of its children, from each with its conditional probability; exponential times have no
//! memory, so every other child `c` first rings at `t + Exp(1) / P(c)`:
//!
//! ```text
//!   prefix rings at t ──► the child chosen by its probability rings at t
//!                    └──► any other child c rings at t - ln(u) / P(c)
//! ```
//!
//! This is the paper's conditioning of Gumbels on their maximum, without its cancellation.
//! Prefixes are opened in the order of their rings; a docid that is reached is the next one. Of
//! the first ring only order matters, so the root rings at zero. Times are kept as logarithms.
//!
//! Docids with probability zero never ring. They come last, in the order of the trie, so that a
//! result is short only when there are no more docids.

use super::drawn::{Drawn, InDrawOrder};
use super::frontier::{Entry, Frontier};
use super::request::Request;
use super::sampling::index_at;
use crate::decode::expanders::softmax::log_softmax_at;
use crate::decode::prefixes::memo::{Below, Memo, NodeId};
use crate::rng::{Rng, cell};
use crate::{Error, Result};

/// Options of Gumbel-top-k decoding.
///
/// Passages are ranked by the first of their docids: a passage's score is the reciprocal of
/// the rank of the first passage of that docid. Passages of one docid tie.
#[derive(Debug, Clone, PartialEq)]
pub struct GumbelTopK {
    /// The same seed gives the same result.
    pub seed: u64,
    /// Divides the logits at every branching: the distribution that is sampled has these
    /// conditional probabilities. Above zero.
    pub temperature: f64,
}

impl Default for GumbelTopK {
    fn default() -> Self {
        GumbelTopK {
            seed: 0,
            temperature: 1.0,
        }
    }
}

impl GumbelTopK {
    pub(in crate::decode) fn check(&self) -> Result<()> {
        if !(self.temperature > 0.0 && self.temperature.is_finite()) {
            return Err(Error::invalid(
                "the temperature of Gumbel-top-k must be above zero and finite; for the most \
                 probable passages use best-first decoding",
            ));
        }
        Ok(())
    }
}

/// Joint log-probability of a prefix at the decoder's temperature.
struct Tempered(f64);

pub(in crate::decode) fn gumbel_top_k(
    options: &GumbelTopK,
    memo: &mut Memo<'_>,
    request: &Request<'_>,
) -> Result<Vec<Drawn>> {
    // The key of an entry is -ln(time of its ring), its tie breaker a hash of its token path:
    // random numbers and order then depend on the prefix alone.
    let mut frontier = Frontier::new();
    frontier.extend_with_root(memo, options.seed);
    let mut passages = InDrawOrder::new(request.postings);
    while passages.len() < request.k
        && let Some(Entry {
            key,
            tie,
            id,
            with: Tempered(log_prob),
        }) = frontier.pop(memo, request.k - passages.len())?
    {
        if key == f64::NEG_INFINITY {
            all_in_trie_order(memo, &mut passages, request.k)?;
            break;
        }
        let range = match memo.open(id)? {
            None => break,
            Some(Below::Docid(places)) => {
                passages.take(&places, memo.log_prob(id));
                continue;
            }
            Some(Below::Nodes(range)) => range,
        };
        let mut rng = Rng::for_cell(options.seed, tie, 0);
        let conditional = log_softmax_at(memo.logits(&range), options.temperature);
        let first = index_at(&conditional, rng.unit_f64());
        for (index, (child, conditional)) in range.zip(conditional).enumerate() {
            let log_prob = log_prob + conditional;
            let exponential = -(1.0 - rng.unit_f64()).ln();
            let key = match first == Some(index) {
                true => key,
                false => -log_add_exp(-key, exponential.ln() - log_prob),
            };
            frontier.push(Entry {
                key,
                tie: cell(tie, u64::from(memo.token(child)), 1),
                id: child,
                with: Tempered(log_prob),
            });
        }
    }
    Ok(passages.finish())
}

impl Frontier<Tempered, u64> {
    fn extend_with_root(&mut self, memo: &Memo<'_>, seed: u64) {
        if let Some(id) = memo.root() {
            self.push(Entry {
                key: f64::INFINITY,
                tie: cell(seed, 0, 0),
                id,
                with: Tempered(0.0),
            });
        }
    }
}

/// `ln(exp(a) + exp(b))`.
fn log_add_exp(a: f64, b: f64) -> f64 {
    let (max, min) = if a >= b { (a, b) } else { (b, a) };
    if max.is_infinite() {
        return max;
    }
    max + (min - max).exp().ln_1p()
}

/// Takes docids in the order of the trie until `k` passages are out. Those taken before bring
/// nothing new.
fn all_in_trie_order(memo: &mut Memo<'_>, passages: &mut InDrawOrder<'_>, k: usize) -> Result<()> {
    let mut todo: Vec<NodeId> = memo.root().into_iter().collect();
    while passages.len() < k
        && let Some(id) = todo.pop()
    {
        match memo.open(id)? {
            None => break,
            Some(Below::Docid(places)) => passages.take(&places, memo.log_prob(id)),
            Some(Below::Nodes(range)) => todo.extend(range.rev()),
        }
    }
    Ok(())
}
