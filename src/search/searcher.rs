//! Where every search begins: the segments of one committed state and the parameters of the index.

use std::borrow::Cow;

use super::candidate::Candidate;
use super::encoded_query::EncodedQuery;
use super::explain::{TermScores, explain_words};
use super::lexical::{Lexical, Scored, best_of};
use super::options::{Mode, RetrieverKind, SearchOptions};
use super::query_terms::{QueryTerms, complete};
use super::result::{Found, Hit, PassageHit};
use super::retriever::CompactRetriever;
use super::similarity::Similarity;
use crate::decode::{PassagePlace, Work};
use crate::segment::{IndexParams, Segment, View, id_at};
use crate::{Error, Result};

/// One committed state, as it is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Searcher<'a> {
    pub(super) segments: &'a [Segment],
    pub(super) params: &'a IndexParams,
}

impl<'a> Searcher<'a> {
    /// Over `segments`, with the defaults of `params`.
    pub(crate) fn new(segments: &'a [Segment], params: &'a IndexParams) -> Self {
        Searcher { segments, params }
    }

    /// Searches with the words of a query and what the encoder made of it.
    ///
    /// # Errors
    ///
    /// `ModelMismatch` for a query of another encoder; `InvalidInput` for a vector of another
    /// dimension or with values that are no numbers, for options that make no sense, and for a
    /// search by a language model; `Corrupt` when the lexicon is damaged.
    pub(crate) fn search_encoded(
        self,
        words: &str,
        query: &EncodedQuery,
        options: &SearchOptions,
    ) -> Result<Found> {
        options.check()?;
        if options.mode != Mode::Lexical {
            query.check_encoder(&self.params.encoder)?;
        }
        let (values, dim) = (query.vector().len(), self.params.encoder.dim);
        if options.mode != Mode::Lexical && values != dim {
            return Err(Error::invalid(format!(
                "a query vector of {values} values was given to an index of {dim}"
            )));
        }
        if !query.is_finite() {
            return Err(Error::invalid(
                "the query vector has values that are no numbers: encode the query again",
            ));
        }
        match options.mode {
            Mode::Dense => self.search_dense(query.vector(), options),
            Mode::Fusion => self.search_fusion(words, query.vector(), options),
            Mode::Lexical => self.search_lexical(words, options),
            Mode::Generative | Mode::Planned if options.retriever == RetrieverKind::Compact => {
                let retriever = CompactRetriever {
                    query,
                    scale: self.params.scale,
                    edges: View::all(self.segments).edges(),
                };
                self.draw(words, &retriever, options)
            }
            Mode::Generative | Mode::Planned => Err(Error::invalid(
                "a language model reads the query itself: ask through Index::search",
            )),
        }
    }

    /// Searches by the words alone; needs no encoder.
    ///
    /// # Errors
    ///
    /// Those of [`Searcher::search_encoded`] that speak of options and of the lexicon.
    pub(crate) fn search_lexical(self, words: &str, options: &SearchOptions) -> Result<Found> {
        options.check()?;
        let view = self.view(options)?;
        let terms = self.query_terms(words, options.prefix)?;
        let lexical = self.bm25(&terms, &view)?;
        let by = |place| lexical.of_passage(place);
        let best = best_of(self.segments, &lexical.documents, options.k);
        let candidate = |scored| self.scored(scored, by, Some(&lexical));
        let candidates: Vec<Candidate> = best.into_iter().filter_map(candidate).collect();
        let similarity = Similarity::Words {
            bound: terms.bound(),
        };
        self.ranked(candidates, by, similarity, Some(&terms), &view, options)
    }

    /// What the options let be found.
    pub(super) fn view(self, options: &SearchOptions) -> Result<View<'a>> {
        match &options.filter {
            Some(filter) => View::filtered(self.segments, filter, &self.params.fields),
            None => Ok(View::all(self.segments)),
        }
    }

    /// The terms of a query; see [`SearchOptions::prefix`].
    pub(super) fn query_terms(self, words: &str, prefix: bool) -> Result<QueryTerms> {
        QueryTerms::new(words, prefix, self.segments, self.params)
    }

    /// `query` with its last word completed, if that may be the beginning of a longer one.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon or a document is damaged, `Io` when it cannot be read.
    pub(crate) fn complete<'q>(self, query: &'q str) -> Result<Cow<'q, str>> {
        complete(query, self.params.lexicon.analyser(), self.segments)
    }

    /// BM25 of what `view` can find.
    pub(super) fn bm25(self, terms: &QueryTerms, view: &View<'_>) -> Result<Lexical> {
        terms.scores(self.segments, view, self.params.lexicon.bm25())
    }

    /// What every term gives every document, for explanations.
    pub(super) fn term_scores<'t>(
        self,
        terms: Option<&'t QueryTerms>,
        view: &View<'_>,
    ) -> Result<TermScores<'t>> {
        let bm25 = self.params.lexicon.bm25();
        terms.map_or(Ok(Vec::new()), |terms| {
            terms.scores_by_term(self.segments, view, bm25)
        })
    }

    /// A document with its score, and its best passage by `by`.
    pub(super) fn scored(
        self,
        scored: Scored,
        by: impl Fn(PassagePlace) -> f64,
        lexical: Option<&Lexical>,
    ) -> Option<Candidate> {
        let passages = self.passages_by(scored.place, by);
        let &(place, _) = passages.first()?;
        Some(Candidate::scored(
            self.segments,
            place,
            scored.score,
            lexical,
        ))
    }

    /// The result of a search that generates nothing; `candidates` are documents in their order,
    /// their passages are compared by `by`, and `terms` are what they were compared by, if words
    /// took part.
    pub(super) fn ranked(
        self,
        mut candidates: Vec<Candidate>,
        by: impl Fn(PassagePlace) -> f64,
        similarity: Similarity<'_>,
        terms: Option<&QueryTerms>,
        view: &View<'_>,
        options: &SearchOptions,
    ) -> Result<Found> {
        similarity.keep_from(options.min_similarity, &mut candidates, self.segments)?;
        candidates.truncate(options.k);
        let places = |one: &Candidate| {
            let passages = self.passages_by(one.document, &by);
            let found = passages.into_iter().take(options.passages_per_document);
            let found = found
                .enumerate()
                .filter(|&(place, (_, score))| place == 0 || score > 0.0);
            let found = found
                .map(|(_, (place, score))| Candidate::scored(self.segments, place, score, None));
            found.filter_map(|one| self.passage_hit(&one)).collect()
        };
        let hits = candidates
            .iter()
            .map(|one| self.hit(one, places(one), similarity));
        let mut hits: Vec<Hit> = hits.collect();
        if options.explain {
            let terms = self.term_scores(terms, view)?;
            for (hit, candidate) in hits.iter_mut().zip(&candidates) {
                hit.explanation = Some(explain_words(candidate, &terms));
            }
        }
        Ok(Found {
            hits,
            complete: true,
            work: Work::default(),
        })
    }

    /// A candidate with its names and the places in it.
    pub(super) fn hit(
        self,
        candidate: &Candidate,
        passages: Vec<PassageHit>,
        similarity: Similarity<'_>,
    ) -> Hit {
        Hit {
            id: id_at(self.segments, candidate.document).to_owned(),
            score: candidate.score,
            similarity: similarity.of(candidate, self.segments),
            drawn_score: candidate.drawn_score,
            log_prob: candidate.log_prob,
            prior: candidate.prior,
            docid: candidate.docid(self.segments).to_owned(),
            passages,
            explanation: None,
        }
    }
}
