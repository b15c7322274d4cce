//! Reverse-annealed decoding: the paper's law (ZeroGR, arXiv 2510.10419).
//!
//! K docids are drawn one after the other. Draw `i` walks from the root and samples at every
//! branching from the softmax, at temperature `T_i`, over the children that still lead to an
//! undrawn docid; then its docid is removed. Draw 0 is greedy, and temperatures rise:
//!
//! ```text
//!   T_i = T_max * (s(k (i/K - m)) - s(-k m)) / (s(k (1 - m)) - s(-k m))      s(z) = 1/(1+e^-z)
//! ```
//!
//! A removed docid changes the odds at a prefix only when a child has nothing left below it. So
//! the law is not sampling without replacement from the distribution over docids; that is
//! [`GumbelTopK`](crate::decode::GumbelTopK).
//!
//! All draws share one memo, so a prefix is evaluated once however many draws pass it. Removal
//! is a count per known prefix, lowered along the path of each draw. Where calls of the expander
//! are dear, later draws are walked ahead, those that get through removing their docids for the
//! time being, and the prefixes the others lack are opened together: a guess at what will be
//! needed, which decides nothing.

use super::drawn::{Drawn, InDrawOrder};
use super::request::Request;
use super::sampling::{Law, Weights};
use crate::decode::expanders::place::Places;
use crate::decode::prefixes::memo::{Below, Memo, NodeId};
use crate::rng::Rng;
use crate::{Error, Result};

/// Options of reverse-annealed decoding; the defaults are the paper's.
///
/// Passages are ranked by the draw they came out with: a passage's score is the reciprocal of
/// the rank of its draw's first passage, so scores fall from draw to draw, and passages of one
/// docid tie. Fewer passages than wanted come out when K draws do not reach more.
#[derive(Debug, Clone, PartialEq)]
pub struct ReverseAnnealed {
    /// K: docids drawn.
    pub draws: usize,
    /// T_max: the temperature the schedule rises to.
    pub t_max: f64,
    /// k: steepness of the schedule.
    pub steepness: f64,
    /// m: midpoint of the schedule, as a share of the draws.
    pub midpoint: f64,
    /// Sample among this many most probable children only. The paper names none; its code
    /// inherits 50 from the settings of its checkpoint.
    pub top_k: Option<usize>,
    /// Sample among the most probable children that reach this share only. The paper names none;
    /// its code inherits 0.9 from the settings of its checkpoint.
    pub top_p: Option<f64>,
    /// The same seed gives the same draws.
    pub seed: u64,
}

impl Default for ReverseAnnealed {
    fn default() -> Self {
        ReverseAnnealed {
            draws: 100,
            t_max: 1.5,
            steepness: 10.0,
            midpoint: 0.1,
            top_k: None,
            top_p: None,
            seed: 0,
        }
    }
}

impl ReverseAnnealed {
    /// The temperature of a draw, counted from zero. Zero is greedy.
    pub fn temperature(&self, draw: usize) -> f64 {
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let (k, m) = (self.steepness, self.midpoint);
        let start = sigmoid(-k * m);
        let share = draw as f64 / self.draws as f64;
        self.t_max * (sigmoid(k * (share - m)) - start) / (sigmoid(k * (1.0 - m)) - start)
    }

    pub(in crate::decode) fn check(&self) -> Result<()> {
        let last = self.temperature(self.draws);
        let is_schedule = self.steepness > 0.0 && last.is_finite() && last >= 0.0;
        if self.draws > 0 && !is_schedule {
            return Err(Error::invalid(
                "this reverse-annealed schedule gives no temperatures: take t_max at or above \
                 zero, a steepness above zero and a midpoint near the start (the paper: 1.5, 10, \
                 0.1)",
            ));
        }
        if self.top_k == Some(0) {
            return Err(Error::invalid("top_k must be at least 1, or be left out"));
        }
        if self
            .top_p
            .is_some_and(|top_p| !(top_p > 0.0 && top_p <= 1.0))
        {
            return Err(Error::invalid(
                "top_p must be above 0 and at most 1, or be left out",
            ));
        }
        Ok(())
    }

    fn law(&self, draw: usize) -> Law {
        Law {
            temperature: self.temperature(draw),
            top_k: self.top_k,
            // All of the probability is no limit, whatever the sums round to.
            top_p: self.top_p.filter(|&top_p| top_p < 1.0),
        }
    }
}

/// One query's draws.
struct Run<'a> {
    options: &'a ReverseAnnealed,
    /// By known prefix: (segment, rank) pairs below it that are not yet drawn.
    undrawn: Vec<u32>,
    weights: Weights,
}

/// Where a draw got to through known prefixes.
enum Reached {
    Docid(Places),
    Unknown(NodeId),
    Nothing,
}

pub(in crate::decode) fn reverse_annealed(
    options: &ReverseAnnealed,
    memo: &mut Memo<'_>,
    request: &Request<'_>,
) -> Result<Vec<Drawn>> {
    let mut run = Run {
        options,
        undrawn: Vec::new(),
        weights: Weights::default(),
    };
    let mut passages = InDrawOrder::new(request.postings);
    let mut path = Vec::new();
    for draw in 0..options.draws {
        if passages.len() >= request.k {
            break;
        }
        let places = loop {
            match run.walk(memo, draw, &mut path)? {
                Reached::Docid(places) => break places,
                Reached::Nothing => return Ok(passages.finish()),
                Reached::Unknown(id) => {
                    run.open_ahead(memo, id, draw)?;
                    if memo.open(id)?.is_none() {
                        return Ok(passages.finish());
                    }
                }
            }
        };
        let Some(&leaf) = path.last() else {
            break;
        };
        run.remove(&path);
        passages.take(&places, memo.log_prob(leaf));
    }
    Ok(passages.finish())
}

impl Run<'_> {
    /// Walks a draw from the root as far as the memo knows the way.
    fn walk(
        &mut self,
        memo: &mut Memo<'_>,
        draw: usize,
        path: &mut Vec<NodeId>,
    ) -> Result<Reached> {
        let known = self.undrawn.len()..memo.len();
        self.undrawn
            .extend(known.map(|id| memo.live_count(id as NodeId)));
        path.clear();
        let law = self.options.law(draw);
        let Some(mut id) = memo.root().filter(|_| self.undrawn.first() != Some(&0)) else {
            return Ok(Reached::Nothing);
        };
        loop {
            path.push(id);
            if memo.is_unknown(id) {
                return Ok(Reached::Unknown(id));
            }
            let range = match memo.open(id)? {
                Some(Below::Docid(places)) => return Ok(Reached::Docid(places)),
                Some(Below::Nodes(range)) => range,
                None => return Ok(Reached::Nothing),
            };
            let depth = memo.branching_depth(&range);
            let uniform = draw_uniform(self.options.seed, draw as u64, depth);
            let open = self
                .undrawn
                .get(range.start as usize..range.end as usize)
                .unwrap_or(&[]);
            let chosen = self
                .weights
                .choose(memo.logits(&range), open, &law, uniform);
            match chosen {
                Some(index) => id = range.start + index as NodeId,
                None => return Ok(Reached::Nothing),
            }
        }
    }

    /// Opens `wanted` and what later draws are likely to want, in one call of the expander. It
    /// may find a prefix empty for the time being; then there is nothing more to guess.
    fn open_ahead(&mut self, memo: &mut Memo<'_>, wanted: NodeId, draw: usize) -> Result<()> {
        let mut ahead = vec![wanted];
        let mut path = Vec::new();
        let undrawn = self.undrawn.clone();
        for later in draw + 1..self.options.draws {
            if ahead.len() >= memo.batch() {
                break;
            }
            match self.walk(memo, later, &mut path)? {
                Reached::Unknown(id) if !ahead.contains(&id) => ahead.push(id),
                Reached::Unknown(_) => {}
                Reached::Docid(_) => self.remove(&path),
                Reached::Nothing => break,
            }
        }
        self.undrawn = undrawn;
        memo.open_all(&ahead)
    }

    /// Takes the docid at the end of `path` out of all counts above it.
    fn remove(&mut self, path: &[NodeId]) {
        let count = path
            .last()
            .and_then(|&leaf| self.undrawn.get(leaf as usize))
            .copied()
            .unwrap_or(0);
        for &id in path {
            if let Some(left) = self.undrawn.get_mut(id as usize) {
                *left = left.saturating_sub(count);
            }
        }
    }
}

/// The uniform number in [0, 1) that decides step `depth` (tokens from the root) of a draw of
/// [`ReverseAnnealed`]. Published so that others can reproduce a draw.
pub fn draw_uniform(seed: u64, draw: u64, depth: u32) -> f64 {
    Rng::for_cell(seed, draw, u64::from(depth)).unit_f64()
}
