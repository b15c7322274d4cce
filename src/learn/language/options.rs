//! What a caller can ask of the training of a language model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::model::language::Adapter;
use crate::segment::check_number;

/// Among which tokens the right one is to be the most probable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LanguageLoss {
    /// The children of the node of the trie, as in decoding. Forced steps teach nothing.
    Children,
    /// All of the vocabulary, as in the ZeroGR paper.
    Vocabulary,
}

/// How to train the language model of an index.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LanguageTrainOptions {
    /// Seed of pseudo-queries, order of examples and where the adapter begins.
    pub seed: u64,
    /// The task of those who search, as it will be said in searches; none by default.
    pub instruction: Option<String>,
    /// Free pseudo-queries of a passage, beside those that a model wrote.
    pub queries_per_document: usize,
    /// How often each pseudo-query is seen. ZeroGR's: 5.
    pub epochs: usize,
    /// Most steps, whatever the epochs.
    pub max_steps: usize,
    /// Pseudo-queries of a step. ZeroGR's: 16.
    pub batch_queries: usize,
    /// Rank of the adapter.
    pub rank: usize,
    /// An adapter of the same model to begin with, where the index has none that goes on. Its rank
    /// and its layers are those that are trained.
    pub start: Option<Adapter>,
    /// Upper layers that are trained; by default a third of them, which learn as much in a third of
    /// the time. What the others give is computed once for each pseudo-query and kept in memory, up
    /// to 2 GiB.
    pub layers: Option<usize>,
    /// AdamW's largest step size; .3 of it where the adapter of the index goes on.
    pub learning_rate: f32,
    /// Among which tokens the right one is to be the most probable.
    pub loss: LanguageLoss,
    /// Share of what is wanted that the planned search of the index decides: a pseudo-query is then
    /// answered by all documents that it finds, as far as it prefers them. Between 0 and 1.
    pub distillation: f32,
    /// Every how many steps one ranks; 0 for none. ZeroGR's: 8.
    pub steps_per_ranking: usize,
    /// Begin anew, as if the index had no adapter yet. Otherwise what is there goes on, and learns
    /// what is new with some of the rest.
    pub full: bool,
    /// The file in which the training keeps where it stands; beside the index by default.
    pub checkpoint: Option<PathBuf>,
    /// Threads of a step; 0 means one per core.
    pub threads: usize,
}

impl Default for LanguageTrainOptions {
    fn default() -> Self {
        LanguageTrainOptions {
            seed: 0,
            instruction: None,
            queries_per_document: 100,
            epochs: 5,
            max_steps: 2_000,
            batch_queries: 16,
            rank: 16,
            start: None,
            layers: None,
            learning_rate: 1e-3,
            loss: LanguageLoss::Children,
            distillation: 0.0,
            steps_per_ranking: 8,
            full: false,
            checkpoint: None,
            threads: 0,
        }
    }
}

impl LanguageTrainOptions {
    /// Refuses numbers that no fit can go by.
    pub(crate) fn check(&self) -> Result<()> {
        let rates = f64::MIN_POSITIVE..=1.0;
        check_number("learning_rate", self.learning_rate.into(), rates)?;
        check_number("distillation", self.distillation.into(), 0.0..=1.0)?;
        let counts = [
            ("queries_per_document", self.queries_per_document),
            ("epochs", self.epochs),
            ("max_steps", self.max_steps),
            ("batch_queries", self.batch_queries),
            ("rank", self.rank),
        ];
        for (name, count) in counts
            .into_iter()
            .chain(self.layers.map(|it| ("layers", it)))
        {
            check_number(name, count as f64, 1.0..=1e9)?;
        }
        Ok(())
    }
}
