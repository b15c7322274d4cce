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
//! The sum of a query vector's values with the signs of a document's vector is looked up five
//! signs at a time, for up to [`MOST_LANES`] query tokens at once, in whole numbers that fill 16 bits:
//! 13 loads and additions of a register or two for each 64 signs.

use crate::columns::SignList;
use crate::encode::TokenVectors;
use crate::vectors::halves::widen;
use crate::vectors::wide::{self, Kernel, Registers};
use crate::vectors::{add_scaled, normalise};

/// Query tokens whose sums are kept side by side in vector registers.
const MOST_LANES: usize = 32;

/// Vectors of a document whose sums are kept while sums are looked up.
const VECTORS: usize = 128;

/// Bytes of signs that are read at once. The sums of their groups fit a processor's nearest cache.
const WORD_BYTES: usize = 8;

/// Signs that are looked up at once.
const GROUP_BITS: usize = 5;

/// All that the signs of a group can be.
const GROUP_SIGNS: usize = 1 << GROUP_BITS;

/// Groups of a word; the last one is short.
const GROUPS: usize = (8 * WORD_BYTES).div_ceil(GROUP_BITS);

/// `[distinct tokens, dim]`: per distinct token, by its number, the mean direction of its vectors,
/// as long as the mean of its weights.
pub fn distinct_token_vectors(text: TokenVectors<'_>, dim: usize) -> Vec<f32> {
    let mut order: Vec<(u32, usize)> = text.tokens.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut distinct: Vec<f32> = Vec::with_capacity(text.vectors.len());
    let mut vector = vec![0.0; dim];
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let start = distinct.len();
        let mut weight = 0.0;
        for &(_, position) in same {
            weight += text.document_weights.get(position).unwrap_or(&1.0);
            if let Some(row) = text.vectors.get(position * dim..(position + 1) * dim) {
                vector.copy_from_slice(row);
                normalise(&mut vector);
                match distinct.get_mut(start..).filter(|mean| !mean.is_empty()) {
                    Some(mean) => add_scaled(mean, 1.0, &vector),
                    None => distinct.extend_from_slice(&vector),
                }
            }
        }
        distinct.resize(start + dim, 0.0);
        weight /= same.len() as f32;
        if let Some(mean) = distinct.get_mut(start..) {
            normalise(mean);
            mean.iter_mut().for_each(|value| *value *= weight);
        }
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

/// Some tokens of a query, in as many lanes as they need.
#[derive(Debug)]
enum Group {
    Few(Sums<16>),
    Many(Sums<MOST_LANES>),
}

/// Per group of a word, per possible signs of it, the sums of all lanes.
type OfWord<const LANES: usize> = [[i16; LANES]; GROUPS * GROUP_SIGNS];

/// Up to `LANES` tokens of a query.
#[derive(Debug)]
struct Sums<const LANES: usize> {
    /// Per word of signs.
    of_words: Vec<OfWord<LANES>>,
    /// What one of a sum is worth, per lane, times the token's weight; 0 in lanes without a token.
    worth: [f32; LANES],
}

impl MaxSim {
    /// Takes the unit vectors of a query's tokens, `[tokens, dim]`, and what each counts, `[tokens]`;
    /// those without a weight count 1.
    pub fn new(vectors: &[f32], weights: &[f32], dim: usize) -> Self {
        let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
        let tokens: Vec<(&[f32], f32)> = vectors.chunks_exact(dim.max(1)).zip(weights).collect();
        let group = |tokens: &[(&[f32], f32)]| match tokens.len() {
            ..=16 => Group::Few(wide::run(Prepare { tokens, dim })),
            _ => Group::Many(wide::run(Prepare { tokens, dim })),
        };
        MaxSim {
            groups: tokens.chunks(MOST_LANES).map(group).collect(),
            total_weight: tokens.iter().map(|(_, weight)| weight).sum(),
            bytes_per_vector: dim.div_ceil(8),
        }
    }

    /// The score of a document, in [-1, 1] up to the error of the signs and times the largest weight
    /// of its tokens; 0 without tokens that count.
    pub fn score(&self, document: SignList<'_>) -> f32 {
        if self.total_weight <= 0.0 || document.factors.is_empty() || self.bytes_per_vector == 0 {
            return 0.0;
        }
        let best = |group: &Group| match group {
            Group::Few(sums) => wide::run(self.compare(sums, document)),
            Group::Many(sums) => wide::run(self.compare(sums, document)),
        };
        self.groups.iter().map(best).sum::<f32>() / self.total_weight
    }

    fn compare<'a, const LANES: usize>(
        &self,
        sums: &'a Sums<LANES>,
        document: SignList<'a>,
    ) -> Compare<'a, LANES> {
        Compare {
            sums,
            document,
            bytes_per_vector: self.bytes_per_vector,
        }
    }
}

/// Makes the sums of some tokens, of which each comes with its weight.
struct Prepare<'a, const LANES: usize> {
    tokens: &'a [(&'a [f32], f32)],
    dim: usize,
}

impl<const LANES: usize> Kernel for Prepare<'_, LANES> {
    type Output = Sums<LANES>;

    #[inline(always)]
    fn run<R: Registers>(self) -> Sums<LANES> {
        // The values of all lanes, by their places.
        let mut values = vec![[0f32; LANES]; self.dim];
        for (lane, (token, _)) in self.tokens.iter().enumerate() {
            for (value, lanes) in token.iter().zip(&mut values) {
                if let Some(own) = lanes.get_mut(lane) {
                    *own = *value;
                }
            }
        }
        let mut totals = [0f32; LANES];
        for lanes in &values {
            for (total, value) in totals.iter_mut().zip(lanes) {
                *total += value.abs();
            }
        }
        // Each value may be rounded up by a half, and still no sum leaves 16 bits.
        let largest = (f32::from(i16::MAX) - self.dim as f32 / 2.0).max(1.0);
        let units = totals.map(|total| total / largest);
        let mut worth = [0f32; LANES];
        for ((worth, unit), (_, weight)) in worth.iter_mut().zip(units).zip(self.tokens) {
            *worth = if unit > 0.0 { unit * weight } else { 0.0 };
        }
        let words = self.dim.div_ceil(8 * WORD_BYTES);
        let mut of_words = vec![[[0i16; LANES]; GROUPS * GROUP_SIGNS]; words];
        for (of_word, values) in of_words.iter_mut().zip(values.chunks(8 * WORD_BYTES)) {
            let (groups, _) = of_word.as_chunks_mut();
            for (sums, values) in groups.iter_mut().zip(values.chunks(GROUP_BITS)) {
                let mut wholes = [[0i16; LANES]; GROUP_BITS];
                for (wholes, values) in wholes.iter_mut().zip(values) {
                    *wholes = in_units(*values, units);
                }
                sum_signs(&wholes, sums);
            }
        }
        Sums { of_words, worth }
    }
}

/// `values / units`, rounded with halves away from zero; 0 in lanes without a unit.
#[inline(always)]
fn in_units<const LANES: usize>(values: [f32; LANES], units: [f32; LANES]) -> [i16; LANES] {
    let mut wholes = [0i16; LANES];
    for ((whole, value), unit) in wholes.iter_mut().zip(values).zip(units) {
        // Not `round`, which processors lack: it would be called for each.
        let exact = value / unit;
        let towards_zero = exact as i32;
        let rest = exact - towards_zero as f32;
        *whole = (towards_zero + i32::from(rest >= 0.5) - i32::from(rest <= -0.5)) as i16;
    }
    wholes
}

/// Fills in the sums of some values under all their signs, in all lanes; `sums` are zeros.
#[inline(always)]
fn sum_signs<const LANES: usize>(
    values: &[[i16; LANES]; GROUP_BITS],
    sums: &mut [[i16; LANES]; GROUP_SIGNS],
) {
    for value in values {
        for (sum, value) in sums[0].iter_mut().zip(value) {
            *sum = sum.wrapping_sub(*value);
        }
    }
    for (bit, value) in values.iter().enumerate() {
        let (without, with) = sums.split_at_mut(1 << bit);
        for (with, without) in with.iter_mut().zip(without) {
            for ((with, without), value) in with.iter_mut().zip(without).zip(value) {
                *with = without.wrapping_add(value.wrapping_mul(2));
            }
        }
    }
}

/// Compares some tokens of a query with those of a document.
struct Compare<'a, const LANES: usize> {
    sums: &'a Sums<LANES>,
    document: SignList<'a>,
    bytes_per_vector: usize,
}

impl<const LANES: usize> Kernel for Compare<'_, LANES> {
    type Output = f32;

    /// The sum over the lanes of the best product with any of the vectors.
    #[inline(always)]
    fn run<R: Registers>(self) -> f32 {
        let mut best = [f32::NEG_INFINITY; LANES];
        let mut sums = [[0i16; LANES]; VECTORS];
        let vectors = self.document.signs.chunks(VECTORS * self.bytes_per_vector);
        for (factors, signs) in self.document.factors.chunks(VECTORS).zip(vectors) {
            sums.fill([0; LANES]);
            for (number, of_word) in self.sums.of_words.iter().enumerate() {
                let signs = signs.chunks_exact(self.bytes_per_vector);
                for (sums, signs) in sums.iter_mut().zip(signs) {
                    let word = word_at(signs, number * WORD_BYTES);
                    *sums = sums_of_word(*sums, of_word, word);
                }
            }
            let mut wide = [0f32; VECTORS];
            widen::<R>(factors, &mut wide);
            for ((sums, factor), _) in sums.iter().zip(wide).zip(factors) {
                for (best, &sum) in best.iter_mut().zip(sums) {
                    let product = factor * f32::from(sum);
                    // All are numbers, so this is the larger one.
                    *best = if product > *best { product } else { *best };
                }
            }
        }
        let worth = best.iter().zip(&self.sums.worth);
        worth.map(|(best, worth)| best * worth).sum()
    }
}

/// The word that begins at byte `from`; zeros stand behind the last byte, whose sums are zeros.
#[inline(always)]
fn word_at(signs: &[u8], from: usize) -> u64 {
    let rest = signs.get(from..).unwrap_or(&[]);
    match rest.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// `sums` and those of a word of signs.
#[inline(always)]
fn sums_of_word<const LANES: usize>(
    mut sums: [i16; LANES],
    of_word: &OfWord<LANES>,
    word: u64,
) -> [i16; LANES] {
    for group in 0..GROUPS {
        let signs = (word >> (group * GROUP_BITS)) as usize % GROUP_SIGNS;
        for (sum, more) in sums.iter_mut().zip(&of_word[group * GROUP_SIGNS + signs]) {
            *sum = sum.wrapping_add(*more);
        }
    }
    sums
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

    /// The whole numbers of the definition, added up one by one.
    fn plain_in_whole_numbers(
        query: &[f32],
        weights: &[f32],
        list: SignList<'_>,
        dim: usize,
    ) -> f32 {
        let (mut groups, mut group) = (0.0, 0.0);
        for (index, (token, weight)) in query.chunks_exact(dim).zip(weights).enumerate() {
            if index % MOST_LANES == 0 {
                groups += std::mem::take(&mut group);
            }
            let total: f32 = token.iter().map(|value| value.abs()).sum();
            let unit = total / (f32::from(i16::MAX) - dim as f32 / 2.0);
            let mut best = f32::NEG_INFINITY;
            for (factor, signs) in list.factors.iter().zip(list.signs.chunks(dim.div_ceil(8))) {
                let is_set = |place: usize| signs[place / 8] >> (place % 8) & 1 == 1;
                let signed = token.iter().enumerate().map(|(place, value)| {
                    let whole = (value / unit).round() as i32;
                    if is_set(place) { whole } else { -whole }
                });
                best = best.max(factor.to_f32() * signed.sum::<i32>() as f32);
            }
            group += best * (unit * weight);
        }
        (groups + group) / weights.iter().sum::<f32>()
    }

    #[test]
    fn looked_up_sums_equal_sums_of_one_value_after_the_other_to_the_last_bit() {
        let mut rng = Rng::new(11);
        for dim in [1, 8, 23, 100, 384, 1024] {
            for (query_tokens, tokens) in
                [(1, 1), (16, 128), (17, 129), (32, 300), (33, 5), (64, 9)]
            {
                let query = vectors(&mut rng, query_tokens, dim);
                let list = OwnedSignList::of(&vectors(&mut rng, tokens, dim), dim);
                let weights: Vec<f32> = (0..query_tokens).map(|_| rng.unit_f32()).collect();
                let found = MaxSim::new(&query, &weights, dim).score(list.as_list());
                let expected = plain_in_whole_numbers(&query, &weights, list.as_list(), dim);
                let case = (dim, query_tokens, tokens);
                assert_eq!(found.to_bits(), expected.to_bits(), "{case:?}");
            }
        }
    }

    #[test]
    fn wider_registers_change_no_bit() {
        let mut rng = Rng::new(13);
        for (dim, query_tokens, tokens) in [(3, 2, 5), (100, 17, 130), (384, 32, 200)] {
            let query = vectors(&mut rng, query_tokens, dim);
            let list = OwnedSignList::of(&vectors(&mut rng, tokens, dim), dim);
            let tokens: Vec<(&[f32], f32)> =
                query.chunks(dim).zip(std::iter::repeat(0.3)).collect();
            let prepared = wide::run_in_all_ways(|| Prepare::<MOST_LANES> {
                tokens: &tokens,
                dim,
            });
            for one in &prepared {
                assert_eq!(one.of_words, prepared[0].of_words);
                assert_eq!(one.worth, prepared[0].worth);
            }
            let scores = wide::run_in_all_ways(|| Compare {
                sums: &prepared[0],
                document: list.as_list(),
                bytes_per_vector: dim.div_ceil(8),
            });
            assert!(
                scores
                    .iter()
                    .all(|one| one.to_bits() == scores[0].to_bits())
            );
        }
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
