//! Searching a snapshot: draw, then rerank, with or without the words of the query.
//!
//! ```text
//!              Generative             Planned                              Lexical
//!   draw       ln P(d | q)            ln P(d | q) + lambda * prior(d)      BM25(d, q)
//!   rerank     <q, head(d)>           (1 - w) z(<q, head(d)>) + w z(BM25)  -
//! ```
//!
//! `P` is the trie head's, or a language model's; a model that was trained to rerank has its
//! logit in the place of `<q, head(d)>`.
//!
//! The other baselines, which generate nothing either, are in `dense`.
//!
//! `prior(d)` is BM25 divided by the best BM25 of the query, so it lies in [0, 1] and one unit of
//! it is worth `lambda` nats whatever the collection. `z` is the standard score over the drawn
//! documents: distance from their mean in standard deviations; `w` starts from the prior's share
//! and follows the query, see `rerank`.

use std::cmp::Ordering;

use super::explain::{Explanation, explain_words};
use super::filter::Filter;
#[cfg(feature = "models")]
use super::language::LanguageRetriever;
use super::lexical::{Placed, SparseScores, best_of, lexical_scores, term_weights};
use super::rerank::{PriorWeight, rerank};
use super::snapshot::Snapshot;
use super::view::View;
use crate::decode::{
    Budget, CompactExpander, Decoder, DocidPlace, Drawn, Expander, Memo, Planner, Prior, Request,
    Work,
};
use crate::encode::TextEncoder;
use crate::trie::Forest;
use crate::{Error, Result};

/// What decides which documents a query finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// The generated docids alone: no part of it looks at the words of a document.
    #[default]
    Generative,
    /// Generated docids, with BM25 as a prior over documents (design D7).
    Planned,
    /// BM25 alone: a baseline, and an answer where no encoder can be had.
    Lexical,
    /// The cosine of the encoder's vectors alone, exactly, over all documents: a baseline.
    Dense,
    /// The weighted sum of the standard scores of cosine and BM25 over the best of both: a
    /// baseline. `draws` are the candidates of each (100), `prior_share` the share of BM25 (0.3).
    Fusion,
}

/// Who says how probable docids are (design D5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retriever {
    /// The trie head: vectors of the index's own, fitted to its documents.
    #[default]
    Compact,
    /// The language model that the index was made for. Its draws are reranked by the model
    /// itself where it was trained for that; else, and only if asked for, by the document head.
    LanguageModel,
}

/// How to search. Start from [`SearchOptions::new`]; what is not set follows the index.
///
/// ```
/// use zerogr::index::{Filter, Mode, SearchOptions};
///
/// let options = SearchOptions::new()
///     .k(5)
///     .mode(Mode::Planned)
///     .instruction("Find papers that support or refute the claim.")
///     .filter(Filter::tag("2024"));
/// assert_eq!(options.k, 5);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SearchOptions {
    /// Hits wanted.
    pub k: usize,
    /// What decides.
    pub mode: Mode,
    /// Who says how probable docids are, where docids are generated.
    pub retriever: Retriever,
    /// How docids are generated.
    pub decoder: Decoder,
    /// Documents drawn from the trie before reranking; at least `k` are drawn.
    pub draws: Option<usize>,
    /// Whether the drawn documents are put in another order by the document head.
    pub rerank: Option<bool>,
    /// What the best BM25 of the query is worth when docids are generated, in nats;
    /// [`Mode::Planned`] only.
    pub planner: Option<f64>,
    /// Share of BM25 in the reranked score, 0 to 1, before its weight follows the query;
    /// [`Mode::Planned`] and [`Mode::Fusion`] only.
    pub prior_share: Option<f64>,
    /// The task in words; put before the query, on a line of its own.
    pub instruction: Option<String>,
    /// Which documents may be found; all of them by default.
    pub filter: Option<Filter>,
    /// What the query may cost.
    pub budget: Budget,
    /// Whether hits say why they were found.
    pub explain: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions::new()
    }
}

impl SearchOptions {
    /// Ten hits, everything else as the index has it.
    pub fn new() -> Self {
        SearchOptions {
            k: 10,
            mode: Mode::default(),
            retriever: Retriever::default(),
            decoder: Decoder::default(),
            draws: None,
            rerank: None,
            planner: None,
            prior_share: None,
            instruction: None,
            filter: None,
            budget: Budget::default(),
            explain: false,
        }
    }

    /// Sets the number of hits wanted.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Sets what decides.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets who says how probable docids are.
    pub fn retriever(mut self, retriever: Retriever) -> Self {
        self.retriever = retriever;
        self
    }

    /// Sets how docids are generated.
    pub fn decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Sets how many documents are drawn before reranking.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = Some(draws);
        self
    }

    /// Sets whether the document head reorders what was drawn.
    pub fn rerank(mut self, rerank: bool) -> Self {
        self.rerank = Some(rerank);
        self
    }

    /// Searches in [`Mode::Planned`], with the best BM25 worth `lambda` nats.
    pub fn planner(mut self, lambda: f64) -> Self {
        self.mode = Mode::Planned;
        self.planner = Some(lambda);
        self
    }

    /// Sets the share of BM25 in the reranked score.
    pub fn prior_share(mut self, share: f64) -> Self {
        self.prior_share = Some(share);
        self
    }

    /// Sets the task instruction.
    pub fn instruction(mut self, instruction: impl Into<String>) -> Self {
        self.instruction = Some(instruction.into());
        self
    }

    /// Sets which documents may be found.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Sets what the query may cost.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// Sets whether hits say why they were found.
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if self
            .prior_share
            .is_some_and(|share| !(0.0..=1.0).contains(&share))
        {
            return Err(Error::invalid(
                "the share of the prior in the reranked score must be between 0 and 1",
            ));
        }
        let weighs = match self.mode {
            Mode::Planned => true,
            Mode::Fusion => self.planner.is_none(),
            _ => self.planner.is_none() && self.prior_share.is_none(),
        };
        if !weighs {
            return Err(Error::invalid(
                "a weight for the planner was given in another mode: search in Mode::Planned",
            ));
        }
        let generates = matches!(self.mode, Mode::Generative | Mode::Planned);
        if self.retriever != Retriever::Compact && !generates {
            return Err(Error::invalid(
                "a language model generates docids, and this mode does not: search in \
                 Mode::Generative or Mode::Planned",
            ));
        }
        Ok(())
    }
}

/// A document found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// External id.
    pub id: String,
    /// What hits are ordered by. When reranked: the document head's inner product with the query
    /// (in [-1, 1]) or the language model's logit, mixed with the prior in [`Mode::Planned`]; else `drawn_score`.
    pub score: f64,
    /// What the decoder ranked by: see [`Decoder`]. BM25 in [`Mode::Lexical`], the cosine in
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
    /// A unit vector, for the trie head.
    Vector(&'a [f32]),
    /// A prompt, for a language model.
    #[cfg(feature = "models")]
    Prompt {
        retriever: &'a LanguageRetriever,
        prompt: &'a [u32],
        vector: Option<&'a [f32]>,
    },
}

/// What puts drawn documents in another order.
#[derive(Clone, Copy, PartialEq)]
enum RerankBy<'a> {
    Nothing,
    DocumentHead(&'a [f32]),
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
            Asked::Vector(query) => Box::new(CompactExpander::new(query, scale, view.edges())),
            #[cfg(feature = "models")]
            Asked::Prompt {
                retriever, prompt, ..
            } => retriever.expander(prompt, forest),
        }
    }

    fn rerank_by(&self, asked_for: Option<bool>, by_default: bool) -> RerankBy<'_> {
        match self {
            Asked::Vector(query) if asked_for.unwrap_or(by_default) => {
                RerankBy::DocumentHead(query)
            }
            #[cfg(feature = "models")]
            Asked::Prompt { retriever, .. } if retriever.reranks() && asked_for != Some(false) => {
                RerankBy::Retriever
            }
            #[cfg(feature = "models")]
            Asked::Prompt {
                vector: Some(vector),
                ..
            } => RerankBy::DocumentHead(vector),
            _ => RerankBy::Nothing,
        }
    }
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
        let vector = self.encode_query(encoder, query, options.instruction.as_deref())?;
        self.search_encoded(query, &vector, options)
    }

    /// Searches with an encoded query: a unit vector of the index's dimension.
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
        self.search_encoded("", query, options)
    }

    /// Searches with the words of a query and its vector.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::search_vector`];
    /// [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion) when the mode needs a lexicon
    /// and the index has none; [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged.
    pub fn search_encoded(
        &self,
        words: &str,
        query: &[f32],
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let params = self.params();
        if options.mode != Mode::Lexical && query.len() != params.encoder.dim {
            return Err(Error::invalid(format!(
                "a query vector of {} values was given to an index of {}",
                query.len(),
                params.encoder.dim
            )));
        }
        match options.mode {
            Mode::Dense => self.search_dense(query, options),
            Mode::Fusion => self.search_fusion(words, query, options),
            Mode::Lexical => self.search_lexical(words, options),
            Mode::Generative | Mode::Planned if options.retriever == Retriever::Compact => {
                self.draw(words, &Asked::Vector(query), options)
            }
            Mode::Generative | Mode::Planned => Err(Error::invalid(
                "a language model reads the query itself: ask through Index::search",
            )),
        }
    }

    /// Searches by a language model; `vector` is for reranking by the document head.
    #[cfg(feature = "models")]
    pub(super) fn search_prompt(
        &self,
        words: &str,
        retriever: &LanguageRetriever,
        prompt: &[u32],
        vector: Option<&[f32]>,
        options: &SearchOptions,
    ) -> Result<SearchResult> {
        options.check()?;
        let asked = Asked::Prompt {
            retriever,
            prompt,
            vector,
        };
        self.draw(words, &asked, options)
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

        let forest = view.forest();
        let mut expander = asked.expander(params.scale, &view, &forest);
        let mut memo = Memo::with_budget(&forest, &mut *expander, options.budget.clone());
        let request = Request {
            k: if options.k == 0 { 0 } else { draws },
            postings: &view,
            planner: prior.as_ref().map(|prior| Planner { prior, lambda }),
        };
        let decoded = options.decoder.decode(&mut memo, &request)?;
        let mut hits: Vec<Hit> = decoded
            .documents
            .iter()
            .map(|drawn| self.hit(drawn, lexical.as_deref()))
            .collect();
        hits.sort_by(best_hit_first);
        hits.truncate(draws);
        let rerank_by = asked.rerank_by(options.rerank, params.search.rerank);
        if rerank_by != RerankBy::Nothing {
            let scores = match rerank_by {
                RerankBy::Retriever => memo.rerank(&places(&hits))?,
                _ => None,
            };
            let share = match options.mode {
                Mode::Planned => options.prior_share.unwrap_or(params.search.prior_share),
                _ => 0.0,
            };
            let second = match (scores, rerank_by) {
                (Some(scores), _) => scores,
                (None, RerankBy::DocumentHead(vector)) => self.document_head(&hits, vector),
                (None, _) => Vec::new(),
            };
            let weight = PriorWeight {
                share,
                peak: params.search.peak_weight,
                coverage: params.search.coverage_weight,
                query_weight: match options.mode {
                    Mode::Planned => self.query_weight(words)?,
                    _ => 0.0,
                },
            };
            rerank(&mut hits, &second, weight);
            hits.sort_by(best_hit_first);
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
            complete: decoded.complete,
            work,
        })
    }

    pub(super) fn view(&self, options: &SearchOptions) -> Result<View<'_>> {
        match &options.filter {
            Some(filter) => View::filtered(&self.state.segments, filter),
            None => Ok(View::all(&self.state.segments)),
        }
    }

    /// BM25 of what `view` can find, per segment.
    pub(super) fn lexical_part(&self, words: &str, view: &View<'_>) -> Result<Vec<SparseScores>> {
        let terms = self.params().lexicon.analyser().terms(words);
        self.lexical_of_terms(&terms, view)
    }

    /// The most that BM25 could be for a query.
    fn query_weight(&self, words: &str) -> Result<f64> {
        let terms = self.params().lexicon.analyser().terms(words);
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
