//! What a caller can ask of a search.

use crate::decode::{Budget, Decoder};
use crate::segment::Filter;
use crate::{Error, Result};

/// What decides which documents a query finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// The generated docids alone: no part of it looks at the words of a document.
    Generative,
    /// Generated docids, with BM25 as a prior over documents (`ARCHITECTURE.md`, D7): it guides
    /// best-first decoding, and takes part in reranking whatever the decoder. The best of all modes
    /// on average (`benches/QUALITY.md`).
    #[default]
    Planned,
    /// BM25 alone: a baseline, and an answer where no encoder can be had.
    Lexical,
    /// The cosine of the encoder's vectors alone, exactly, over all documents: a baseline.
    Dense,
    /// The weighted sum of the standard scores of cosine and BM25 over the best of both: a
    /// baseline. `draws` are the candidates of each (100), `prior_share` the share of BM25 (0.3).
    Fusion,
}

/// Who says how probable docids are (`ARCHITECTURE.md`, D5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetrieverKind {
    /// The trie head: vectors of the index's own, fitted to its documents.
    #[default]
    Compact,
    /// The language model that the index was made for. Its draws are reranked by the model
    /// itself where it was trained for that; else, and only if asked for, by the document head.
    #[cfg(feature = "models")]
    LanguageModel,
}

/// How to search. Start from [`SearchOptions::new`]; what is not set follows the index.
///
/// ```
/// use zerogr::{Filter, Mode, SearchOptions};
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
    pub retriever: RetrieverKind,
    /// How docids are generated.
    pub decoder: Decoder,
    /// Places in a document that a hit tells at most; 3.
    pub passages_per_document: usize,
    /// Passages drawn from the trie before reranking; as many more as it takes to find `k`
    /// documents.
    pub draws: Option<usize>,
    /// Whether the drawn documents are put in another order by the document head; true in
    /// [`Mode::Generative`] and [`Mode::Planned`] only.
    pub rerank: Option<bool>,
    /// What the best BM25 of the query is worth when docids are generated, in nats;
    /// [`Mode::Planned`] only.
    pub planner: Option<f64>,
    /// Share of BM25 in the reranked score, 0 to 1, before its weight follows the query;
    /// [`Mode::Planned`] and [`Mode::Fusion`] only.
    pub prior_share: Option<f64>,
    /// Share of the comparison of tokens in the reranked score, 0 to 1, where the index keeps
    /// their vectors; the rest is the document head's.
    pub token_share: Option<f64>,
    /// The task in words. A language model reads it before the query, on a line of its own. For
    /// the encoder the query is read with and without it, and its vector lies between the two;
    /// tokens and words are compared without it.
    pub instruction: Option<String>,
    /// Which documents may be found; all of them by default.
    pub filter: Option<Filter>,
    /// Hits less alike the query are left out, so that nothing may be found: see
    /// [`Hit::similarity`](crate::Hit::similarity). What separates good hits from bad ones depends
    /// on the encoder and on the documents.
    pub min_similarity: Option<f32>,
    /// Whether the last word of the query may be the beginning of a longer one, as while it is
    /// typed: see [`SearchOptions::prefix`].
    pub prefix: bool,
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
            passages_per_document: 3,
            mode: Mode::default(),
            retriever: RetrieverKind::default(),
            decoder: Decoder::default(),
            draws: None,
            rerank: None,
            planner: None,
            prior_share: None,
            token_share: None,
            instruction: None,
            filter: None,
            min_similarity: None,
            prefix: false,
            budget: Budget::default(),
            explain: false,
        }
    }

    /// Sets the number of hits wanted.
    pub fn k(mut self, k: usize) -> Self {
        self.k = k;
        self
    }

    /// Sets how many places in a document a hit tells at most.
    pub fn passages_per_document(mut self, count: usize) -> Self {
        self.passages_per_document = count;
        self
    }

    /// Sets what decides.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets who says how probable docids are.
    pub fn retriever(mut self, retriever: RetrieverKind) -> Self {
        self.retriever = retriever;
        self
    }

    /// Sets how docids are generated.
    pub fn decoder(mut self, decoder: Decoder) -> Self {
        self.decoder = decoder;
        self
    }

    /// Sets how many passages are drawn before reranking.
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

    /// Sets the share of the comparison of tokens in the reranked score.
    pub fn token_share(mut self, share: f64) -> Self {
        self.token_share = Some(share);
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

    /// Sets how alike the query a hit must be at least.
    pub fn min_similarity(mut self, least: f32) -> Self {
        self.min_similarity = Some(least);
        self
    }

    /// Sets whether the last word of the query may be the beginning of a longer one, unless white
    /// space or punctuation follows it. Words then find what any of the most frequent words that
    /// begin so would find, and a model reads the query as [`Snapshot::complete`] gives it.
    ///
    /// [`Snapshot::complete`]: crate::Snapshot::complete
    pub fn prefix(mut self, prefix: bool) -> Self {
        self.prefix = prefix;
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

    pub(crate) fn check(&self) -> Result<()> {
        let mut shares = [self.prior_share, self.token_share].into_iter().flatten();
        if shares.any(|share| !(0.0..=1.0).contains(&share)) {
            return Err(Error::invalid(
                "a share in the reranked score must be between 0 and 1",
            ));
        }
        if self
            .min_similarity
            .is_some_and(|least| !(-1.0..=1.0).contains(&least))
        {
            return Err(Error::invalid(
                "min_similarity must be between -1 and 1: it is held against Hit::similarity",
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
        if self.retriever != RetrieverKind::Compact && !generates {
            return Err(Error::invalid(
                "a language model generates docids, and this mode does not: search in \
                 Mode::Generative or Mode::Planned",
            ));
        }
        if self.rerank == Some(true) && !generates {
            return Err(Error::invalid(
                "this mode does not rerank: search in Mode::Generative or Mode::Planned",
            ));
        }
        Ok(())
    }
}
