//! The docid trie of a segment, as bytes whose checksum is right and whose content is anything.
//!
//! Input: a byte for the width of tokens, then the section.

use zerogr::raw::format::{SectionInput, SectionKind};
use zerogr::raw::store::Section;
use zerogr::raw::trie::{END, Forest, ForestTrie, SegmentTrie, TokenWidth, build_trie, union_keys};

/// What a walk may visit; a walk of an honest trie of so many docids ends before that.
const MAX_DOCIDS: u64 = 2_000;

pub fn run(data: &[u8]) {
    let Some((&width, bytes)) = data.split_first() else {
        return;
    };
    let width = TokenWidth::from_bytes_per_token(2 + usize::from(width % 2)).unwrap();
    let footer = bytes
        .len()
        .checked_sub(20)
        .and_then(|at| bytes.get(at..at + 8));
    let docids = footer.map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap()));
    if docids > MAX_DOCIDS {
        return;
    }
    let input = SectionInput::new(SectionKind(1), docids, bytes.to_vec());
    let section = Section::from_input(&input).unwrap();
    let Ok(trie) = SegmentTrie::open(section, width, docids as u32) else {
        return;
    };
    for rank in 0..trie.docid_count() + 2 {
        if let Ok(Some(tokens)) = trie.docid(rank) {
            trie.rank(&tokens);
        }
    }
    let mut keys = 0;
    let listed = union_keys([&trie, &trie], |_, places| {
        assert_eq!(places.len(), 2);
        keys += 1;
        Ok(())
    });
    // Either all docids come out, in order, or there is an error.
    assert!(listed.is_err() || keys == docids);

    // Ranges of siblings do not overlap, so a walk passes each docid at most once per token.
    let (mut todo, mut leaves) = (vec![trie.root()], 0);
    while let Some(node) = todo.pop() {
        let mut children = Vec::new();
        if trie.children(node, &mut children).is_err() {
            continue;
        }
        let mut lo = node.lo;
        // END, then by token.
        assert!(children.is_sorted_by(|a, b| a.token.wrapping_add(1) < b.token.wrapping_add(1)));
        for child in children {
            assert!(
                child.node.lo >= lo && child.node.lo < child.node.hi && child.node.hi <= node.hi
            );
            lo = child.node.hi;
            if child.token == END {
                leaves += 1;
            } else {
                todo.push(child.node);
            }
        }
    }
    assert!(leaves <= docids);

    let forest = Forest::new([ForestTrie {
        trie: &trie,
        present: None,
        live: None,
    }]);
    let mut todo = vec![forest.root()];
    while let Some(node) = todo.pop() {
        if let Ok(children) = forest.children(&node) {
            todo.extend(children.into_iter().map(|child| child.node));
        }
        let _ = forest.docid_places(&node);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let sets: [Vec<Vec<u32>>; 5] = [
        vec![],
        vec![vec![7]],
        vec![vec![1], vec![1, 2], vec![1, 2, 3], vec![2]],
        (0..60).map(|n| vec![n % 7, n, 256 + n]).collect(),
        (0..300).map(|n| vec![n]).chain([vec![300; 64]]).collect(),
    ];
    let mut seeds = Vec::new();
    for set in &sets {
        for vocabulary in [30_000, 70_000] {
            let width = TokenWidth::for_vocabulary(vocabulary).unwrap();
            let mut keys: Vec<_> = set
                .iter()
                .map(|tokens| width.key(tokens).unwrap())
                .collect();
            keys.sort();
            keys.dedup();
            let mut seed = vec![width.bytes_per_token() as u8];
            seed.extend(build_trie(keys).unwrap());
            seeds.push(seed);
        }
    }
    seeds
}
