//! The token vectors of texts as an index keeps them, made on all cores of what an encoder gives on one
//! thread.
//!
//! What it gives waits until it is worth to be shared out; a list depends on its text alone, so it is the
//! same wherever it is made.

use rayon::prelude::*;

use crate::columns::OwnedSignList;
use crate::encode::TokenVectors;
use crate::search::distinct_token_vectors;

/// Values of token vectors that wait at most, and those of one text: 16 MB.
const WAITING_VALUES: usize = 4 << 20;

/// Lists in the making.
pub(super) struct TokenLists {
    dim: usize,
    /// By text.
    lists: Vec<OwnedSignList>,
    waiting: Vec<Waiting>,
    waiting_values: usize,
}

/// What an encoder has given of a text.
struct Waiting {
    text: usize,
    tokens: Vec<u32>,
    vectors: Vec<f32>,
    document_weights: Vec<f32>,
}

impl TokenLists {
    /// Empty lists of so many texts, of vectors of `dim` values.
    pub(super) fn new(texts: usize, dim: usize) -> Self {
        TokenLists {
            dim,
            lists: vec![OwnedSignList::default(); texts],
            waiting: Vec::new(),
            waiting_values: 0,
        }
    }

    /// Takes the vectors of a text's tokens, by its number.
    pub(super) fn take(&mut self, text: usize, given: TokenVectors<'_>) {
        self.waiting_values += given.vectors.len();
        self.waiting.push(Waiting {
            text,
            tokens: given.tokens.to_vec(),
            vectors: given.vectors.to_vec(),
            document_weights: given.document_weights.to_vec(),
        });
        if self.waiting_values >= WAITING_VALUES {
            self.make();
        }
    }

    fn make(&mut self) {
        let dim = self.dim;
        let of = |one: &Waiting| {
            let text = TokenVectors {
                document_weights: &one.document_weights,
                ..TokenVectors::plain(&one.tokens, &one.vectors)
            };
            (
                one.text,
                OwnedSignList::of(&distinct_token_vectors(text, dim), dim),
            )
        };
        let made: Vec<_> = self.waiting.par_iter().map(of).collect();
        for (text, list) in made {
            if let Some(slot) = self.lists.get_mut(text) {
                *slot = list;
            }
        }
        self.waiting.clear();
        self.waiting_values = 0;
    }

    /// The lists, by text; of a text of which nothing was taken it is empty.
    pub(super) fn finish(mut self) -> Vec<OwnedSignList> {
        self.make();
        self.lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn lists_are_those_of_one_text_after_the_other() {
        let dim = 32;
        let mut rng = Rng::new(7);
        let mut lists = TokenLists::new(300, dim);
        let mut expected = vec![OwnedSignList::default(); 300];
        // More values than wait at once.
        for text in (0..300).rev().filter(|text| text % 7 != 0) {
            let count = 1 + rng.below(2_000) as usize;
            let tokens: Vec<u32> = (0..count).map(|_| rng.below(50) as u32).collect();
            let values = || rng.unit_f32() - 0.5;
            let vectors: Vec<f32> = std::iter::repeat_with(values).take(count * dim).collect();
            let weights: Vec<f32> = (0..count).map(|place| place as f32 / 9.0).collect();
            let given = TokenVectors {
                document_weights: &weights,
                ..TokenVectors::plain(&tokens, &vectors)
            };
            expected[text] = OwnedSignList::of(&distinct_token_vectors(given, dim), dim);
            lists.take(text, given);
        }
        let lists = lists.finish();
        assert!(lists == expected);
        assert!(lists[7].as_list().factors.is_empty() && !lists[8].as_list().factors.is_empty());
    }
}
