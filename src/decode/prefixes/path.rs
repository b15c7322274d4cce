//! Why a docid is as probable as it is: the decisions on the way to it.

use super::memo::{Below, Memo};
use crate::Result;
use crate::decode::expanders::place::DocidPlace;

/// A decision between several ways to go on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathStep {
    /// Tokens of the docid before the decision.
    pub depth: u32,
    /// The token that was chosen, or [`END`](crate::trie::END).
    pub token: u32,
    /// Ways there were to choose from.
    pub choices: u32,
    /// Conditional log-probability of the choice.
    pub log_prob: f64,
    /// Live docids left after it, counted per segment.
    pub live_docids: u32,
}

impl Memo<'_> {
    /// The decisions on the way to the live docid stored at `place`, from the root down; their
    /// log-probabilities add up to that of the docid. Ends early where the budget forbids more.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a trie is damaged, `Model` for logits that are no numbers, and what the
    /// expander gives.
    pub fn path(&mut self, place: DocidPlace) -> Result<Vec<PathStep>> {
        let mut steps = Vec::new();
        let Some(mut id) = self.root() else {
            return Ok(steps);
        };
        while let Some(Below::Nodes(range)) = self.open(id)? {
            let Some(child) = self.child_towards(&range, place) else {
                break;
            };
            steps.push(PathStep {
                depth: self.branching_depth(&range),
                token: self.token(child),
                choices: range.end - range.start,
                log_prob: self.log_prob(child) - self.log_prob(id),
                live_docids: self.live_count(child),
            });
            id = child;
        }
        Ok(steps)
    }
}
