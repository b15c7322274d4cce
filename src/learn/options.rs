//! What a caller can ask of a training.

use crate::Result;
use crate::segment::check_number;

/// How to train. The defaults are the measured recipe; the seed is the only thing most set.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TrainOptions {
    /// Seed of pseudo-queries, order of examples and dropout.
    pub seed: u64,
    /// How often each pseudo-query is seen.
    pub epochs: usize,
    /// Examples after which fitting a head ends in any case.
    pub max_examples: usize,
    /// Adam's largest step size for the trie head.
    pub learning_rate: f32,
    /// Adam's largest step size for the document head.
    pub document_learning_rate: f32,
    /// Share of query components zeroed in training.
    pub dropout: f32,
    /// Share of the fitted vector in a document's head; the rest is its passage vector.
    pub document_head_share: f32,
    /// Fit everything anew, from the encoder's vectors, as if all documents were new. Otherwise
    /// only documents that no training has seen are learnt, unless they are more than half of
    /// all, less than two thirds of the old ones are left, or a language model wrote queries for
    /// old ones since.
    pub full: bool,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            seed: 0,
            epochs: 3,
            max_examples: 200_000,
            learning_rate: 1e-3,
            document_learning_rate: 1e-3,
            dropout: 0.1,
            document_head_share: 0.65,
            full: false,
        }
    }
}

impl TrainOptions {
    /// The measured recipe.
    pub fn new() -> Self {
        TrainOptions::default()
    }

    /// Sets the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how often each pseudo-query is seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets after how many examples fitting a head ends in any case.
    pub fn max_examples(mut self, max_examples: usize) -> Self {
        self.max_examples = max_examples;
        self
    }

    /// Sets Adam's largest step size for the trie head.
    pub fn learning_rate(mut self, learning_rate: f32) -> Self {
        self.learning_rate = learning_rate;
        self
    }

    /// Sets Adam's largest step size for the document head.
    pub fn document_learning_rate(mut self, document_learning_rate: f32) -> Self {
        self.document_learning_rate = document_learning_rate;
        self
    }

    /// Sets the share of query components zeroed in training.
    pub fn dropout(mut self, dropout: f32) -> Self {
        self.dropout = dropout;
        self
    }

    /// Sets the share of the fitted vector in a document's head.
    pub fn document_head_share(mut self, document_head_share: f32) -> Self {
        self.document_head_share = document_head_share;
        self
    }

    /// Sets whether everything is fitted anew.
    pub fn full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// Refuses numbers that no fit can go by.
    pub(super) fn check(&self) -> Result<()> {
        let rates = f64::MIN_POSITIVE..=1e3;
        check_number("learning_rate", self.learning_rate.into(), rates.clone())?;
        check_number(
            "document_learning_rate",
            self.document_learning_rate.into(),
            rates,
        )?;
        check_number("dropout", self.dropout.into(), 0.0..=0.99)?;
        let share = self.document_head_share.into();
        check_number("document_head_share", share, 0.0..=1.0)
    }
}
