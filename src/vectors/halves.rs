//! Inner products with float16 rows, as they lie in a file.

use half::f16;

use super::wide::{self, Kernel, LANES, Registers};

/// Rows whose sums run side by side: while one waits for its last addition, others go on.
const ROWS: usize = 4;

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
    fn run<R: Registers>(self) -> f32 {
        let [product] = products::<R, 1>(self.query, [self.row]);
        product
    }
}

struct Dots<'a, I> {
    query: &'a [f32],
    rows: I,
    products: &'a mut Vec<f32>,
}

impl<'r, I: Iterator<Item = &'r [f16]>> Kernel for Dots<'_, I> {
    type Output = ();

    // A closure would be a function of its own, of any processor's instructions.
    #[inline(always)]
    fn run<R: Registers>(mut self) {
        loop {
            let mut rows: [&[f16]; ROWS] = [&[]; ROWS];
            let mut count = 0;
            for (row, next) in rows.iter_mut().zip(&mut self.rows) {
                *row = next;
                count += 1;
            }
            let products = products::<R, ROWS>(self.query, rows);
            self.products
                .extend_from_slice(products.get(..count).unwrap_or(&[]));
            if count < ROWS {
                return;
            }
        }
    }
}

/// In every lane the products of its places from the first on; lanes halved onto each other; then
/// the places that fill no lanes.
#[inline(always)]
fn products<R: Registers, const ROWS: usize>(query: &[f32], rows: [&[f16]; ROWS]) -> [f32; ROWS] {
    let mut sums = [R::zeros(); ROWS];
    let (query_lanes, query_rest) = query.as_chunks::<LANES>();
    // Rows that are not as long are few.
    if rows.iter().all(|row| row.len() == query.len()) {
        for (place, query) in query_lanes.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                if let Some(halves) = row.as_chunks().0.get(place) {
                    *sums = R::add_products(*sums, query, halves);
                }
            }
        }
    } else {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (query, halves) in query_lanes.iter().zip(row.as_chunks().0) {
                *sums = R::add_products(*sums, query, halves);
            }
        }
    }
    let mut products = [0.0; ROWS];
    for ((product, sums), row) in products.iter_mut().zip(sums).zip(rows) {
        let (_, row_rest) = row.as_chunks::<LANES>();
        let rest = query_rest.iter().zip(row_rest);
        let rest: f32 = rest.map(|(x, y)| x * y.to_f32()).sum();
        *product = halved(R::to_array(sums)) + rest;
    }
    products
}

/// Lanes halved onto each other until there is one.
#[inline(always)]
fn halved(mut sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = sums.split_at_mut(width);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
        width /= 2;
    }
    sums[0]
}

/// The same numbers as floats, as many as there is room for.
#[inline(always)]
pub(crate) fn widen<R: Registers>(halves: &[f16], wide: &mut [f32]) {
    for (halves, wide) in halves.chunks(LANES).zip(wide.chunks_mut(LANES)) {
        let mut all = [f16::ZERO; LANES];
        all.iter_mut()
            .zip(halves)
            .for_each(|(to, from)| *to = *from);
        for (to, from) in wide.iter_mut().zip(R::widen(&all)) {
            *to = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::vectors::wide::run_in_all_ways;

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
            let (query, row) = (query.as_slice(), row.as_slice());
            for product in run_in_all_ways(|| Dot { query, row }) {
                assert_eq!(product.to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn a_matrix_product_is_that_of_its_rows() {
        let mut rng = Rng::new(5);
        for length in LENGTHS {
            let (query, _) = query_and_row(&mut rng, length);
            for count in 0..10 {
                let mut rows: Vec<_> = (0..count)
                    .map(|_| query_and_row(&mut rng, length).1)
                    .collect();
                // A row of another length among them, as that of a child without an edge.
                rows.iter_mut().skip(6).for_each(Vec::clear);
                let mut products = vec![7.0];
                dots_f16(&query, rows.iter().map(Vec::as_slice), &mut products);
                let expected: Vec<f32> = rows.iter().map(|row| dot_f16(&query, row)).collect();
                assert_eq!(products[0], 7.0);
                assert_eq!(products[1..], expected);
            }
        }
    }

    #[test]
    fn halves_of_every_bit_pattern_widen_to_the_same_number() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        struct All<'a>(&'a [f16]);
        impl Kernel for All<'_> {
            type Output = Vec<f32>;
            #[inline(always)]
            fn run<R: Registers>(self) -> Vec<f32> {
                let mut wide = vec![0.0; self.0.len()];
                widen::<R>(self.0, &mut wide);
                wide
            }
        }
        for wide in run_in_all_ways(|| All(&halves)) {
            for (half, wide) in halves.iter().zip(&wide) {
                let expected = half.to_f32_const();
                assert!(wide.to_bits() == expected.to_bits() || wide.is_nan() && half.is_nan());
            }
        }
        let few = &halves[100..109];
        for wide in run_in_all_ways(|| All(few)) {
            assert!(
                wide.iter()
                    .zip(few)
                    .all(|(wide, half)| *wide == half.to_f32())
            );
        }
    }
}
