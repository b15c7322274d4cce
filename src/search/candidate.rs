//! A document while it is being ranked.

use std::cmp::Ordering;

use super::lexical::{Scored, SparseScores, score_of};
use crate::decode::{DocidPlace, DocumentPlace, Drawn};
use crate::segment::{Segment, id_at};

/// A document that may become a hit. It has no strings: most candidates are cut off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    /// The document.
    pub(super) place: DocumentPlace,
    /// Its most probable docid, by rank in its segment.
    pub(super) rank: u32,
    pub(super) score: f64,
    pub(super) drawn_score: f64,
    pub(super) log_prob: f64,
    pub(super) prior: f64,
}

impl Candidate {
    /// A document that a decoder found.
    pub(super) fn drawn(drawn: &Drawn, lexical: Option<&[SparseScores]>) -> Self {
        let place = drawn.place;
        Candidate {
            place,
            rank: drawn.best_rank,
            score: drawn.score,
            drawn_score: drawn.score,
            log_prob: drawn.log_prob,
            prior: lexical.map_or(0.0, |scores| score_of(scores, place)),
        }
    }

    /// A document that was found without generating a docid; it comes with its first one.
    pub(super) fn scored(
        scored: Scored,
        segments: &[Segment],
        lexical: Option<&[SparseScores]>,
    ) -> Self {
        let Scored { place, score } = scored;
        let segment = segments.get(place.segment as usize);
        let first = segment.and_then(|one| one.document_docids.row(place.ordinal).next());
        Candidate {
            place,
            rank: first.unwrap_or(0),
            score,
            drawn_score: score,
            log_prob: f64::NEG_INFINITY,
            prior: lexical.map_or(0.0, |scores| score_of(scores, place)),
        }
    }

    /// The docid it came out with.
    pub(super) fn docid_place(&self) -> DocidPlace {
        DocidPlace {
            segment: self.place.segment,
            rank: self.rank,
        }
    }

    /// Its docid in words.
    pub(super) fn docid<'s>(&self, segments: &'s [Segment]) -> &'s str {
        let segment = segments.get(self.place.segment as usize);
        segment.map_or("", |segment| segment.docid_texts.row(self.rank))
    }
}

/// Score, then probability, both falling; then docid and external id, rising
/// (`ARCHITECTURE.md`, D11).
pub(super) fn best_first(segments: &[Segment], a: &Candidate, b: &Candidate) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| b.log_prob.total_cmp(&a.log_prob))
        .then_with(|| a.docid(segments).cmp(b.docid(segments)))
        .then_with(|| id_at(segments, a.place).cmp(id_at(segments, b.place)))
}
