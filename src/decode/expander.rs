//! What a decoder asks of a retriever: logits for the children of trie nodes.

use super::memo::DocidPlace;
use crate::Result;
use crate::trie::{ForestChild, ForestNode};

/// A prefix with at least two live children.
#[derive(Debug, Clone, Copy)]
pub struct Branching<'a> {
    /// The prefix.
    pub node: &'a ForestNode,
    /// Its live children.
    pub children: &'a [ForestChild],
}

/// A retriever that holds one query.
///
/// Two kinds are foreseen (design D5): the trie head, for which a prefix costs a few inner
/// products, and a language model, for which a call costs much and another prefix in the same
/// call little. The second kind overrides [`Expander::prefill`] and [`Expander::batch`].
pub trait Expander {
    /// Reads the query. Called once, before the first [`Expander::expand`], and not at all when
    /// nothing branches.
    fn prefill(&mut self) -> Result<()> {
        Ok(())
    }

    /// How many prefixes one call scores at little more than the price of one. Decoders fill
    /// calls up to this with prefixes they are likely to want; never does it change a result.
    fn batch(&self) -> usize {
        1
    }

    /// Bytes of parameters read so far.
    fn bytes_touched(&self) -> u64 {
        0
    }

    /// Scores of whole docids for the second stage, in order; `None` when the retriever has none
    /// of its own.
    fn rerank(&mut self, docids: &[DocidPlace]) -> Result<Option<Vec<f32>>> {
        let _ = docids;
        Ok(None)
    }

    /// Appends one unnormalised logit per child of each node, in order. Any value is allowed:
    /// see [`log_softmax`] for what NaN and infinities mean.
    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()>;
}

/// Log-probabilities of `logits`, in double precision.
///
/// Defined for every input: NaN counts as minus infinity; if some logits are plus infinity they
/// share the probability; if all are minus infinity every child is equally likely.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    log_softmax_at(logits, 1.0)
}

/// [`log_softmax`] of `logits / temperature`, for a temperature above zero.
pub(super) fn log_softmax_at(logits: &[f32], temperature: f64) -> Vec<f64> {
    let clean = |&logit: &f32| {
        if logit.is_nan() {
            f64::NEG_INFINITY
        } else {
            f64::from(logit)
        }
    };
    let max = logits.iter().map(clean).fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return vec![-(logits.len() as f64).ln(); logits.len()];
    }
    let above_max = |logit: f64| match max == f64::INFINITY {
        true if logit == max => 0.0,
        true => f64::NEG_INFINITY,
        false => (logit - max) / temperature,
    };
    let relative: Vec<f64> = logits.iter().map(|logit| above_max(clean(logit))).collect();
    let log_sum = relative.iter().map(|value| value.exp()).sum::<f64>().ln();
    relative.into_iter().map(|value| value - log_sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_logit_has_a_defined_probability() {
        let (nan, inf) = (f32::NAN, f32::INFINITY);
        let cases: [(&[f32], &[f64]); 6] = [
            (&[0.0, 0.0], &[0.5, 0.5]),
            (&[nan, 1.0], &[0.0, 1.0]),
            (&[nan, -inf], &[0.5, 0.5]),
            (&[inf, inf, 3.0], &[0.5, 0.5, 0.0]),
            (&[f32::MAX, f32::MIN], &[1.0, 0.0]),
            (&[7.0], &[1.0]),
        ];
        for (logits, expected) in cases {
            let got: Vec<f64> = log_softmax(logits)
                .iter()
                .map(|value| value.exp())
                .collect();
            assert_eq!(got, expected, "{logits:?}");
        }
    }
}
