//! Sums over the passages below a rank range whose documents are not deleted.

use super::opened::Segment;
use crate::vectors::add_scaled_f16;

impl Segment {
    /// The live passages below ranks `[lo, hi)`, each as often as it is listed.
    fn live_below(&self, lo: u32, hi: u32) -> impl Iterator<Item = u32> + '_ {
        let passages = (lo..hi).flat_map(|rank| self.postings.row(rank));
        passages.filter(|&passage| self.is_live_passage(passage))
    }

    /// Number of live passages below ranks `[lo, hi)`, each counted as often as it is listed.
    pub(crate) fn live_count_below(&self, lo: u32, hi: u32) -> usize {
        match self.live() {
            None => self.postings.value_count(lo, hi),
            Some(_) => self.live_below(lo, hi).count(),
        }
    }

    /// Sum of the vectors of the live passages below ranks `[lo, hi)`, each as often as it is
    /// listed.
    pub(crate) fn live_sum_below(&self, lo: u32, hi: u32) -> Vec<f32> {
        let mut sum = vec![0.0; self.passage_vectors.dim()];
        for passage in self.live_below(lo, hi) {
            add_scaled_f16(&mut sum, 1.0, self.passage_vectors.row(passage as usize));
        }
        sum
    }
}
