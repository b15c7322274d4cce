//! The decoders by name, behind one call.

use super::beam::{self, Beam};
use super::best_first;
use super::gumbel::{self, GumbelTopK};
use super::request::{Decoded, Request};
use super::reverse_annealed::{self, ReverseAnnealed};
use crate::decode::prefixes::memo::Memo;
use crate::{Error, Result};

/// How docids are generated, and so which passages come out and in what order.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub enum Decoder {
    /// The k passages with the greatest score `ln P(passage) + lambda * prior(passage)`,
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

impl Decoder {
    /// Whether the options make sense.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with the option that does not.
    pub fn check(&self) -> Result<()> {
        match self {
            Decoder::BestFirst => Ok(()),
            Decoder::ReverseAnnealed(options) => options.check(),
            Decoder::GumbelTopK(options) => options.check(),
            Decoder::Beam(options) => options.check(),
        }
    }

    /// Finds passages. What `memo` already knows is not evaluated again.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for options that make no sense;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when a trie is damaged;
    /// [`Model`](crate::ErrorKind::Model) for logits that are no numbers; and what the expander
    /// gives.
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
        let passages = match self {
            Decoder::BestFirst => best_first::best_first(memo, request)?,
            Decoder::ReverseAnnealed(options) => {
                reverse_annealed::reverse_annealed(options, memo, request)?
            }
            Decoder::GumbelTopK(options) => gumbel::gumbel_top_k(options, memo, request)?,
            Decoder::Beam(options) => beam::beam(options, memo, request)?,
        };
        Ok(Decoded {
            passages,
            complete: !memo.is_cut_short(),
        })
    }
}
