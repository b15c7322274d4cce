//! Lexical search: BM25 over all segments, as if they were one without its deleted documents.
//!
//! ```text
//!   query terms ─► df, N, avgdl over the live documents of all segments
//!                     │
//!   per segment:  postings of each term ─► sparse scores ─► the best k, ties by external id
//! ```
//!
//! A document's score counts the terms of all its passages. Where documents are cut, passages have a
//! score of their own, from their own counts and lengths and with the weights of the documents' terms:
//! it says where in a document the words are.
//!
//! Where the words of written queries are searched, a document's score has a part from them, with
//! counts, lengths and frequencies of their own; so has a passage that is all of its document.
//!
//! Invariants:
//! - I1. A score depends on the query and on the live documents, not on where they are stored:
//!   several segments, what was deleted from them and their merge give the same numbers, to the
//!   last bit. (Integers are summed first; terms are added up in the order of the query.)
//! - I2. A filter takes documents out of the answer, not out of the statistics.

use std::cmp::Ordering;

use super::query_terms::{QueryTerms, WeighedTerm};
use crate::Result;
use crate::decode::PassagePlace;
use crate::lexicon::Bm25;
use crate::segment::{DocumentPlace, Segment, View, id_at};

/// Scores of documents of one segment by ordinal, or of passages by number, ascending; those
/// without a query term are not in it, the scores of the others are positive.
pub(super) type SparseScores = Vec<(u32, f64)>;

/// BM25 of one query, per segment.
#[derive(Debug, Clone)]
pub(super) struct Lexical {
    pub(super) documents: Vec<SparseScores>,
    /// `None` where every document is one passage.
    passages: Option<Vec<SparseScores>>,
}

impl Lexical {
    /// Zero for a document that shares no term with the query.
    pub(super) fn of_document(&self, place: DocumentPlace) -> f64 {
        score_of(&self.documents, place.segment, place.ordinal)
    }

    /// Zero for a passage that shares no term with the query.
    pub(super) fn of_passage(&self, place: PassagePlace) -> f64 {
        score_of(self.passages(), place.segment, place.passage)
    }

    /// Scores of passages by number.
    pub(super) fn passages(&self) -> &[SparseScores] {
        self.passages.as_deref().unwrap_or(&self.documents)
    }
}

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Document,
    Passage,
}

/// A document with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) place: DocumentPlace,
    pub(super) score: f64,
}

impl QueryTerms {
    /// BM25 of what `view` can find, per segment.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(super) fn scores(
        &self,
        segments: &[Segment],
        view: &View<'_>,
        bm25: Bm25,
    ) -> Result<Lexical> {
        let scores = |unit| lexical_scores(segments, view, &self.terms, bm25, unit);
        let is_cut = segments.iter().any(|segment| segment.passages.is_cut());
        Ok(Lexical {
            documents: scores(Unit::Document)?,
            passages: is_cut.then(|| scores(Unit::Passage)).transpose()?,
        })
    }

    /// What each term adds to BM25 of every document, in the order of the query.
    ///
    /// # Errors
    ///
    /// `Corrupt` when a lexicon is damaged.
    pub(super) fn scores_by_term(
        &self,
        segments: &[Segment],
        view: &View<'_>,
        bm25: Bm25,
    ) -> Result<Vec<(&str, Vec<SparseScores>)>> {
        let scores = |term: &'_ WeighedTerm| {
            lexical_scores(
                segments,
                view,
                std::slice::from_ref(term),
                bm25,
                Unit::Document,
            )
        };
        let named = self
            .terms
            .iter()
            .map(|term| Ok((term.term.as_str(), scores(term)?)));
        named.collect()
    }
}

/// BM25 scores of what `view` can find of `segments`, per segment.
///
/// # Errors
/// `Corrupt` when a lexicon is damaged.
fn lexical_scores(
    segments: &[Segment],
    view: &View<'_>,
    terms: &[WeighedTerm],
    bm25: Bm25,
    unit: Unit,
) -> Result<Vec<SparseScores>> {
    let (mut units, mut total_terms) = (0, 0);
    for segment in segments {
        units += match unit {
            Unit::Document => u64::from(segment.live_count()),
            Unit::Passage => u64::from(segment.live_passage_count()),
        };
        total_terms += segment.live_terms();
    }
    let saturation = bm25.saturation(total_terms as f64 / units.max(1) as f64);
    let expanded_saturation = bm25.saturation(mean_expansion(segments));
    let mut scores = Vec::with_capacity(segments.len());
    for (number, segment) in (0u32..).zip(segments) {
        let lexicon = &segment.lexicon;
        let lengths = lexicon.lengths();
        let count = match unit {
            Unit::Document => segment.document_count,
            Unit::Passage => segment.passages.count(),
        };
        let mut sums = vec![0.0f64; count as usize];
        // In as many ascending runs as there are terms: what a merge sort likes.
        let mut touched: Vec<u32> = Vec::new();
        let mut add = |row: u32, ordinal: u32, score: f64| {
            let Some(sum) = sums.get_mut(row as usize) else {
                return;
            };
            if !view.is_live(number, ordinal) {
                return;
            }
            if *sum == 0.0 {
                touched.push(row);
            }
            *sum += score;
        };
        for term in terms {
            let score = |count, length| term.weight * saturation(count, length);
            match (term.matches(number, lexicon)?, unit) {
                (None, _) => {}
                (Some(matches), Unit::Document) if segment.passages.is_cut() => {
                    segment.for_each_document(&matches, |ordinal, count| {
                        add(ordinal, ordinal, score(count, segment.length(ordinal)));
                    })?;
                }
                // A document that is not cut has the number of its passage.
                (Some(matches), _) => matches.for_each(|passage, count| {
                    if let Some(length) = lengths.get(passage as usize) {
                        let ordinal = segment.passages.document_of(passage);
                        add(passage, ordinal, score(count, length.get()));
                    }
                })?,
            }
            let (Some(expanded), Some(expansion)) = (&term.expanded, &segment.expansion) else {
                continue;
            };
            for &(ordinal, count) in expanded.of_segment(number) {
                let row = match unit {
                    Unit::Document => Some(ordinal),
                    Unit::Passage => only_passage(segment, ordinal),
                };
                let length = expansion.lexicon.lengths().get(ordinal as usize);
                if let (Some(row), Some(length)) = (row, length) {
                    let score = expanded.weight * expanded_saturation(count, length.get());
                    add(row, ordinal, score);
                }
            }
        }
        if touched.len() > sums.len() / SPARSE {
            let all = (0u32..).zip(sums);
            scores.push(all.filter(|&(_, score)| score > 0.0).collect());
            continue;
        }
        touched.sort();
        let score = |row: u32| (row, sums.get(row as usize).copied().unwrap_or(0.0));
        scores.push(touched.into_iter().map(score).collect());
    }
    Ok(scores)
}

/// Terms of written queries in the mean of all live documents.
fn mean_expansion(segments: &[Segment]) -> f64 {
    let (mut terms, mut documents) = (0, 0);
    for segment in segments {
        documents += u64::from(segment.live_count());
        terms += segment.expansion.as_ref().map_or(0, |one| one.live_terms);
    }
    terms as f64 / documents.max(1) as f64
}

/// The passage that is all of a document.
fn only_passage(segment: &Segment, ordinal: u32) -> Option<u32> {
    let passages = segment.passages.of(ordinal);
    (passages.len() == 1).then_some(passages.start)
}

/// Where fewer than one in so many have a score, sorting their numbers is less than looking at all.
const SPARSE: usize = 16;

/// The best `k` of all scores; ties by external id.
pub(super) fn best_of(segments: &[Segment], scores: &[SparseScores], k: usize) -> Vec<Scored> {
    let mut found: Vec<Scored> = Vec::new();
    for (segment, list) in (0u32..).zip(scores) {
        found.extend(list.iter().map(|&(ordinal, score)| Scored {
            place: DocumentPlace { segment, ordinal },
            score,
        }));
    }
    let best_first = |a: &Scored, b: &Scored| -> Ordering {
        b.score
            .total_cmp(&a.score)
            .then_with(|| id_at(segments, a.place).cmp(id_at(segments, b.place)))
    };
    if k < found.len() {
        if k > 0 {
            found.select_nth_unstable_by(k - 1, best_first);
        }
        found.truncate(k);
    }
    found.sort_unstable_by(best_first);
    found
}

/// The score of a document or passage by its number in its segment; zero for one without any.
pub(super) fn score_of(scores: &[SparseScores], segment: u32, number: u32) -> f64 {
    let found = scores.get(segment as usize).and_then(|list| {
        let position = list.binary_search_by_key(&number, |one| one.0).ok()?;
        list.get(position)
    });
    found.map_or(0.0, |&(_, score)| score)
}

/// The best score of all.
pub(super) fn best_score(scores: &[SparseScores]) -> f64 {
    let all = scores.iter().flatten();
    all.fold(0.0, |best, &(_, score)| score.max(best))
}
