//! What a decoder learns from.

/// Most texts that are held out: looking at their loss costs as much as learning from them.
pub(crate) const MAX_HELD_OUT: usize = 64;

/// A prompt, and what is to come below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainingText {
    /// Token ids; at least one.
    pub prompt: Vec<u32>,
    /// What is to be generated.
    pub targets: Vec<PrefixTarget>,
    /// What is to be ranked above what.
    pub ranked: Option<RankedPaths>,
}

/// The tokens that are to follow a prefix.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrefixTarget {
    /// Tokens behind the prompt.
    pub prefix: Vec<u32>,
    /// The tokens among which the softmax is; `None` for the whole vocabulary.
    pub allowed: Option<Vec<u32>>,
    /// The tokens wanted, all of them allowed, and their weights in the loss.
    pub wanted: Vec<(u32, f32)>,
}

/// A path below a prompt that is to get a higher logit of `token` than others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RankedPaths {
    /// The token whose logit ranks.
    pub token: u32,
    /// The path that is to be ranked highest.
    pub better: Vec<u32>,
    /// The others.
    pub worse: Vec<Vec<u32>>,
}

impl TrainingText {
    /// The text that a model writes behind a prompt.
    pub fn continuation(prompt: Vec<u32>, tokens: &[u32], end: u32) -> TrainingText {
        TrainingText {
            prompt,
            targets: PrefixTarget::along(tokens, end, 1.0).collect(),
            ranked: None,
        }
    }
}

impl PrefixTarget {
    /// Every token of a path, and `end`, among all of the vocabulary, each with the same weight.
    pub fn along(tokens: &[u32], end: u32, weight: f32) -> impl Iterator<Item = PrefixTarget> {
        (0..=tokens.len()).map(move |len| PrefixTarget {
            prefix: tokens.get(..len).unwrap_or_default().to_vec(),
            allowed: None,
            wanted: vec![(tokens.get(len).copied().unwrap_or(end), weight)],
        })
    }
}

impl RankedPaths {
    /// The better path, then the others.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Vec<u32>> {
        std::iter::once(&self.better).chain(&self.worse)
    }
}
