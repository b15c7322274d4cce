//! Decoding: turning a query into docids, along the trie, at the least work.
//!
//! ```text
//!   Forest (which docids exist)      Expander (how likely each child is)
//!            └──────────────┬──────────────┘
//!                         Memo            every prefix evaluated at most once per query
//!                           │
//!          ┌───────────┬────┴──────┬──────────────┐
//!      BestFirst      Beam    GumbelTopK   ReverseAnnealed        a Decoder is a view of it
//!          └───────────┴────┬──────┴──────────────┘
//!                   drawn documents ──► rerank by the document head
//! ```
//!
//! Invariants:
//! - I1. The joint log-probability of a docid is the sum of the conditional ones along its
//!   branching nodes, added from the root down; forced steps (one live child) add nothing and
//!   cost nothing.
//! - I2. A document's probability is the sum of those of its live docids.
//! - I3. The conditional probabilities of a node sum to one and only live docids come out; logits
//!   that no distribution follows from are an error that names who gave them ([`log_softmax`]).
//! - I4. The order in which prefixes are evaluated, and how many in one call, never changes a
//!   result. Random numbers belong to a place in the trie, not to a moment.

mod beam;
mod best_first;
mod budget;
mod compact;
mod drawn;
mod expander;
mod frontier;
mod gumbel;
#[cfg(feature = "models")]
mod language;
#[cfg(feature = "models")]
mod language_rows;
mod memo;
mod path;
mod prior;
mod reverse_annealed;
mod sampling;
#[cfg(feature = "models")]
mod token_tree;

pub use beam::Beam;
pub use budget::{Budget, CancelToken};
pub use compact::{CompactEdges, CompactExpander, CompactSegment};
pub(crate) use compact::{EdgeSum, Listed};
pub use drawn::{Drawn, Postings, log_sum_exp, score_document};
pub use expander::{Branching, Expander, log_softmax};
pub use gumbel::GumbelTopK;
#[cfg(feature = "models")]
pub use language::{LanguageExpander, LanguageQuery};
#[cfg(feature = "models")]
pub use language_rows::RowsExpander;
pub use memo::{DocidPlace, Memo, Work};
pub use path::PathStep;
pub use prior::{Planner, Prior};
pub use reverse_annealed::ReverseAnnealed;

use crate::rng::Rng;
use crate::{Error, Result};

/// How docids are generated, and so which documents come out and in what order.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Decoder {
    /// The k documents with the greatest score `ln P(document) + lambda * prior(document)`,
    /// exactly; without a planner the prior is zero. Deterministic.
    #[default]
    BestFirst,
    /// The paper's law.
    ReverseAnnealed(ReverseAnnealed),
    /// Docids sampled without replacement.
    GumbelTopK(GumbelTopK),
    /// The most probable prefixes, level by level. Deterministic.
    Beam(Beam),
}

/// What a decoder is asked for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Documents wanted.
    pub k: usize,
    /// Which documents carry which docids.
    pub postings: &'a dyn Postings,
    /// A prior to add to the score; for [`Decoder::BestFirst`] only.
    pub planner: Option<Planner<'a>>,
}

/// What a decoder found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// Documents by falling score. As many as were wanted *and every document tied with the last
    /// of them*; the order among ties is left to the caller.
    pub documents: Vec<Drawn>,
    /// False when the budget ended the search. The documents are then the best found so far, and
    /// scores of documents may leave out docids that were not reached.
    pub complete: bool,
}

impl Decoder {
    /// Whether the options make sense; the error says which does not.
    pub fn check(&self) -> Result<()> {
        match self {
            Decoder::BestFirst => Ok(()),
            Decoder::ReverseAnnealed(options) => options.check(),
            Decoder::GumbelTopK(options) => options.check(),
            Decoder::Beam(options) => options.check(),
        }
    }

    /// Finds documents. What `memo` already knows is not evaluated again.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that make no sense, and
    /// those of the trie and of the expander.
    pub fn decode(&self, memo: &mut Memo<'_>, request: &Request<'_>) -> Result<Decoded> {
        self.check()?;
        if let Some(planner) = &request.planner {
            if !(planner.lambda >= 0.0 && planner.lambda.is_finite()) {
                return Err(Error::invalid(
                    "the planner's lambda must be finite, and zero or more",
                ));
            }
            if *self != Decoder::BestFirst {
                return Err(Error::invalid(
                    "a planner guides best-first decoding only: choose that decoder, or leave \
                     the planner out",
                ));
            }
        }
        let documents = match self {
            Decoder::BestFirst => best_first::best_first(memo, request)?,
            Decoder::ReverseAnnealed(options) => {
                reverse_annealed::reverse_annealed(options, memo, request)?
            }
            Decoder::GumbelTopK(options) => gumbel::gumbel_top_k(options, memo, request)?,
            Decoder::Beam(options) => beam::beam(options, memo, request)?,
        };
        Ok(Decoded {
            documents,
            complete: !memo.is_cut_short(),
        })
    }
}

/// The uniform number in [0, 1) that decides step `depth` (tokens from the root) of a draw of
/// [`ReverseAnnealed`]. Published so that others can reproduce a draw.
pub fn draw_uniform(seed: u64, draw: u64, depth: u32) -> f64 {
    Rng::for_cell(seed, draw, u64::from(depth)).unit_f64()
}
