//! What was learnt from judgements, as it is recorded in an index.

use serde::{Deserialize, Serialize};

use super::numbers::check_number;
use super::search::SearchParams;
use crate::Result;

/// What was learnt from judged queries, from how many, and what it was worth on queries that it was
/// not learnt from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedRecord {
    /// Seed of how the queries were parted, and of the fits.
    pub seed: u64,
    /// Queries with a document that is in the index.
    pub queries: u64,
    /// Their judgements of documents that are in the index.
    pub judgements: u64,
    /// Judgements of documents that are not.
    pub unknown_ids: u64,
    /// Parts of the queries: each was measured by what the others teach.
    pub folds: u64,
    /// What was tried, in this order.
    pub parts: Vec<JudgedPart>,
    /// Defaults of searches before.
    pub search_before: SearchParams,
}

/// One thing that judgements can teach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedPart {
    /// What it is.
    pub part: JudgedPartName,
    /// Planned search.
    pub planned: HeldOut,
    /// Generative search, where the part changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generative: Option<HeldOut>,
    /// Two-sided p of the difference, and of what of it shuffled judgements do not have.
    pub p: f64,
    /// Whether it was kept.
    pub kept: bool,
}

/// nDCG@10 of a mode of search on held-out queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// As it was.
    pub before: f64,
    /// With what the other queries teach.
    pub after: f64,
}

/// The things that judgements can teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JudgedPartName {
    /// How queries are understood: a map of their vectors and of those of their tokens.
    QueryMap,
    /// Shares of the planned score.
    Shares,
}

impl JudgedPartName {
    /// A few words for people.
    pub fn label(self) -> &'static str {
        match self {
            JudgedPartName::QueryMap => "map of queries",
            JudgedPartName::Shares => "shares of the score",
        }
    }
}

impl JudgedRecord {
    /// Refuses values that no index can have.
    pub(super) fn check(&self) -> Result<()> {
        for one in &self.parts {
            for figures in std::iter::once(&one.planned).chain(&one.generative) {
                check_number("judged.parts.before", figures.before, 0.0..=1.0)?;
                check_number("judged.parts.after", figures.after, 0.0..=1.0)?;
            }
            check_number("judged.parts.p", one.p, 0.0..=1.0)?;
        }
        self.search_before.check("judged.search_before")
    }
}
