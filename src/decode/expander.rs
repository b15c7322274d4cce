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

    /// Appends one unnormalised logit per child of each node, in order: numbers, or minus infinity
    /// for a child that is masked while another one is not. Anything else ends the search with an
    /// error.
    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()>;

    /// What gives the logits, for people: the subject of "… gave a logit that is NaN".
    fn name(&self) -> &str {
        "the retriever"
    }
}

/// Log-probabilities of `logits`, in double precision.
///
/// # Errors
///
/// [`ErrorKind::Model`](crate::ErrorKind::Model) when one is NaN or plus infinity, or none is
/// finite: no distribution follows from those.
pub fn log_softmax(logits: &[f32]) -> Result<Vec<f64>> {
    let logits = crate::logits::checked(logits, "the retriever")?;
    Ok(log_softmax_at(logits, 1.0))
}

/// [`log_softmax`] of checked `logits / temperature`, for a temperature above zero.
pub(super) fn log_softmax_at(logits: &[f32], temperature: f64) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let above_max = |&logit: &f32| (f64::from(logit) - f64::from(max)) / temperature;
    let relative: Vec<f64> = logits.iter().map(above_max).collect();
    let log_sum = relative.iter().map(|value| value.exp()).sum::<f64>().ln();
    relative.into_iter().map(|value| value - log_sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_softmax() {
        let inf = f32::INFINITY;
        let cases: [(&[f32], &[f64]); 4] = [
            (&[0.0, 0.0], &[0.5, 0.5]),
            (&[-inf, 1.0], &[0.0, 1.0]),
            (&[f32::MAX, f32::MIN], &[1.0, 0.0]),
            (&[7.0], &[1.0]),
        ];
        for (logits, expected) in cases {
            let got: Vec<f64> = log_softmax(logits)
                .unwrap()
                .iter()
                .map(|value| value.exp())
                .collect();
            assert_eq!(got, expected, "{logits:?}");
        }
        for bad in [&[f32::NAN, 1.0][..], &[inf, 3.0], &[-inf, -inf]] {
            assert!(log_softmax(bad).is_err(), "{bad:?}");
        }
    }
}
