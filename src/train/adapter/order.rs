//! Which texts are seen in which step.

use crate::rng::Rng;

/// Batches of texts of about the same length are taken from so many batches' worth at a time.
const POOL_BATCHES: usize = 8;

/// Steps that go round all texts, each once, in another order every time.
#[derive(Debug)]
pub(super) struct Order<'a> {
    widths: &'a [usize],
    batch: usize,
    seed: u64,
    /// The round that `batches` is of.
    round: Option<u64>,
    batches: Vec<Vec<usize>>,
}

impl<'a> Order<'a> {
    /// The order of texts with these widths, `batch` of them in a step.
    pub(super) fn new(widths: &'a [usize], batch: usize, seed: u64) -> Order<'a> {
        Order {
            widths,
            batch: batch.max(1),
            seed,
            round: None,
            batches: Vec::new(),
        }
    }

    /// Steps of a round.
    pub(super) fn steps_of_round(&self) -> usize {
        self.widths.len().div_ceil(self.batch)
    }

    /// The texts of the step `number`, counted from 0; empty if there are none.
    pub(super) fn texts(&mut self, number: usize) -> &[usize] {
        let steps = self.steps_of_round().max(1);
        let (round, step) = ((number / steps) as u64, number % steps);
        if self.round != Some(round) {
            self.batches = self.round(round);
            self.round = Some(round);
        }
        self.batches.get(step).map_or(&[], Vec::as_slice)
    }

    fn round(&self, round: u64) -> Vec<Vec<usize>> {
        let mut rng = Rng::for_cell(self.seed, round, 0);
        let mut order: Vec<usize> = (0..self.widths.len()).collect();
        rng.shuffle(&mut order);
        for pool in order.chunks_mut(POOL_BATCHES * self.batch) {
            pool.sort_by_key(|&text| self.widths.get(text));
        }
        let mut batches: Vec<Vec<usize>> = order.chunks(self.batch).map(<[_]>::to_vec).collect();
        rng.shuffle(&mut batches);
        batches
    }
}
