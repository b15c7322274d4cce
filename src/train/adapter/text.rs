//! What a decoder learns from.

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
    /// The text that a model writes behind a prompt: every token, and `end`, among all of the
    /// vocabulary.
    pub fn continuation(prompt: Vec<u32>, tokens: &[u32], end: u32) -> TrainingText {
        let targets = (0..=tokens.len()).map(|len| PrefixTarget {
            prefix: tokens.get(..len).unwrap_or_default().to_vec(),
            allowed: None,
            wanted: vec![(tokens.get(len).copied().unwrap_or(end), 1.0)],
        });
        TrainingText {
            prompt,
            targets: targets.collect(),
            ranked: None,
        }
    }

    /// Tokens of the prompt and of all that is below it; those of shared prefixes count as often
    /// as they are shared.
    pub fn most_tokens(&self) -> usize {
        let prefixes = self.targets.iter().map(|target| target.prefix.len());
        let ranked = self.ranked.iter().flat_map(RankedPaths::paths);
        self.prompt.len() + prefixes.max().unwrap_or(0) + ranked.map(Vec::len).sum::<usize>()
    }
}

impl RankedPaths {
    /// The better path, then the others.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Vec<u32>> {
        std::iter::once(&self.better).chain(&self.worse)
    }
}
