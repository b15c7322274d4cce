//! Which piece of a vocabulary is the longest that a text begins with.
//!
//! ```text
//!   pieces   a, an, and, in          nodes   ∅ ─┬─ a* ── n* ── d*
//!                                               └─ i ─── n*          * a piece ends here
//! ```
//!
//! Nodes are numbered level by level, so the children of a node follow each other, by their bytes, and
//! those of the next node follow them. Bytes stand apart from what is known of nodes: a step looks
//! through a few that lie together.

/// The pieces by their bytes.
pub(super) struct PieceTrie {
    /// By node: the byte that leads to it.
    bytes: Vec<u8>,
    nodes: Vec<Node>,
}

/// The node of no byte.
const ROOT: usize = 0;

struct Node {
    piece: Option<u32>,
    /// Its children end where those of the next node begin.
    first_child: usize,
}

impl PieceTrie {
    /// Those of `pieces`, each with its token. Takes time in proportion to their bytes.
    pub(super) fn of(mut pieces: Vec<(&[u8], u32)>) -> Self {
        pieces.sort_unstable();
        let (mut bytes, mut nodes) = (vec![0], Vec::new());
        // By node: the pieces below it, and how many bytes of them lead to it.
        let mut open = vec![(pieces.as_slice(), 0)];
        while let Some(&(mut below, depth)) = open.get(nodes.len()) {
            let mut piece = None;
            while let Some(((own, token), longer)) = below.split_first()
                && own.len() == depth
            {
                piece = Some(*token);
                below = longer;
            }
            nodes.push(Node {
                piece,
                first_child: open.len(),
            });
            for same in below.chunk_by(|a, b| a.0.get(depth) == b.0.get(depth)) {
                let byte = same.first().and_then(|(own, _)| own.get(depth));
                bytes.push(byte.copied().unwrap_or_default());
                open.push((same, depth + 1));
            }
        }
        PieceTrie { bytes, nodes }
    }

    /// The token of the longest piece that `text` begins with, and what is behind it. An empty piece
    /// is none.
    pub(super) fn longest<'t>(&self, text: &'t [u8]) -> Option<(u32, &'t [u8])> {
        let (mut node, mut rest, mut longest) = (ROOT, text, None);
        while let Some((byte, behind)) = rest.split_first()
            && let Some(child) = self.child(node, *byte)
        {
            (node, rest) = (child, behind);
            if let Some(token) = self.nodes.get(node).and_then(|node| node.piece) {
                longest = Some((token, rest));
            }
        }
        longest
    }

    fn child(&self, node: usize, byte: u8) -> Option<usize> {
        let start = self.nodes.get(node)?.first_child;
        let next = self.nodes.get(node + 1);
        let end = next.map_or(self.bytes.len(), |next| next.first_child);
        let place = self.bytes.get(start..end)?.binary_search(&byte).ok()?;
        Some(start + place)
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
