//! Which piece of a vocabulary is the longest that a text begins with.
//!
//! ```text
//!   pieces   a, an, and, in          nodes   ∅ ─┬─ a* ── n* ── d*
//!                                               └─ i ─── n*          * a piece ends here
//! ```
//!
//! Nodes are numbered level by level, so the children of a node follow each other, by their bytes.

use std::ops::Range;

/// The pieces by their bytes.
pub(super) struct PieceTrie(Vec<Node>);

struct Node {
    byte: u8,
    piece: Option<u32>,
    children: Range<usize>,
}

impl PieceTrie {
    /// Those of `pieces`, each with its token. Takes time in proportion to their bytes.
    pub(super) fn of(mut pieces: Vec<(&[u8], u32)>) -> Self {
        pieces.sort_unstable();
        let new = |byte| Node {
            byte,
            piece: None,
            children: 0..0,
        };
        let mut nodes = vec![new(0)];
        // By node: the pieces below it, and how many bytes of them lead to it.
        let mut open = vec![(pieces.as_slice(), 0)];
        let mut number = 0;
        while let Some(&(mut below, depth)) = open.get(number) {
            let mut piece = None;
            while let Some(((bytes, token), longer)) = below.split_first()
                && bytes.len() == depth
            {
                piece = Some(*token);
                below = longer;
            }
            let start = nodes.len();
            for same in below.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
                let byte = same.first().and_then(|(bytes, _)| bytes.get(depth));
                nodes.push(new(byte.copied().unwrap_or_default()));
                open.push((same, depth + 1));
            }
            let end = nodes.len();
            if let Some(node) = nodes.get_mut(number) {
                node.piece = piece;
                node.children = start..end;
            }
            number += 1;
        }
        PieceTrie(nodes)
    }

    /// The token of the longest piece that `text` begins with, and what is behind it. An empty piece
    /// is none.
    pub(super) fn longest<'t>(&self, text: &'t [u8]) -> Option<(u32, &'t [u8])> {
        let mut node = self.0.first()?;
        let (mut rest, mut longest) = (text, None);
        while let Some((byte, behind)) = rest.split_first() {
            let children = self.0.get(node.children.clone()).unwrap_or_default();
            let Ok(place) = children.binary_search_by_key(byte, |child| child.byte) else {
                break;
            };
            let Some(child) = children.get(place) else {
                break;
            };
            (node, rest) = (child, behind);
            if let Some(token) = node.piece {
                longest = Some((token, rest));
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_longest_piece_is_that_of_trying_all(
            pieces in proptest::collection::btree_map("[abc]{1,5}", 0u32..100, 0..30),
            text in "[abcd]{0,12}",
        ) {
            let listed = pieces.iter().map(|(piece, token)| (piece.as_bytes(), *token));
            let trie = PieceTrie::of(listed.collect());
            let expected = (1..=text.len()).rev().find_map(|len| {
                let token = BTreeMap::get(&pieces, &text[..len])?;
                Some((*token, &text.as_bytes()[len..]))
            });
            prop_assert_eq!(trie.longest(text.as_bytes()), expected);
        }
    }

    #[test]
    fn no_pieces_and_an_empty_one() {
        assert_eq!(PieceTrie::of(Vec::new()).longest(b"a"), None);
        let trie = PieceTrie::of(vec![(b"".as_slice(), 7), (b"ab", 8)]);
        assert_eq!(trie.longest(b"aab"), None);
        assert_eq!(trie.longest(b"abc"), Some((8, b"c".as_slice())));
    }
}
