//! Choosing the next token from its logits.
//!
//! A draw is a number from a table addressed by seed, request, sample and step, so it does not
//! depend on what else is being generated, nor on the order in which rows are finished.
//!
//! - I1. The result is a token of the vocabulary whose logit is not -inf, or an error.
//! - I2. Ties are broken by the smaller id.

use crate::language::Sampling;
use crate::rng::{Rng, cell, stable_hash};
use crate::{Result, logits};

/// The draws of one continuation.
#[derive(Debug, Clone)]
pub(in crate::model::language) struct Sampler {
    sampling: Sampling,
    stream: u64,
}

/// A token that may be drawn.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    id: u32,
    weight: f64,
}

impl Sampler {
    /// The draws of sample `sample` of the request called `name`.
    pub(in crate::model::language) fn new(
        sampling: Sampling,
        name: &str,
        sample: usize,
    ) -> Sampler {
        let stream = cell(sampling.seed, stable_hash(name.as_bytes()), sample as u64);
        Sampler { sampling, stream }
    }

    /// The token of step `step`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Model`](crate::ErrorKind::Model) when no logit is finite, or one is not a number.
    pub(in crate::model::language) fn choose(&self, logits: &[f32], step: usize) -> Result<u32> {
        let best = best(logits)?;
        let Sampling {
            temperature,
            top_k,
            top_p,
            ..
        } = self.sampling;
        if temperature.is_nan() || temperature <= 0.0 || top_k == 1 {
            return Ok(best.0);
        }
        let temperature = f64::from(temperature);
        let mut candidates: Vec<Candidate> = (0..)
            .zip(logits)
            .map(|(id, &logit)| Candidate {
                id,
                weight: ((f64::from(logit) - f64::from(best.1)) / temperature).exp(),
            })
            .filter(|candidate| candidate.weight > 0.0)
            .collect();
        keep_top_k(&mut candidates, top_k);
        keep_top_p(&mut candidates, f64::from(top_p));
        let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
        let mut left = Rng::for_cell(self.stream, 0, step as u64).unit_f64() * total;
        for candidate in &candidates {
            left -= candidate.weight;
            if left < 0.0 {
                return Ok(candidate.id);
            }
        }
        // Rounding can leave a little of the total over.
        Ok(candidates.last().map_or(best.0, |candidate| candidate.id))
    }
}

/// The most probable token and its logit.
fn best(logits: &[f32]) -> Result<(u32, f32)> {
    let mut best = (0, f32::NEG_INFINITY);
    for (id, &logit) in (0..).zip(logits::checked(logits, "the language model")?) {
        if logit > best.1 {
            best = (id, logit);
        }
    }
    Ok(best)
}

fn heaviest_first(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id))
}

/// Leaves the `top_k` heaviest, by id.
fn keep_top_k(candidates: &mut Vec<Candidate>, top_k: usize) {
    if top_k == 0 || top_k >= candidates.len() {
        return;
    }
    candidates.select_nth_unstable_by(top_k - 1, heaviest_first);
    candidates.truncate(top_k);
    candidates.sort_unstable_by_key(|candidate| candidate.id);
}

/// Leaves the fewest of the heaviest that have the share `top_p` of the weight, by id.
fn keep_top_p(candidates: &mut Vec<Candidate>, top_p: f64) {
    if top_p.is_nan() || top_p >= 1.0 {
        return;
    }
    let total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
    // Even together, those below the mean of the share left over are not needed.
    let floor = (1.0 - top_p.max(0.0)) * total / candidates.len().max(1) as f64;
    candidates.retain(|candidate| candidate.weight >= floor);
    candidates.sort_unstable_by(heaviest_first);
    let mut sum = 0.0;
    let enough = candidates.iter().position(|candidate| {
        sum += candidate.weight;
        sum >= top_p * total
    });
    candidates.truncate(enough.map_or(candidates.len(), |last| last + 1).max(1));
    candidates.sort_unstable_by_key(|candidate| candidate.id);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    fn sampling(temperature: f32, top_k: usize, top_p: f32) -> Sampling {
        Sampling {
            temperature,
            top_k,
            top_p,
            seed: 7,
        }
    }

    /// How often each of the logits is drawn in `draws` steps.
    fn counts(logits: &[f32], sampling: Sampling, draws: usize) -> Vec<usize> {
        let sampler = Sampler::new(sampling, "request", 0);
        let mut counts = vec![0; logits.len()];
        for step in 0..draws {
            counts[sampler.choose(logits, step).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn greedy_is_the_first_maximum() {
        let sampler = Sampler::new(Sampling::GREEDY, "", 0);
        assert_eq!(sampler.choose(&[0.0, 2.0, 2.0, 1.0], 0).unwrap(), 1);
        assert_eq!(sampler.choose(&[f32::NEG_INFINITY, -3.0], 0).unwrap(), 1);
        for bad in [
            &[][..],
            &[f32::NEG_INFINITY],
            &[f32::NAN, 1.0],
            &[f32::INFINITY],
        ] {
            assert_eq!(sampler.choose(bad, 0).unwrap_err().kind(), ErrorKind::Model);
        }
    }

    #[test]
    fn frequencies_follow_the_softmax() {
        let logits = [0.1_f32.ln(), 0.2_f32.ln(), 0.3_f32.ln(), 0.4_f32.ln()];
        let found = counts(&logits, sampling(1.0, 0, 1.0), 20_000);
        for (count, want) in found.iter().zip([2_000.0, 4_000.0, 6_000.0, 8_000.0]) {
            assert!((*count as f64 - want).abs() < 300.0, "{found:?}");
        }
        let found = counts(&logits, sampling(0.5, 0, 1.0), 20_000);
        for (count, want) in found.iter().zip([1.0, 4.0, 9.0, 16.0]) {
            assert!(
                (*count as f64 - want / 30.0 * 20_000.0).abs() < 300.0,
                "{found:?}"
            );
        }
    }

    #[test]
    fn limits_hold() {
        let logits = [0.1_f32.ln(), 0.2_f32.ln(), 0.3_f32.ln(), 0.4_f32.ln()];
        let found = counts(&logits, sampling(1.0, 2, 1.0), 10_000);
        assert_eq!(found[..2], [0, 0]);
        assert!(
            (found[3] as f64 / 10_000.0 - 4.0 / 7.0).abs() < 0.03,
            "{found:?}"
        );
        let found = counts(&logits, sampling(1.0, 0, 0.5), 10_000);
        assert_eq!(found[..2], [0, 0]);
        let found = counts(&logits, sampling(1.0, 0, 0.3), 100);
        assert_eq!(found[3], 100);
        let found = counts(&logits, sampling(1.0, 0, 0.0), 100);
        assert_eq!(found[3], 100);
    }

    #[test]
    fn draws_depend_on_seed_name_sample_and_step_alone() {
        let logits = vec![0.0; 1000];
        let draw = |seed, name, sample, step| {
            let sampling = Sampling {
                seed,
                ..sampling(1.0, 0, 1.0)
            };
            Sampler::new(sampling, name, sample)
                .choose(&logits, step)
                .unwrap()
        };
        let base = draw(1, "a", 0, 0);
        assert_eq!(base, draw(1, "a", 0, 0));
        let others = [
            draw(2, "a", 0, 0),
            draw(1, "b", 0, 0),
            draw(1, "a", 1, 0),
            draw(1, "a", 0, 1),
        ];
        assert!(
            others.iter().all(|&other| other != base),
            "{base} {others:?}"
        );
    }

    proptest! {
        /// The nucleus equals the one found by sorting everything.
        #[test]
        fn nucleus_equals_the_plain_one(weights in proptest::collection::vec(0.001_f64..1.0, 1..60), top_p in 0.0_f64..0.999) {
            let all: Vec<Candidate> = (0..).zip(&weights).map(|(id, &weight)| Candidate { id, weight }).collect();
            let mut found = all.clone();
            keep_top_p(&mut found, top_p);
            let mut sorted = all;
            sorted.sort_by(heaviest_first);
            let total: f64 = weights.iter().sum();
            let mut sum = 0.0;
            let mut want = Vec::new();
            for candidate in sorted {
                want.push(candidate.id);
                sum += candidate.weight;
                if sum >= top_p * total {
                    break;
                }
            }
            want.sort_unstable();
            prop_assert_eq!(found.iter().map(|candidate| candidate.id).collect::<Vec<_>>(), want);
        }
    }
}
