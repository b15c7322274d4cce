//! Lexical search: BM25 over all segments, as if they were one without its deleted documents.
//!
//! ```text
//!   query terms ─► df, N, avgdl over the live documents of all segments
//!                     │
//!   per segment:  postings of each term ─► sparse scores ─► the best k, ties by external id
//! ```
//!
//! Invariants:
//! - I1. A score depends on the query and on the live documents, not on where they are stored:
//!   several segments, what was deleted from them and their merge give the same numbers, to the
//!   last bit. (Integers are summed first; terms are added up in the order of the query.)
//! - I2. A filter takes documents out of the answer, not out of the statistics.

use std::cmp::Ordering;

use super::segment::Segment;
use super::snapshot::Snapshot;
use super::view::View;
use crate::generate::TermStats;
use crate::lexicon::{Analyser, Bm25, Lexicon, Matches, is_minor};
use crate::{Error, ErrorKind, Result};

/// Scores of documents of one segment by ordinal, ascending; documents without a query term are
/// not in it, the scores of the others are positive.
pub(crate) type SparseScores = Vec<(u32, f64)>;

impl Segment {
    /// Live documents that contain the term of a document `term`.
    fn document_frequency(&self, lexicon: &Lexicon, term: &str) -> Result<u64> {
        match lexicon.postings(term)? {
            Some(postings) => self.count_live(&Matches::Stored(postings)),
            None => Ok(0),
        }
    }

    fn count_live(&self, postings: &Matches<'_>) -> Result<u64> {
        if self.dead_count() == 0 {
            return Ok(u64::from(postings.document_count()));
        }
        let mut count = 0;
        postings.for_each(|ordinal, _| count += u64::from(self.is_live(ordinal)))?;
        Ok(count)
    }

    fn lexicon(&self) -> Result<&Lexicon> {
        self.lexicon.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::UnsupportedVersion,
                "the words of the index were not taken by the rules of this version; `zerogr \
                 merge` takes them anew from the texts",
            )
        })
    }

    /// Adds the document frequencies of this segment's live documents to `stats`: those of the
    /// terms `stats` knows, or of all terms. False, and nothing is added, when the lexicon does
    /// not tell them, because there is none or its terms are not those of docids.
    pub(super) fn add_term_stats(
        &self,
        stats: &mut TermStats,
        analyser: Analyser,
        all_terms: bool,
    ) -> Result<bool> {
        let Some(lexicon) = &self.lexicon else {
            return Ok(false);
        };
        if analyser != Analyser::default() {
            return Ok(false);
        }
        let live_count = u64::from(self.live_count());
        if all_terms {
            let mut frequencies = Vec::new();
            lexicon.for_each_term(|term, postings| {
                let count = self.count_live(&Matches::Stored(postings))?;
                if count > 0 && !is_minor(term) {
                    frequencies.push((term.to_owned(), count));
                }
                Ok(())
            })?;
            stats.merge(TermStats::from_frequencies(live_count, frequencies));
        } else {
            stats.add_known(live_count, |term| self.document_frequency(lexicon, term))?;
        }
        Ok(true)
    }
}

/// The weight of each term over the live documents; their sum bounds every BM25 from above.
///
/// # Errors
/// Those of [`lexical_scores`].
pub(super) fn term_weights(segments: &[Segment], terms: &[String]) -> Result<Vec<f64>> {
    let live = segments
        .iter()
        .map(|segment| u64::from(segment.live_count()));
    let documents = live.sum();
    let mut weights = Vec::with_capacity(terms.len());
    for term in terms {
        let mut frequency = 0;
        for segment in segments {
            if let Some(matches) = segment.lexicon()?.matches(term)? {
                frequency += segment.count_live(&matches)?;
            }
        }
        weights.push(Bm25::idf(documents, frequency));
    }
    Ok(weights)
}

/// BM25 scores of what `view` can find of `segments`, per segment.
///
/// # Errors
/// `UnsupportedVersion` when a segment has no lexicon, `Corrupt` when one is damaged.
pub(crate) fn lexical_scores(
    segments: &[Segment],
    view: &View<'_>,
    terms: &[String],
    bm25: Bm25,
) -> Result<Vec<SparseScores>> {
    let (mut documents, mut total_terms) = (0, 0);
    for segment in segments {
        documents += u64::from(segment.live_count());
        total_terms += segment.live_terms();
    }
    let saturation = bm25.saturation(total_terms as f64 / documents.max(1) as f64);
    let weights = term_weights(segments, terms)?;
    let mut scores = Vec::with_capacity(segments.len());
    for (number, segment) in (0u32..).zip(segments) {
        let lexicon = segment.lexicon()?;
        let lengths = lexicon.lengths();
        let mut sums = vec![0.0f64; segment.document_count as usize];
        // In as many ascending runs as there are terms: what a merge sort likes.
        let mut touched: Vec<u32> = Vec::new();
        for (term, weight) in terms.iter().zip(&weights) {
            let Some(matches) = lexicon.matches(term)? else {
                continue;
            };
            matches.for_each(|ordinal, count| {
                let place = ordinal as usize;
                let (Some(sum), Some(length)) = (sums.get_mut(place), lengths.get(place)) else {
                    return;
                };
                if !view.is_live(number, ordinal) {
                    return;
                }
                if *sum == 0.0 {
                    touched.push(ordinal);
                }
                *sum += weight * saturation(count, length.get());
            })?;
        }
        touched.sort();
        let score = |ordinal: u32| (ordinal, sums.get(ordinal as usize).copied().unwrap_or(0.0));
        scores.push(touched.into_iter().map(score).collect());
    }
    Ok(scores)
}

/// A document by its place, with its score.
pub(crate) type Placed = (f64, u32, u32);

/// The best `k` of all scores as (score, segment, ordinal); ties by external id.
pub(crate) fn best_of(segments: &[Segment], scores: &[SparseScores], k: usize) -> Vec<Placed> {
    let mut found: Vec<Placed> = Vec::new();
    for (number, list) in (0u32..).zip(scores) {
        found.extend(
            list.iter()
                .map(|&(ordinal, score)| (score, number, ordinal)),
        );
    }
    let id = |segment: u32, ordinal: u32| {
        let segment = segments.get(segment as usize);
        segment.map_or("", |segment| segment.documents.id(ordinal))
    };
    let best_first = |a: &Placed, b: &Placed| -> Ordering {
        b.0.total_cmp(&a.0)
            .then_with(|| id(a.1, a.2).cmp(id(b.1, b.2)))
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

impl Snapshot {
    /// The live documents that share a term with `query`, by BM25 ([`Bm25`]), the best `k`: what
    /// the words alone would answer. A search in [`Mode::Lexical`](super::Mode::Lexical) with
    /// nothing but ids and scores.
    ///
    /// # Errors
    ///
    /// [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion) when the index was written
    /// before there was lexical search and not merged since;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when it is damaged.
    pub fn lexical(&self, query: &str, k: usize) -> Result<Vec<(String, f64)>> {
        let segments = &self.state.segments;
        let scores = self.lexical_part(query, &View::all(segments))?;
        let named = |(score, segment, ordinal): Placed| {
            let id = segments.get(segment as usize)?.documents.id(ordinal);
            Some((id.to_owned(), score))
        };
        Ok(best_of(segments, &scores, k)
            .into_iter()
            .filter_map(named)
            .collect())
    }
}
