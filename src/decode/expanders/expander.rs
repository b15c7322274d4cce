//! What a decoder asks of a retriever: logits for the children of trie nodes.

use super::place::DocidPlace;
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
/// Two kinds are foreseen (`ARCHITECTURE.md`, D5): the trie head, for which a prefix costs a few
/// inner products, and a language model, for which a call costs much and another prefix in the same
/// call little. The second kind overrides [`Expander::prefill`] and [`Expander::batch`].
pub trait Expander {
    /// Reads the query. Called once, before the first [`Expander::expand`], and not at all when
    /// nothing branches.
    ///
    /// # Errors
    ///
    /// What the model gives; it ends the search.
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
    ///
    /// # Errors
    ///
    /// What the model gives; it ends the search.
    fn rerank(&mut self, docids: &[DocidPlace]) -> Result<Option<Vec<f32>>> {
        let _ = docids;
        Ok(None)
    }

    /// Appends one unnormalised logit per child of each node, in order: numbers, or minus infinity
    /// for a child that is masked while another one is not. Anything else ends the search with an
    /// error of kind `Model`.
    ///
    /// # Errors
    ///
    /// What the model gives; it ends the search.
    fn expand(&mut self, nodes: &[Branching<'_>], logits: &mut Vec<f32>) -> Result<()>;

    /// What gives the logits, for people: the subject of "… gave a logit that is NaN".
    fn name(&self) -> &str {
        "the retriever"
    }
}
