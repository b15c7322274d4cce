//! What is believed of passages before decoding, and its maximum below any prefix.
//!
//! A prior is a number at or above zero per passage, for example its BM25 score; most passages
//! have none, that is zero. A prefix is a range of ranks in every segment, so its best prior is a
//! range maximum over the docids that have one:
//!
//! ```text
//!   by passage   (passage, value)...            bisected for one passage
//!   by docid      rank   3   8   9   40          ascending, docids with a prior only
//!                 value  2.1 0.5 2.1 1.7         the best of the docid's passages
//!   tree of maxima over the values               any range in O(log n)
//! ```

use smallvec::{SmallVec, smallvec};

use super::drawn::Postings;
use crate::decode::expanders::place::PassagePlace;
use crate::{Error, Result};

/// A prior over the passages of all segments.
#[derive(Debug, Clone, Default)]
pub struct Prior {
    segments: Vec<SegmentPrior>,
}

#[derive(Debug, Clone, Default)]
struct SegmentPrior {
    /// (passage, value), by passage, values above zero.
    by_passage: Vec<(u32, f32)>,
    /// Ranks of the docids of these passages, ascending.
    ranks: Vec<u32>,
    /// Tree of maxima: leaf `i` is entry `ranks.len() + i`, the parent of entry `i` is `i / 2`.
    maxima: Vec<f32>,
}

/// A prior with its weight (`ARCHITECTURE.md`, D7).
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    /// What is believed of passages.
    pub prior: &'a Prior,
    /// What one unit of the prior is worth, in nats; finite, zero or more.
    pub lambda: f64,
}

impl Prior {
    /// A prior from one list of (passage, value) per segment, in the order of the forest. Lists
    /// need not be sorted; of values given twice for a passage the greater counts. Passages
    /// that cannot be found are allowed, and only loosen the bounds.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when a value is negative or not finite.
    pub fn new(postings: &dyn Postings, segments: Vec<Vec<(u32, f32)>>) -> Result<Self> {
        let built = (0u32..)
            .zip(segments)
            .map(|(segment, list)| SegmentPrior::new(postings, segment, list));
        Ok(Prior {
            segments: built.collect::<Result<_>>()?,
        })
    }

    /// The prior of a passage.
    pub fn of(&self, place: PassagePlace) -> f64 {
        let segment = self.segments.get(place.segment as usize);
        let found = segment.and_then(|segment| {
            let list = &segment.by_passage;
            let index = list
                .binary_search_by_key(&place.passage, |one| one.0)
                .ok()?;
            list.get(index)
        });
        found.map_or(0.0, |&(_, value)| f64::from(value))
    }

    /// The best prior of a passage that carries a docid with a rank in `ranks`.
    pub fn max_in(&self, segment: u32, ranks: std::ops::Range<u32>) -> f64 {
        self.ascending().max_in(segment, ranks)
    }

    /// The same for ranges that ascend in each segment, as those of siblings do.
    pub(in crate::decode) fn ascending(&self) -> AscendingMaxima<'_> {
        AscendingMaxima {
            prior: self,
            passed: smallvec![0; self.segments.len()],
        }
    }
}

/// Maxima over ranges of which none begins before another one has ended.
pub(in crate::decode) struct AscendingMaxima<'a> {
    prior: &'a Prior,
    /// Places that lie before all ranges to come, by segment.
    passed: SmallVec<[usize; 4]>,
}

impl AscendingMaxima<'_> {
    pub(in crate::decode) fn max_in(&mut self, segment: u32, ranks: std::ops::Range<u32>) -> f64 {
        let prior = self.prior.segments.get(segment as usize);
        let (Some(prior), Some(passed)) = (prior, self.passed.get_mut(segment as usize)) else {
            return 0.0;
        };
        let begin = prior.place_from(*passed, ranks.start);
        *passed = prior.place_from(begin, ranks.end);
        f64::from(prior.max_at(begin..*passed))
    }
}

impl SegmentPrior {
    fn new(postings: &dyn Postings, segment: u32, mut list: Vec<(u32, f32)>) -> Result<Self> {
        if list
            .iter()
            .any(|(_, value)| !value.is_finite() || *value < 0.0)
        {
            return Err(Error::invalid(
                "a prior has a value that is negative or not finite: shift or scale the scores \
                 so that the least is zero",
            ));
        }
        list.retain(|(_, value)| *value > 0.0);
        list.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        list.dedup_by_key(|one| one.0);

        let mut by_rank: Vec<(u32, f32)> = Vec::with_capacity(list.len());
        let mut ranks = Vec::new();
        for &(passage, value) in &list {
            ranks.clear();
            postings.docids(PassagePlace { segment, passage }, &mut ranks);
            by_rank.extend(ranks.iter().map(|&rank| (rank, value)));
        }
        let by_rank = greatest_by_rank(by_rank);
        Ok(SegmentPrior {
            by_passage: list,
            ranks: by_rank.iter().map(|one| one.0).collect(),
            maxima: tree_of_maxima(by_rank.iter().map(|one| one.1)),
        })
    }

    /// The first place from `from` on whose rank is not below `rank`, looked for in steps that
    /// double.
    fn place_from(&self, from: usize, rank: u32) -> usize {
        let rest = self.ranks.get(from..).unwrap_or(&[]);
        let mut end = 1;
        while rest.get(end - 1).is_some_and(|&one| one < rank) {
            end *= 2;
        }
        let begin = end / 2;
        let last_step = rest.get(begin..end.min(rest.len())).unwrap_or(&[]);
        from + begin + last_step.partition_point(|&one| one < rank)
    }

    /// The greatest value at some places.
    fn max_at(&self, places: std::ops::Range<usize>) -> f32 {
        let (mut lo, mut hi) = (
            places.start + self.ranks.len(),
            places.end + self.ranks.len(),
        );
        let mut max = 0.0f32;
        let entry = |index: usize| self.maxima.get(index).copied().unwrap_or(0.0);
        while lo < hi {
            if lo % 2 == 1 {
                max = max.max(entry(lo));
                lo += 1;
            }
            if hi % 2 == 1 {
                hi -= 1;
                max = max.max(entry(hi));
            }
            (lo, hi) = (lo / 2, hi / 2);
        }
        max
    }
}

/// The greatest value of each rank, by rank.
fn greatest_by_rank(mut values: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    let end = values.iter().map(|one| one.0 as usize + 1).max();
    let end = end.unwrap_or(0);
    if end > SPARSE * values.len() {
        values.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        values.dedup_by_key(|one| one.0);
        return values;
    }
    let mut greatest = vec![0.0f32; end];
    for (rank, value) in values {
        if let Some(most) = greatest.get_mut(rank as usize) {
            *most = value.max(*most);
        }
    }
    let all = (0u32..).zip(greatest);
    all.filter(|&(_, value)| value > 0.0).collect()
}

/// Where there are fewer ranks with a value than one in so many, sorting them is less than looking at
/// all.
const SPARSE: usize = 16;

fn tree_of_maxima(leaves: impl ExactSizeIterator<Item = f32>) -> Vec<f32> {
    let count = leaves.len();
    let mut maxima = vec![0.0f32; count];
    maxima.extend(leaves);
    for index in (1..count).rev() {
        let children = maxima.get(2 * index..2 * index + 2).unwrap_or(&[]);
        let max = children.iter().copied().fold(0.0, f32::max);
        if let Some(slot) = maxima.get_mut(index) {
            *slot = max;
        }
    }
    maxima
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Siblings' maxima, and those of any range, equal a plain scan.
        #[test]
        fn maxima_equal_a_plain_scan(
            values in prop::collection::btree_map(0u32..300, 1u32..50, 0..120),
            mut cuts in prop::collection::vec(0u32..310, 0..12)
        ) {
            let segment = SegmentPrior {
                by_passage: Vec::new(),
                ranks: values.keys().copied().collect(),
                maxima: tree_of_maxima(values.values().map(|&value| value as f32)),
            };
            let prior = Prior { segments: vec![SegmentPrior::default(), segment] };
            cuts.sort_unstable();
            let mut ascending = prior.ascending();
            for pair in cuts.windows(2) {
                let (lo, hi) = (pair[0], pair[1]);
                let plain = values.range(lo..hi).map(|(_, &value)| value).max();
                let plain = f64::from(plain.unwrap_or(0));
                prop_assert_eq!(ascending.max_in(1, lo..hi), plain);
                prop_assert_eq!(ascending.max_in(0, lo..hi), 0.0);
                prop_assert_eq!(prior.max_in(1, lo..hi), plain);
            }
            prop_assert_eq!(prior.max_in(2, 0..9), 0.0);
        }

        /// Many ranks and few are listed alike.
        #[test]
        fn the_greatest_of_each_rank_whatever_the_number_of_ranks(
            values in prop::collection::vec((0u32..40, 1u32..50), 0..60),
            apart in prop_oneof![Just(1u32), Just(1000)],
        ) {
            let values = values.into_iter().map(|(rank, value)| (rank * apart, value as f32));
            let values: Vec<(u32, f32)> = values.collect();
            let mut plain = std::collections::BTreeMap::new();
            for &(rank, value) in &values {
                let most = plain.entry(rank).or_insert(value);
                *most = value.max(*most);
            }
            let plain: Vec<(u32, f32)> = plain.into_iter().collect();
            prop_assert_eq!(greatest_by_rank(values), plain);
        }
    }
}
