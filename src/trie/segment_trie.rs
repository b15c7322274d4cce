//! The trie of one segment: building it, and walking it one token at a time.

use std::sync::{Arc, OnceLock};

use super::key::{END, MAX_DOCID_TOKENS, TokenWidth};
use crate::columns::transducer::{Keys, Transducer, damaged, union};
use crate::store::Section;
use crate::{Error, Result};

/// A prefix in one segment: its place in the transducer and the ranks below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrieNode {
    address: u32,
    /// Tokens from the root; an [`END`] child counts as one.
    pub depth: u32,
    /// First rank below the prefix.
    pub lo: u32,
    /// One past the last rank below the prefix.
    pub hi: u32,
}

/// One way to go on from a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrieChild {
    /// The next token, or [`END`].
    pub token: u32,
    /// The prefix with that token appended.
    pub node: TrieNode,
}

/// The docids of one segment.
#[derive(Clone)]
pub struct SegmentTrie {
    transducer: Transducer,
    width: TokenWidth,
    docid_count: u32,
    /// Every query asks for them, and there are many.
    root_children: Arc<OnceLock<Vec<TrieChild>>>,
}

/// A place inside a token: the bytes of it that were followed.
#[derive(Clone, Copy)]
struct Prefix {
    address: usize,
    bytes_read: usize,
    token: u32,
    /// Sum of the outputs so far.
    rank: u64,
}

impl std::fmt::Debug for SegmentTrie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentTrie")
            .field("docid_count", &self.docid_count)
            .finish_non_exhaustive()
    }
}

/// Largest trie section (`ARCHITECTURE.md`, D3).
const MAX_TRIE_LEN_BYTES: usize = (1 << 31) - 1;

/// Builds the bytes that [`SegmentTrie`] reads from keys in ascending order.
pub struct TrieBuilder {
    builder: fst::raw::Builder<Vec<u8>>,
    docid_count: u32,
}

impl Default for TrieBuilder {
    fn default() -> Self {
        TrieBuilder {
            builder: fst::raw::Builder::memory(),
            docid_count: 0,
        }
    }
}

impl TrieBuilder {
    /// Appends the key of the next docid and returns its rank.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the key does not come after the one before, `Limit` for more than 2^32 -
    /// 1 docids.
    pub fn push(&mut self, key: impl AsRef<[u8]>) -> Result<u32> {
        let rank = self.docid_count;
        self.builder
            .insert(key, u64::from(rank))
            .map_err(unsorted)?;
        self.docid_count = rank
            .checked_add(1)
            .ok_or_else(|| Error::limit("a segment has at most 2^32-1 docids"))?;
        Ok(rank)
    }

    /// Keys pushed so far.
    pub fn docid_count(&self) -> u32 {
        self.docid_count
    }

    /// The transducer.
    ///
    /// # Errors
    /// `Limit` when it is larger than 2 GiB, which not every machine could address.
    pub fn finish(self) -> Result<Vec<u8>> {
        let bytes = self.builder.into_inner().map_err(unsorted)?;
        if bytes.len() > MAX_TRIE_LEN_BYTES {
            return Err(Error::limit(
                "the docids of a segment take more than 2 GiB: commit more often",
            ));
        }
        Ok(bytes)
    }
}

fn unsorted(error: fst::Error) -> Error {
    Error::invalid(format!("docid keys must be sorted and distinct: {error}"))
}

/// Transducer bytes for `keys`, which are sorted and distinct; the value of each is its rank.
///
/// # Errors
///
/// `InvalidInput` for keys out of order, `Limit` when there are more than 2^32 - 1 or they take
/// more than 2 GiB.
pub fn build_trie<K: AsRef<[u8]>>(keys: impl IntoIterator<Item = K>) -> Result<Vec<u8>> {
    let mut builder = TrieBuilder::default();
    for key in keys {
        builder.push(key)?;
    }
    builder.finish()
}

/// Calls `each` with every key of `tries` in ascending order and where it is stored: positions
/// in `tries`, ascending, with the rank there.
///
/// # Errors
///
/// `Corrupt` when a trie is damaged, and what `each` gives.
pub fn union_keys<'a>(
    tries: impl IntoIterator<Item = &'a SegmentTrie>,
    mut each: impl FnMut(&[u8], &[(usize, u32)]) -> Result<()>,
) -> Result<()> {
    let keys = |trie: &'a SegmentTrie| {
        let max_len_bytes = MAX_DOCID_TOKENS * trie.width.bytes_per_token();
        Keys::numbered(&trie.transducer, max_len_bytes)
    };
    let mut ranks = Vec::new();
    union(tries.into_iter().map(keys), |key, places| {
        ranks.clear();
        for &(place, rank) in places {
            ranks.push((place, u32::try_from(rank).map_err(|_| damaged())?));
        }
        each(key, &ranks)
    })
}

impl SegmentTrie {
    /// Reads a trie whose section's checksum has been verified.
    ///
    /// # Errors
    ///
    /// `Corrupt` when it is no transducer, or holds another number of docids.
    pub fn open(section: Section, width: TokenWidth, docid_count: u32) -> Result<Self> {
        let transducer =
            Transducer::open(section.clone()).ok_or_else(|| section.located(damaged()))?;
        if u32::try_from(transducer.root()).is_err() {
            return Err(section.damaged("a docid trie is larger than any that is written"));
        }
        if transducer.key_count() != u64::from(docid_count) {
            return Err(section.damaged(format_args!(
                "docid trie holds {} docids where the segment lists {docid_count}",
                transducer.key_count()
            )));
        }
        Ok(SegmentTrie {
            transducer,
            width,
            docid_count,
            root_children: Arc::default(),
        })
    }

    /// Number of docids; ranks are below it.
    pub fn docid_count(&self) -> u32 {
        self.docid_count
    }

    /// Bytes per token of the keys.
    pub fn width(&self) -> TokenWidth {
        self.width
    }

    /// The empty prefix.
    pub fn root(&self) -> TrieNode {
        TrieNode {
            address: self.transducer.root() as u32,
            depth: 0,
            lo: 0,
            hi: self.docid_count,
        }
    }

    /// Appends the children of `node` to `children`, [`END`] first, then by token.
    ///
    /// Every child has a rank of its own and a depth below the limit, or this is an error: a walk
    /// ends whatever the bytes are.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the trie is damaged.
    pub fn children(&self, node: TrieNode, children: &mut Vec<TrieChild>) -> Result<()> {
        if node != self.root() {
            return self.read_children(node, children);
        }
        if let Some(known) = self.root_children.get() {
            children.extend_from_slice(known);
            return Ok(());
        }
        let first = children.len();
        self.read_children(node, children)?;
        let read = children.get(first..).unwrap_or_default();
        self.root_children.get_or_init(|| read.to_vec());
        Ok(())
    }

    fn read_children(&self, node: TrieNode, children: &mut Vec<TrieChild>) -> Result<()> {
        let first = children.len();
        let address = node.address as usize;
        let state = self.transducer.state(address).ok_or_else(damaged)?;
        if state.is_final {
            children.push(TrieChild {
                token: END,
                node: TrieNode {
                    depth: node.depth + 1,
                    hi: node.lo.saturating_add(1),
                    ..node
                },
            });
        }
        let end_hi = children.get(first).map(|end| end.node.hi);
        let most = first + (node.hi - node.lo) as usize;
        let prefix = Prefix {
            address,
            bytes_read: 0,
            token: 0,
            rank: u64::from(node.lo),
        };
        self.descend(node, prefix, most, children)?;

        let level = children.get_mut(first..).unwrap_or_default();
        // END sorts first, because its successor wraps to zero.
        if !level.is_sorted_by(|a, b| a.token.wrapping_add(1) < b.token.wrapping_add(1)) {
            return Err(damaged());
        }
        let mut hi = node.hi;
        for child in level.iter_mut().rev() {
            child.node.hi = hi;
            hi = child.node.lo;
            if child.node.lo >= child.node.hi {
                return Err(damaged());
            }
        }
        // A docid that ends has one rank.
        match (level.first(), end_hi) {
            (Some(end), Some(hi)) if end.node.hi != hi => Err(damaged()),
            _ => Ok(()),
        }
    }

    /// Follows the bytes of one token from `prefix`, until there are `most` children.
    fn descend(
        &self,
        parent: TrieNode,
        prefix: Prefix,
        most: usize,
        children: &mut Vec<TrieChild>,
    ) -> Result<()> {
        let state = self.transducer.state(prefix.address).ok_or_else(damaged)?;
        let is_inside_token = prefix.bytes_read > 0;
        if is_inside_token && (state.is_final || state.count() == 0)
            || state.count() > 0 && parent.depth as usize >= MAX_DOCID_TOKENS
        {
            return Err(damaged());
        }
        for index in 0..state.count() {
            let on = state.transition(index).ok_or_else(damaged)?;
            let next = Prefix {
                address: on.target,
                bytes_read: prefix.bytes_read + 1,
                token: prefix.token << 8 | u32::from(on.input),
                rank: prefix.rank.saturating_add(on.output),
            };
            if next.bytes_read < self.width.bytes_per_token() {
                self.descend(parent, next, most, children)?;
                continue;
            }
            if children.len() == most {
                return Err(damaged());
            }
            children.push(TrieChild {
                token: next.token,
                node: TrieNode {
                    address: u32::try_from(next.address).map_err(|_| damaged())?,
                    depth: parent.depth + 1,
                    lo: u32::try_from(next.rank).unwrap_or(u32::MAX),
                    hi: u32::MAX,
                },
            });
        }
        Ok(())
    }

    /// The docid with `rank`, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// `Corrupt` when the trie is damaged.
    pub fn docid(&self, rank: u32) -> Result<Option<Vec<u32>>> {
        match self.transducer.key(u64::from(rank)) {
            Some(key) => self.width.tokens(&key).map(Some),
            None => Ok(None),
        }
    }

    /// The rank of a docid, or `None` when the segment lacks it.
    pub fn rank(&self, tokens: &[u32]) -> Option<u32> {
        let key = self.width.key(tokens).ok()?;
        u32::try_from(self.transducer.get(&key)?).ok()
    }
}

#[cfg(test)]
impl SegmentTrie {
    /// The trie of some docids.
    pub(crate) fn of_docids(docids: &std::collections::BTreeSet<Vec<u32>>) -> SegmentTrie {
        let width = TokenWidth::for_vocabulary(70_000).unwrap();
        let bytes = build_trie(docids.iter().map(|docid| width.key(docid).unwrap())).unwrap();
        SegmentTrie::open(Section::for_test(bytes), width, docids.len() as u32).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every node's range, children and count equal those of the plain sorted list.
        #[test]
        fn walking_equals_filtering_the_sorted_list(
            docids in prop::collection::btree_set(prop::collection::vec(
                prop_oneof![0u32..4, 250u32..260, 65_530u32..65_540], 1..5), 1..60)
        ) {
            let trie = SegmentTrie::of_docids(&docids);
            let sorted: Vec<_> = docids.iter().cloned().collect();
            // The root's children are read once and kept.
            let mut todo = vec![(Vec::<u32>::new(), trie.root()); 2];
            while let Some((prefix, node)) = todo.pop() {
                let below: Vec<u32> = (0..sorted.len() as u32)
                    .filter(|&rank| sorted[rank as usize].starts_with(&prefix)).collect();
                prop_assert_eq!((node.lo, node.hi), (below[0], below[below.len() - 1] + 1));
                let mut children = Vec::new();
                trie.children(node, &mut children).unwrap();
                let mut expected: Vec<u32> = below.iter()
                    .map(|&rank| sorted[rank as usize].get(prefix.len()).copied().unwrap_or(END)).collect();
                expected.dedup();
                prop_assert_eq!(children.iter().map(|child| child.token).collect::<Vec<_>>(), expected);
                for child in children {
                    if child.token == END {
                        prop_assert_eq!(child.node.hi - child.node.lo, 1);
                    } else {
                        let mut longer = prefix.clone();
                        longer.push(child.token);
                        todo.push((longer, child.node));
                    }
                }
            }
            for (rank, docid) in sorted.iter().enumerate() {
                prop_assert_eq!(trie.docid(rank as u32).unwrap(), Some(docid.clone()));
                prop_assert_eq!(trie.rank(docid), Some(rank as u32));
            }
        }
    }
}
