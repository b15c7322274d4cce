//! What a caller can ask of learning from judgements, and what came of it.

use serde::Serialize;

use crate::learn::TrainOptions;
use crate::segment::JudgedRecord;
use crate::{Error, Result};

/// How to learn from judgements.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JudgedOptions {
    /// The seed, and how heads are fitted.
    pub train: TrainOptions,
    /// Parts of the queries, each of which is measured by what the others teach.
    pub folds: usize,
    /// Most queries that are looked at; of more, so many are drawn at random.
    pub max_queries: usize,
}

impl Default for JudgedOptions {
    fn default() -> Self {
        JudgedOptions {
            train: TrainOptions::default(),
            folds: 5,
            max_queries: 5_000,
        }
    }
}

impl JudgedOptions {
    /// The measured recipe.
    pub fn new() -> Self {
        JudgedOptions::default()
    }

    /// Sets the seed, and how heads are fitted.
    pub fn train(mut self, train: TrainOptions) -> Self {
        self.train = train;
        self
    }

    /// Sets the number of parts, 2 or more.
    pub fn folds(mut self, folds: usize) -> Self {
        self.folds = folds;
        self
    }

    /// Sets how many queries are looked at.
    pub fn max_queries(mut self, max_queries: usize) -> Self {
        self.max_queries = max_queries;
        self
    }

    /// Refuses numbers that nothing can be measured by.
    pub(super) fn check(&self) -> Result<()> {
        match self.folds {
            2.. => Ok(()),
            folds => Err(Error::invalid(format!(
                "folds is {folds}: what was learnt is measured on other queries, so give 2 or more"
            ))),
        }
    }
}

/// What was learnt from judgements.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JudgedReport {
    /// Number of the commit; that of the state before, if nothing changed.
    pub generation: u64,
    /// Queries that could not be learnt from: none of their answers is in the index, or the encoder
    /// knows none of their words.
    pub queries_left_out: u64,
    /// What was tried and kept, as it is recorded if anything is kept.
    #[serde(flatten)]
    pub record: JudgedRecord,
}
