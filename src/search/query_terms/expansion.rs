//! Which documents have a term of the query in the queries that were written for them.

use super::completion::Occurrences;
use crate::Result;
use crate::lexicon::Bm25;
use crate::segment::{Expansion, Segment};

/// Where a term, or one of several that stand for a word, is in written queries.
#[derive(Debug, Default)]
pub(in crate::search) struct Expanded {
    /// Its inverse document frequency there, times the weight of expansion.
    pub(in crate::search) weight: f64,
    /// By segment.
    occurrences: Vec<Occurrences>,
}

impl Expanded {
    /// Looks for `terms` in the expansions of `segments`, which have so many live `documents`.
    ///
    /// # Errors
    ///
    /// `Corrupt` when an expansion is damaged.
    pub(super) fn new<'t>(
        terms: impl Iterator<Item = &'t str> + Clone,
        segments: &[Segment],
        documents: u64,
        expansion_weight: f64,
    ) -> Result<Self> {
        let mut occurrences = Vec::with_capacity(segments.len());
        let mut frequency = 0;
        for segment in segments {
            let own = match &segment.expansion {
                Some(expansion) => occurrences_in(expansion, terms.clone())?,
                None => Occurrences::new(),
            };
            let live = own.iter().filter(|&&(ordinal, _)| segment.is_live(ordinal));
            frequency += live.count() as u64;
            occurrences.push(own);
        }
        Ok(Expanded {
            weight: expansion_weight * Bm25::idf(documents, frequency),
            occurrences,
        })
    }

    /// The documents of segment number `place`, ascending, and how often they have it.
    pub(in crate::search) fn of_segment(&self, place: u32) -> &[(u32, u32)] {
        let found = self.occurrences.get(place as usize);
        found.map(Vec::as_slice).unwrap_or_default()
    }
}

fn occurrences_in<'t>(
    expansion: &Expansion,
    terms: impl Iterator<Item = &'t str>,
) -> Result<Occurrences> {
    let mut found = Occurrences::new();
    for term in terms {
        if let Some(matches) = expansion.lexicon.matches(term)? {
            matches.for_each(|ordinal, count| found.push((ordinal, count)))?;
        }
    }
    found.sort_by_key(|&(ordinal, _)| ordinal);
    found.dedup_by(|next, sum| {
        let is_same = next.0 == sum.0;
        if is_same {
            sum.1 = sum.1.saturating_add(next.1);
        }
        is_same
    });
    Ok(found)
}
