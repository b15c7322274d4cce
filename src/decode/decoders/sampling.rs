//! One step of a draw: choosing among the children of a prefix that are still open.
//!
//! A uniform number in [0, 1) is turned into a child by the inverse of the cumulative
//! distribution, children in the order of the trie. What the number means is thus fixed, and the
//! same number gives the same child wherever the step is taken.
//!
//! Logits are single precision, and so are the weights made of them: probabilities are right to
//! about one part in ten million, and those below 1e-38 of the greatest count as zero.

/// What is done to logits before sampling. The order is that of the reference: mask, temperature,
/// top-k, top-p.
#[derive(Debug, Clone, Copy)]
pub(in crate::decode) struct Law {
    /// Zero: the most probable child, the first of them on a tie.
    pub temperature: f64,
    /// Only this many most probable children; those tied with the last stay in.
    pub top_k: Option<usize>,
    /// Only the most probable children that together reach this share; on a tie the first.
    pub top_p: Option<f64>,
}

/// Children whose weights are added up in single precision before the sum is widened, and the
/// lanes of that sum: a draw passes over thousands of children, and must do so in vectors.
const BLOCK: usize = 64;
const LANES: usize = 8;

/// Room for the weights of the children of one prefix, kept between steps.
#[derive(Debug, Default)]
pub(in crate::decode) struct Weights {
    /// Proportional to the probabilities, the greatest one. Single precision, as logits are.
    values: Vec<f32>,
}

impl Weights {
    /// The child that `uniform` stands for among those with a count above zero in `open`; `None`
    /// when there is none.
    ///
    /// Defined for all logits but NaN: if some open children are at plus infinity, they share the
    /// probability; if all are at minus infinity, every open child is equally likely.
    pub(in crate::decode) fn choose(
        &mut self,
        logits: &[f32],
        open: &[u32],
        law: &Law,
        uniform: f64,
    ) -> Option<usize> {
        let max = max_open(logits, open);
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

    fn weigh(&mut self, logits: &[f32], open: &[u32], temperature: f64, max: f32) {
        self.values.clear();
        let inverse = (1.0 / temperature) as f32;
        let weight = |(_, is_open): (f32, bool), weight: f32| match is_open {
            true => weight,
            false => 0.0,
        };
        if max.is_infinite() || inverse.is_infinite() {
            let all = zip(logits, open);
            self.values
                .extend(all.map(|one| weight(one, f32::from(u8::from(one.0 == max)))));
        } else {
            // Not zero, so that minus infinity stays what it is at any temperature.
            let inverse = inverse.max(f32::MIN_POSITIVE);
            let all = zip(logits, open);
            self.values
                .extend(all.map(|one| weight(one, exp_at_most_zero((one.0 - max) * inverse))));
        }
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
        let total: f64 = self.values.iter().map(|&weight| f64::from(weight)).sum();
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
            before += f64::from(*weight);
            if !is_kept {
                *weight = 0.0;
            }
        }
    }

    /// The child at `uniform` of the total weight; of the blocks first, then within its block.
    fn at(&self, uniform: f64) -> Option<usize> {
        let blocks = || self.values.chunks(BLOCK).map(block_sum);
        let target = uniform * blocks().sum::<f64>();
        let (mut before, mut last) = (0.0, None);
        for (number, sum) in blocks().enumerate().filter(|(_, sum)| *sum > 0.0) {
            last = Some((number, before));
            if before + sum > target {
                break;
            }
            before += sum;
        }
        let (number, before) = last?;
        let block = self.values.chunks(BLOCK).nth(number)?;
        let weights = block.iter().map(|&weight| f64::from(weight));
        Some(number * BLOCK + first_above(weights, target - before)?)
    }
}

/// The first index at which the running sum of `weights` is above `target`; through rounding
/// there may be none, and then it is the last with a weight.
fn first_above(weights: impl Iterator<Item = f64>, target: f64) -> Option<usize> {
    let (mut sum, mut last) = (0.0, None);
    for (index, weight) in weights.enumerate().filter(|(_, weight)| *weight > 0.0) {
        sum += weight;
        last = Some(index);
        if sum > target {
            break;
        }
    }
    last
}

fn block_sum(block: &[f32]) -> f64 {
    let mut sums = [0f32; LANES];
    let lanes = block.chunks_exact(LANES);
    let tail: f32 = lanes.remainder().iter().sum();
    for lane in lanes {
        sums.iter_mut().zip(lane).for_each(|(sum, x)| *sum += x);
    }
    f64::from(sums.iter().sum::<f32>() + tail)
}

/// The greatest logit of an open child; minus infinity if there is none.
fn max_open(logits: &[f32], open: &[u32]) -> f32 {
    let greater = |max: f32, logit: f32, count: u32| match count > 0 && logit > max {
        true => logit,
        false => max,
    };
    let mut maxima = [f32::NEG_INFINITY; LANES];
    for (logits, open) in logits.chunks(LANES).zip(open.chunks(LANES)) {
        for ((max, &logit), &count) in maxima.iter_mut().zip(logits).zip(open) {
            *max = greater(*max, logit, count);
        }
    }
    maxima.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// `exp(x)` for `x` at or below zero, to within two units in the last place; zero below -87.
///
/// Without branches and calls, so that it is computed for several children at a time, and of
/// additions and multiplications alone, so that it is the same on every machine. `x` is split
/// into `n ln 2 + r`, and `exp(r)` is the polynomial of the Cephes library's `expf`.
fn exp_at_most_zero(x: f32) -> f32 {
    const LEAST: f32 = -87.0;
    /// Added to a small number, rounds it to an integer and leaves that in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > LEAST { x } else { LEAST };
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        sum = sum * r + coefficient;
    }
    let exponent = rounded
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127);
    let exp = (sum * r * r + r + 1.0) * f32::from_bits(exponent << 23);
    if x > LEAST { exp } else { 0.0 }
}

fn zip<'a>(logits: &'a [f32], open: &'a [u32]) -> impl Iterator<Item = (f32, bool)> + 'a {
    logits
        .iter()
        .zip(open)
        .map(|(&logit, &count)| (logit, count > 0))
}

/// The index at `uniform` among `log_probs`, which sum to one.
pub(in crate::decode) fn index_at(log_probs: &[f64], uniform: f64) -> Option<usize> {
    first_above(log_probs.iter().map(|log_prob| log_prob.exp()), uniform)
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
    fn the_exponential_is_close_everywhere() {
        for step in 0..870_000 {
            let x = -(step as f32) / 10_000.0;
            let exact = f64::from(x).exp();
            let off = (f64::from(exp_at_most_zero(x)) / exact - 1.0).abs();
            assert!(off < 3e-7, "{x}: {off}");
        }
        assert_eq!(exp_at_most_zero(0.0), 1.0);
        assert_eq!(exp_at_most_zero(-1e30), 0.0);
        assert_eq!(exp_at_most_zero(f32::NEG_INFINITY), 0.0);
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
