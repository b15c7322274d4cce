//! The passages that were drawn of a query, kept so that they can be put in order again.
//!
//! Shares are tried many times on the same queries. Drawing and comparing
//! tokens is what a search costs; shares change only the order.
//!
//! - I1. With the index's own shares, the order is that of a planned search.

use std::collections::HashSet;

use super::Draws;
use crate::Result;
use crate::decode::{Memo, PassagePlace};
use crate::search::candidate::{Candidate, best_first};
use crate::search::encoded_query::EncodedQuery;
use crate::search::options::SearchOptions;
use crate::search::rerank::{PriorWeight, mixed, rerank};
use crate::search::retriever::{CompactRetriever, Retriever};
use crate::search::searcher::Searcher;
use crate::segment::{DocumentPlace, SearchParams};

/// What a planned search drew of one query, before it is put in order.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    candidates: Vec<Candidate>,
    typical: HashSet<PassagePlace>,
    weight: PriorWeight,
    whole: Vec<f32>,
    by_token: Option<Vec<f32>>,
}

impl Pool {
    /// The passages in it.
    pub(crate) fn places(&self) -> impl Iterator<Item = PassagePlace> + '_ {
        self.candidates.iter().map(|one| one.place)
    }
}

impl Searcher<'_> {
    /// What a planned search by the compact retriever draws.
    ///
    /// # Errors
    ///
    /// Those of a search.
    pub(crate) fn pool(self, words: &str, query: &EncodedQuery) -> Result<Pool> {
        let options = SearchOptions::new();
        let view = self.view(&options)?;
        let retriever = CompactRetriever {
            query,
            scale: self.params.scale,
            edges: view.edges(),
        };
        let forest = view.forest();
        let mut expander = retriever.expander(&forest);
        let mut memo = Memo::with_budget(&forest, &mut *expander, options.budget.clone());
        let Draws {
            passages,
            typical,
            terms,
            ..
        } = self.drawn(words, Some(query), &options, &view, &mut memo, true)?;
        Ok(Pool {
            weight: self.prior_weight(terms.as_ref(), Some(query), &options),
            whole: self.whole_scores(&passages, query),
            by_token: self.token_scores(&passages, query),
            candidates: passages,
            typical,
        })
    }

    /// The best `k` documents of a pool under the shares of `search`.
    ///
    /// # Errors
    ///
    /// `Model` for scores that are no numbers.
    pub(crate) fn order(
        self,
        pool: &Pool,
        search: &SearchParams,
        k: usize,
    ) -> Result<Vec<DocumentPlace>> {
        let share = self.token_share(search.token_share) as f32;
        let second = mixed(pool.whole.clone(), pool.by_token.as_deref(), share);
        let weight = PriorWeight {
            share: search.prior_share,
            peak: search.peak_weight,
            coverage: search.coverage_weight,
            ..pool.weight
        };
        let mut candidates = pool.candidates.clone();
        let chance = |one: &Candidate| self.chance(one);
        rerank(&mut candidates, &second, weight, &pool.typical, chance)?;
        candidates.sort_by(|a, b| best_first(self.segments, a, b));
        let best = self.best_of_documents(&candidates);
        Ok(best.iter().take(k).map(|one| one.document).collect())
    }
}
