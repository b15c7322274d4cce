//! Sums over the documents below a rank range that are not deleted.

use super::opened::Segment;
use crate::vectors::add_scaled_f16;

impl Segment {
    /// Ordinals of the live documents below ranks `[lo, hi)`, each as often as it is listed.
    fn live_below(&self, lo: u32, hi: u32) -> impl Iterator<Item = u32> + '_ {
        let ordinals = (lo..hi).flat_map(|rank| self.postings.row(rank));
        ordinals.filter(|&ordinal| self.is_live(ordinal))
    }

    /// Number of live documents below ranks `[lo, hi)`, each counted as often as it is listed.
    pub(crate) fn live_count_below(&self, lo: u32, hi: u32) -> usize {
        match self.live() {
            None => self.postings.value_count(lo, hi),
            Some(_) => self.live_below(lo, hi).count(),
        }
    }

    /// Sum of the passage vectors of the live documents below ranks `[lo, hi)`, each as often as
    /// it is listed.
    pub(crate) fn live_sum_below(&self, lo: u32, hi: u32) -> Vec<f32> {
        let mut sum = vec![0.0; self.document_vectors.dim()];
        for ordinal in self.live_below(lo, hi) {
            add_scaled_f16(&mut sum, 1.0, self.document_vectors.row(ordinal as usize));
        }
        sum
    }
}
