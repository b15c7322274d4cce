//! Defaults of searches.

use serde::{Deserialize, Serialize};

use super::numbers::check_number;
use crate::Result;

/// Defaults of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchParams {
    /// Passages drawn from the trie before reranking.
    pub draws: usize,
    /// Whether the document head reorders what was drawn.
    pub rerank: bool,
    /// What the best BM25 of a query is worth in [`Mode::Planned`](crate::Mode::Planned), in nats.
    pub planner: f64,
    /// Share of BM25 in the reranked score of [`Mode::Planned`](crate::Mode::Planned).
    pub prior_share: f64,
    /// How the share of BM25 follows the query in [`Mode::Planned`](crate::Mode::Planned): what a
    /// standard deviation, by which its best score stands out more than that of the other list,
    /// adds to the log of its odds.
    pub peak_weight: f64,
    /// The same for coverage: the exponent of the best BM25 over the most it could be, 1/4 of
    /// which counts as 1.
    pub coverage_weight: f64,
    /// Share of the comparison of tokens in the reranked score, where their vectors are kept; the
    /// rest is the document head's.
    pub token_share: f64,
}

/// Passages drawn before reranking, the K of the ZeroGR paper.
const DRAWS: usize = 100;

/// What the best BM25 of a query is worth when docids are generated, in nats.
const PLANNER: f64 = 6.0;

/// Share of BM25 in the reranked score, and how it follows the query (`benches/QUALITY.md`).
const PRIOR_SHARE: f64 = 0.25;
const PEAK_WEIGHT: f64 = 0.6;
const COVERAGE_WEIGHT: f64 = 1.0;

/// Share of the comparison of tokens in what the encoder says of a drawn document.
const TOKEN_SHARE: f64 = 0.67;

/// The values of new indexes.
impl Default for SearchParams {
    fn default() -> Self {
        SearchParams {
            draws: DRAWS,
            rerank: true,
            planner: PLANNER,
            prior_share: PRIOR_SHARE,
            peak_weight: PEAK_WEIGHT,
            coverage_weight: COVERAGE_WEIGHT,
            token_share: TOKEN_SHARE,
        }
    }
}

impl SearchParams {
    /// Refuses values that no search can go by; `place` is where they are recorded.
    pub(super) fn check(&self, place: &str) -> Result<()> {
        let check = |name, value, range| check_number(&format!("{place}.{name}"), value, range);
        check("planner", self.planner, 0.0..=1e9)?;
        check("prior_share", self.prior_share, 0.0..=1.0)?;
        check("peak_weight", self.peak_weight, -1e9..=1e9)?;
        check("coverage_weight", self.coverage_weight, -1e9..=1e9)?;
        check("token_share", self.token_share, 0.0..=1.0)
    }
}
