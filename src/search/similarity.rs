//! How alike a query and a document are, whatever else was found.
//!
//! Scores order the hits of one query: those of a planned search are standardised over what was
//! drawn, and a query of nonsense has a best hit as well. A similarity looks at one document only,
//! so it can be compared between queries and held against a threshold.

use super::candidate::Candidate;
use crate::segment::Segment;
use crate::vectors::dot_f16;
use crate::{Error, Result};

/// What a query is compared by.
#[derive(Debug, Clone, Copy)]
pub(super) enum Similarity<'a> {
    /// Its unit vector: the cosine with that of the best passage, -1 to 1.
    Cosine(&'a [f32]),
    /// Its words alone: the share that BM25 has of the most it could be, `bound`; 0 to 1.
    Words { bound: f64 },
    /// Nothing but a language model has read it.
    Unknown,
}

impl Similarity<'_> {
    pub(super) fn of(self, candidate: &Candidate, segments: &[Segment]) -> Option<f32> {
        match self {
            Similarity::Cosine(query) => {
                let segment = segments.get(candidate.place.segment as usize)?;
                let row = segment
                    .passage_vectors
                    .row(candidate.place.passage as usize);
                // Rounding of stored vectors can lead past the ends.
                Some(dot_f16(query, row).clamp(-1.0, 1.0))
            }
            Similarity::Words { bound } if bound > 0.0 => {
                Some((candidate.prior / bound).clamp(0.0, 1.0) as f32)
            }
            Similarity::Words { .. } => Some(0.0),
            Similarity::Unknown => None,
        }
    }

    /// Drops the candidates below `least`, if that is given.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when similarities are not known.
    pub(super) fn keep_from(
        self,
        least: Option<f32>,
        candidates: &mut Vec<Candidate>,
        segments: &[Segment],
    ) -> Result<()> {
        let Some(least) = least else {
            return Ok(());
        };
        if let Similarity::Unknown = self {
            return Err(Error::invalid(
                "a language model's hits have no similarity, since no encoder has read the query: \
                 search without min_similarity",
            ));
        }
        candidates.retain(|one| self.of(one, segments).is_some_and(|found| found >= least));
        Ok(())
    }
}
