//! A passage, and with it its document, while it is being ranked.

use std::cmp::Ordering;

use super::lexical::Lexical;
use crate::decode::{DocidPlace, Drawn, PassagePlace};
use crate::segment::{DocumentPlace, Segment, document_at, id_at};

/// A passage that may make its document a hit. It has no strings: most candidates are cut off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) document: DocumentPlace,
    /// The passage.
    pub(super) place: PassagePlace,
    /// Its most probable docid, by rank in its segment.
    pub(super) rank: u32,
    pub(super) score: f64,
    pub(super) drawn_score: f64,
    pub(super) log_prob: f64,
    /// BM25 of the document.
    pub(super) prior: f64,
    /// BM25 of the passage.
    pub(super) passage_prior: f64,
}

impl Candidate {
    /// A passage that a decoder found.
    pub(super) fn drawn(segments: &[Segment], drawn: &Drawn, lexical: Option<&Lexical>) -> Self {
        Candidate {
            rank: drawn.best_rank,
            score: drawn.score,
            drawn_score: drawn.score,
            log_prob: drawn.log_prob,
            ..Candidate::at(segments, drawn.place, lexical)
        }
    }

    /// A passage that was found without generating a docid; it comes with its first one.
    pub(super) fn scored(
        segments: &[Segment],
        place: PassagePlace,
        score: f64,
        lexical: Option<&Lexical>,
    ) -> Self {
        let segment = segments.get(place.segment as usize);
        let first = segment.and_then(|one| one.passage_docids.row(place.passage).next());
        Candidate {
            rank: first.unwrap_or(0),
            score,
            drawn_score: score,
            ..Candidate::at(segments, place, lexical)
        }
    }

    fn at(segments: &[Segment], place: PassagePlace, lexical: Option<&Lexical>) -> Self {
        let document = document_at(segments, place);
        Candidate {
            document,
            place,
            rank: 0,
            score: 0.0,
            drawn_score: 0.0,
            log_prob: f64::NEG_INFINITY,
            prior: lexical.map_or(0.0, |lexical| lexical.of_document(document)),
            passage_prior: lexical.map_or(0.0, |lexical| lexical.of_passage(place)),
        }
    }

    /// What words say of the passage: the mean of what they say of it and of its document. The one
    /// asks in which document to look, the other where in it (`benches/QUALITY.md`).
    pub(super) fn mean_prior(&self) -> f64 {
        (self.prior + self.passage_prior) / 2.0
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
/// (`ARCHITECTURE.md`, D11), and the passages of a document in the order of its text.
pub(super) fn best_first(segments: &[Segment], a: &Candidate, b: &Candidate) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| b.log_prob.total_cmp(&a.log_prob))
        .then_with(|| a.docid(segments).cmp(b.docid(segments)))
        .then_with(|| id_at(segments, a.document).cmp(id_at(segments, b.document)))
        .then_with(|| a.place.passage.cmp(&b.place.passage))
}
