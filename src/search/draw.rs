//! Draw, then rerank, with or without the words of the query.
//!
//! ```text
//!              Generative             Planned                              Lexical
//!   draw       ln P(d | q)            ln P(d | q) + lambda * prior(d)      BM25(d, q)
//!   rerank     s(q, d)                (1 - w) z(s(q, d)) + w z(BM25)       -
//!
//!              s(q, d) = (1 - t) <q, head(d)> + t max_sim(q, d)
//! ```
//!
//! `P` is the trie head's, or a language model's; a model that was trained to rerank has its
//! logit in the place of `s(q, d)`. `max_sim` compares tokens (`late_interaction`); `t` is 0 where
//! the index keeps no vectors of tokens.
//!
//! The other baselines, which generate nothing either, are in `dense`.
//!
//! `prior(d)` is BM25 divided by the best BM25 of the query, so it lies in [0, 1] and one unit of
//! it is worth `lambda` nats whatever the collection. `z` is the standard score over the best 100
//! documents of each kind of draw: distance from their mean in standard deviations; `w` starts from
//! the prior's share and follows the query, see `rerank`.

use std::collections::HashSet;

use super::candidate::{Candidate, best_first};
use super::explain::explain;
use super::lexical::{SparseScores, best_score};
use super::options::{Mode, SearchOptions};
use super::query_terms::QueryTerms;
use super::rerank::{PriorWeight, TYPICAL_DRAWS, rerank};
use super::result::Found;
use super::retriever::{Reranker, Retriever};
use super::searcher::Searcher;
use super::similarity::Similarity;
use crate::Result;
use crate::decode::{Decoder, DocidPlace, DocumentPlace, Drawn, Memo, Planner, Prior, Request};
use crate::segment::View;

impl Searcher<'_> {
    /// Draws documents by `retriever` and puts them in order.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for options that make no sense; those of the lexicon, of the filter, of the
    /// decoder and of the retriever.
    pub(crate) fn draw(
        self,
        words: &str,
        retriever: &dyn Retriever,
        options: &SearchOptions,
    ) -> Result<Found> {
        options.check()?;
        let drawn = self.draw_and_rerank(words, retriever, options);
        drawn.map_err(|error| retriever.named(error))
    }

    fn draw_and_rerank(
        self,
        words: &str,
        retriever: &dyn Retriever,
        options: &SearchOptions,
    ) -> Result<Found> {
        let defaults = &self.params.search;
        let view = self.view(options)?;
        let terms = match options.mode {
            Mode::Planned => Some(self.query_terms(words, options.prefix)?),
            _ => None,
        };
        let lexical = terms.as_ref().map(|terms| self.bm25(terms, &view));
        let lexical = lexical.transpose()?;
        let prior = lexical.as_ref().map(|scores| prior_of(scores, &view));
        let prior = prior.transpose()?;
        let lambda = options.planner.unwrap_or(defaults.planner);
        let draws = options.draws.unwrap_or(defaults.draws).max(options.k);
        // Other decoders draw without the planner, and are refused one that is asked for.
        let guides = options.decoder == Decoder::BestFirst || options.planner.is_some();

        let forest = view.forest();
        let mut expander = retriever.expander(&forest);
        let mut memo = Memo::with_budget(&forest, &mut *expander, options.budget.clone());
        let request = Request {
            k: if options.k == 0 { 0 } else { draws },
            postings: &view,
            planner: prior
                .as_ref()
                .filter(|_| guides)
                .map(|prior| Planner { prior, lambda }),
        };
        let decoded = options.decoder.decode(&mut memo, &request)?;
        let mut complete = decoded.complete;
        let mut candidates = self.best_drawn(&decoded.documents, draws, lexical.as_deref());
        if let Some(by) = retriever.reranker(options.rerank, defaults.rerank) {
            let mut typical: HashSet<DocumentPlace> = typical_of(&candidates).collect();
            if let Some(Planner { prior, .. }) = request.planner {
                // Words can push out of the draws what only their meaning leads to.
                let request = Request {
                    planner: None,
                    ..request
                };
                let decoded = options.decoder.decode(&mut memo, &request)?;
                complete &= decoded.complete;
                let mut further = self.best_drawn(&decoded.documents, draws, lexical.as_deref());
                typical.extend(typical_of(&further));
                let known: HashSet<DocumentPlace> =
                    candidates.iter().map(|one| one.place).collect();
                further.retain(|one| !known.contains(&one.place));
                for one in &mut further {
                    one.drawn_score += lambda * prior.of(one.place);
                    one.score = one.drawn_score;
                }
                candidates.extend(further);
            }
            let second = self.second_scores(&candidates, &mut memo, by, options)?;
            let weight = self.prior_weight(terms.as_ref(), options);
            rerank(&mut candidates, &second, weight, &typical)?;
            candidates.sort_by(|a, b| best_first(self.segments, a, b));
        }
        let similarity = match retriever.encoded_query() {
            Some(query) => Similarity::Cosine(query.vector()),
            None => Similarity::Unknown,
        };
        similarity.keep_from(options.min_similarity, &mut candidates, self.segments)?;
        candidates.truncate(options.k);
        let work = memo.work();
        let hits = candidates.iter().map(|one| self.hit(one, similarity));
        let mut hits: Vec<_> = hits.collect();
        if options.explain {
            let terms = self.term_scores(terms.as_ref(), &view)?;
            for (hit, candidate) in hits.iter_mut().zip(&candidates) {
                let mut explanation = explain(self.segments, candidate, &mut memo, &terms)?;
                if options.mode == Mode::Planned {
                    explanation.planner = candidate.drawn_score - candidate.log_prob;
                }
                hit.explanation = Some(explanation);
            }
        }
        Ok(Found {
            hits,
            complete,
            work,
        })
    }

    /// The best `draws` of what a decoder found.
    fn best_drawn(
        self,
        documents: &[Drawn],
        draws: usize,
        lexical: Option<&[SparseScores]>,
    ) -> Vec<Candidate> {
        let candidates = documents
            .iter()
            .map(|drawn| Candidate::drawn(drawn, lexical));
        let mut candidates: Vec<Candidate> = candidates.collect();
        candidates.sort_by(|a, b| best_first(self.segments, a, b));
        candidates.truncate(draws);
        candidates
    }

    /// What the second stage says of each candidate; nothing when it has nothing to say.
    fn second_scores(
        self,
        candidates: &[Candidate],
        memo: &mut Memo<'_>,
        by: Reranker<'_>,
        options: &SearchOptions,
    ) -> Result<Vec<f32>> {
        match by {
            Reranker::Docids => {
                let docids: Vec<DocidPlace> =
                    candidates.iter().map(Candidate::docid_place).collect();
                Ok(memo.rerank(&docids)?.unwrap_or_default())
            }
            Reranker::Encoder(query) => {
                let default = self.params.search.token_share;
                let token_share = options.token_share.unwrap_or(default);
                Ok(self.encoder_scores(candidates, query, token_share as f32))
            }
        }
    }

    /// How BM25 enters the reranked score; not at all without `terms`.
    fn prior_weight(self, terms: Option<&QueryTerms>, options: &SearchOptions) -> PriorWeight {
        let defaults = &self.params.search;
        PriorWeight {
            share: match terms {
                Some(_) => options.prior_share.unwrap_or(defaults.prior_share),
                None => 0.0,
            },
            peak: defaults.peak_weight,
            coverage: defaults.coverage_weight,
            query_weight: terms.map_or(0.0, QueryTerms::bound),
        }
    }
}

/// The draws that scores are standardised over, of those of one kind, best first.
fn typical_of(drawn: &[Candidate]) -> impl Iterator<Item = DocumentPlace> + '_ {
    drawn.iter().take(TYPICAL_DRAWS).map(|one| one.place)
}

/// BM25 over the best BM25 of the query.
fn prior_of(scores: &[SparseScores], view: &View<'_>) -> Result<Prior> {
    let best = best_score(scores).max(f64::MIN_POSITIVE);
    let share = |&(ordinal, score): &(u32, f64)| (ordinal, (score / best) as f32);
    let lists = scores.iter().map(|list| list.iter().map(share).collect());
    Prior::new(view, lists.collect())
}
