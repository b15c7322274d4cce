//! How often which token is in which text.

use rayon::prelude::*;

use super::least_squares::Lanes;
use crate::vectors::add_scaled;

/// A row per text, a column per token that is in one of them; most entries are zero and not kept.
pub(super) struct TextCounts {
    /// The tokens that have a column, ascending.
    pub(super) tokens: Vec<u32>,
    /// For each text its columns, and what they count.
    rows: Vec<Vec<(u32, f32)>>,
}

impl TextCounts {
    /// Of texts by their tokens.
    pub(super) fn of(texts: &[Vec<u32>]) -> TextCounts {
        let mut tokens: Vec<u32> = texts.iter().flatten().copied().collect();
        tokens.sort_unstable();
        tokens.dedup();
        let column = |token: &u32| tokens.binary_search(token).ok();
        let rows = texts.iter().map(|text| {
            let mut columns: Vec<usize> = text.iter().filter_map(column).collect();
            columns.sort_unstable();
            let runs = columns.chunk_by(|a, b| a == b);
            let counted = runs.filter_map(|run| Some((*run.first()? as u32, run.len() as f32)));
            counted.collect()
        });
        TextCounts {
            rows: rows.collect(),
            tokens,
        }
    }

    /// Divides each text's counts by its length of `lengths`; a text without one counts for nothing.
    pub(super) fn divide(&mut self, lengths: &[f32]) {
        for (row, &length) in self.rows.iter_mut().zip(lengths) {
            let factor = if length > 0.0 { length.recip() } else { 0.0 };
            row.iter_mut().for_each(|(_, count)| *count *= factor);
        }
    }

    /// The median over the texts of the sum of their squared counts.
    pub(super) fn typical_square(&self) -> f32 {
        let square = |row: &Vec<(u32, f32)>| row.iter().map(|(_, count)| count * count).sum();
        let mut squares: Vec<f32> = self.rows.iter().map(square).collect();
        squares.sort_unstable_by(f32::total_cmp);
        squares.get(squares.len() / 2).copied().unwrap_or(0.0)
    }

    /// `[texts, dim]`: the sums of the rows of `table`, `[tokens, dim]` of all tokens, by count.
    pub(super) fn sums(&self, table: &[f32], dim: usize) -> Vec<f32> {
        let sum = |row: &Vec<(u32, f32)>| {
            let mut sums = vec![0.0; dim];
            for &(column, count) in row {
                let token = self.tokens.get(column as usize);
                let vector = token.and_then(|&token| table.chunks_exact(dim).nth(token as usize));
                add_scaled(&mut sums, count, vector.unwrap_or_default());
            }
            sums
        };
        let sums: Vec<Vec<f32>> = self.rows.par_iter().map(sum).collect();
        sums.concat()
    }

    /// For each text the sum of the rows of its columns, by count.
    pub(super) fn times(&self, columns: &[Lanes]) -> Vec<Lanes> {
        let sum = |row: &Vec<(u32, f32)>| {
            let mut sums = Lanes::default();
            for &(column, count) in row {
                let values = columns.get(column as usize).into_iter().flatten();
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += count * value;
                }
            }
            sums
        };
        self.rows.iter().map(sum).collect()
    }

    /// For each column the sum of the rows of its texts, by count.
    pub(super) fn transposed_times(&self, texts: &[Lanes]) -> Vec<Lanes> {
        let mut all = vec![Lanes::default(); self.tokens.len()];
        for (row, values) in self.rows.iter().zip(texts) {
            for &(column, count) in row {
                let sums = all.get_mut(column as usize).into_iter().flatten();
                for (sum, value) in sums.zip(values) {
                    *sum += count * value;
                }
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_the_tokens_as_often_as_they_occur() {
        let mut counts = TextCounts::of(&[vec![7, 2, 7], vec![], vec![2, 9]]);
        assert_eq!(counts.tokens, [2, 7, 9]);
        let table: Vec<f32> = (0..20).map(|value| value as f32).collect();
        let expected = [32.0, 35.0, 0.0, 0.0, 22.0, 24.0];
        assert_eq!(counts.sums(&table, 2), expected);
        assert_eq!(counts.typical_square(), 2.0);
        counts.divide(&[2.0, 0.0, 1.0]);
        assert_eq!(counts.sums(&table, 2)[..2], [16.0, 17.5]);

        let lanes = |value: f32| [value; 16];
        let columns = [lanes(1.0), lanes(10.0), lanes(100.0)];
        let by_text = counts.times(&columns);
        assert_eq!(by_text, [lanes(10.5), lanes(0.0), lanes(101.0)]);
        let by_column = counts.transposed_times(&by_text);
        assert_eq!(by_column, [lanes(106.25), lanes(10.5), lanes(101.0)]);
    }
}
