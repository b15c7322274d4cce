//! Which ranks are alive: deletes and filters as one bitmap, counted in constant time.

/// A bitmap over the ranks of one segment, with running counts per 64-bit word.
#[derive(Debug, Clone)]
pub struct LiveRanks {
    words: Vec<u64>,
    /// Live ranks before each word; one longer than `words`.
    before: Vec<u32>,
}

impl LiveRanks {
    /// The mask of the ranks for which `is_live` holds.
    pub fn from_fn(docid_count: u32, mut is_live: impl FnMut(u32) -> bool) -> Self {
        let mut words = vec![0u64; docid_count.div_ceil(64) as usize];
        for (index, word) in words.iter_mut().enumerate() {
            let first = index as u32 * 64;
            for rank in first..docid_count.min(first.saturating_add(64)) {
                *word |= u64::from(is_live(rank)) << (rank - first);
            }
        }
        LiveRanks::of_words(words)
    }

    /// The mask of `ranks`, in any order and any number of times; those from `docid_count` on are
    /// left out.
    pub fn from_ranks(docid_count: u32, ranks: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0u64; docid_count.div_ceil(64) as usize];
        for rank in ranks.into_iter().filter(|&rank| rank < docid_count) {
            if let Some(word) = words.get_mut((rank / 64) as usize) {
                *word |= 1 << (rank % 64);
            }
        }
        LiveRanks::of_words(words)
    }

    fn of_words(words: Vec<u64>) -> Self {
        let mut before = Vec::with_capacity(words.len() + 1);
        let mut total = 0;
        before.push(total);
        for word in &words {
            total += word.count_ones();
            before.push(total);
        }
        LiveRanks { words, before }
    }

    /// Live ranks below `rank`.
    fn rank_of(&self, rank: u32) -> u32 {
        let index = (rank / 64) as usize;
        let below = match self.words.get(index) {
            Some(word) => (word & ((1u64 << (rank % 64)) - 1)).count_ones(),
            None => 0,
        };
        self.before
            .get(index)
            .or(self.before.last())
            .copied()
            .unwrap_or(0)
            + below
    }

    /// Live ranks in `[lo, hi)`.
    pub fn count(&self, lo: u32, hi: u32) -> u32 {
        self.rank_of(hi).saturating_sub(self.rank_of(lo))
    }

    /// The smallest live rank in `[lo, hi)`.
    pub fn first(&self, lo: u32, hi: u32) -> Option<u32> {
        let mut index = lo / 64;
        let mut word = self.words.get(index as usize)? & (u64::MAX << (lo % 64));
        while word == 0 {
            index += 1;
            word = *self.words.get(index as usize)?;
        }
        Some(index * 64 + word.trailing_zeros()).filter(|&rank| rank < hi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_and_first_equal_a_plain_scan(live in prop::collection::vec(any::<bool>(), 0..300), a in 0u32..300, b in 0u32..300) {
            let size = live.len() as u32;
            let mask = LiveRanks::from_fn(size, |rank| live[rank as usize]);
            let (lo, hi) = (a.min(b).min(size), a.max(b).min(size));
            let inside: Vec<u32> = (lo..hi).filter(|&rank| live[rank as usize]).collect();
            prop_assert_eq!(mask.count(lo, hi), inside.len() as u32);
            prop_assert_eq!(mask.first(lo, hi), inside.first().copied());
            let ranks = (0..size + 70).rev().filter(|&rank| live.get(rank as usize) != Some(&false));
            prop_assert_eq!(LiveRanks::from_ranks(size, ranks).words, mask.words);
        }
    }
}
