//! From passages to documents: which passage speaks for a document, and where a hit is.
//!
//! Where every document is one passage, all of this changes nothing.

use std::collections::HashSet;

use super::candidate::Candidate;
use super::lexical::SparseScores;
use super::result::PassageHit;
use super::searcher::Searcher;
use crate::decode::PassagePlace;
use crate::segment::DocumentPlace;

impl Searcher<'_> {
    /// Whether any document may have several passages.
    pub(super) fn is_cut(self) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| segment.passages.is_cut())
    }

    /// The best passage of each document, of passages that come best first.
    pub(super) fn best_of_documents(self, passages: &[Candidate]) -> Vec<Candidate> {
        let mut best = passages.to_vec();
        if self.is_cut() {
            let mut seen = HashSet::with_capacity(passages.len());
            best.retain(|one| seen.insert(one.document));
        }
        best
    }

    /// The scores of documents by ordinal: those of their best passages.
    pub(super) fn best_by_document(self, passages: &[SparseScores]) -> Vec<SparseScores> {
        let of_segment = |(number, list): (usize, &SparseScores)| {
            let mut best: SparseScores = Vec::new();
            let Some(segment) = self.segments.get(number) else {
                return best;
            };
            for &(passage, score) in list {
                let ordinal = segment.passages.document_of(passage);
                match best.last_mut() {
                    Some((same, most)) if *same == ordinal => *most = score.max(*most),
                    _ => best.push((ordinal, score)),
                }
            }
            best
        };
        passages.iter().enumerate().map(of_segment).collect()
    }

    /// The passages of a document with their scores, best first.
    pub(super) fn passages_by(
        self,
        document: DocumentPlace,
        score: impl Fn(PassagePlace) -> f64,
    ) -> Vec<(PassagePlace, f64)> {
        let segment = document.segment;
        let Some(stored) = self.segments.get(segment as usize) else {
            return Vec::new();
        };
        let all = stored.passages.of(document.ordinal);
        let all = all.map(|passage| PassagePlace { segment, passage });
        let mut scored: Vec<_> = all.map(|place| (place, score(place))).collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored
    }

    /// A passage as a place in its document; `None` where it is all of it.
    pub(super) fn passage_hit(self, one: &Candidate) -> Option<PassageHit> {
        let segment = self.segments.get(one.place.segment as usize)?;
        let passage = segment.passages.place(one.place.passage)?;
        Some(PassageHit {
            bytes: passage.bytes,
            chars: passage.chars,
            headings: passage.headings,
            score: one.score,
            docid: one.docid(self.segments).to_owned(),
        })
    }
}
