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

/// What every step of a fit sees.
#[derive(Debug)]
pub(super) struct Course<'a> {
    generating: Order<'a>,
    ranking: Order<'a>,
    /// The texts that `ranking` is about.
    ranked: &'a [usize],
    steps_per_ranking: usize,
}

/// What a step is for, and the texts it sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CourseStep {
    /// To generate what follows their prompts.
    Generate(Vec<usize>),
    /// To rank what may follow their prompts.
    Rank(Vec<usize>),
}

impl<'a> Course<'a> {
    /// Every so many steps of `generating`, one of `ranking`, whose texts are those of `ranked`; 0
    /// for none.
    pub(super) fn new(
        generating: Order<'a>,
        ranking: Order<'a>,
        ranked: &'a [usize],
        steps_per_ranking: usize,
    ) -> Course<'a> {
        let steps_per_ranking = match ranked.is_empty() {
            true => 0,
            false => steps_per_ranking,
        };
        Course {
            generating,
            ranking,
            ranked,
            steps_per_ranking,
        }
    }

    /// The step `number`, counted from 0.
    pub(super) fn step(&mut self, number: usize) -> CourseStep {
        let every = self.steps_per_ranking;
        let rankings = number.checked_div(every).unwrap_or(0);
        if every == 0 || number % every != every - 1 {
            return CourseStep::Generate(self.generating.texts(number - rankings).to_vec());
        }
        let chosen = self.ranking.texts(rankings).iter();
        CourseStep::Rank(
            chosen
                .filter_map(|&at| self.ranked.get(at).copied())
                .collect(),
        )
    }
}
