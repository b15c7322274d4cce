//! Inner products with float16 rows, as they lie in a file.

use half::f16;

use super::wide::{self, Kernel, WIDENED, Widen};

/// Lanes of the running sums: two or four vector registers.
const LANES: usize = 2 * WIDENED;

/// Inner product with a float16 row.
pub fn dot_f16(query: &[f32], row: &[f16]) -> f32 {
    wide::run(Dot { query, row })
}

/// Appends the inner products with float16 rows: one product of a matrix and a vector.
pub fn dots_f16<'r>(
    query: &[f32],
    rows: impl IntoIterator<Item = &'r [f16]>,
    products: &mut Vec<f32>,
) {
    let rows = rows.into_iter();
    wide::run(Dots {
        query,
        rows,
        products,
    });
}

struct Dot<'a> {
    query: &'a [f32],
    row: &'a [f16],
}

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<W: Widen>(self) -> f32 {
        dot::<W>(self.query, self.row)
    }
}

struct Dots<'a, I> {
    query: &'a [f32],
    rows: I,
    products: &'a mut Vec<f32>,
}

impl<'r, I: Iterator<Item = &'r [f16]>> Kernel for Dots<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<W: Widen>(self) {
        // A closure would be a function of its own, of any processor's instructions.
        for row in self.rows {
            self.products.push(dot::<W>(self.query, row));
        }
    }
}

/// In every lane the products of its places from the first on; lanes halved onto each other; then
/// the places that fill no lanes.
#[inline(always)]
fn dot<W: Widen>(query: &[f32], row: &[f16]) -> f32 {
    let mut sums = [0f32; LANES];
    let (query_lanes, query_rest) = query.as_chunks::<LANES>();
    let (row_lanes, row_rest) = row.as_chunks::<LANES>();
    for (query, row) in query_lanes.iter().zip(row_lanes) {
        let (halves, _) = row.as_chunks::<WIDENED>();
        let (query, _) = query.as_chunks::<WIDENED>();
        let (sums, _) = sums.as_chunks_mut::<WIDENED>();
        for ((sums, query), halves) in sums.iter_mut().zip(query).zip(halves) {
            let wide = W::widen(halves);
            for ((sum, x), y) in sums.iter_mut().zip(query).zip(&wide) {
                *sum += x * y;
            }
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = sums.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
        width /= 2;
    }
    let rest = query_rest.iter().zip(row_rest);
    let rest: f32 = rest.map(|(x, y)| x * y.to_f32()).sum();
    sums[0] + rest
}

/// The same numbers as floats, as many as there is room for.
#[inline(always)]
pub(crate) fn widen<W: Widen>(halves: &[f16], wide: &mut [f32]) {
    for (halves, wide) in halves.chunks(WIDENED).zip(wide.chunks_mut(WIDENED)) {
        let mut eight = [f16::ZERO; WIDENED];
        eight
            .iter_mut()
            .zip(halves)
            .for_each(|(to, from)| *to = *from);
        for (to, from) in wide.iter_mut().zip(W::widen(&eight)) {
            *to = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::vectors::wide::Any;

    /// Lengths around those of lanes.
    const LENGTHS: [usize; 10] = [0, 1, 7, 8, 15, 16, 17, 129, 384, 400];

    fn query_and_row(rng: &mut Rng, length: usize) -> (Vec<f32>, Vec<f16>) {
        let mut values = || {
            (0..length)
                .map(|_| rng.unit_f32() - 0.5)
                .collect::<Vec<f32>>()
        };
        let (query, row) = (values(), values());
        (query, row.into_iter().map(f16::from_f32).collect())
    }

    #[test]
    fn products_equal_the_sums_in_plain_lanes_whatever_the_processor() {
        let mut rng = Rng::new(3);
        for length in LENGTHS {
            let (query, row) = query_and_row(&mut rng, length);
            let whole = length / LANES * LANES;
            let product = |at: usize| query[at] * row[at].to_f32();
            let mut lanes: Vec<f32> = (0..LANES)
                .map(|lane| {
                    (lane..whole)
                        .step_by(LANES)
                        .map(product)
                        .fold(0.0, |a, b| a + b)
                })
                .collect();
            while lanes.len() > 1 {
                let high = lanes.split_off(lanes.len() / 2);
                lanes
                    .iter_mut()
                    .zip(high)
                    .for_each(|(low, high)| *low += high);
            }
            let expected = lanes[0] + (whole..length).map(product).sum::<f32>();
            assert_eq!(dot_f16(&query, &row).to_bits(), expected.to_bits());
            assert_eq!(dot::<Any>(&query, &row).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn a_matrix_product_is_that_of_its_rows() {
        let mut rng = Rng::new(5);
        for length in LENGTHS {
            let (query, _) = query_and_row(&mut rng, length);
            let rows: Vec<_> = (0..5).map(|_| query_and_row(&mut rng, length).1).collect();
            let mut products = vec![7.0];
            dots_f16(&query, rows.iter().map(Vec::as_slice), &mut products);
            let expected: Vec<f32> = rows.iter().map(|row| dot_f16(&query, row)).collect();
            assert_eq!(products[0], 7.0);
            assert_eq!(products[1..], expected);
        }
    }

    #[test]
    fn halves_of_every_bit_pattern_widen_to_the_same_number() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let mut wide = vec![0.0; halves.len()];
        struct All<'a>(&'a [f16], &'a mut [f32]);
        impl Kernel for All<'_> {
            type Output = ();
            #[inline(always)]
            fn run<W: Widen>(self) {
                widen::<W>(self.0, self.1);
            }
        }
        wide::run(All(&halves, &mut wide));
        for (half, wide) in halves.iter().zip(&wide) {
            let expected = half.to_f32_const();
            assert!(wide.to_bits() == expected.to_bits() || wide.is_nan() && half.is_nan());
        }
        let (mut few, nine) = ([0.0; 9], &halves[100..109]);
        widen::<Any>(nine, &mut few);
        assert!(
            few.iter()
                .zip(nine)
                .all(|(wide, half)| *wide == half.to_f32())
        );
    }
}
