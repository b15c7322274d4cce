//! Late interaction: comparing a query with a document token by token.
//!
//! One vector per text says what it is about and forgets its details. The encoder has a vector of
//! every token before it pools them, at no further cost; ColBERT (arXiv 2004.12832) compares those:
//!
//! ```text
//!   max_sim(q, d) = mean over the tokens of q of the largest <q_i, d_j> over the tokens of d
//! ```
//!
//! An encoder with a token head weighs the tokens: those of the query in that mean, and those of the
//! document in their vectors, whose lengths are their weights.
//!
//! A document keeps one vector per *distinct* token, the mean over where it occurs, and of that its
//! signs and a factor (`SignLists`): 50 bytes instead of 1,536 for the default encoder.
//!
//! The sum of a query vector's values with the signs of a document's vector is looked up four
//! signs at a time, for [`LANES`] query tokens at once, in whole numbers that fill 16 bits.

use half::slice::HalfFloatSliceExt;

use crate::columns::SignList;
use crate::encode::TokenVectors;
use crate::vectors::{add_scaled, normalise};

/// Query tokens whose sums are kept side by side in vector registers.
const LANES: usize = 16;

/// Signs that are looked up at once.
const NIBBLE_BITS: usize = 4;

/// `[distinct tokens, dim]`: per distinct token, by its number, the mean direction of its vectors,
/// as long as the mean of its weights.
pub fn distinct_token_vectors(text: TokenVectors<'_>, dim: usize) -> Vec<f32> {
    let mut order: Vec<(u32, usize)> = text.tokens.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut distinct = Vec::new();
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let mut mean = vec![0.0; dim];
        let mut weight = 0.0;
        for &(_, position) in same {
            weight += text.document_weights.get(position).unwrap_or(&1.0);
            let mut vector: Vec<f32> = text
                .vectors
                .get(position * dim..(position + 1) * dim)
                .unwrap_or(&[])
                .to_vec();
            normalise(&mut vector);
            add_scaled(&mut mean, 1.0, &vector);
        }
        normalise(&mut mean);
        weight /= same.len() as f32;
        distinct.extend(mean.into_iter().map(|value| weight * value));
    }
    distinct
}

/// A query, ready to be compared with documents.
#[derive(Debug)]
pub struct MaxSim {
    groups: Vec<Group>,
    total_weight: f32,
    bytes_per_vector: usize,
}

/// Up to [`LANES`] tokens of a query.
#[derive(Debug)]
struct Group {
    /// Per four values and their sixteen possible signs, the sums of all lanes.
    sums: Vec<[[i16; LANES]; 1 << NIBBLE_BITS]>,
    /// What one of a sum is worth, per lane, times the token's weight; 0 in lanes without a token.
    worth: [f32; LANES],
}

impl MaxSim {
    /// Takes the unit vectors of a query's tokens, `[tokens, dim]`, and what each counts, `[tokens]`;
    /// those without a weight count 1.
    pub fn new(vectors: &[f32], weights: &[f32], dim: usize) -> Self {
        let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
        let tokens: Vec<(&[f32], f32)> = vectors.chunks_exact(dim.max(1)).zip(weights).collect();
        MaxSim {
            groups: tokens
                .chunks(LANES)
                .map(|group| Group::new(group, dim))
                .collect(),
            total_weight: tokens.iter().map(|(_, weight)| weight).sum(),
            bytes_per_vector: dim.div_ceil(8),
        }
    }

    /// The score of a document, in [-1, 1] up to the error of the signs and times the largest weight
    /// of its tokens; 0 without tokens that count.
    pub fn score(&self, document: SignList<'_>) -> f32 {
        if self.total_weight <= 0.0 || document.factors.is_empty() {
            return 0.0;
        }
        let mut factors = vec![0.0; document.factors.len()];
        document.factors.convert_to_f32_slice(&mut factors);
        let best = |group: &Group| group.best_sum(&factors, document.signs, self.bytes_per_vector);
        self.groups.iter().map(best).sum::<f32>() / self.total_weight
    }
}

impl Group {
    fn new(tokens: &[(&[f32], f32)], dim: usize) -> Self {
        let nibbles = dim.div_ceil(8) * 2;
        let mut sums = vec![[[0i16; LANES]; 1 << NIBBLE_BITS]; nibbles];
        let mut worth = [0f32; LANES];
        for (lane, ((token, weight), worth)) in tokens.iter().zip(&mut worth).enumerate() {
            let total: f32 = token.iter().map(|value| value.abs()).sum();
            if total <= 0.0 {
                continue;
            }
            // Each value may be rounded up by a half, and still no sum leaves 16 bits.
            let largest = (f32::from(i16::MAX) - dim as f32 / 2.0).max(1.0);
            let unit = total / largest;
            *worth = unit * weight;
            for (values, of_nibble) in token.chunks(NIBBLE_BITS).zip(&mut sums) {
                for (signs, of_signs) in of_nibble.iter_mut().enumerate() {
                    let signed = values.iter().enumerate().map(|(bit, value)| {
                        let whole = (value / unit).round() as i16;
                        if signs >> bit & 1 == 1 { whole } else { -whole }
                    });
                    if let Some(sum) = of_signs.get_mut(lane) {
                        *sum = signed.sum();
                    }
                }
            }
        }
        Group { sums, worth }
    }

    /// The sum over the lanes of the best product with any of the vectors.
    fn best_sum(&self, factors: &[f32], signs: &[u8], bytes_per_vector: usize) -> f32 {
        let mut best = [f32::NEG_INFINITY; LANES];
        let signs = signs.chunks_exact(bytes_per_vector.max(1));
        for (factor, signs) in factors.iter().zip(signs) {
            let mut sums = [0i16; LANES];
            for (of_byte, byte) in self.sums.chunks_exact(2).zip(signs) {
                if let [low, high] = of_byte {
                    let (low, high) = (&low[(byte & 0xf) as usize], &high[(byte >> 4) as usize]);
                    for (sum, (low, high)) in sums.iter_mut().zip(low.iter().zip(high)) {
                        *sum = sum.wrapping_add(low.wrapping_add(*high));
                    }
                }
            }
            for (best, &sum) in best.iter_mut().zip(&sums) {
                *best = best.max(factor * f32::from(sum));
            }
        }
        best.iter()
            .zip(&self.worth)
            .map(|(best, worth)| best * worth)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::OwnedSignList;
    use crate::rng::Rng;
    use crate::vectors::dot;

    fn vectors(rng: &mut Rng, count: usize, dim: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..count * dim).map(|_| rng.unit_f32() - 0.5).collect();
        values.chunks_exact_mut(dim).for_each(|row| {
            normalise(row);
        });
        values
    }

    /// The definition, with the signs as numbers.
    fn plain(query: &[f32], weights: &[f32], document: &[f32], dim: usize) -> f32 {
        let product = |token: &[f32], vector: &[f32]| {
            let signs: Vec<f32> = vector
                .iter()
                .map(|&value| if value >= 0.0 { 1.0 } else { -1.0 })
                .collect();
            let sum = vector.iter().map(|value| value.abs()).sum::<f32>();
            dot(token, &signs) * dot(vector, vector) / sum
        };
        let best = |(token, weight): (&[f32], &f32)| {
            let products = document.chunks_exact(dim).map(|one| product(token, one));
            weight * products.fold(f32::NEG_INFINITY, f32::max)
        };
        let tokens = query.chunks_exact(dim).zip(weights);
        tokens.map(best).sum::<f32>() / weights.iter().sum::<f32>()
    }

    #[test]
    fn looked_up_sums_equal_the_definition() {
        let mut rng = Rng::new(7);
        for dim in [1, 3, 8, 100, 384, 1024] {
            for (query_tokens, tokens) in [(1, 1), (5, 40), (16, 7), (17, 9), (40, 3)] {
                let query = vectors(&mut rng, query_tokens, dim);
                let document = vectors(&mut rng, tokens, dim);
                let list = OwnedSignList::of(&document, dim);
                let weighed: Vec<f32> = (0..query_tokens).map(|_| rng.unit_f32()).collect();
                let alike = vec![1.0; query_tokens];
                for (given, weights) in [(&weighed[..], &weighed), (&[], &alike)] {
                    let found = MaxSim::new(&query, given, dim).score(list.as_list());
                    let expected = plain(&query, weights, &document, dim);
                    assert!(
                        (found - expected).abs() < 2e-3,
                        "{dim} {query_tokens} {tokens}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_to_compare_scores_zero() {
        let (none, one) = (OwnedSignList::default(), OwnedSignList::of(&[0.6, 0.8], 2));
        assert_eq!(MaxSim::new(&[0.6, 0.8], &[], 2).score(none.as_list()), 0.0);
        assert_eq!(MaxSim::new(&[], &[], 2).score(one.as_list()), 0.0);
        assert_eq!(MaxSim::new(&[0.0, 0.0], &[], 2).score(one.as_list()), 0.0);
        assert_eq!(
            MaxSim::new(&[0.6, 0.8], &[0.0], 2).score(one.as_list()),
            0.0
        );
    }

    #[test]
    fn a_token_that_occurs_twice_has_the_mean_of_its_directions() {
        let mut text = TokenVectors::plain(&[9, 4, 9], &[2.0, 0.0, 0.0, -3.0, 0.0, 5.0]);
        let half = 0.5f32.sqrt();
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        for (weights, of_four, of_nine) in [(&[][..], 1.0, 1.0), (&[0.5, 3.0, 1.5], 3.0, 1.0)] {
            text.document_weights = weights;
            let distinct = distinct_token_vectors(text, 2);
            let expected = [0.0, -of_four, half * of_nine, half * of_nine];
            assert_eq!(distinct.len(), 4);
            assert!(distinct.iter().zip(&expected).all(close), "{distinct:?}");
        }
    }
}
