//! Tree attention: which tokens one forward pass must read to score many prefixes at once, and
//! what each of them may see.
//!
//! ```text
//!   prompt        p0 p1 p2                every token of the tree sees the prompt,
//!   slot   0  a     └─┬─┘                 its ancestors and itself, and nothing else;
//!   slot   1  b     0─┤                   its position is the length of the prompt plus its
//!   slot   2  a x   0─┘                   depth, as if its path were the only one
//!   slot   3  a y   0
//! ```
//!
//! A slot is a column of cached keys and values behind those of the prompt. Slots are only
//! appended, so what later passes see of earlier ones stays where it is.
//!
//! Invariants:
//! - I1. A token's parent has a smaller slot than the token itself.
//! - I2. The tokens of a pass take the next free slots, in order.

use std::collections::HashMap;

/// Added to the attention scores of what a token may not see: its exponential is zero in float32
/// and float16 alike, and, unlike minus infinity, it makes no NaN of a row that sees nothing.
pub(crate) const HIDDEN: f32 = -30_000.0;

/// The tokens below a prompt whose keys and values are cached.
#[derive(Debug, Default)]
pub(crate) struct TokenTree {
    /// By slot: that of its parent; `None` right below the prompt.
    parents: Vec<Option<u32>>,
    children: HashMap<(Option<u32>, u32), u32>,
}

/// One forward pass: tokens to read and rows to take logits from.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pass {
    /// New tokens, in the order of their slots.
    pub tokens: Vec<u32>,
    /// By token: tokens above it, the prompt not counted.
    pub depths: Vec<u32>,
    /// By path: position in `tokens` of its last token; `None` for the empty path.
    pub rows: Vec<Option<usize>>,
}

impl TokenTree {
    /// Slots in use.
    pub(crate) fn len(&self) -> usize {
        self.parents.len()
    }

    /// Plans a pass that gives logits behind every path, and takes its tokens into the tree. What
    /// is cached already is not read again, but for the last token of a path: its logits have to
    /// be had from somewhere.
    pub(crate) fn plan(&mut self, paths: &[Vec<u32>]) -> Pass {
        let cached = self.parents.len() as u32;
        let mut pass = Pass::default();
        for path in paths {
            let mut slot = None;
            for (depth, &token) in path.iter().enumerate() {
                let is_last = depth + 1 == path.len();
                slot = match self.children.get(&(slot, token)) {
                    Some(&known) if known >= cached || !is_last => Some(known),
                    _ => Some(self.append(slot, depth as u32, token, &mut pass)),
                };
            }
            pass.rows.push(slot.map(|slot| (slot - cached) as usize));
        }
        pass
    }

    fn append(&mut self, parent: Option<u32>, depth: u32, token: u32, pass: &mut Pass) -> u32 {
        let slot = self.parents.len() as u32;
        self.parents.push(parent);
        self.children.insert((parent, token), slot);
        pass.tokens.push(token);
        pass.depths.push(depth);
        slot
    }

    /// What to add to the attention scores of the last `count` tokens: a row per token, a column
    /// per token of the prompt and then per slot.
    pub(crate) fn attention_bias(&self, prompt_len: usize, count: usize) -> Vec<f32> {
        let width = prompt_len + self.parents.len();
        let mut bias = vec![HIDDEN; count * width];
        let first = self.parents.len().saturating_sub(count);
        for (row, slot) in bias.chunks_exact_mut(width.max(1)).zip(first..) {
            let (prompt, slots) = row.split_at_mut(prompt_len);
            prompt.fill(0.0);
            let mut seen = Some(slot as u32);
            while let Some(slot) = seen {
                if let Some(cell) = slots.get_mut(slot as usize) {
                    *cell = 0.0;
                }
                seen = self.parents.get(slot as usize).copied().flatten();
            }
        }
        bias
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `tokens` of a plan are below, read off the bias.
    fn sees(tree: &TokenTree, prompt_len: usize, count: usize) -> Vec<Vec<usize>> {
        let width = prompt_len + tree.len();
        let bias = tree.attention_bias(prompt_len, count);
        let seen = |row: &[f32]| (0..width).filter(|&at| row[at] == 0.0).collect();
        bias.chunks_exact(width).map(seen).collect()
    }

    #[test]
    fn paths_share_their_prefixes_within_a_pass_and_across_passes() {
        let mut tree = TokenTree::default();
        let pass = tree.plan(&[vec![7, 8], vec![7, 9], vec![], vec![5]]);
        assert_eq!(pass.tokens, [7, 8, 9, 5]);
        assert_eq!(pass.depths, [0, 1, 1, 0]);
        assert_eq!(pass.rows, [Some(1), Some(2), None, Some(3)]);
        assert_eq!(
            sees(&tree, 2, 4),
            [
                vec![0, 1, 2],
                vec![0, 1, 2, 3],
                vec![0, 1, 2, 4],
                vec![0, 1, 5]
            ]
        );

        let pass = tree.plan(&[vec![7, 9, 4, 3], vec![5, 4]]);
        assert_eq!(pass.tokens, [4, 3, 4]);
        assert_eq!(pass.depths, [2, 3, 1]);
        assert_eq!(pass.rows, [Some(1), Some(2)]);
        assert_eq!(
            sees(&tree, 2, 3),
            [
                vec![0, 1, 2, 4, 6],
                vec![0, 1, 2, 4, 6, 7],
                vec![0, 1, 5, 8]
            ]
        );
    }

    #[test]
    fn a_prefix_that_was_only_passed_through_is_read_again_for_its_logits() {
        let mut tree = TokenTree::default();
        tree.plan(&[vec![1, 2]]);
        let pass = tree.plan(&[vec![1], vec![1, 3]]);
        assert_eq!(pass.tokens, [1, 3]);
        assert_eq!(pass.rows, [Some(0), Some(1)]);
        assert_eq!(sees(&tree, 0, 2), [vec![2], vec![2, 3]]);
    }

    #[test]
    fn a_path_asked_twice_in_a_pass_is_read_once() {
        let mut tree = TokenTree::default();
        let pass = tree.plan(&[vec![1, 2], vec![1, 2], vec![1]]);
        assert_eq!(pass.tokens, [1, 2]);
        assert_eq!(pass.rows, [Some(1), Some(1), Some(0)]);
    }
}
