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

#[cfg(feature = "eval")]
pub(super) mod pool;

use std::collections::HashSet;

use super::candidate::{Candidate, best_first};
use super::encoded_query::EncodedQuery;
use super::explain::explain;
use super::lexical::{Lexical, SparseScores, best_score};
use super::options::{Mode, SearchOptions};
use super::query_terms::QueryTerms;
use super::rerank::{PriorWeight, TYPICAL_DRAWS, rerank};
use super::result::Found;
use super::retriever::{Reranker, Retriever};
use super::searcher::Searcher;
use super::similarity::Similarity;
use crate::Result;
use crate::decode::{
    Decoded, Decoder, DocidPlace, Drawn, Memo, PassagePlace, Planner, Prior, Request,
};
use crate::segment::{DocumentPlace, View, document_at};

/// What was drawn of a query, and what its order is made of.
pub(super) struct Draws {
    pub(super) passages: Vec<Candidate>,
    /// The best of each kind of draw, over which scores are standardised.
    pub(super) typical: HashSet<PassagePlace>,
    /// The words, where they take part.
    pub(super) terms: Option<QueryTerms>,
    /// Whether nothing better can be drawn.
    pub(super) complete: bool,
}

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
        let view = self.view(options)?;
        let forest = view.forest();
        let mut expander = retriever.expander(&forest);
        let mut memo = Memo::with_budget(&forest, &mut *expander, options.budget.clone());
        let reranker = retriever.reranker(options.rerank, self.params.search.rerank);
        let query = retriever.encoded_query();
        let drawn = self.drawn(words, query, options, &view, &mut memo, reranker.is_some())?;
        let Draws {
            mut passages,
            typical,
            terms,
            complete,
        } = drawn;
        if let Some(by) = reranker {
            let second = self.second_scores(&passages, &mut memo, by, options)?;
            let weight = self.prior_weight(terms.as_ref(), query, options);
            let chance = |one: &Candidate| self.chance(one);
            rerank(&mut passages, &second, weight, &typical, chance)?;
            passages.sort_by(|a, b| best_first(self.segments, a, b));
        }
        let mut candidates = self.best_of_documents(&passages);
        let similarity = match query {
            Some(query) => Similarity::Cosine(query.vector()),
            None => Similarity::Unknown,
        };
        similarity.keep_from(options.min_similarity, &mut candidates, self.segments)?;
        candidates.truncate(options.k);
        let work = memo.work();
        let places = |document: DocumentPlace| {
            let own = passages.iter().filter(|one| one.document == document);
            let own = own.take(options.passages_per_document);
            own.filter_map(|one| self.passage_hit(one)).collect()
        };
        let hits = candidates
            .iter()
            .map(|one| self.hit(one, places(one.document), similarity));
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

    /// The passages to put in order: those drawn, and where `reranks`, what is drawn without the
    /// planner too.
    pub(super) fn drawn(
        self,
        words: &str,
        query: Option<&EncodedQuery>,
        options: &SearchOptions,
        view: &View<'_>,
        memo: &mut Memo<'_>,
        reranks: bool,
    ) -> Result<Draws> {
        let defaults = &self.params.search;
        let terms = match options.mode {
            Mode::Planned => Some(self.query_terms(words, options.prefix)?),
            _ => None,
        };
        let lexical = terms.as_ref().map(|terms| self.bm25(terms, view));
        let lexical = lexical.transpose()?;
        let prior = lexical
            .as_ref()
            .map(|scores| prior_of(scores.passages(), view));
        let prior = prior.transpose()?;
        let unknown = query.map_or(0.0, unknown_of);
        // What the retriever does not know is left to the words here, too.
        let lambda = options
            .planner
            .unwrap_or_else(|| defaults.planner / (1.0 - unknown).max(MIN_KNOWN));
        let draws = options.draws.unwrap_or(defaults.draws).max(options.k);
        // Other decoders draw without the planner, and are refused one that is asked for.
        let guides = options.decoder == Decoder::BestFirst || options.planner.is_some();
        let request = Request {
            k: if options.k == 0 { 0 } else { draws },
            postings: view,
            planner: prior
                .as_ref()
                .filter(|_| guides)
                .map(|prior| Planner { prior, lambda }),
        };
        let (mut passages, mut complete) =
            self.best_drawn(options, memo, request, lexical.as_ref())?;
        let mut typical: HashSet<PassagePlace> = HashSet::new();
        if reranks {
            typical.extend(typical_of(&passages));
            if let Some(Planner { prior, .. }) = request.planner {
                // Words can push out of the draws what only their meaning leads to.
                let request = Request {
                    planner: None,
                    ..request
                };
                let (mut further, is_complete) =
                    self.best_drawn(options, memo, request, lexical.as_ref())?;
                complete &= is_complete;
                typical.extend(typical_of(&further));
                let known: HashSet<PassagePlace> = passages.iter().map(|one| one.place).collect();
                further.retain(|one| !known.contains(&one.place));
                for one in &mut further {
                    one.drawn_score += lambda * prior.of(one.place);
                    one.score = one.drawn_score;
                }
                passages.extend(further);
            }
        }
        Ok(Draws {
            passages,
            typical,
            terms,
            complete,
        })
    }

    /// The best of what a decoder finds: as many passages as are wanted, or as many more as it takes
    /// to find `k` documents; and whether they are the best of all.
    fn best_drawn(
        self,
        options: &SearchOptions,
        memo: &mut Memo<'_>,
        mut request: Request<'_>,
        lexical: Option<&Lexical>,
    ) -> Result<(Vec<Candidate>, bool)> {
        loop {
            let Decoded { passages, complete } = options.decoder.decode(memo, &request)?;
            let is_all = !complete || passages.len() < request.k;
            if is_all || self.document_count(&passages, options.k) >= options.k {
                let drawn = passages.iter();
                let mut candidates: Vec<Candidate> = drawn
                    .map(|drawn| Candidate::drawn(self.segments, drawn, lexical))
                    .collect();
                candidates.sort_by(|a, b| best_first(self.segments, a, b));
                candidates.truncate(request.k);
                return Ok((candidates, complete));
            }
            // What the memo knows is not evaluated again.
            request.k = request.k.saturating_mul(MORE_DRAWS);
        }
    }

    /// Documents of the passages drawn, counted up to `enough`.
    fn document_count(self, drawn: &[Drawn], enough: usize) -> usize {
        if !self.is_cut() {
            return drawn.len();
        }
        let mut documents = HashSet::new();
        for one in drawn {
            documents.insert(document_at(self.segments, one.place));
            if documents.len() >= enough {
                break;
            }
        }
        documents.len()
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
                let token_share = options
                    .token_share
                    .unwrap_or_else(|| self.token_share(self.params.search.token_share));
                Ok(self.encoder_scores(candidates, query, token_share as f32))
            }
        }
    }

    /// What the recorded share of the tokens is where documents have many passages.
    pub(super) fn token_share(self, share: f64) -> f64 {
        share + (1.0 - share) * (1.0 - self.passage_factor().recip())
    }

    /// How BM25 enters the reranked score; not at all without `terms`.
    pub(super) fn prior_weight(
        self,
        terms: Option<&QueryTerms>,
        query: Option<&EncodedQuery>,
        options: &SearchOptions,
    ) -> PriorWeight {
        let defaults = &self.params.search;
        PriorWeight {
            share: match terms {
                Some(_) => options.prior_share.unwrap_or(defaults.prior_share),
                None => 0.0,
            },
            peak: defaults.peak_weight,
            coverage: defaults.coverage_weight,
            query_weight: terms.map_or(0.0, QueryTerms::bound),
            passages: self.passage_factor(),
            unknown: query.map_or(0.0, unknown_of),
        }
    }

    /// What the best of a document's passages has by chance, in standard deviations: the best of `n`
    /// independent scores has `sqrt(2 ln n)` (`benches/QUALITY.md`).
    pub(super) fn chance(self, one: &Candidate) -> f64 {
        let segment = self.segments.get(one.document.segment as usize);
        let passages = segment.map_or(1, |segment| segment.passages.of(one.document.ordinal).len());
        CHANCE * (2.0 * (passages.max(1) as f64).ln()).sqrt()
    }

    /// By how much words and tokens count more where documents have many passages: the cube root
    /// of how many they have on average. Of many passages some are alike the query by chance, and
    /// what is exact tells them apart (`benches/QUALITY.md`).
    fn passage_factor(self) -> f64 {
        let (mut passages, mut documents) = (0, 0);
        for segment in self.segments {
            passages += segment.live_passage_count();
            documents += segment.live_count();
        }
        (f64::from(passages) / f64::from(documents.max(1)))
            .max(1.0)
            .cbrt()
    }
}

/// The share of what the best of many independent scores would have that the best of a document's
/// passages has by chance: neighbours are much alike.
const CHANCE: f64 = 0.1;

/// Letters of a query that may be unknown without a word: names, numbers, slips of the pen.
const USUAL_UNKNOWN: f64 = 0.1;

/// The least that is taken to be known of a query, so that weights stay finite.
const MIN_KNOWN: f64 = 1e-3;

/// The share of a query that the encoder does not know, beyond what is usual.
fn unknown_of(query: &EncodedQuery) -> f64 {
    let beyond = f64::from(query.unknown_share()) - USUAL_UNKNOWN;
    (beyond / (1.0 - USUAL_UNKNOWN)).clamp(0.0, 1.0)
}

/// How many times as many passages are drawn where those drawn are of too few documents.
const MORE_DRAWS: usize = 4;

/// The draws that scores are standardised over, of those of one kind, best first.
fn typical_of(drawn: &[Candidate]) -> impl Iterator<Item = PassagePlace> + '_ {
    drawn.iter().take(TYPICAL_DRAWS).map(|one| one.place)
}

/// BM25 of passages over the best of the query. What their documents have is left to the second
/// stage: it would draw all passages of a few documents (`benches/QUALITY.md`).
fn prior_of(scores: &[SparseScores], view: &View<'_>) -> Result<Prior> {
    let best = best_score(scores).max(f64::MIN_POSITIVE);
    let share = |&(passage, score): &(u32, f64)| (passage, (score / best) as f32);
    let lists = scores.iter().map(|list| list.iter().map(share).collect());
    Prior::new(view, lists.collect())
}
