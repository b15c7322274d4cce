//! Judged queries, encoded and drawn once, on which changes are tried.

use rayon::prelude::*;

use super::folds::{Folds, PLACES, Ranking, Setting};
use super::options::JudgedOptions;
use crate::eval::{JudgedQueries, Judgements};
use crate::index::snapshot::Snapshot;
use crate::rng::Rng;
use crate::search::{EncodedQuery, Pool, Searcher};
use crate::segment::{
    DocumentPlace, IndexParams, Progress, SearchParams, Segment, Stage, Watch, find_document, id_at,
};
use crate::vectors::LinearMap;
use crate::{Error, ErrorKind, Result};

/// Queries drawn between two looks at whether to go on.
const QUERIES_AT_ONCE: usize = 64;

/// A judged query.
pub(super) struct Asked<'q> {
    pub(super) text: &'q str,
    pub(super) encoded: EncodedQuery,
    /// Of documents that are in the index.
    pub(super) judgements: Judgements,
    /// Those that answer it, with their weights.
    pub(super) answers: Vec<(DocumentPlace, f64)>,
    pub(super) fold: usize,
}

/// What changes are tried on.
pub(super) struct Bench<'a> {
    pub(super) segments: &'a [Segment],
    /// Those of the index, before judgements.
    pub(super) params: &'a IndexParams,
    pub(super) asked: Vec<Asked<'a>>,
    pub(super) folds: usize,
    /// Judgements of documents that are not in the index.
    pub(super) unknown_ids: u64,
    /// Queries that could not be learnt from.
    pub(super) left_out: u64,
}

impl<'a> Bench<'a> {
    /// The queries of `judged` with an answer in the index, parted by the hash of their texts.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when no query is left; those of the encoder; `Cancelled`.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        params: &'a IndexParams,
        judged: &'a JudgedQueries,
        options: &JudgedOptions,
        watch: &mut Watch<'_>,
    ) -> Result<Self> {
        let mut bench = Bench {
            segments: &snapshot.state.segments,
            params,
            asked: Vec::new(),
            folds: options.folds,
            unknown_ids: 0,
            left_out: 0,
        };
        let mut known = Vec::new();
        for (text, judgements) in judged.iter() {
            let (judgements, answers) = bench.known(judgements);
            match answers.is_empty() {
                true => bench.left_out += 1,
                false => known.push((text, judgements, answers)),
            }
        }
        known.sort_by_cached_key(|(text, ..)| Rng::for_name(options.train.seed, text).next_u64());
        known.truncate(options.max_queries);
        let total = known.len();
        for (number, (text, judgements, answers)) in known.into_iter().enumerate() {
            watch.report(Progress::new(Stage::EncodingPseudoQueries, number, total))?;
            let encoded = match snapshot.encode_plainly(text, None) {
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    bench.left_out += 1;
                    continue;
                }
                encoded => encoded?,
            };
            bench.asked.push(Asked {
                text,
                encoded,
                judgements,
                answers,
                fold: bench.asked.len() % options.folds,
            });
        }
        if bench.asked.is_empty() {
            return Err(Error::invalid(format!(
                "nothing to learn from: of {} judged queries none has an answer that is in the \
                 index ({} ids are not)",
                judged.len(),
                bench.unknown_ids
            )));
        }
        Ok(bench)
    }

    /// What is known of documents in the index, and which of them answer.
    fn known(&mut self, judgements: &Judgements) -> (Judgements, Vec<(DocumentPlace, f64)>) {
        let (mut known, mut answers) = (Judgements::new(), Vec::new());
        for (id, &weight) in judgements {
            match find_document(self.segments, id) {
                Some(place) => {
                    known.insert(id.clone(), weight);
                    answers.extend((weight > 0.0).then_some((place, weight)));
                }
                None => self.unknown_ids += 1,
            }
        }
        (known, answers)
    }

    /// Judgements of documents in the index.
    pub(super) fn judgements(&self) -> usize {
        self.asked.iter().map(|one| one.judgements.len()).sum()
    }

    fn searcher(&self) -> Searcher<'_> {
        Searcher::new(self.segments, self.params)
    }

    /// What a planned search draws of each query, as `map` of its fold understands it.
    ///
    /// # Errors
    ///
    /// Those of a search; `Cancelled`.
    pub(super) fn pools<'m>(
        &self,
        map: impl Fn(usize) -> Option<&'m LinearMap> + Sync,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Pool>> {
        let mut pools = Vec::with_capacity(self.asked.len());
        for chunk in self.asked.chunks(QUERIES_AT_ONCE) {
            let progress = Progress::new(Stage::DrawingJudged, pools.len(), self.asked.len());
            watch.report(progress)?;
            let drawn = chunk.par_iter().map(|one| match map(one.fold) {
                Some(map) => {
                    let mapped = one.encoded.clone().mapped(map);
                    self.searcher().pool(one.text, &mapped)
                }
                None => self.searcher().pool(one.text, &one.encoded),
            });
            pools.extend(drawn.collect::<Result<Vec<_>>>()?);
        }
        Ok(pools)
    }

    /// The best documents of each pool in planned search under some shares.
    ///
    /// # Errors
    ///
    /// Those of a search.
    pub(super) fn planned(
        &self,
        pools: &[Pool],
        search: &SearchParams,
    ) -> Result<Vec<Ranking<'_>>> {
        let ranking = |pool: &Pool| -> Result<Ranking<'_>> {
            let best = self.searcher().order(pool, search, PLACES)?;
            let ids = best.into_iter().map(|place| id_at(self.segments, place));
            Ok(ids.collect())
        };
        pools.par_iter().map(ranking).collect()
    }

    /// The same in planned search and in generative search, which are those of a setting that
    /// changes both.
    ///
    /// # Errors
    ///
    /// Those of a search.
    pub(super) fn both(&self, pools: &[Pool], search: &SearchParams) -> Result<Setting<'_>> {
        // The words draw a few more candidates than a generative search has.
        let generative = SearchParams {
            prior_share: 0.0,
            ..search.clone()
        };
        Ok(vec![
            self.planned(pools, search)?,
            self.planned(pools, &generative)?,
        ])
    }

    /// What rankings are measured on.
    pub(super) fn folds(&self, seed: u64) -> Folds<'_> {
        let asked = self.asked.iter();
        Folds {
            queries: asked.map(|one| (&one.judgements, one.fold)).collect(),
            seed,
        }
    }
}
