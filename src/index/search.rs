//! Searching a snapshot: draw, then rerank, with or without the words of the query.
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

use std::cmp::Ordering;
use std::collections::HashSet;

use super::encoded_query::EncodedQuery;
use super::explain::{Explanation, explain_words};
#[cfg(feature = "models")]
use super::language::LanguageRetriever;
use super::lexical::{Placed, SparseScores, best_of, lexical_scores, term_weights};
use super::rerank::{PriorWeight, TYPICAL_DRAWS, rerank};
use super::search_options::{Mode, Retriever, SearchOptions};
use super::snapshot::Snapshot;
use super::view::View;
use crate::decode::{
    CompactExpander, Decoder, DocidPlace, Drawn, Expander, Memo, Planner, Prior, Request, Work,
};
use crate::encode::TextEncoder;
use crate::trie::Forest;
use crate::{Error, Result};

/// A document found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// External id.
    pub id: String,
    /// What hits are ordered by. When reranked: the document head's inner product with the query,
    /// mixed with the comparison of tokens (in [-1, 1]), or the language model's logit; in
    /// [`Mode::Planned`] that mixed with the prior; else `drawn_score`.
    pub score: f64,
    /// What the decoder ranked by: see [`Decoder`](crate::decode::Decoder). BM25 in [`Mode::Lexical`], the cosine in
    /// [`Mode::Dense`] and [`Mode::Fusion`].
    pub drawn_score: f64,
    /// Log of the summed probabilities of the document's docids, given the query (for decoders
    /// that draw docids, of the docid it came out with); minus infinity where none is generated.
    pub log_prob: f64,
    /// BM25 of the document; 0 in [`Mode::Generative`] and [`Mode::Dense`].
    pub prior: f64,
    /// Its most probable docid.
    pub docid: String,
    /// Why it was found, if that was asked for.
    pub explanation: Option<Explanation>,
    pub(super) segment: u32,
    pub(super) ordinal: u32,
    pub(super) rank: u32,
}

impl Hit {
    /// Segment and ordinal.
    pub(super) fn place(&self) -> (u32, u32) {
        (self.segment, self.ordinal)
    }
}

/// The hits of one query, best first, and what they cost.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct SearchResult {
    /// Best first.
    pub hits: Vec<Hit>,
    /// False when the budget ended the search; the hits are the best found until then.
    pub complete: bool,
    /// Work done by the decoder.
    pub work: Work,
}

/// A query as a retriever takes it.
enum Asked<'a> {
    /// For the trie head.
    Encoded(&'a EncodedQuery),
    /// A prompt, for a language model.
    #[cfg(feature = "models")]
    Prompt {
        retriever: &'a LanguageRetriever,
        prompt: &'a [u32],
        encoded: Option<&'a EncodedQuery>,
    },
}

/// What puts drawn documents in another order.
#[derive(Clone, Copy, PartialEq)]
enum RerankBy<'a> {
    Nothing,
    Encoder(&'a EncodedQuery),
    #[cfg_attr(not(feature = "models"), expect(dead_code))]
    Retriever,
}

impl Asked<'_> {
    fn expander<'e>(
        &'e self,
        scale: f32,
        view: &View<'e>,
        forest: &'e Forest<'e>,
    ) -> Box<dyn Expander + 'e> {
        let _ = forest;
        match self {
            Asked::Encoded(query) => {
                Box::new(CompactExpander::new(&query.vector, scale, view.edges()))
            }
            #[cfg(feature = "models")]
            Asked::Prompt {
                retriever, prompt, ..
            } => retriever.expander(prompt, forest),
        }
    }

    fn rerank_by(&self, asked_for: Option<bool>, by_default: bool) -> RerankBy<'_> {
        match self {
            Asked::Encoded(query) if asked_for.unwrap_or(by_default) => RerankBy::Encoder(query),
            #[cfg(feature = "models")]
            Asked::Prompt { retriever, .. } if retriever.reranks() && asked_for != Some(false) => {
                RerankBy::Retriever
            }
            #[cfg(feature = "models")]
            Asked::Prompt {
                encoded: Some(query),
                ..
            } => RerankBy::Encoder(query),
            _ => RerankBy::Nothing,
        }
    }
}

/// The draws that scores are standardised over, of those of one kind, best first.
fn typical_of(drawn: &[Hit]) -> impl Iterator<Item = (u32, u32)> + '_ {
    drawn.iter().take(TYPICAL_DRAWS).map(Hit::place)
}

/// The docids that hits were drawn by.
fn places(hits: &[Hit]) -> Vec<DocidPlace> {
    hits.iter().map(|hit| (hit.segment, hit.rank)).collect()
}

impl Snapshot {
    /// Searches with `encoder`, which must be the index's own.
    pub(crate) fn search(
        &self,
        encoder: &dyn TextEncoder,
        query: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let encoded = self.encode_query(encoder, query, options.instruction.as_deref())?;
        self.search_encoded(query, &encoded, options)
    }

    /// Searches with a unit vector of the index's dimension. No tokens are compared.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a vector of another dimension, options
    /// that make no sense, or a mode that needs the words of the query: for those see
    /// [`Snapshot::search_encoded`].
    pub fn search_vector(&self, query: &[f32], options: &SearchOptions) -> Result<SearchResult> {
        if !matches!(options.mode, Mode::Generative | Mode::Dense) {
            return Err(Error::invalid(
                "this mode needs the words of the query: give them to Snapshot::search_encoded",
            ));
        }
        self.search_encoded("", &EncodedQuery::from(query.to_vec()), options)
    }

    /// Searches with the words of a query and what the encoder made of it.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::search_vector`];
    /// [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion) when the mode needs a lexicon
    /// and the index has none; [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged.
    pub fn search_encoded(
        &self,
        words: &str,
        query: &EncodedQuery,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let params = self.params();
        let values = query.vector.len();
        if options.mode != Mode::Lexical && values != params.encoder.dim {
            return Err(Error::invalid(format!(
                "a query vector of {values} values was given to an index of {}",
                params.encoder.dim
            )));
        }
        if !query.is_finite() {
            return Err(Error::invalid(
                "the query vector has values that are no numbers: encode the query again",
            ));
        }
        match options.mode {
            Mode::Dense => self.search_dense(&query.vector, options),
            Mode::Fusion => self.search_fusion(words, &query.vector, options),
            Mode::Lexical => self.search_lexical(words, options),
            Mode::Generative | Mode::Planned if options.retriever == Retriever::Compact => {
                self.draw(words, &Asked::Encoded(query), options)
            }
            Mode::Generative | Mode::Planned => Err(Error::invalid(
                "a language model reads the query itself: ask through Index::search",
            )),
        }
    }

    /// Searches by a language model; `encoded` is for reranking by what the encoder knows.
    #[cfg(feature = "models")]
    pub(super) fn search_prompt(
        &self,
        words: &str,
        retriever: &LanguageRetriever,
        prompt: &[u32],
        encoded: Option<&EncodedQuery>,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let asked = Asked::Prompt {
            retriever,
            prompt,
            encoded,
        };
        self.draw(words, &asked, options)
            .map_err(|error| retriever.named(error))
    }

    /// Draws documents and puts them in order.
    fn draw(
        &self,
        words: &str,
        asked: &Asked<'_>,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        let params = self.params();
        let view = self.view(options)?;
        let lexical = match options.mode {
            Mode::Planned => Some(self.lexical_part(words, &view)?),
            _ => None,
        };
        let prior = lexical
            .as_ref()
            .map(|scores| prior_of(scores, &view))
            .transpose()?;
        let lambda = options.planner.unwrap_or(params.search.planner);
        let draws = options.draws.unwrap_or(params.search.draws).max(options.k);
        // Other decoders draw without the planner, and are refused one that is asked for.
        let guides = options.decoder == Decoder::BestFirst || options.planner.is_some();

        let forest = view.forest();
        let mut expander = asked.expander(params.scale, &view, &forest);
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
        let mut hits = self.drawn_hits(&decoded.documents, draws, lexical.as_deref());
        let rerank_by = asked.rerank_by(options.rerank, params.search.rerank);
        if rerank_by != RerankBy::Nothing {
            let mut typical: HashSet<(u32, u32)> = typical_of(&hits).collect();
            if let Some(Planner { prior, .. }) = request.planner {
                // Words can push out of the draws what only their meaning leads to.
                let request = Request {
                    planner: None,
                    ..request
                };
                let decoded = options.decoder.decode(&mut memo, &request)?;
                complete &= decoded.complete;
                let mut further = self.drawn_hits(&decoded.documents, draws, lexical.as_deref());
                typical.extend(typical_of(&further));
                let known: HashSet<(u32, u32)> = hits.iter().map(Hit::place).collect();
                further.retain(|hit| !known.contains(&hit.place()));
                for hit in &mut further {
                    hit.drawn_score += lambda * prior.of(hit.segment, hit.ordinal);
                    hit.score = hit.drawn_score;
                }
                hits.extend(further);
            }
            self.rerank(&mut hits, &typical, &mut memo, rerank_by, words, options)?;
        }
        hits.truncate(options.k);
        let work = memo.work();
        if options.explain {
            let terms = match options.mode {
                Mode::Planned => self.term_scores(words, &view)?,
                _ => Vec::new(),
            };
            for hit in &mut hits {
                let mut explanation = self.explain(hit, &mut memo, &terms)?;
                if options.mode == Mode::Planned {
                    explanation.planner = hit.drawn_score - hit.log_prob;
                }
                hit.explanation = Some(explanation);
            }
        }
        Ok(SearchResult {
            hits,
            complete,
            work,
        })
    }

    /// The best `draws` of what a decoder found.
    fn drawn_hits(
        &self,
        documents: &[Drawn],
        draws: usize,
        lexical: Option<&[SparseScores]>,
    ) -> Vec<Hit> {
        let hits = documents.iter().map(|drawn| self.hit(drawn, lexical));
        let mut hits: Vec<Hit> = hits.collect();
        hits.sort_by(best_hit_first);
        hits.truncate(draws);
        hits
    }

    /// Puts hits in the order of the second stage.
    fn rerank(
        &self,
        hits: &mut [Hit],
        typical: &HashSet<(u32, u32)>,
        memo: &mut Memo<'_>,
        by: RerankBy<'_>,
        words: &str,
        options: &SearchOptions,
    ) -> Result<()> {
        let defaults = &self.params().search;
        let scores = match by {
            RerankBy::Retriever => memo.rerank(&places(hits))?,
            _ => None,
        };
        let second = match (scores, by) {
            (Some(scores), _) => scores,
            (None, RerankBy::Encoder(query)) => {
                let token_share = options.token_share.unwrap_or(defaults.token_share);
                self.encoder_scores(hits, query, token_share as f32)
            }
            (None, _) => Vec::new(),
        };
        let (share, query_weight) = match options.mode {
            Mode::Planned => (
                options.prior_share.unwrap_or(defaults.prior_share),
                self.query_weight(words)?,
            ),
            _ => (0.0, 0.0),
        };
        let weight = PriorWeight {
            share,
            peak: defaults.peak_weight,
            coverage: defaults.coverage_weight,
            query_weight,
        };
        rerank(hits, &second, weight, typical)?;
        hits.sort_by(best_hit_first);
        Ok(())
    }

    pub(super) fn view(&self, options: &SearchOptions) -> Result<View<'_>> {
        match &options.filter {
            Some(filter) => View::filtered(&self.state.segments, filter),
            None => Ok(View::all(&self.state.segments)),
        }
    }

    /// BM25 of what `view` can find, per segment.
    pub(super) fn lexical_part(&self, words: &str, view: &View<'_>) -> Result<Vec<SparseScores>> {
        let terms = self.params().lexicon.analyser().query_terms(words);
        self.lexical_of_terms(&terms, view)
    }

    /// The most that BM25 could be for a query.
    fn query_weight(&self, words: &str) -> Result<f64> {
        let terms = self.params().lexicon.analyser().query_terms(words);
        let weights = term_weights(&self.state.segments, &terms)?;
        Ok(weights.into_iter().sum())
    }

    pub(super) fn lexical_of_terms(
        &self,
        terms: &[String],
        view: &View<'_>,
    ) -> Result<Vec<SparseScores>> {
        let bm25 = self.params().lexicon.bm25();
        lexical_scores(&self.state.segments, view, terms, bm25)
    }

    /// Searches by the words alone; needs no encoder.
    pub(crate) fn search_lexical(
        &self,
        words: &str,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let view = self.view(options)?;
        let scores = self.lexical_part(words, &view)?;
        let best = best_of(&self.state.segments, &scores, options.k);
        let mut hits = self.placed_hits(best, Some(&scores));
        if options.explain {
            let terms = self.term_scores(words, &view)?;
            for hit in &mut hits {
                hit.explanation = Some(explain_words(hit, &terms));
            }
        }
        Ok(SearchResult {
            hits,
            complete: true,
            work: Work::default(),
        })
    }

    /// Hits for documents that were not drawn, in their order.
    pub(super) fn placed_hits(
        &self,
        placed: Vec<Placed>,
        lexical: Option<&[SparseScores]>,
    ) -> Vec<Hit> {
        let hit = |(score, number, ordinal): Placed| {
            let segment = self.state.segments.get(number as usize);
            let mut docids = segment
                .map(|segment| segment.document_docids.row(ordinal))
                .into_iter()
                .flatten();
            let drawn = Drawn {
                segment: number,
                ordinal,
                score,
                log_prob: f64::NEG_INFINITY,
                best_rank: docids.next().unwrap_or(0),
            };
            self.hit(&drawn, lexical)
        };
        placed.into_iter().map(hit).collect()
    }

    fn hit(&self, drawn: &Drawn, lexical: Option<&[SparseScores]>) -> Hit {
        let segment = self.state.segments.get(drawn.segment as usize);
        let prior = lexical.map_or(0.0, |scores| score_of(scores, drawn.segment, drawn.ordinal));
        Hit {
            id: segment
                .map_or("", |segment| segment.documents.id(drawn.ordinal))
                .to_owned(),
            score: drawn.score,
            drawn_score: drawn.score,
            log_prob: drawn.log_prob,
            prior,
            docid: segment
                .map_or("", |segment| segment.docid_texts.row(drawn.best_rank))
                .to_owned(),
            explanation: None,
            segment: drawn.segment,
            ordinal: drawn.ordinal,
            rank: drawn.best_rank,
        }
    }
}

/// The score of a document; zero for one that shares no term with the query.
pub(super) fn score_of(scores: &[SparseScores], segment: u32, ordinal: u32) -> f64 {
    let found = scores.get(segment as usize).and_then(|list| {
        let place = list.binary_search_by_key(&ordinal, |one| one.0).ok()?;
        list.get(place)
    });
    found.map_or(0.0, |&(_, score)| score)
}

/// The best score of all.
pub(super) fn best_score(scores: &[SparseScores]) -> f64 {
    let all = scores.iter().flatten();
    all.fold(0.0, |best, &(_, score)| score.max(best))
}

/// BM25 over the best BM25 of the query.
fn prior_of(scores: &[SparseScores], view: &View<'_>) -> Result<Prior> {
    let best = best_score(scores).max(f64::MIN_POSITIVE);
    let share = |&(ordinal, score): &(u32, f64)| (ordinal, (score / best) as f32);
    let lists = scores.iter().map(|list| list.iter().map(share).collect());
    Prior::new(view, lists.collect())
}

/// Score, then probability, both falling; then docid and external id, rising (design D11).
fn best_hit_first(a: &Hit, b: &Hit) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| b.log_prob.total_cmp(&a.log_prob))
        .then_with(|| a.docid.cmp(&b.docid))
        .then_with(|| a.id.cmp(&b.id))
}
