//! One step of a draw: choosing among the children of a prefix that are still open.
//!
//! A uniform number in [0, 1) is turned into a child by the inverse of the cumulative
//! distribution, children in the order of the trie. What the number means is thus fixed, and the
//! same number gives the same child wherever the step is taken.

/// What is done to logits before sampling. The order is that of the reference: mask, temperature,
/// top-k, top-p.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law {
    /// Zero: the most probable child, the first of them on a tie.
    pub temperature: f64,
    /// Only this many most probable children; those tied with the last stay in.
    pub top_k: Option<usize>,
    /// Only the most probable children that together reach this share; on a tie the first.
    pub top_p: Option<f64>,
}

/// Room for the weights of the children of one prefix, kept between steps.
#[derive(Debug, Default)]
pub(super) struct Weights {
    values: Vec<f64>,
}

impl Weights {
    /// The child that `uniform` stands for among those with a count above zero in `open`; `None`
    /// when there is none.
    ///
    /// Defined for all logits but NaN: if some open children are at plus infinity, they share the
    /// probability; if all are at minus infinity, every open child is equally likely.
    pub(super) fn choose(
        &mut self,
        logits: &[f32],
        open: &[u32],
        law: &Law,
        uniform: f64,
    ) -> Option<usize> {
        let max = zip(logits, open)
            .filter(|(_, is_open)| *is_open)
            .map(|(logit, _)| logit)
            .reduce(f32::max)?;
        if law.temperature == 0.0 {
            return zip(logits, open).position(|(logit, is_open)| is_open && logit == max);
        }
        self.weigh(logits, open, law.temperature, max);
        if let Some(top_k) = law.top_k {
            self.keep_top_k(logits, open, top_k);
        }
        if let Some(top_p) = law.top_p {
            self.keep_top_p(logits, top_p);
        }
        self.at(uniform)
    }

    /// Weights proportional to the probabilities; the greatest is one.
    fn weigh(&mut self, logits: &[f32], open: &[u32], temperature: f64, max: f32) {
        self.values.clear();
        let is_infinite = max.is_infinite();
        let max = f64::from(max);
        self.values
            .extend(zip(logits, open).map(|(logit, is_open)| {
                let logit = f64::from(logit);
                match is_open {
                    false => 0.0,
                    true if is_infinite => f64::from(u8::from(logit == max)),
                    true => ((logit - max) / temperature).exp(),
                }
            }));
    }

    fn keep_top_k(&mut self, logits: &[f32], open: &[u32], top_k: usize) {
        let mut ranked: Vec<f32> = zip(logits, open)
            .filter(|(_, is_open)| *is_open)
            .map(|(logit, _)| logit)
            .collect();
        if top_k == 0 || top_k >= ranked.len() {
            return;
        }
        let (_, &mut last, _) = ranked.select_nth_unstable_by(top_k - 1, |a, b| b.total_cmp(a));
        for (weight, &logit) in self.values.iter_mut().zip(logits) {
            if logit < last {
                *weight = 0.0;
            }
        }
    }

    fn keep_top_p(&mut self, logits: &[f32], top_p: f64) {
        let total: f64 = self.values.iter().sum();
        let logit = |index: usize| logits.get(index).copied().unwrap_or(f32::NEG_INFINITY);
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.sort_by(|&a, &b| logit(b).total_cmp(&logit(a)));
        let mut before = 0.0;
        for index in order {
            let Some(weight) = self.values.get_mut(index) else {
                continue;
            };
            // The first child is kept whatever it weighs.
            let is_kept = before < top_p * total;
            before += *weight;
            if !is_kept {
                *weight = 0.0;
            }
        }
    }

    /// The child at `uniform` of the total weight.
    fn at(&self, uniform: f64) -> Option<usize> {
        let target = uniform * self.values.iter().sum::<f64>();
        let mut cumulative = 0.0;
        let mut last = None;
        for (index, &weight) in self.values.iter().enumerate() {
            if weight > 0.0 {
                cumulative += weight;
                last = Some(index);
                if cumulative > target {
                    break;
                }
            }
        }
        last
    }
}

fn zip<'a>(logits: &'a [f32], open: &'a [u32]) -> impl Iterator<Item = (f32, bool)> + 'a {
    logits
        .iter()
        .zip(open)
        .map(|(&logit, &count)| (logit, count > 0))
}

/// The index at `uniform` among `log_probs`, which sum to one.
pub(super) fn index_at(log_probs: &[f64], uniform: f64) -> Option<usize> {
    let weights = Weights {
        values: log_probs.iter().map(|log_prob| log_prob.exp()).collect(),
    };
    weights.at(uniform)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(logits: &[f32], open: &[u32], law: &Law) -> Vec<f64> {
        let mut counts = vec![0.0; logits.len()];
        let mut weights = Weights::default();
        for step in 0..10_000 {
            let uniform = (f64::from(step) + 0.5) / 10_000.0;
            counts[weights.choose(logits, open, law, uniform).unwrap()] += 1.0 / 10_000.0;
        }
        counts
    }

    fn assert_close(got: &[f64], expected: &[f64]) {
        let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 2e-4, "{got:?} {expected:?}");
    }

    const PLAIN: Law = Law {
        temperature: 1.0,
        top_k: None,
        top_p: None,
    };

    #[test]
    fn every_input_has_a_defined_law() {
        let (inf, log2) = (f32::INFINITY, std::f32::consts::LN_2);
        let cases: [(&[f32], &[u32], &[f64]); 7] = [
            (&[0.0, log2], &[1, 3], &[1.0 / 3.0, 2.0 / 3.0]),
            (&[0.0, log2], &[1, 0], &[1.0, 0.0]),
            (&[-inf, -inf, 5.0], &[1, 1, 0], &[0.5, 0.5, 0.0]),
            (&[inf, 1.0, inf], &[1, 1, 1], &[0.5, 0.0, 0.5]),
            (&[inf, 1.0, 1.0], &[0, 1, 1], &[0.0, 0.5, 0.5]),
            (&[f32::MAX, f32::MIN, 0.0], &[1, 1, 1], &[1.0, 0.0, 0.0]),
            (
                &[f32::MAX, 0.0, log2],
                &[0, 1, 1],
                &[0.0, 1.0 / 3.0, 2.0 / 3.0],
            ),
        ];
        for (logits, open, expected) in cases {
            assert_close(&share(logits, open, &PLAIN), expected);
        }
        let mut weights = Weights::default();
        assert_eq!(weights.choose(&[1.0, 2.0], &[0, 0], &PLAIN, 0.5), None);
    }

    #[test]
    fn temperature_acts_before_top_k_and_top_k_before_top_p() {
        let log = |weight: f32| weight.ln();
        let logits = [log(4.0), log(3.0), log(2.0), log(1.0)];
        let open = [1; 4];
        let greedy = Law {
            temperature: 0.0,
            ..PLAIN
        };
        assert_close(&share(&[1.0, 2.0, 2.0], &[1; 3], &greedy), &[0.0, 1.0, 0.0]);
        let top_k = Law {
            top_k: Some(2),
            ..PLAIN
        };
        assert_close(
            &share(&logits, &open, &top_k),
            &[4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0],
        );
        assert_close(&share(&[0.0; 3], &[1; 3], &top_k), &[1.0 / 3.0; 3]);
        // 4/10 alone does not reach a half; 4/7 does.
        let top_p = Law {
            top_p: Some(0.5),
            ..PLAIN
        };
        assert_close(
            &share(&logits, &open, &top_p),
            &[4.0 / 7.0, 3.0 / 7.0, 0.0, 0.0],
        );
        let both = Law {
            top_k: Some(2),
            ..top_p
        };
        assert_close(&share(&logits, &open, &both), &[1.0, 0.0, 0.0, 0.0]);
        // At temperature one half the weights are 16, 9, 4, 1.
        let cold = Law {
            temperature: 0.5,
            ..top_p
        };
        assert_close(&share(&logits, &open, &cold), &[1.0, 0.0, 0.0, 0.0]);
    }
}
